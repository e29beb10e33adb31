//! The parts of a form, and the edits of each.

use std::ops::Range;

use memchr::memmem;

use super::parameters::{parameters, unquoted};
use crate::dialect::request::RequestError;

/// The longest header of a part, all its fields together (bytes).
const LONGEST_HEADER: usize = 16 * 1024;

/// A part of the body, from its delimiter to the next one.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// The offset of its delimiter.
    pub start: usize,
    /// The value of the parameter `name`, with its quotes; empty where there is none.
    name: Range<usize>,
    is_file: bool,
    content: Range<usize>,
    edit: PartEdit,
}

/// The edits of a part.
#[derive(Clone, Debug, Default)]
struct PartEdit {
    is_removed: bool,
    name: Option<Box<str>>,
    content: Option<Box<str>>,
}

impl Part {
    /// Reads a part whose header begins at `header`; `next` is the offset of the next delimiter.
    ///
    /// # Errors
    /// The part has no blank line, or a header that is too long.
    pub fn read(
        body: &[u8],
        start: usize,
        header: usize,
        next: usize,
    ) -> Result<Self, RequestError> {
        // The line end of the delimiter is the first half of the blank line of a part without fields.
        let from = header.saturating_sub(2);
        let to = next.min(from.saturating_add(LONGEST_HEADER));
        let searched = body.get(from..to).unwrap_or_default();
        let fields_end = memmem::find(searched, b"\r\n\r\n").map(|at| from + at);
        // The line end before a delimiter belongs to the delimiter.
        let (fields_end, content) = fields_end
            .map(|end| (end, end + 4..next.saturating_sub(2)))
            .filter(|(_, content)| content.start <= content.end)
            .ok_or(RequestError::Form(
                "the form has a part whose header does not end",
            ))?;
        let mut part = Self {
            start,
            name: 0..0,
            is_file: false,
            content,
            edit: PartEdit::default(),
        };
        part.read_fields(body, header..fields_end.max(header));
        Ok(part)
    }

    fn read_fields(&mut self, body: &[u8], fields: Range<usize>) {
        const DISPOSITION: &[u8] = b"content-disposition:";
        let mut at = fields.start;
        while at < fields.end {
            let rest = body.get(at..fields.end).unwrap_or_default();
            let length = memmem::find(rest, b"\r\n").unwrap_or(rest.len());
            let line = rest.get(..length).unwrap_or_default();
            let is_meant = line
                .get(..DISPOSITION.len())
                .is_some_and(|name| name.eq_ignore_ascii_case(DISPOSITION));
            if is_meant {
                for (name, value) in parameters(line) {
                    match name.to_ascii_lowercase().as_slice() {
                        b"name" => self.name = at + value.start..at + value.end,
                        b"filename" | b"filename*" => self.is_file = true,
                        _ => {}
                    }
                }
            }
            at += length + 2;
        }
    }

    /// Whether the part has this name as it would be written.
    pub fn is_named(&self, body: &[u8], name: &str) -> bool {
        if self.edit.is_removed {
            return false;
        }
        match &self.edit.name {
            Some(quoted) => **quoted == *quote(name),
            None => {
                let value = body.get(self.name.clone()).unwrap_or_default();
                *unquoted(value) == *name.as_bytes()
            }
        }
    }

    /// The name that it came under, and the length of what it holds (bytes).
    pub fn name_and_length(&self, body: &[u8]) -> (String, usize) {
        let name = unquoted(body.get(self.name.clone()).unwrap_or_default());
        (
            String::from_utf8_lossy(&name).into_owned(),
            self.content.len(),
        )
    }

    /// The part has a file name.
    pub fn is_file(&self) -> bool {
        self.is_file
    }

    /// The text as it would be written; `None` where it is not UTF-8.
    pub fn text<'s>(&'s self, body: &'s [u8]) -> Option<&'s str> {
        match &self.edit.content {
            Some(text) => Some(text),
            None => std::str::from_utf8(body.get(self.content.clone())?).ok(),
        }
    }

    pub fn remove(&mut self) {
        self.edit.is_removed = true;
    }

    pub fn replace(&mut self, text: &str) {
        self.edit.content = Some(text.into());
    }

    pub fn rename(&mut self, to: &str) {
        self.edit.name = Some(quote(to).into());
    }

    /// Visits the edits in the order of their places; `end` is the offset of the next delimiter.
    pub fn each_edit<'s>(&'s self, end: usize, visit: &mut dyn FnMut(Range<usize>, &'s str)) {
        if self.edit.is_removed {
            return visit(self.start..end, "");
        }
        if let Some(name) = &self.edit.name {
            visit(self.name.clone(), name);
        }
        if let Some(content) = &self.edit.content {
            visit(self.content.clone(), content);
        }
    }
}

/// A part that the body does not have.
#[derive(Clone, Debug)]
pub(super) struct AppendedPart {
    pub name: String,
    /// From its delimiter to its last line end.
    written: String,
    content: Range<usize>,
}

impl AppendedPart {
    pub fn new(delimiter: &str, name: &str, text: &str) -> Self {
        let name_in_quotes = quote(name);
        let head =
            format!("{delimiter}\r\nContent-Disposition: form-data; name={name_in_quotes}\r\n\r\n");
        Self {
            name: name.to_owned(),
            content: head.len()..head.len() + text.len(),
            written: [&head, text, "\r\n"].concat(),
        }
    }

    pub fn text(&self) -> &str {
        self.written.get(self.content.clone()).unwrap_or_default()
    }

    pub fn bytes(&self) -> &[u8] {
        self.written.as_bytes()
    }
}

/// A name in quotes. Line ends cannot stand in it: they would begin another field.
fn quote(name: &str) -> String {
    let mut quoted = String::from("\"");
    for c in name.chars() {
        match c {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(c);
            }
            c if c.is_control() => quoted.push('_'),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
