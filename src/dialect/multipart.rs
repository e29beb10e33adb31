//! Forms with files (RFC 7578, RFC 2046): which parts a body has, and edits of them that leave all else byte for byte.
//!
//! A body is read in one pass, and none of it is copied: parts are ranges of it, edits lie beside them, and it is written
//! in slices. What two readers may see differently is no form here: lines that end in a bare LF, a body that ends before
//! its last boundary, a part without its blank line.

mod parameters;
mod part;
#[cfg(test)]
mod tests;

use memchr::memmem;

use super::request::RequestError;
use parameters::boundary;
use part::{AppendedPart, Part};

/// The most parts of a form; no client was seen to send thirty.
const MOST_PARTS: usize = 1000;

/// A form, and the edits to make when it is written.
#[derive(Clone, Debug)]
pub struct Form<'a> {
    body: &'a [u8],
    content_type: &'a str,
    /// Two hyphens and the boundary.
    delimiter: String,
    parts: Vec<Part>,
    /// The offset of the last delimiter.
    end: usize,
    appended: Vec<AppendedPart>,
}

impl<'a> Form<'a> {
    /// The length of the body as it came (bytes).
    pub fn length(&self) -> usize {
        self.body.len()
    }

    /// Reads a body whose `Content-Type` this is.
    ///
    /// # Errors
    /// The body is no form, or one that readers may read differently.
    pub fn parse(body: &'a [u8], content_type: &'a str) -> Result<Self, RequestError> {
        let boundary = boundary(content_type);
        let boundary = boundary.ok_or(RequestError::Form(
            "the form needs a Content-Type of multipart/form-data with a boundary",
        ))?;
        let mut form = Self {
            body,
            content_type,
            delimiter: ["--", &boundary].concat(),
            parts: Vec::new(),
            end: 0,
            appended: Vec::new(),
        };
        form.read_parts()?;
        Ok(form)
    }

    fn read_parts(&mut self) -> Result<(), RequestError> {
        let finder = memmem::Finder::new(self.delimiter.as_bytes());
        let mut parts = Vec::new();
        let mut searched = 0;
        // The part under way: its delimiter, and the line behind that.
        let mut open: Option<(usize, usize)> = None;
        loop {
            let rest = self.body.get(searched..).unwrap_or_default();
            let found = finder.find(rest);
            let at = searched
                + found.ok_or(RequestError::Form(
                    "the form ends before the last boundary that its Content-Type names",
                ))?;
            let Some(delimiter) = self.delimiter_at(at) else {
                searched = at + 1;
                continue;
            };
            if let Some((start, header)) = open.take() {
                parts.push(Part::read(self.body, start, header, at)?);
            }
            match delimiter {
                DelimiterLine::Last => {
                    self.end = at;
                    self.parts = parts;
                    return Ok(());
                }
                DelimiterLine::Next(_) if parts.len() >= MOST_PARTS => {
                    return Err(RequestError::Form("the form has too many parts"));
                }
                DelimiterLine::Next(line) => {
                    open = Some((at, line));
                    // The line end of a delimiter may be that before the next one.
                    searched = line.saturating_sub(2);
                }
            }
        }
    }

    /// The delimiter here; `None` where the bytes belong to a part or to the preamble.
    fn delimiter_at(&self, at: usize) -> Option<DelimiterLine> {
        let before = self.body.get(..at).unwrap_or_default();
        if !before.is_empty() && !before.ends_with(b"\r\n") {
            return None;
        }
        let mut behind = at + self.delimiter.len();
        let rest = |from| self.body.get(from..).unwrap_or_default();
        let is_last = rest(behind).starts_with(b"--");
        if is_last {
            behind += 2;
        }
        // RFC 2046 lets transport add white space.
        let padding = rest(behind).iter();
        behind += padding
            .take_while(|byte| matches!(byte, b' ' | b'\t'))
            .count();
        match (is_last, rest(behind)) {
            (true, [] | [b'\r', b'\n', ..]) => Some(DelimiterLine::Last),
            (false, [b'\r', b'\n', ..]) => Some(DelimiterLine::Next(behind + 2)),
            _ => None,
        }
    }

    /// The `Content-Type` of the form, boundary included.
    pub fn content_type(&self) -> &'a str {
        self.content_type
    }

    /// The text of the first part with this name as it would be written; `None` where there is none but files, or it is not
    /// UTF-8.
    pub fn text(&self, name: &str) -> Option<&str> {
        let mut parts = self.parts.iter();
        match parts.find(|part| part.is_named(self.body, name) && !part.is_file()) {
            Some(part) => part.text(self.body),
            None => self.appended(name).map(AppendedPart::text),
        }
    }

    /// The text of the only part with this name; `None` where there is none.
    ///
    /// # Errors
    /// There are several, of which two readers may each take another one, or it is no text.
    pub fn single(&self, name: &str) -> Result<Option<&str>, RequestError> {
        match self.count(name) {
            0 => Ok(None),
            1 => match self.text(name) {
                None => Err(RequestError::invalid(name, "a text")),
                text => Ok(text),
            },
            _ => Err(RequestError::invalid(name, "a single part")),
        }
    }

    /// A part that is a boolean, as forms spell it; false where there is none.
    ///
    /// # Errors
    /// There are several, or it is none.
    pub fn flag(&self, name: &str) -> Result<bool, RequestError> {
        match self.single(name)?.map(str::trim) {
            None | Some("") => Ok(false),
            Some(text) if text.eq_ignore_ascii_case("true") || text == "1" => Ok(true),
            Some(text) if text.eq_ignore_ascii_case("false") || text == "0" => Ok(false),
            Some(_) => Err(RequestError::invalid(name, "true or false")),
        }
    }

    /// The number of parts with this name.
    pub fn count(&self, name: &str) -> usize {
        let parts = self.parts.iter();
        let named = parts.filter(|part| part.is_named(self.body, name)).count();
        named + usize::from(self.appended(name).is_some())
    }

    /// The names of the parts that came, and the length of what each holds (bytes).
    pub fn lengths(&self) -> impl Iterator<Item = (String, usize)> {
        self.parts
            .iter()
            .map(|part| part.name_and_length(self.body))
    }

    /// Replaces the text of the parts with this name, or appends one. Files stay.
    pub fn set(&mut self, name: &str, text: &str) {
        if self.count(name) > self.appended(name).iter().count() {
            self.each_text(name, &mut |part| part.replace(text));
            return;
        }
        self.appended.retain(|part| part.name != name);
        let part = AppendedPart::new(&self.delimiter, name, text);
        self.appended.push(part);
    }

    /// Removes the parts with this name. Files stay.
    pub fn remove(&mut self, name: &str) {
        self.each_text(name, &mut Part::remove);
        self.appended.retain(|part| part.name != name);
    }

    /// Gives the parts with this name another one; where that is taken, they go. Files stay as they are.
    pub fn rename(&mut self, name: &str, to: &str) {
        if self.count(to) > 0 {
            return self.remove(name);
        }
        self.each_text(name, &mut |part| part.rename(to));
        if let Some(part) = self.appended.iter_mut().find(|part| part.name == name) {
            *part = AppendedPart::new(&self.delimiter, to, part.text());
        }
    }

    /// The body with its edits, in slices, none of which is a copy of its bytes.
    pub fn slices(&self) -> Vec<&[u8]> {
        let mut slices = Vec::with_capacity(8);
        let mut kept = 0;
        let ends = self.parts.iter().skip(1).map(|part| part.start);
        for (part, end) in self.parts.iter().zip(ends.chain([self.end])) {
            part.each_edit(end, &mut |place, by| {
                slices.push(self.body.get(kept..place.start).unwrap_or_default());
                slices.push(by.as_bytes());
                kept = place.end;
            });
        }
        slices.push(self.body.get(kept..self.end).unwrap_or_default());
        slices.extend(self.appended.iter().map(AppendedPart::bytes));
        slices.push(self.body.get(self.end..).unwrap_or_default());
        slices.retain(|slice| !slice.is_empty());
        slices
    }

    fn each_text(&mut self, name: &str, change: &mut dyn FnMut(&mut Part)) {
        for part in &mut self.parts {
            if part.is_named(self.body, name) && !part.is_file() {
                change(part);
            }
        }
    }

    fn appended(&self, name: &str) -> Option<&AppendedPart> {
        self.appended.iter().find(|part| part.name == name)
    }
}

/// The line of a delimiter.
enum DelimiterLine {
    /// A line that begins a part, and the offset behind the line.
    Next(usize),
    /// The one that ends the form.
    Last,
}
