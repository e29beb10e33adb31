//! A JSON object as a line of a log, put together by hand: a serializer took a fifteenth of all that a request costs.

use crate::inline_bytes::InlineBytes;
use crate::text::is_deceptive;

/// The bytes of most lines.
const USUAL: usize = 768;

/// The bytes of a line.
#[derive(Debug, Default)]
pub struct JsonLine(InlineBytes<USUAL>);

impl JsonLine {
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Appends bytes as they are.
    pub fn push(&mut self, bytes: &[u8]) {
        self.0.push(bytes);
    }

    /// Appends the key of a further member. Keys are those of the source: nothing in them is to be escaped.
    pub fn put_key(&mut self, key: &str) {
        self.push(b",\"");
        self.push(key.as_bytes());
        self.push(b"\":");
    }

    pub fn put_number(&mut self, number: u64) {
        self.0.push_number(number);
    }

    /// Appends a JSON string (RFC 8259 section 7), in which controls of terminals and of text direction are escaped as well.
    pub fn put_text(&mut self, text: &str) {
        self.push(b"\"");
        if is_plain(text.as_bytes()) {
            self.push(text.as_bytes());
        } else {
            self.escape(text);
        }
        self.push(b"\"");
    }

    fn escape(&mut self, text: &str) {
        let mut left = text;
        while let Some(plain) = left.bytes().position(may_need_escape)
            && let Some((plain, behind)) = left.split_at_checked(plain)
        {
            self.push(plain.as_bytes());
            let mut behind = behind.chars();
            match behind.next() {
                Some(character) if character.is_ascii() => self.push_escaped(character as u8),
                Some(character) if is_deceptive(character) => {
                    self.push(format!("\\u{:04x}", u32::from(character)).as_bytes());
                }
                Some(character) => self.push(character.encode_utf8(&mut [0; 4]).as_bytes()),
                None => {}
            }
            left = behind.as_str();
        }
        self.push(left.as_bytes());
    }

    fn push_escaped(&mut self, byte: u8) {
        match byte {
            b'"' | b'\\' => self.push(&[b'\\', byte]),
            b'\n' => self.push(b"\\n"),
            b'\r' => self.push(b"\\r"),
            b'\t' => self.push(b"\\t"),
            0x08 => self.push(b"\\b"),
            0x0c => self.push(b"\\f"),
            _ => self.push(format!("\\u{byte:04x}").as_bytes()),
        }
    }
}

/// Whether none of the bytes needs an escape. Eight are looked at in one step, the last of them again where eight do not
/// divide the length.
fn is_plain(text: &[u8]) -> bool {
    let is_plain = |word: &[u8; 8]| !any_to_escape(u64::from_le_bytes(*word));
    match (text.last_chunk(), text.first_chunk(), text.last_chunk()) {
        (Some(last), ..) => text.as_chunks().0.iter().all(is_plain) && is_plain(last),
        (None, Some([a, b, c, d]), Some([e, f, g, h])) => {
            is_plain(&[*a, *b, *c, *d, *e, *f, *g, *h])
        }
        _ => !text.iter().copied().any(may_need_escape),
    }
}

/// Whether one of eight bytes may need an escape. All at once, as every byte of every line comes by (Anderson, *Bit
/// Twiddling Hacks*: "Determine if a word has a byte less than n").
fn any_to_escape(word: u64) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let below = |word: u64, bound: u64| word.wrapping_sub(ONES * bound) & !word;
    // With that bit turned, the quote is the one below space and `!`, behind the controls.
    let control_or_quote = below(word ^ (ONES * 0x02), 0x21);
    let backslash = below(word ^ (ONES * u64::from(b'\\')), 1);
    // The sum of a delete, too, has the highest bit, as all beyond ASCII have it.
    let beyond = word | word.wrapping_add(ONES);
    (control_or_quote | backslash | beyond) & (ONES << 7) != 0
}

/// A byte that is escaped, or one of a character that may be: any beyond printable ASCII.
fn may_need_escape(byte: u8) -> bool {
    byte.wrapping_sub(b' ') >= 0x7f - b' ' || byte == b'"' || byte == b'\\'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(text: &str) -> String {
        let mut line = JsonLine::default();
        line.put_text(text);
        String::from_utf8(line.as_bytes().to_vec()).unwrap()
    }

    /// A client's text must not end its string.
    #[test]
    fn strings_are_escaped_as_serde_does() {
        let every: String = ('\0'..'\u{7f}')
            .chain('\u{a0}'..='\u{ff}')
            .chain("\u{2028}ä\u{1f600}".chars())
            .collect();
        let at_each_place = (0..20).map(|place| "x".repeat(place) + "\"" + &"y".repeat(20 - place));
        let at_each_place: String = at_each_place.collect();
        for text in ["", "plain", "\"", "a\\", "\n\n", &every, &at_each_place] {
            assert_eq!(quoted(text), serde_json::to_string(text).unwrap());
        }
        for length in 1..20 {
            for place in 0..length {
                let text = "x".repeat(place) + "\"" + &"y".repeat(length - 1 - place);
                assert_eq!(quoted(&text), serde_json::to_string(&text).unwrap());
            }
        }
    }

    /// Controls would act on the terminal that shows the log, or on the order in which it is read.
    #[test]
    fn no_control_of_terminals_or_text_direction_stands_raw() {
        let every: String = ('\u{7f}'..='\u{9f}')
            .chain('\u{202a}'..='\u{202e}')
            .chain('\u{2066}'..='\u{2069}')
            .collect();
        let text = quoted(&every);
        assert!(text.is_ascii(), "{text}");
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), every);
    }

    #[test]
    fn eight_bytes_are_judged_as_each_of_them() {
        for byte in 0..=u8::MAX {
            for place in 0..8 {
                let mut word = *b"plain - ";
                word[place] = byte;
                let any = word.iter().copied().any(may_need_escape);
                assert_eq!(
                    any_to_escape(u64::from_le_bytes(word)),
                    any,
                    "{byte} {place}"
                );
            }
        }
    }
}
