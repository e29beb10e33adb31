//! Reads a JSON text once from front to back, and takes exactly what serde_json takes. The caller goes down where it
//! wants to know more and passes over the rest; nothing recurses, and nothing is copied.

use std::borrow::Cow;

use super::number::{self, Number};
use super::string_scan::special;

/// The text is not JSON. It does not say why: [`super::ObjectError`] has serde_json find that out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invalid;

/// A place in a text. In front of it everything was JSON.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    source: &'a str,
    at: usize,
}

/// The progress through an object or an array.
#[derive(Debug, Default)]
pub struct EntryCursor {
    is_begun: bool,
}

impl EntryCursor {
    /// The progress through an object or an array that was entered before.
    pub fn entered() -> Self {
        Self { is_begun: true }
    }
}

/// The key of an object's member.
#[derive(Clone, Copy, Debug)]
pub struct MemberKey<'a> {
    source: &'a str,
    /// The offsets of its first quote, and behind its second one.
    from: usize,
    to: usize,
    has_escapes: bool,
}

impl<'a> MemberKey<'a> {
    /// The key as it stands in the text, quotes included.
    pub fn raw(self) -> &'a str {
        self.source.get(self.from..self.to).unwrap_or_default()
    }

    /// The offsets of the key, quotes included.
    pub fn span(self) -> (usize, usize) {
        (self.from, self.to)
    }

    /// Whether the key can be compared: one that has no spelling as text cannot.
    pub fn is_text(self) -> bool {
        !self.has_escapes || self.text().is_some()
    }

    /// The key as text; `None` for lone surrogates, which no Rust string can hold.
    pub fn text(self) -> Option<Cow<'a, str>> {
        if self.has_escapes {
            return serde_json::from_str(self.raw()).ok().map(Cow::Owned);
        }
        let inside = self.source.get(self.from + 1..self.to - 1);
        inside.map(Cow::Borrowed)
    }
}

impl<'a> Reader<'a> {
    pub fn new(source: &'a str) -> Self {
        Self { source, at: 0 }
    }

    /// The reader behind a token that ends at an offset, where all in front of it was read before.
    pub fn behind(source: &'a str, offset: usize) -> Self {
        Self { source, at: offset }
    }

    /// The offset behind the last token that was read.
    pub fn at(&self) -> usize {
        self.at
    }

    /// The next byte behind white space; `None` at the end of the text. A call of its own would cost more than its work.
    #[inline(always)]
    pub fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = self.byte()?;
            if byte > b' ' || !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    /// Reads the key of an object's next member, or the object's end. The member's value is to be read then.
    pub fn key(&mut self, object: &mut EntryCursor) -> Result<Option<MemberKey<'a>>, Invalid> {
        if !self.goes_on(object, b'{', b'}')? {
            return Ok(None);
        }
        self.name().map(Some)
    }

    /// Whether an array has one more item, which is to be read then.
    pub fn item(&mut self, array: &mut EntryCursor) -> Result<bool, Invalid> {
        self.goes_on(array, b'[', b']')
    }

    /// Reads a value of any depth, and gives its text.
    pub fn value(&mut self) -> Result<&'a str, Invalid> {
        let first = self.peek();
        let from = self.at;
        self.pass(first)?;
        self.since(from).ok_or(Invalid)
    }

    /// Reads a value of any depth that nobody asks for.
    pub fn skip(&mut self) -> Result<(), Invalid> {
        let first = self.peek();
        self.pass(first)
    }

    /// Reads a value that is a number; `None` where the next value is none, which is not read then.
    #[inline]
    pub fn number(&mut self) -> Result<Option<Number<'a>>, Invalid> {
        if !matches!(self.peek(), Some(b'-' | b'0'..=b'9')) {
            return Ok(None);
        }
        let spelling = number::spelling(self.rest()).ok_or(Invalid)?;
        let from = self.at;
        self.at += spelling.length;
        Ok(Some(Number {
            text: self.since(from).ok_or(Invalid)?,
            is_zero: spelling.is_zero,
            has_exponent: spelling.has_exponent,
        }))
    }

    /// The text from an offset to behind the last token that was read; `None` where there is no such text.
    #[inline]
    pub fn since(&self, offset: usize) -> Option<&'a str> {
        self.source.get(offset..self.at)
    }

    /// Checks that nothing but white space is left.
    pub fn end(&mut self) -> Result<(), Invalid> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(Invalid),
        }
    }

    /// Passes over a value of any depth from its first byte on.
    fn pass(&mut self, first: Option<u8>) -> Result<(), Invalid> {
        match first {
            Some(b'{' | b'[') => self.nested(),
            _ => self.scalar(first),
        }
    }

    fn nested(&mut self) -> Result<(), Invalid> {
        let mut nesting = Nesting::default();
        loop {
            let is_open = match self.peek() {
                Some(b'{') => self.open(&mut nesting, true)?,
                Some(b'[') => self.open(&mut nesting, false)?,
                first => {
                    self.scalar(first)?;
                    false
                }
            };
            if !is_open && !self.close(&mut nesting)? {
                return Ok(());
            }
        }
    }

    /// Begins an object or an array, and tells whether it has a first entry, with a value that is to be read.
    fn open(&mut self, nesting: &mut Nesting, is_object: bool) -> Result<bool, Invalid> {
        self.at += 1;
        nesting.push(is_object);
        if self.peek() == Some(if is_object { b'}' } else { b']' }) {
            return Ok(false);
        }
        if is_object {
            self.any_name()?;
        }
        Ok(true)
    }

    /// Ends the objects and arrays that end behind a value, and tells whether another value is to be read.
    fn close(&mut self, nesting: &mut Nesting) -> Result<bool, Invalid> {
        while let Some(is_object) = nesting.innermost() {
            match (self.peek(), is_object) {
                (Some(b','), _) => {
                    self.at += 1;
                    if is_object {
                        self.any_name()?;
                    }
                    return Ok(true);
                }
                (Some(b'}'), true) | (Some(b']'), false) => {
                    self.at += 1;
                    nesting.pop();
                }
                _ => return Err(Invalid),
            }
        }
        Ok(false)
    }

    #[inline(always)]
    fn goes_on(&mut self, entries: &mut EntryCursor, open: u8, close: u8) -> Result<bool, Invalid> {
        let is_first = !entries.is_begun;
        if is_first {
            self.take(open)?;
            entries.is_begun = true;
        }
        match self.peek() {
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(false)
            }
            Some(_) if is_first => Ok(true),
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            _ => Err(Invalid),
        }
    }

    #[inline(always)]
    fn name(&mut self) -> Result<MemberKey<'a>, Invalid> {
        if self.peek() != Some(b'"') {
            return Err(Invalid);
        }
        let from = self.at;
        let has_escapes = self.string()?;
        let to = self.at;
        self.take(b':')?;
        Ok(MemberKey {
            source: self.source,
            from,
            to,
            has_escapes,
        })
    }

    /// Reads a member's key and its colon, of which nobody wants to know more.
    #[inline(always)]
    fn any_name(&mut self) -> Result<(), Invalid> {
        if self.peek() != Some(b'"') {
            return Err(Invalid);
        }
        self.string()?;
        self.take(b':')
    }

    /// Reads a value that is no object and no array from its first byte on.
    fn scalar(&mut self, first: Option<u8>) -> Result<(), Invalid> {
        match first {
            Some(b'"') => self.string().map(drop),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            _ => {
                let spelling = number::spelling(self.rest()).ok_or(Invalid)?;
                self.at += spelling.length;
                Ok(())
            }
        }
    }

    /// Reads a string from its opening quote on, and tells whether it has escapes, of which lone surrogates may be
    /// some.
    fn string(&mut self) -> Result<bool, Invalid> {
        self.at += 1;
        self.plain();
        match self.byte() {
            Some(b'"') => {
                self.at += 1;
                Ok(false)
            }
            _ => self.escapes().map(|()| true),
        }
    }

    /// Reads a string from its first escape on.
    #[inline(never)]
    fn escapes(&mut self) -> Result<(), Invalid> {
        while self.byte() == Some(b'\\') {
            self.at += 1;
            self.escape()?;
            self.plain();
        }
        match self.byte() {
            Some(b'"') => {
                self.at += 1;
                Ok(())
            }
            _ => Err(Invalid),
        }
    }

    /// Passes over what stands in a string as it is.
    #[inline(always)]
    fn plain(&mut self) {
        self.at = special(self.source.as_bytes(), self.at);
    }

    fn escape(&mut self) -> Result<(), Invalid> {
        let escaped = self.byte().ok_or(Invalid)?;
        self.at += 1;
        match escaped {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(()),
            b'u' => {
                let digits = self.rest().get(..4).ok_or(Invalid)?;
                self.at += 4;
                let are_hexadecimal = digits.iter().all(u8::is_ascii_hexdigit);
                are_hexadecimal.then_some(()).ok_or(Invalid)
            }
            _ => Err(Invalid),
        }
    }

    fn word(&mut self, word: &str) -> Result<(), Invalid> {
        if !self.rest().starts_with(word.as_bytes()) {
            return Err(Invalid);
        }
        self.at += word.len();
        Ok(())
    }

    #[inline(always)]
    fn take(&mut self, expected: u8) -> Result<(), Invalid> {
        if self.peek() != Some(expected) {
            return Err(Invalid);
        }
        self.at += 1;
        Ok(())
    }

    #[inline]
    fn byte(&self) -> Option<u8> {
        self.source.as_bytes().get(self.at).copied()
    }

    #[inline]
    fn rest(&self) -> &'a [u8] {
        self.source.as_bytes().get(self.at..).unwrap_or_default()
    }
}

/// The nesting of the values under way, a bit each that tells objects from arrays, the innermost lowest.
#[derive(Default)]
struct Nesting {
    bits: u64,
    depth: usize,
    /// The outer levels that do not fit any more, 64 by 64.
    outer: Vec<u64>,
}

impl Nesting {
    const BITS: usize = u64::BITS as usize;

    fn push(&mut self, is_object: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(Self::BITS) {
            self.outer.push(self.bits);
        }
        self.bits = self.bits << 1 | u64::from(is_object);
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.bits >>= 1;
        self.depth = self.depth.saturating_sub(1);
        if self.depth.is_multiple_of(Self::BITS) {
            self.bits = self.outer.pop().unwrap_or_default();
        }
    }

    fn innermost(&self) -> Option<bool> {
        (self.depth > 0).then_some(self.bits & 1 == 1)
    }
}

#[cfg(test)]
mod tests;
