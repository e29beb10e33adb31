//! Whether the pieces of a JSON text, inside the quotes of JSON strings, are one whole value yet.

/// The state behind the pieces so far. Brackets are counted outside of strings; whether the value is valid is not asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JsonScan {
    depth: u32,
    in_string: bool,
    /// A backslash of the text itself, inside a string of it, came last.
    is_escaped: bool,
    has_begun: bool,
    /// Something other than white space stands behind the value.
    has_more: bool,
    /// A top-level value that is no array, object or string: only its end tells that it is whole.
    is_bare: bool,
    is_closed: bool,
}

impl JsonScan {
    /// Reads a piece, the inside of a JSON string.
    pub fn push(&mut self, inside: &str) {
        let mut bytes = inside.bytes();
        while let Some(byte) = bytes.next() {
            let meant = match byte {
                b'\\' => match bytes.next() {
                    Some(b'u') => {
                        let digits = [bytes.next(), bytes.next(), bytes.next(), bytes.next()];
                        code_of(digits)
                    }
                    Some(b'n' | b't' | b'r' | b'b' | b'f') => b' ',
                    Some(other) => other,
                    None => return,
                },
                other => other,
            };
            self.step(meant);
        }
    }

    /// Whether the text so far is a whole value.
    pub fn is_whole(&self) -> bool {
        self.has_begun
            && self.depth == 0
            && !self.in_string
            && !self.has_more
            && (self.is_closed || self.is_bare)
    }

    /// Whether there is nothing but white space yet.
    pub fn is_empty(&self) -> bool {
        !self.has_begun
    }

    fn step(&mut self, byte: u8) {
        if self.in_string {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = true,
                b'"' => {
                    self.in_string = false;
                    self.is_closed |= self.depth == 0;
                }
                _ => {}
            }
            return;
        }
        if byte.is_ascii_whitespace() {
            return;
        }
        self.has_more |= self.is_closed;
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth = self.depth.saturating_add(1),
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                self.is_closed |= self.depth == 0;
            }
            _ => self.is_bare |= !self.has_begun,
        }
        self.has_begun = true;
    }
}

/// The ASCII character that an escape spells, or any other letter.
fn code_of(digits: [Option<u8>; 4]) -> u8 {
    let mut code = 0_u32;
    for digit in digits {
        let value = digit.and_then(|digit| char::from(digit).to_digit(16));
        code = code * 16 + value.unwrap_or(0xf);
    }
    u8::try_from(code).ok().filter(u8::is_ascii).unwrap_or(b'x')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::raw;

    fn scanned(text: &str) -> JsonScan {
        let mut scan = JsonScan::default();
        let quoted = raw::quoted(text);
        scan.push(raw::inside(&quoted).unwrap());
        scan
    }

    #[test]
    fn a_value_is_whole_when_its_brackets_are_closed() {
        for text in [
            "{}",
            r#" {"a":"}\"{\\"} "#,
            r#"[1,{"b":[]}]"#,
            r#""x""#,
            "true",
            "{\"a\":\"\u{1}\\\\\"}",
        ] {
            assert!(scanned(text).is_whole(), "{text}");
        }
        for text in [
            "",
            " ",
            "{",
            r#"{"a":"}"#,
            r#"{"a":"\"}"#,
            "{}{}",
            "{} x",
            "[{}",
        ] {
            assert!(!scanned(text).is_whole(), "{text}");
        }
        assert!(scanned(" \n").is_empty() && !scanned("{").is_empty());
    }

    #[test]
    fn quotes_may_be_spelled_by_their_number() {
        let mut scan = JsonScan::default();
        scan.push(r"{\u0022a\u0022:\u0022}\u0022");
        assert!(!scan.is_whole());
        scan.push("}");
        assert!(scan.is_whole());
    }

    #[test]
    fn pieces_are_read_wherever_they_are_cut() {
        let text = r#"{"a":[1,"]}",{"b":"\\"}]}"#;
        for (cut, _) in text.char_indices() {
            let mut scan = JsonScan::default();
            for part in [&text[..cut], &text[cut..]] {
                assert!(!scan.is_whole());
                let quoted = raw::quoted(part);
                scan.push(raw::inside(&quoted).unwrap());
            }
            assert!(scan.is_whole(), "{cut}");
        }
    }
}
