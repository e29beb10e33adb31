//! The fields of a head, as one text and the places of names and values in it: a request has twenty of them, an answer as
//! many, and two allocations for each would be most of what such a head costs.

use std::ops::Range;

use crate::text::same_name_bytes;

/// The fields of a head in their order. `Debug` is for tests: values may be keys.
#[derive(Debug, Default)]
pub struct HeaderFields {
    text: FieldText,
    fields: Vec<FieldSpan>,
}

/// The text that names and values stand in. Values may hold any byte (obs-text, RFC 9110 section 5.5), nearly none does:
/// whether all is UTF-8 is found out once, not at each look at a value.
#[derive(Debug)]
enum FieldText {
    Utf8(String),
    Bytes(Vec<u8>),
}

/// The byte ranges of a name and its value.
#[derive(Debug)]
struct FieldSpan {
    name: Range<u32>,
    value: Range<u32>,
}

impl HeaderFields {
    /// The fields of a head that was parsed: names and values are slices of it (at most 4 GiB). Other ones are left out.
    pub fn within<'h>(
        head: &[u8],
        parsed: impl ExactSizeIterator<Item = (&'h str, &'h [u8])>,
    ) -> Self {
        let mut fields = Vec::with_capacity(parsed.len());
        fields.extend(parsed.filter_map(|(name, value)| {
            Some(FieldSpan {
                name: place(head, name.as_bytes())?,
                value: place(head, value)?,
            })
        }));
        Self {
            text: FieldText::from(head.to_vec()),
            fields,
        }
    }

    /// A copy of fields that stand apart.
    pub fn copy<'f>(parsed: impl Iterator<Item = (&'f str, &'f [u8])>) -> Self {
        let (mut text, mut fields) = (Vec::new(), Vec::new());
        let mut put = |bytes: &[u8]| {
            let start = text.len() as u32;
            text.extend_from_slice(bytes);
            start..text.len() as u32
        };
        for (name, value) in parsed {
            fields.push(FieldSpan {
                name: put(name.as_bytes()),
                value: put(value),
            });
        }
        Self {
            text: FieldText::from(text),
            fields,
        }
    }

    /// The value of the first field with this name in any case.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.text.bytes().get(range(self.find(name)?))
    }

    /// The same as text; `None` also where it is no UTF-8.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.text.utf8(range(self.find(name)?))
    }

    /// All fields in their order, names as they stand.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fields.iter().filter_map(|field| {
            let name = self.text.utf8(range(&field.name))?;
            Some((name, self.text.bytes().get(range(&field.value))?))
        })
    }

    /// The names of all fields, as they stand.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let fields = self.fields.iter();
        fields.filter_map(|field| self.text.utf8(range(&field.name)))
    }

    /// The place of the value of the first field with this name.
    fn find(&self, name: &str) -> Option<&Range<u32>> {
        let text = self.text.bytes();
        let has_name = |field: &&FieldSpan| {
            field.name.len() == name.len()
                && text
                    .get(range(&field.name))
                    .is_some_and(|field| same_name_bytes(field, name.as_bytes()))
        };
        self.fields.iter().find(has_name).map(|field| &field.value)
    }
}

impl FieldText {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Utf8(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }

    /// A part of the text; `None` where it is no UTF-8.
    fn utf8(&self, range: Range<usize>) -> Option<&str> {
        match self {
            Self::Utf8(text) => text.get(range),
            Self::Bytes(bytes) => std::str::from_utf8(bytes.get(range)?).ok(),
        }
    }
}

impl Default for FieldText {
    fn default() -> Self {
        Self::Utf8(String::new())
    }
}

impl From<Vec<u8>> for FieldText {
    fn from(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Self::Utf8(text),
            Err(error) => Self::Bytes(error.into_bytes()),
        }
    }
}

/// The range of a slice in the text that it is a slice of; `None` of another one. Compared as addresses, which needs no
/// trust.
fn place(whole: &[u8], part: &[u8]) -> Option<Range<u32>> {
    let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    let end = start + part.len();
    let is_within = end <= whole.len();
    is_within.then_some(u32::try_from(start).ok()?..u32::try_from(end).ok()?)
}

fn range(range: &Range<u32>) -> Range<usize> {
    range.start as usize..range.end as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_that_is_no_text_hides_no_other() {
        let head = b"Host: a\r\nX-Name: caf\xe9\r\nX-Name: b\r\n";
        let parsed = [
            ("Host", &head[6..7]),
            ("X-Name", &head[17..21]),
            ("X-Name", &head[31..32]),
        ];
        let places = [0..4, 9..15, 23..29];
        let parsed = parsed.iter().zip(places).map(|((_, value), name)| {
            let name = std::str::from_utf8(&head[name]).unwrap();
            (name, *value)
        });
        let parsed: Vec<_> = parsed.collect();
        for fields in [
            HeaderFields::within(head, parsed.iter().copied()),
            HeaderFields::copy(parsed.iter().copied()),
        ] {
            assert_eq!(fields.text("host"), Some("a"));
            assert_eq!(fields.get("X-NAME"), Some(&b"caf\xe9"[..]));
            assert_eq!(fields.text("x-name"), None);
            assert_eq!(fields.text("x"), None);
            assert!(fields.names().eq(["Host", "X-Name", "X-Name"]));
            assert!(fields.names().eq(fields.iter().map(|(name, _)| name)));
        }
    }

    #[test]
    fn a_field_from_elsewhere_is_not_taken_for_one_of_the_head() {
        let bytes = b"host: ab";
        let (head, behind) = bytes.split_at(7);
        let parsed = [("host", behind), ("host", &head[6..])];
        let name = std::str::from_utf8(&head[..4]).unwrap();
        let fields = HeaderFields::within(head, parsed.map(|(_, value)| (name, value)).into_iter());
        assert_eq!(fields.text("host"), Some("a"));
        assert_eq!(fields.iter().count(), 1);
    }
}
