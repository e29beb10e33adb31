//! Names as they stand in DNS messages: labels, each behind its length (RFC 1035 section 3.1).

/// The longest name with the length bytes of its labels and the root's, and the longest label (RFC 1035 section 2.3.4,
/// bytes).
const MAX_NAME: usize = 255;
const MAX_LABEL: usize = 63;

/// A name in its wire form and in lower case (at most 255 bytes).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name(Vec<u8>);

impl Name {
    /// The name that a text spells, with or without a dot at its end. `None`: an empty or too long label, a name that is
    /// too long, a byte that is no visible ASCII.
    ///
    /// Underscores pass: containers are named with them.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_suffix('.').unwrap_or(text);
        let mut wire = Vec::with_capacity(text.len().saturating_add(2));
        for label in text.split('.') {
            let length = u8::try_from(label.len()).ok()?;
            let is_visible = label.bytes().all(|byte| byte.is_ascii_graphic());
            if label.is_empty() || label.len() > MAX_LABEL || !is_visible {
                return None;
            }
            wire.push(length);
            wire.extend(label.bytes().map(|byte| byte.to_ascii_lowercase()));
        }
        wire.push(0);
        (wire.len() <= MAX_NAME).then_some(Self(wire))
    }

    /// The name at an offset of a message, and the offset of what follows it. `None`: it reaches beyond the message, is
    /// too long, or has a pointer that does not lead back.
    ///
    /// A pointer has to lead to before the piece of the name that it stands in (RFC 1035 section 4.1.4 speaks of a
    /// *prior* occurrence), so the reading ends.
    pub fn read(message: &[u8], at: usize) -> Option<(Self, usize)> {
        let mut wire = Vec::new();
        let (mut at, mut piece, mut behind) = (at, at, None);
        loop {
            let length = *message.get(at)?;
            match length >> 6 {
                0b00 => {
                    let end = at.checked_add(1)?.checked_add(usize::from(length))?;
                    // A length is at most 63, and so no letter.
                    wire.extend(message.get(at..end)?.iter().map(u8::to_ascii_lowercase));
                    if wire.len() > MAX_NAME {
                        return None;
                    }
                    at = end;
                    if length == 0 {
                        return Some((Self(wire), behind.unwrap_or(end)));
                    }
                }
                0b11 => {
                    let low = *message.get(at.checked_add(1)?)?;
                    let target = usize::from(u16::from_be_bytes([length & 0b0011_1111, low]));
                    behind.get_or_insert(at.checked_add(2)?);
                    if target >= piece {
                        return None;
                    }
                    (at, piece) = (target, target);
                }
                _ => return None,
            }
        }
    }

    /// The bytes of the name in a question.
    pub fn wire(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spelled_as_people_write_them() {
        let long = "a".repeat(63);
        let longest = format!("{long}.{long}.{long}.{}", "a".repeat(61));
        for (text, wire) in [
            ("example.com", Some(&b"\x07example\x03com\0"[..])),
            ("API.Example.com.", Some(b"\x03api\x07example\x03com\0")),
            ("llama_cpp", Some(b"\x09llama_cpp\0")),
            ("", None),
            (".", None),
            ("a..b", None),
            (".a", None),
            ("a b", None),
            ("h\u{f6}st", None),
            (&format!("{long}a"), None),
            (&format!("{longest}a"), None),
        ] {
            let name = Name::parse(text);
            assert_eq!(name.as_ref().map(Name::wire), wire, "{text}");
        }
        assert_eq!(Name::parse(&longest).unwrap().wire().len(), MAX_NAME);
    }

    /// Pointers that lead forward or to themselves would keep a reader busy for ever.
    #[test]
    fn pointers_lead_back_or_nowhere() {
        for (message, at, expected) in [
            (&b"\x01A\0"[..], 0, Some(("a", 3))),
            (b"\x01a\0\x01b\xc0\0!", 3, Some(("b.a", 7))),
            (b"\x01c\0\x01b\xc0\0\x01a\xc0\x03", 7, Some(("a.b.c", 11))),
            (b"\x01a\xc0\0", 0, None),
            (b"\xc0\0", 0, None),
            (b"\xc0\x02\x01a\0", 0, None),
            (b"\x01a\xc0\x04\x01b\xc0\0", 4, None),
            (b"\x05a", 0, None),
            (b"\x01a", 0, None),
            (b"\xc0", 0, None),
            (b"\x41a\0", 0, None),
            (b"", 0, None),
            (b"\0", 7, None),
        ] {
            let expected = expected.map(|(text, behind)| (Name::parse(text).unwrap(), behind));
            assert_eq!(Name::read(message, at), expected, "{message:?}");
        }
        let endless = b"\x3f".repeat(64 * 5);
        assert_eq!(Name::read(&endless, 0), None);
    }
}
