//! The fields of a message's head, in one allocation however many they are.

use std::ops::Range;

/// The fields of a head, in their order. Field names may be repeated.
#[derive(Debug, Default)]
pub struct HeaderFields {
    text: Vec<u8>,
    ranges: Vec<(Range<usize>, Range<usize>)>,
}

impl HeaderFields {
    /// Copies fields, names as they stand; `fields` gives them twice, first for their size.
    pub fn copy<'f, F: Iterator<Item = (&'f str, &'f [u8])>>(fields: impl Fn() -> F) -> Self {
        let (mut count, mut size) = (0, 0);
        for (name, value) in fields() {
            count += 1;
            size += name.len() + value.len();
        }
        let mut copied = Self {
            text: Vec::with_capacity(size),
            ranges: Vec::with_capacity(count),
        };
        for (name, value) in fields() {
            let name = copied.put(name.as_bytes());
            let value = copied.put(value);
            copied.ranges.push((name, value));
        }
        copied
    }

    /// The same fields with their names in lower case.
    pub fn with_lower_names(mut self) -> Self {
        for (name, _) in &self.ranges {
            if let Some(name) = self.text.get_mut(name.clone()) {
                name.make_ascii_lowercase();
            }
        }
        self
    }

    /// The first value of this name in any case; `None` without one.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let (_, value) = self.ranges.iter().find(|(field, _)| {
            // Most names have another length, and are not looked at.
            field.len() == name.len()
                && self
                    .text
                    .get(field.clone())
                    .is_some_and(|field| field.eq_ignore_ascii_case(name.as_bytes()))
        })?;
        self.text.get(value.clone())
    }

    /// All fields in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.ranges.iter().filter_map(|(name, value)| {
            let name = std::str::from_utf8(self.text.get(name.clone())?).ok()?;
            Some((name, self.text.get(value.clone())?))
        })
    }

    fn put(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.text.len();
        self.text.extend_from_slice(bytes);
        start..self.text.len()
    }
}
