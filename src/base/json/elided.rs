//! A text whose long strings are left out: it can be taken apart, edited and copied without them.
//!
//! Edits that reach into the messages of a request make a new text of all messages. Where a message holds a picture, that
//! would be in memory once more for each of them.

use memchr::{memchr, memchr2, memmem};

use super::raw;

/// The length from which a string is left out, and the size from which a text is worth it (bytes).
const LONG: usize = 4 * 1024;
const WORTH_IT: usize = 64 * 1024;

/// The characters around the number of a string that was left out: two that stand for nothing (Unicode keeps them for a
/// program's own use), in a text that has none of them.
const OPEN: char = '\u{fdd0}';
const CLOSE: char = '\u{fdd1}';

/// A JSON text in which numbers stand for the insides of long strings.
#[derive(Debug)]
pub struct Elided<'a> {
    text: String,
    /// The insides, as they are written.
    left_out: Vec<&'a str>,
}

impl<'a> Elided<'a> {
    /// Leaves out the long strings in `part`, a value in `source`. `None` where that does not make it half as long at
    /// least, or where `source` has one of the two characters.
    /// `has_room` is asked for the memory that it takes (bytes).
    pub fn of(
        source: &'a str,
        part: &'a str,
        has_room: &mut dyn FnMut(usize) -> bool,
    ) -> Option<Self> {
        if part.len() < WORTH_IT || [OPEN, CLOSE].into_iter().any(|mark| has(source, mark)) {
            return None;
        }
        let long = long_strings(part);
        let bytes: usize = long.iter().map(|inside| inside.len()).sum();
        if bytes < source.len() / 2 {
            return None;
        }
        let length = source.len() - bytes + long.len() * 16;
        if !has_room(length) {
            return None;
        }
        let mut elided = Self {
            text: String::with_capacity(length),
            left_out: Vec::new(),
        };
        let mut copied = 0;
        for inside in long {
            let at = raw::offset(source, inside);
            elided.text.push_str(source.get(copied..at)?);
            let number = elided.number_of(inside);
            elided.text.push(OPEN);
            elided.text.push_str(&number.to_string());
            elided.text.push(CLOSE);
            copied = at + inside.len();
        }
        elided.text.push_str(source.get(copied..)?);
        Some(elided)
    }

    /// The text without its long strings.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The slices of a text that was made from this one, with the long strings in their places again.
    pub fn restored<'s>(&'s self, slices: &[&'s [u8]]) -> Vec<&'s [u8]> {
        let mut restored = Vec::with_capacity(slices.len() + 2 * self.left_out.len());
        for slice in slices {
            let mut rest = *slice;
            while let Some((before, number, behind)) = next_mark(rest) {
                let left_out = self.left_out.get(number).copied().unwrap_or_default();
                restored.extend([before, left_out.as_bytes()]);
                rest = behind;
            }
            restored.push(rest);
        }
        restored
    }

    /// The number of a string; equal ones have one, as ids have to stay the same.
    fn number_of(&mut self, inside: &'a str) -> usize {
        let known = self.left_out.iter().position(|known| *known == inside);
        known.unwrap_or_else(|| {
            self.left_out.push(inside);
            self.left_out.len() - 1
        })
    }
}

fn has(text: &str, mark: char) -> bool {
    memmem::find(text.as_bytes(), mark.encode_utf8(&mut [0; 4]).as_bytes()).is_some()
}

/// The insides of the long strings of a JSON text.
fn long_strings(json: &str) -> Vec<&str> {
    let bytes = json.as_bytes();
    let rest = |at: usize| bytes.get(at..).unwrap_or_default();
    let (mut at, mut found) = (0, Vec::new());
    while let Some(quote) = memchr(b'"', rest(at)) {
        let from = at + quote + 1;
        let mut to = from;
        // An escape is two bytes or more, of which the second is never the end.
        while let Some(next) = memchr2(b'"', b'\\', rest(to)) {
            to += next;
            if bytes.get(to) == Some(&b'"') {
                break;
            }
            to += 2;
        }
        found.extend(json.get(from..to).filter(|inside| inside.len() >= LONG));
        at = to + 1;
    }
    found
}

/// The bytes before the next number in its marks, the number, and those behind it.
fn next_mark(text: &[u8]) -> Option<(&[u8], usize, &[u8])> {
    let (open, close) = (OPEN.to_string(), CLOSE.to_string());
    let at = memmem::find(text, open.as_bytes())?;
    let (before, from) = (text.get(..at)?, text.get(at + open.len()..)?);
    let end = memmem::find(from, close.as_bytes())?;
    let number = std::str::from_utf8(from.get(..end)?).ok()?.parse().ok()?;
    Some((before, number, from.get(end + close.len()..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(texts: &[&str]) -> String {
        let messages: Vec<String> = texts
            .iter()
            .map(|text| format!(r#"{{"content":"{text}","x":"short \" one"}}"#))
            .collect();
        format!(
            r#"{{"a":"{}","messages":[{}]}}"#,
            "a".repeat(LONG),
            messages.join(",")
        )
    }

    fn elided(body: &str) -> Option<Elided<'_>> {
        Elided::of(body, raw::member(body, "messages").unwrap(), &mut |_| true)
    }

    #[test]
    fn long_strings_come_back_where_they_were() {
        let picture = "x\\\"é\\\\".repeat(WORTH_IT);
        let other = "y".repeat(LONG);
        let body = body(&[&picture, "hi", &other, &picture]);
        let elided = elided(&body).unwrap();
        assert!(elided.text().len() < 2 * LONG && elided.left_out.len() == 2);
        raw::each_member(elided.text(), &mut |_, _| ()).unwrap();
        let (one, two) = elided.text().as_bytes().split_at(LONG + 10);
        assert!(elided.restored(&[one, two]).concat() == body.as_bytes());
    }

    #[test]
    fn what_is_not_worth_it_stays() {
        for texts in [
            &["x".repeat(LONG)][..],
            &vec!["x".repeat(LONG - 1); 100],
            &[format!("{OPEN}{}", "x".repeat(2 * WORTH_IT))],
            &[format!("{}{CLOSE}", "x".repeat(2 * WORTH_IT))],
        ] {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            assert!(elided(&body(&texts)).is_none());
        }
    }
}
