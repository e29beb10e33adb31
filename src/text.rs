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
    one.len() == other.len() && one.eq_ignore_ascii_case(other)
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
