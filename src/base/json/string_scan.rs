//! The search for what ends a string or stands in it for something else. Most of a request is strings.

use memchr::memchr2;

const ONES: u64 = u64::MAX / 0xff;
const HIGH: u64 = ONES * 0x80;

/// The number of bytes that stand in a string as they are: up to the first quote, backslash or control character.
pub(super) fn plain(bytes: &[u8]) -> usize {
    special(bytes, 0)
}

/// The offset of the first quote, backslash or control character from an offset on; that of the end without one.
///
/// Eight bytes at a time, as in "Bit Twiddling Hacks" (Anderson), "Determine if a word has a byte less than n": the
/// lowest byte found is right, higher ones may be wrong.
#[inline(always)]
pub(super) fn special(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let word = u64::from_le_bytes(*word);
        // With this bit turned, the quote lies right above the control characters.
        let below = (word ^ (ONES * 0x02)).wrapping_sub(ONES * 0x21);
        let backslash = (word ^ (ONES * 0x5c)).wrapping_sub(ONES);
        let found = (below | backslash) & !word & HIGH;
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += size_of::<u64>();
        if at - from == SHORT {
            return special_far_off(bytes, at);
        }
    }
    while let Some(byte) = bytes.get(at)
        && !matches!(*byte, b'"' | b'\\' | 0..0x20)
    {
        at += 1;
    }
    at
}

/// The length up to which a string is looked at word by word (bytes). Keys and most values are not longer, and the search
/// for more bytes at once takes longer to begin.
const SHORT: usize = 32;

/// The same in a long text, of which quotes and backslashes are looked for first, and control characters in front of
/// these: both with the machine's vectors.
fn special_far_off(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    let length = memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
    let plain = rest.get(..length).unwrap_or_default();
    if has_control(plain) {
        let controls = plain.iter().take_while(|byte| **byte >= 0x20);
        return from + controls.count();
    }
    from + length
}

/// Whether a control character is in a text. Most have none, so each word is looked at, whatever the others are.
fn has_control(bytes: &[u8]) -> bool {
    let (words, tail) = bytes.as_chunks();
    let found = words.iter().fold(0, |found, word| {
        let word = u64::from_le_bytes(*word);
        found | word.wrapping_sub(ONES * 0x20) & !word
    });
    found & HIGH != 0 || tail.iter().any(|byte| *byte < 0x20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_found_at_every_place_of_a_string() {
        for length in (0..20).chain(SHORT - 1..SHORT + 18) {
            for at in 0..length {
                for byte in 0..=0x7f_u8 {
                    let mut text = "é".repeat(SHORT).into_bytes();
                    text[at] = byte;
                    let special = byte < 0x20 || matches!(byte, b'"' | b'\\');
                    let expected = if special { at } else { length };
                    assert_eq!(plain(&text[..length]), expected, "{byte:#x} at {at}");
                }
            }
        }
        // Each is the neighbour of one that is found.
        assert_eq!(plain(b"!#[] \x7f!!\xff\xff\x80\xa2\xdc!!!"), 16);
    }
}
