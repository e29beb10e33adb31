//! Texts as they stand between the quotes of a JSON string.

use std::borrow::Cow;

use crate::json::raw;

/// The inside of a JSON string, escapes as they are. Two of them one after the other are the inside of the joined string.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Escaped<'a>(Cow<'a, str>);

impl<'a> Escaped<'a> {
    /// The inside of a raw JSON string; `None` for other values.
    pub fn of(raw: &'a str) -> Option<Self> {
        raw::inside(raw).map(|inside| Self(Cow::Borrowed(inside)))
    }

    /// A text that is not escaped yet.
    pub fn text(text: &str) -> Self {
        let quoted = raw::quoted(text);
        Self(Cow::Owned(
            raw::inside(&quoted).unwrap_or_default().to_owned(),
        ))
    }

    /// A text that needs no escapes: letters of the gateway's own.
    pub fn plain(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }

    /// The inside itself.
    pub fn inside(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether nothing but white space is in it.
    pub fn is_blank(&self) -> bool {
        let mut rest = self.0.as_ref();
        loop {
            rest = rest.trim_start();
            match rest.as_bytes() {
                [] => return true,
                [b'\\', b'n' | b't' | b'r' | b'f' | b'b', ..] => {
                    rest = rest.get(2..).unwrap_or_default();
                }
                // Any letter may be spelled by its number, white space too.
                [b'\\', b'u', ..] => {
                    let (letter, behind) = rest.split_at_checked(6).unwrap_or((rest, ""));
                    if !Escaped::plain(letter).decoded().trim().is_empty() {
                        return false;
                    }
                    rest = behind;
                }
                _ => return false,
            }
        }
    }

    /// The text, with U+FFFD for each lone surrogate.
    pub fn decoded(&self) -> Cow<'_, str> {
        if self.0.contains('\\') {
            let quoted = ["\"", &self.0, "\""].concat();
            Cow::Owned(raw::lossy_text(&quoted).unwrap_or_default().into_owned())
        } else {
            Cow::Borrowed(&self.0)
        }
    }

    /// The media type and the data of a `data:` URL with base64; `None` of all other texts.
    pub fn base64_parts(&self) -> Option<(Escaped<'a>, Escaped<'a>)> {
        let parts = |text: &str| -> Option<(usize, usize)> {
            let scheme = text.get(..5)?;
            scheme.eq_ignore_ascii_case("data:").then_some(())?;
            let (head, _) = text.split_once(',')?;
            let parameters = head.get(5..)?.to_ascii_lowercase();
            parameters.ends_with(";base64").then_some(())?;
            Some((5 + parameters.find(';')?, head.len() + 1))
        };
        let (type_ends, data_begins) = parts(&self.0)?;
        let slice = |text: &'a str| {
            let media_type = Escaped(text.get(5..type_ends)?.into());
            Some((media_type, Escaped(text.get(data_begins..)?.into())))
        };
        let (media_type, data) = match &self.0 {
            Cow::Borrowed(text) => slice(text)?,
            Cow::Owned(text) => (
                Escaped(text.get(5..type_ends)?.to_owned().into()),
                Escaped(text.get(data_begins..)?.to_owned().into()),
            ),
        };
        // Some languages escape slashes, which a media type is compared without.
        let media_type = match media_type.decoded() {
            Cow::Borrowed(_) => media_type,
            Cow::Owned(decoded) => Escaped::text(&decoded),
        };
        Some((media_type, data))
    }

    /// Appends it as a JSON string, with quotes.
    pub fn push_quoted(&self, out: &mut String) {
        out.push('"');
        out.push_str(&self.0);
        out.push('"');
    }

    /// Appends another one.
    pub fn push(&mut self, other: &str) {
        self.0.to_mut().push_str(other);
    }

    /// The same text that borrows nothing.
    pub fn into_owned(self) -> Escaped<'static> {
        Escaped(Cow::Owned(self.0.into_owned()))
    }
}

/// The texts in their order with a separator, escaped, between them.
pub fn join<'a>(texts: impl IntoIterator<Item = Escaped<'a>>, separator: &str) -> Escaped<'a> {
    let mut texts = texts.into_iter();
    let mut joined = texts.next().unwrap_or_default();
    for text in texts {
        joined.push(separator);
        joined.push(text.inside());
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_joined_without_being_decoded() {
        let quoted = r#""a\n\"b\"""#;
        let text = Escaped::of(quoted).unwrap();
        assert_eq!(text.decoded(), "a\n\"b\"");
        assert_eq!(Escaped::text("a\n\"b\""), text);
        assert_eq!(Escaped::of("7"), None);
        let joined = join([text, Escaped::plain("c")], r"\n\n");
        assert_eq!(joined.decoded(), "a\n\"b\"\n\nc");
        let mut out = String::new();
        joined.push_quoted(&mut out);
        assert_eq!(raw::text(&out).unwrap(), joined.decoded());
        // Half a pair at the end of one delta, the other half in the next.
        let halves = [Escaped::plain(r"\ud83d"), Escaped::plain(r"\ude00")];
        assert_eq!(join(halves, "").decoded(), "\u{1f600}");
    }

    #[test]
    fn white_space_is_blank_be_it_escaped() {
        for (inside, is_blank) in [
            ("", true),
            (r" \n\u0020", true),
            (r"\n\u0041", false),
            ("a", false),
            (r"\\", false),
        ] {
            assert_eq!(Escaped::plain(inside).is_blank(), is_blank, "{inside}");
        }
    }
}
