//! The fields of a head, as one text and the places of names and values in it: a request has twenty of them, an answer as
//! many, and two allocations for each would be most of what such a head costs.

use std::ops::Range;

use crate::text::same_name_bytes;

/// The fields of a head in their order. `Debug` is for tests: values may be keys.
#[derive(Debug, Default)]
pub struct HeaderFields {
    text: FieldText,
    fields: Vec<FieldSpan>,
    /// The marks of all names. Most names that are looked for are in no field, and have none here.
    marks: u64,
}

/// The place of a part of a head's text (bytes).
pub type Place = Range<u32>;

/// A field that should be there once, and is there several times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RepeatedField;

/// The text that names and values stand in. Values may hold any byte (obs-text, RFC 9110 section 5.5), nearly none does:
/// whether all is UTF-8 is found out once, not at each look at a value.
#[derive(Debug)]
enum FieldText {
    Utf8(String),
    Bytes(Vec<u8>),
}

#[derive(Debug)]
struct FieldSpan {
    name: Place,
    value: Place,
}

impl HeaderFields {
    /// The fields of a head that was parsed: names and values are slices of it (at most 4 GiB). Other ones are left out.
    pub fn within<'h>(
        head: &[u8],
        parsed: impl ExactSizeIterator<Item = (&'h str, &'h [u8])>,
    ) -> Self {
        let mut fields = Self {
            text: FieldText::from(head.to_vec()),
            fields: Vec::with_capacity(parsed.len()),
            marks: 0,
        };
        for (name, value) in parsed {
            if let (Some(name_at), Some(value)) = (place(head, name.as_bytes()), place(head, value))
            {
                fields.add(name, name_at, value);
            }
        }
        fields
    }

    /// A copy of fields that stand apart.
    pub fn copy<'f>(parsed: impl Iterator<Item = (&'f str, &'f [u8])>) -> Self {
        let (mut text, mut fields) = (Vec::new(), Self::default());
        let mut put = |bytes: &[u8]| {
            let start = text.len() as u32;
            text.extend_from_slice(bytes);
            start..text.len() as u32
        };
        for (name, value) in parsed {
            fields.add(name, put(name.as_bytes()), put(value));
        }
        fields.text = FieldText::from(text);
        fields
    }

    fn add(&mut self, name: &str, name_at: Place, value: Place) {
        self.marks |= mark(name.as_bytes());
        self.fields.push(FieldSpan {
            name: name_at,
            value,
        });
    }

    /// The value of the first field with this name in any case.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.named(name).next()
    }

    /// The same as text; `None` also where it is no UTF-8.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.text.utf8(range(self.places(name).next()?))
    }

    /// The value of the only field with this name in any case; `None` without one.
    ///
    /// # Errors
    /// There are several.
    pub fn only(&self, name: &str) -> Result<Option<&[u8]>, RepeatedField> {
        let mut values = self.named(name);
        let first = values.next();
        match values.next() {
            None => Ok(first),
            Some(_) => Err(RepeatedField),
        }
    }

    /// The values of all fields with this name in any case, in their order.
    pub fn named<'f>(&'f self, name: &str) -> impl Iterator<Item = &'f [u8]> {
        let text = self.text.bytes();
        self.places(name)
            .filter_map(move |value| text.get(range(value)))
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

    /// Another part of the head than its fields; empty where there is none that is text.
    pub fn part(&self, place: &Place) -> &str {
        self.text.utf8(range(place)).unwrap_or_default()
    }

    /// The places of the values of the fields with this name.
    fn places<'f>(&'f self, name: &str) -> impl Iterator<Item = &'f Place> {
        let is_marked = self.marks & mark(name.as_bytes()) != 0;
        let fields = if is_marked { &*self.fields } else { &[] };
        let text = self.text.bytes();
        let has_name = move |field: &&FieldSpan| {
            field.name.len() == name.len()
                && text
                    .get(range(&field.name))
                    .is_some_and(|field| same_name_bytes(field, name.as_bytes()))
        };
        fields.iter().filter(has_name).map(|field| &field.value)
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

/// The mark of a name: one of 64 bits, by its length and its first letter in any case.
fn mark(name: &[u8]) -> u64 {
    let first = name.first().map_or(0, u8::to_ascii_lowercase);
    1 << ((usize::from(first) ^ name.len()) % 64)
}

/// The place of a slice in the text that it is a slice of; `None` of another one. Compared as addresses, which needs no
/// trust.
pub fn place(whole: &[u8], part: &[u8]) -> Option<Place> {
    let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    let end = start + part.len();
    let last = u32::try_from(end).ok().filter(|_| end <= whole.len())?;
    Some(start as u32..last)
}

fn range(place: &Place) -> Range<usize> {
    place.start as usize..place.end as usize
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
            assert_eq!(fields.only("Host"), Ok(Some(&b"a"[..])));
            assert_eq!(fields.only("x-names"), Ok(None));
            assert_eq!(fields.only("X-NAME"), Err(RepeatedField));
            let named: Vec<&[u8]> = fields.named("x-Name").collect();
            assert_eq!(named, [&b"caf\xe9"[..], b"b"]);
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
