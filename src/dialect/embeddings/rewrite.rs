//! The rewriting of an answer: vectors in another encoding, and members that are not there. One pass, no tree.

use crate::dialect::annotation::Annotation;
use crate::json::raw;
use crate::json::reader::{EntryCursor, Invalid, Reader};

use super::vector::{self, Encoding};

/// An answer that was rewritten.
pub struct Rewritten {
    pub text: String,
    pub annotation: Annotation,
}

/// Writes a body that was judged, with all vectors in an encoding, an index for each, and `object`, `model` and `usage`;
/// all else byte for byte. `None` of a body that was not judged.
pub fn rewrite(body: &str, encoding: Encoding, model: &str) -> Option<Rewritten> {
    let mut writer = Rewriter {
        source: body,
        copied: 0,
        out: String::with_capacity(body.len()),
        encoding,
        buffer: Vec::new(),
    };
    let annotation = writer.object(&mut Reader::new(body), model).ok()?;
    writer.keep_to(body.len());
    Some(Rewritten {
        text: writer.out,
        annotation,
    })
}

/// The length of a body whose vectors are in another encoding, about (bytes); zero if they stay. A 32-bit float is 5.3
/// characters of base64, and as a number with its comma mostly 8 to 13.
pub fn length(body: &str, came: Encoding, wanted: Encoding) -> usize {
    match (came, wanted) {
        (Encoding::Base64, Encoding::Floats) => body.len().saturating_mul(5) / 2,
        (Encoding::Floats, Encoding::Base64) => body.len(),
        _ => 0,
    }
}

struct Rewriter<'a> {
    source: &'a str,
    /// The end of what was copied or replaced.
    copied: usize,
    out: String,
    encoding: Encoding,
    buffer: Vec<u8>,
}

impl<'a> Rewriter<'a> {
    /// Copies the source up to a place.
    fn keep_to(&mut self, at: usize) {
        let kept = self.source.get(self.copied..at).unwrap_or_default();
        self.out.push_str(kept);
        self.copied = at;
    }

    fn object(&mut self, reader: &mut Reader<'a>, model: &str) -> Result<Annotation, Invalid> {
        reader.peek();
        let mut annotation = Annotation::of_empty(reader.at() + 1);
        let (mut has_object, mut has_usage) = (false, false);
        let mut is_empty = true;
        let mut object = EntryCursor::default();
        let mut end = reader.at() + 1;
        while let Some(key) = reader.key(&mut object)? {
            match &*key.text().ok_or(Invalid)? {
                "data" => self.data(reader)?,
                "model" => {
                    let value = reader.value()?;
                    self.keep_to(reader.at());
                    annotation.note_model(value, self.out.len());
                }
                "object" => has_object = self.member(reader, "null", "\"list\"")?,
                "usage" => has_usage = self.member(reader, "null", NO_USAGE)?,
                "routing_summary" => {
                    annotation.note_summary();
                    reader.skip()?;
                }
                _ => reader.skip()?,
            }
            is_empty = false;
            end = reader.at();
        }
        reader.end()?;
        self.keep_to(end);
        let mut add = |name: &str, value: &str, out: &mut String| {
            if !is_empty {
                out.push(',');
            }
            is_empty = false;
            out.push_str(name);
            out.push_str(value);
        };
        if !has_object {
            add("\"object\":", "\"list\"", &mut self.out);
        }
        if annotation.model(&self.out).is_none() {
            let quoted = raw::quoted(model);
            add("\"model\":", &quoted, &mut self.out);
            annotation.note_model(&quoted, self.out.len());
        }
        if !has_usage {
            add("\"usage\":", NO_USAGE, &mut self.out);
        }
        annotation.note_end(self.out.len());
        Ok(annotation)
    }

    /// Copies a member, or puts another value in the place of the one that says nothing.
    fn member(
        &mut self,
        reader: &mut Reader<'a>,
        nothing: &str,
        instead: &str,
    ) -> Result<bool, Invalid> {
        let value = reader.value()?;
        if value == nothing {
            self.keep_to(reader.at() - value.len());
            self.out.push_str(instead);
            self.copied = reader.at();
        }
        Ok(true)
    }

    fn data(&mut self, reader: &mut Reader<'a>) -> Result<(), Invalid> {
        if reader.peek() != Some(b'[') {
            return reader.value().map(drop);
        }
        let mut place = 0;
        let mut array = EntryCursor::default();
        while reader.item(&mut array)? {
            if reader.peek() == Some(b'{') {
                self.item(reader, place)?;
            } else {
                reader.skip()?;
            }
            place += 1;
        }
        Ok(())
    }

    fn item(&mut self, reader: &mut Reader<'a>, place: usize) -> Result<(), Invalid> {
        let mut has_index = false;
        let mut end = reader.at();
        let mut object = EntryCursor::default();
        while let Some(key) = reader.key(&mut object)? {
            match key.text().as_deref() {
                Some("embedding") => self.vector(reader)?,
                Some("index") => {
                    has_index = true;
                    reader.skip()?;
                }
                _ => reader.skip()?,
            }
            end = reader.at();
        }
        if !has_index {
            self.keep_to(end);
            self.out.push_str(",\"index\":");
            self.out.push_str(&place.to_string());
        }
        Ok(())
    }

    fn vector(&mut self, reader: &mut Reader<'a>) -> Result<(), Invalid> {
        let read = vector::read(reader, self.encoding, &mut self.buffer)?;
        if let Ok(vector) = read
            && vector.encoding != self.encoding
        {
            self.keep_to(reader.at() - vector.text.len());
            vector::write_as(&mut self.out, vector, self.encoding, &mut self.buffer);
            self.copied = reader.at();
        }
        Ok(())
    }
}

/// The usage of a provider that counts nothing, for readers that expect the member.
const NO_USAGE: &str = r#"{"prompt_tokens":0,"total_tokens":0}"#;
