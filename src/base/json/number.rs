//! Numbers, as JSON spells them. A vector has thousands, so their digits are looked at eight at a time.

const ONES: u64 = u64::MAX / 0xff;
const HIGH: u64 = ONES * 0x80;
/// The distance of the largest digit's value from the highest bit of a byte.
const ABOVE_NINE: u64 = ONES * (0x80 - 10);

/// A number as it is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number<'a> {
    pub text: &'a str,
    /// Whether all digits before an exponent are zeros.
    pub is_zero: bool,
    pub has_exponent: bool,
}

/// The spelling of the number that a text begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Spelling {
    /// Bytes.
    pub length: usize,
    pub is_zero: bool,
    pub has_exponent: bool,
}

/// Reads the number that the text begins with; `None` where it begins with none. What follows is not looked at: a digit
/// behind a leading zero is no more part of the number.
#[inline]
pub(super) fn spelling(bytes: &[u8]) -> Option<Spelling> {
    let has = |at: usize, byte: u8| bytes.get(at) == Some(&byte);
    let rest = |at: usize| bytes.get(at..).unwrap_or_default();
    let mut length = usize::from(has(0, b'-'));
    let mut is_zero = true;
    if has(length, b'0') {
        length += 1;
    } else {
        let whole = digits(rest(length))?;
        length += whole.count;
        is_zero = whole.are_zeros;
    }
    if has(length, b'.') {
        let fraction = digits(rest(length + 1))?;
        length += 1 + fraction.count;
        is_zero &= fraction.are_zeros;
    }
    let has_exponent = has(length, b'e') || has(length, b'E');
    if has_exponent {
        length += 1;
        length += usize::from(has(length, b'+') || has(length, b'-'));
        length += digits(rest(length))?.count;
    }
    Some(Spelling {
        length,
        is_zero,
        has_exponent,
    })
}

struct Digits {
    count: usize,
    are_zeros: bool,
}

/// The digits that the text begins with; `None` without one.
///
/// Eight bytes at a time, as in "Bit Twiddling Hacks" (Anderson), "Determine if a word has a byte greater than n": the
/// lowest byte found is right, higher ones may be wrong.
#[inline]
fn digits(bytes: &[u8]) -> Option<Digits> {
    let (words, tail) = bytes.as_chunks::<8>();
    let (mut count, mut seen) = (0, 0);
    for word in words {
        let values = u64::from_le_bytes(*word) ^ (ONES * 0x30);
        let others = (values.wrapping_add(ABOVE_NINE) | values) & HIGH;
        if others != 0 {
            // Of the lowest of the others, the highest bit: below its byte are digits.
            let is_below = (others & others.wrapping_neg()) >> 7;
            count += (others.trailing_zeros() / 8) as usize;
            seen |= values & (is_below - 1);
            return (count > 0).then_some(Digits {
                count,
                are_zeros: seen == 0,
            });
        }
        seen |= values;
        count += 8;
    }
    for byte in tail.iter().take_while(|byte| byte.is_ascii_digit()) {
        seen |= u64::from(byte ^ b'0');
        count += 1;
    }
    (count > 0).then_some(Digits {
        count,
        are_zeros: seen == 0,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_end_where_json_ends_them() {
        for (text, length, is_zero, has_exponent) in [
            ("0", 1, true, false),
            ("-0,", 2, true, false),
            ("00", 1, true, false),
            ("0.000000000,", 11, true, false),
            ("0.00000000000000001]", 19, false, false),
            ("-0.012345678,-1", 12, false, false),
            ("12345678", 8, false, false),
            ("1234567890123456789 ", 19, false, false),
            ("10", 2, false, false),
            ("1.5e-7}", 6, false, true),
            ("0E+09", 5, true, true),
            ("1:", 1, false, false),
            ("1/", 1, false, false),
        ] {
            let expected = Spelling {
                length,
                is_zero,
                has_exponent,
            };
            assert_eq!(spelling(text.as_bytes()), Some(expected), "{text}");
        }
        for text in [
            "", "-", "+1", ".5", "1.", "1.e5", "1e", "1e+", "x", "-x", "\"1\"",
        ] {
            assert_eq!(spelling(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        /// The bytes behind a number may be any.
        #[test]
        fn eight_digits_at_a_time_are_as_one_by_one(bytes in prop::collection::vec(
            prop_oneof![4 => b'0'..=b'9', 1 => any::<u8>()], 0..40,
        )) {
            let count = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let read = digits(&bytes);
            prop_assert_eq!(read.as_ref().map_or(0, |digits| digits.count), count);
            if let Some(read) = read {
                let zeros = bytes[..count].iter().all(|byte| *byte == b'0');
                prop_assert_eq!(read.are_zeros, zeros);
            }
        }
    }
}
