//! Texts cut at a character's boundary, the patterns that they fit, and durations as logs and reports write them.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use time::OffsetDateTime;

/// The beginning of a text, whole characters only (at most `max_bytes`).
pub fn cut(text: &str, max_bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(max_bytes))
        .unwrap_or_default()
}

/// The longest message that people are shown (characters).
const FOR_PEOPLE: usize = 500;

/// The beginning of a message, as much as a person reads of it (at most 500 characters).
pub fn for_people(message: &str) -> &str {
    if message.len() <= FOR_PEOPLE {
        return message;
    }
    let end = message.char_indices().nth(FOR_PEOPLE);
    end.map_or(message, |(end, _)| cut(message, end))
}

/// Appends bytes as hexadecimal digits, two for each.
pub fn push_hex(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // A String takes whatever is written.
        let _ = write!(out, "{byte:02x}");
    }
}

/// A text without the white space around it. Nearly none has any, and std's own goes by characters.
pub fn trimmed(text: &str) -> &str {
    let is_letter = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_graphic);
    let bytes = text.as_bytes();
    if is_letter(bytes.first()) && is_letter(bytes.last()) {
        return text;
    }
    text.trim()
}

/// Cuts a text that is owned, in place (at most `max_bytes`).
pub fn truncated(mut text: String, max_bytes: usize) -> String {
    text.truncate(text.floor_char_boundary(max_bytes));
    text
}

/// A character that changes how a line looks without being seen: a control (U+0000 to U+001F, U+007F to U+009F), which a
/// terminal obeys, or one that turns the direction of what follows (U+202A to U+202E, U+2066 to U+2069; CVE-2021-42574).
pub fn is_deceptive(character: char) -> bool {
    character.is_control() || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether two names of fields are the same (RFC 9110 section 5.1). Most differ in length, which is looked at first and
/// without a call.
#[inline(always)]
pub fn same_name(one: &str, other: &str) -> bool {
    same_name_bytes(one.as_bytes(), other.as_bytes())
}

/// The same for names that are not yet known as text.
#[inline(always)]
pub fn same_name_bytes(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && is_same_in_any_case(one, other)
}

/// Whether a text has a part, in any case.
pub fn contains_in_any_case(text: &str, part: &str) -> bool {
    let mut parts = text.as_bytes().windows(part.len().max(1));
    part.is_empty() || parts.any(|window| same_name_bytes(window, part.as_bytes()))
}

/// Equality of two texts of one length but for the case of ASCII letters. Eight bytes are compared at a time, the last of
/// them again where eight do not divide the length: std's own looks at each byte, 15 instructions in a small build.
fn is_same_in_any_case(one: &[u8], other: &[u8]) -> bool {
    let (words, _) = one.as_chunks::<8>();
    let (others, _) = other.as_chunks::<8>();
    if let (Some(last), Some(other_last)) = (one.last_chunk(), other.last_chunk()) {
        let mut pairs = words.iter().zip(others);
        return pairs.all(|(word, other)| is_same_word(*word, *other))
            && is_same_word(*last, *other_last);
    }
    let halves = |text: &[u8]| -> Option<[u8; 8]> {
        let ([a, b, c, d], [e, f, g, h]) = (text.first_chunk()?, text.last_chunk()?);
        Some([*a, *b, *c, *d, *e, *f, *g, *h])
    };
    match (halves(one), halves(other)) {
        (Some(word), Some(other)) => is_same_word(word, other),
        _ => one.eq_ignore_ascii_case(other),
    }
}

/// The same of eight bytes: they may differ in the bit of the case only, and there where both are letters.
fn is_same_word(one: [u8; 8], other: [u8; 8]) -> bool {
    const ONES: u64 = u64::MAX / 0xff;
    const HIGH: u64 = ONES * 0x80;
    const CASE: u64 = ONES * 0x20;
    let (one, other) = (u64::from_le_bytes(one), u64::from_le_bytes(other));
    let difference = one ^ other;
    // Without the highest bit no sum reaches into the next byte.
    let lower = (one | CASE) & !HIGH;
    let from_a = lower + ONES * u64::from(0x80 - b'a');
    let behind_z = lower + ONES * u64::from(0x80 - (b'z' + 1));
    let letters = from_a & !behind_z & !one & HIGH;
    difference & !CASE == 0 && (difference << 2) & !letters == 0
}

/// Whether a text can be the name of a field: a token (RFC 9110 section 5.6.2).
pub fn is_field_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(is_token)
}

/// A byte of a token: `tchar` of RFC 9110 section 5.6.2.
pub fn is_token(byte: u8) -> bool {
    #[expect(clippy::indexing_slicing, reason = "the compiler does it")]
    const TOKENS: [bool; 256] = {
        let mut tokens = [false; 256];
        let mut byte = 0;
        while byte < tokens.len() {
            tokens[byte] = matches!(byte as u8,
                b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~');
            byte += 1;
        }
        tokens
    };
    TOKENS.get(usize::from(byte)).copied().unwrap_or_default()
}

/// Whether a control character of ASCII is among these bytes, eight of which are looked at in one step ("Bit Twiddling
/// Hacks", Anderson, "Determine if a word has a byte less than n").
pub fn has_control(text: &str) -> bool {
    const ONES: u64 = u64::MAX / 0xff;
    let (words, tail) = text.as_bytes().as_chunks::<8>();
    let is_any_in = |word: &[u8; 8]| {
        let word = u64::from_le_bytes(*word);
        let delete = word ^ (ONES * 0x7f);
        let found =
            (word.wrapping_sub(ONES * 0x20) & !word) | (delete.wrapping_sub(ONES) & !delete);
        found & (ONES * 0x80) != 0
    };
    words.iter().any(is_any_in) || tail.iter().any(u8::is_ascii_control)
}

/// Appends a number in decimal digits. Most have few.
pub fn put_decimal(bytes: &mut Vec<u8>, number: usize) {
    if number >= 10 {
        put_decimal(bytes, number / 10);
    }
    bytes.push(b'0' + (number % 10) as u8);
}

/// Whether a text fits a pattern in which `*` is any text and `#` a digit.
pub fn is_like(text: &str, pattern: &str) -> bool {
    is_like_bytes(text.as_bytes(), pattern.as_bytes())
}

/// The usual matching with one point to come back to: linear for patterns with few stars.
fn is_like_bytes(text: &[u8], pattern: &[u8]) -> bool {
    let (mut at, mut of) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(at) {
        match pattern.get(of) {
            Some(b'*') => {
                of += 1;
                star = Some((at, of));
            }
            Some(b'#') if byte.is_ascii_digit() => (at, of) = (at + 1, of + 1),
            Some(other) if other.eq_ignore_ascii_case(byte) => (at, of) = (at + 1, of + 1),
            _ => match &mut star {
                Some((from, behind)) => {
                    *from += 1;
                    (at, of) = (*from, *behind);
                }
                None => return false,
            },
        }
    }
    let rest = pattern.get(of..).unwrap_or_default();
    rest.iter().all(|byte| *byte == b'*')
}

/// Appends a number in decimal digits: an answer has dozens, and a formatter takes hundreds of instructions for each. Most
/// have one digit.
pub fn push_decimal(out: &mut String, number: u64) {
    if number >= 10 {
        push_decimal(out, number / 10);
    }
    out.push(char::from(b'0' + (number % 10) as u8));
}

/// The whole milliseconds of a duration.
pub fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A time as reports write it: RFC 3339 in UTC, with milliseconds.
pub fn timestamp(at: SystemTime) -> String {
    let at = OffsetDateTime::from(at);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        at.millisecond()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_its_milliseconds() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_767_323_045_007);
        assert_eq!(timestamp(at), "2026-01-02T03:04:05.007Z");
    }

    #[test]
    fn white_space_around_a_text_is_found_as_std_does() {
        for text in [
            "",
            "a",
            " a",
            "a ",
            "\u{a0}a",
            "a\u{2003}",
            "\ta b\n",
            "é ",
            "é",
            " ",
        ] {
            assert_eq!(trimmed(text), text.trim(), "{text:?}");
        }
    }

    #[test]
    fn a_number_has_all_its_digits() {
        for number in [0, 7, 10, 429, 1_000_000, u64::MAX] {
            let mut text = "n=".to_owned();
            push_decimal(&mut text, number);
            assert_eq!(text, format!("n={number}"));
        }
    }

    #[test]
    fn no_character_is_cut_in_two() {
        for (text, max_bytes, expected) in [
            ("", 3, ""),
            ("abc", 3, "abc"),
            ("abc", 2, "ab"),
            ("aä", 2, "a"),
            ("aä", 3, "aä"),
            ("€", 0, ""),
        ] {
            assert_eq!(cut(text, max_bytes), expected, "{text} {max_bytes}");
            assert_eq!(truncated(text.to_owned(), max_bytes), expected);
        }
    }

    #[test]
    fn names_are_the_same_as_std_has_it() {
        let texts = [
            "",
            "te",
            "host",
            "Hos\0",
            "accept",
            "x-request-id",
            "content-length",
            "authorization-16",
        ];
        for text in texts {
            for place in 0..text.len() {
                for byte in 0..=u8::MAX {
                    let mut other = text.as_bytes().to_vec();
                    other[place] = byte;
                    let same = other.eq_ignore_ascii_case(text.as_bytes());
                    assert_eq!(
                        same_name_bytes(&other, text.as_bytes()),
                        same,
                        "{text} {place} {byte}"
                    );
                }
            }
            assert!(same_name(text, &text.to_ascii_uppercase()), "{text}");
            assert!(!same_name(text, &format!("{text}x")), "{text}");
        }
        for (one, other) in [
            (b"@[\\]^_`{|}~a-", b"`{|}~\x7f@[\\]^A\r"),
            (b"\xe1bcdefghijklm", b"\xc1bcdefghijklm"),
        ] {
            assert!(!same_name_bytes(one, other));
        }
    }

    /// Would break for whoever waits for a step: a provider's code in capitals says what it says in small letters.
    #[test]
    fn parts_are_found_in_any_case() {
        for (text, part) in [
            ("", ""),
            ("x", ""),
            ("quota", "quota"),
            ("No_QUOTA_left", "quota"),
        ] {
            assert!(contains_in_any_case(text, part), "{text} {part}");
        }
        for (text, part) in [
            ("", "a"),
            ("quot", "quota"),
            ("qu-ota", "quota"),
            ("q\u{15}ota", "quota"),
        ] {
            assert!(!contains_in_any_case(text, part), "{text} {part}");
        }
    }

    #[test]
    fn numbers_are_written_as_format_does() {
        for number in [0, 7, 10, 99, 100, 65_535, usize::MAX] {
            let mut bytes = b"x".to_vec();
            put_decimal(&mut bytes, number);
            assert_eq!(bytes, format!("x{number}").into_bytes());
        }
    }

    #[test]
    fn the_characters_of_tokens_are_those_of_the_rfc() {
        for byte in 0..=u8::MAX {
            let is = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            assert_eq!(is_token(byte), is, "{byte}");
        }
    }

    #[test]
    fn a_control_character_is_found_at_each_place() {
        for character in '\0'..='\u{ff}' {
            for place in 0..17 {
                let mut text: Vec<char> = "an honest value - ".chars().collect();
                text[place] = character;
                let text: String = text.iter().collect();
                let has = character.is_ascii_control();
                assert_eq!(has_control(&text), has, "{character:?} {place}");
            }
        }
    }

    #[test]
    fn stars_and_digits_stand_for_others() {
        for (text, pattern, is) in [
            ("o3-mini", "o#*", true),
            ("omni", "o#*", false),
            ("gpt-5", "gpt-5", true),
            ("gpt-5.1", "gpt-5", false),
            ("a-multi-agent-b", "*multi-agent*", true),
            ("", "*", true),
            ("x", "", false),
        ] {
            assert_eq!(is_like(text, pattern), is, "{text} {pattern}");
        }
    }
}
