//! A JSON object that keeps its bytes: members are ranges of the source text, edits lie beside them, and whatever was
//! not edited is written back as it came, white space, escapes and number spellings included.

pub mod elided;
mod name_filter;
pub mod number;
pub mod path;
pub mod pieces;
pub mod raw;
pub mod reader;
pub mod spliced;

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use serde::Deserializer as _;
use serde::de::IgnoredAny;

use crate::heapsort::sorted;
use crate::text;

use self::name_filter::NameFilter;
use self::pieces::{Piece, PieceWriter};
use self::reader::{EntryCursor, Invalid, Reader};

/// The most members of an object. A request has about forty; the bound keeps the index of an object of empty
/// members, which no budget is charged for, below half a megabyte.
pub const MAX_MEMBERS: usize = 1 << 14;

/// The longest part of a repeated key that is shown in the error (bytes).
pub const MAX_SHOWN_KEY: usize = 128;

/// A view on the text of a JSON object, and the edits to make when it is written.
#[derive(Clone, Debug)]
pub struct Object<'a> {
    source: &'a str,
    /// The offset of the text behind the opening brace.
    opened: u32,
    members: Vec<MemberSpan>,
    /// The names of all members, those that were removed and those that are new included.
    names: NameFilter,
    /// New values of members, as JSON.
    replaced: Vec<String>,
    appended: Vec<NewMember>,
}

/// A member that the source does not have.
#[derive(Clone, Debug)]
struct NewMember {
    key: String,
    /// Key and value as JSON.
    text: String,
    /// The offset of the value in it.
    value: usize,
}

/// The byte offsets of a member: the key from its opening to behind its closing quote, the value from its first to
/// behind its last byte.
#[derive(Clone, Copy, Debug)]
struct MemberSpan {
    key: u32,
    key_end: u32,
    value: u32,
    end: u32,
    /// The key holds escapes: it is longer than its text.
    escaped: bool,
    edit: Edit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Edit {
    Kept,
    Removed,
    /// Replaced by the value with this index in `replaced`.
    Replaced(u32),
}

/// The reason why a text is no object to work with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectError {
    /// `line` and `column` count from one; `message` does not repeat them.
    NotJson {
        line: usize,
        column: usize,
        message: String,
    },
    /// The text is valid JSON of another type.
    NotAnObject,
    /// A key is repeated; its text (at most [`MAX_SHOWN_KEY`] bytes).
    DuplicateKey(String),
    /// The text has more members than [`MAX_MEMBERS`], or more than 4 GiB.
    TooLarge,
}

impl<'a> Object<'a> {
    /// Views `source` as an object without repeated keys: two readers of a repeated key may see different values.
    /// Keys are compared as text, `"mod\u0065l"` equals `"model"`. Takes O(n log n) in the number of members.
    pub fn parse(source: &'a str) -> Result<Self, ObjectError> {
        Self::parse_with(source, &mut |_, value| value.skip())
    }

    /// Like [`Object::parse`]. `read` is called with the key of every member as text and must read its value: it can look
    /// at what is in it on the way.
    pub fn parse_with(
        source: &'a str,
        read: &mut dyn FnMut(&str, &mut Reader<'a>) -> Result<(), Invalid>,
    ) -> Result<Self, ObjectError> {
        let (object, may_repeat) = Self::view(source, read)?;
        match may_repeat.then(|| object.repeated_key()).flatten() {
            Some(key) => Err(ObjectError::DuplicateKey(key)),
            None => Ok(object),
        }
    }

    /// Like [`Object::parse`], but of members with the same key the last one counts, as in most parsers.
    pub fn parse_lenient(source: &'a str) -> Result<Self, ObjectError> {
        Self::view(source, &mut |_, value| value.skip()).map(|(object, _)| object)
    }

    /// The object, and whether some of its members may have the same key.
    fn view(
        source: &'a str,
        read: &mut dyn FnMut(&str, &mut Reader<'a>) -> Result<(), Invalid>,
    ) -> Result<(Self, bool), ObjectError> {
        u32::try_from(source.len()).map_err(|_| ObjectError::TooLarge)?;
        let mut object = Self {
            source,
            opened: 0,
            members: Vec::new(),
            names: NameFilter::default(),
            replaced: Vec::new(),
            appended: Vec::new(),
        };
        match object.read_members(read) {
            Ok(_) if object.members.len() > MAX_MEMBERS => Err(ObjectError::TooLarge),
            Ok(may_repeat) => Ok((object, may_repeat)),
            Err(Invalid) => Err(ObjectError::of(source)),
        }
    }

    fn read_members(
        &mut self,
        read: &mut dyn FnMut(&str, &mut Reader<'a>) -> Result<(), Invalid>,
    ) -> Result<bool, Invalid> {
        let mut reader = Reader::new(self.source);
        reader.peek();
        self.opened = position(reader.at()) + 1;
        let mut entries = EntryCursor::default();
        let mut may_repeat = false;
        while let Some(key) = reader.key(&mut entries)? {
            let text = key.text().ok_or(Invalid)?;
            let escaped = matches!(text, Cow::Owned(_));
            may_repeat |= self.names.add(&text);
            let key_from = raw::offset(self.source, key.raw());
            reader.peek();
            let value = reader.at();
            read(&text, &mut reader)?;
            // One more tells that there are too many.
            if self.members.len() <= MAX_MEMBERS {
                self.members.push(MemberSpan {
                    key: position(key_from),
                    key_end: position(key_from + key.raw().len()),
                    value: position(value),
                    end: position(reader.at()),
                    escaped,
                    edit: Edit::Kept,
                });
            }
        }
        reader.end()?;
        Ok(may_repeat)
    }

    /// The raw JSON of a member as it would be written, its replacement if it has one; `None` for an absent or removed
    /// one.
    pub fn get(&self, key: &str) -> Option<&str> {
        if !self.names.may_have(key) {
            return None;
        }
        if let Some(new) = self.appended.iter().find(|new| new.key == key) {
            return new.text.get(new.value..);
        }
        let mut from_last = self.members.iter().rev();
        from_last
            .find(|member| member.has_key(self.source, key))
            .and_then(|member| self.written(*member))
    }

    /// The text of a member; `None` unless it is a string without lone surrogates.
    pub fn text(&self, key: &str) -> Option<Cow<'_, str>> {
        raw::text(self.get(key)?)
    }

    /// The members as they came, edits left aside: raw keys with their quotes, and raw values.
    pub fn members(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.members
            .iter()
            .map(|member| (self.key(*member), self.value(*member)))
    }

    /// Replaces the member's value where it stands, or appends the member before the closing brace. `json` must be
    /// valid JSON. Where the source repeats the key, one member is left, so that all readers see the new value.
    pub fn set(&mut self, key: &str, json: String) {
        if let Some(new) = self.appended.iter_mut().find(|new| new.key == key) {
            new.text.truncate(new.value);
            new.text.push_str(&json);
            return;
        }
        let mut last = None;
        for member in &mut self.members {
            if member.has_key(self.source, key) {
                member.edit = Edit::Removed;
                last = Some(member);
            }
        }
        match last {
            Some(member) => {
                member.edit = Edit::Replaced(position(self.replaced.len()));
                self.replaced.push(json);
            }
            None => {
                self.names.add(key);
                self.appended.push(NewMember::new(key, &json));
            }
        }
    }

    /// Removes every member with this key, and with each the comma that joined it. Tells whether there was one.
    pub fn remove(&mut self, key: &str) -> bool {
        let was_there = self.get(key).is_some();
        if !was_there {
            return false;
        }
        self.appended.retain(|new| new.key != key);
        for member in &mut self.members {
            if member.has_key(self.source, key) {
                member.edit = Edit::Removed;
            }
        }
        was_there
    }

    /// The text that is viewed.
    pub fn source(&self) -> &'a str {
        self.source
    }

    /// Whether [`Object::to_json`] differs from the source.
    pub fn is_edited(&self) -> bool {
        !self.appended.is_empty() || self.members.iter().any(|member| member.edit != Edit::Kept)
    }

    /// The object with its edits; the text between them stays byte for byte, white space around the braces included.
    pub fn to_json(&self) -> String {
        let mut out = String::with_capacity(self.source.len() + self.added());
        self.each_piece(&mut |piece| out.push_str(piece.of(self.source)));
        out
    }

    /// The same in slices, none of which is a copy of the source's text.
    pub fn slices(&self) -> Vec<&[u8]> {
        let mut slices =
            Vec::with_capacity(1 + 2 * (self.replaced.len() + 2 * self.appended.len()));
        self.each_piece(&mut |piece| slices.push(piece.of(self.source).as_bytes()));
        slices
    }

    /// Visits the pieces that the object with its edits is made of.
    pub fn each_piece<'s>(&'s self, take: &mut dyn FnMut(Piece<'s>)) {
        let mut pieces = PieceWriter::new(take);
        pieces.keep(0, self.opened);
        let mut is_first = true;
        let mut before = self.opened;
        for (place, member) in self.members.iter().enumerate() {
            if member.edit != Edit::Removed {
                if is_first && place > 0 {
                    // The comma belonged to a removed member; the white space of the first place stays.
                    let first_key = self.members.first().map_or(before, |first| first.key);
                    pieces.keep(self.opened, first_key);
                    pieces.keep(member.key, member.value);
                } else {
                    pieces.keep(before, member.value);
                }
                match member.edit {
                    Edit::Replaced(place) => {
                        pieces.put(self.replacement(place).unwrap_or_default())
                    }
                    Edit::Kept | Edit::Removed => pieces.keep(member.value, member.end),
                }
                is_first = false;
            }
            before = member.end;
        }
        for new in &self.appended {
            if !is_first {
                pieces.put(",");
            }
            pieces.put(&new.text);
            is_first = false;
        }
        pieces.keep(before, position(self.source.len()));
        pieces.finish();
    }

    /// The number of bytes that the edits add, about.
    pub fn added(&self) -> usize {
        let replaced = self.replaced.iter().map(String::len);
        let appended = self.appended.iter().map(|new| new.text.len() + 1);
        replaced.chain(appended).sum()
    }

    /// The value as it is to be written; `None` of a removed member.
    fn written(&self, member: MemberSpan) -> Option<&str> {
        match member.edit {
            Edit::Kept => Some(self.value(member)),
            Edit::Removed => None,
            Edit::Replaced(place) => self.replacement(place),
        }
    }

    fn replacement(&self, place: u32) -> Option<&str> {
        self.replaced.get(place as usize).map(String::as_str)
    }

    fn repeated_key(&self) -> Option<String> {
        // Sorting has no worst case that a client could provoke, unlike hashing.
        let keys: Vec<Cow<'_, str>> = sorted(self.members().filter_map(|(key, _)| raw::text(key)));
        keys.windows(2).find_map(|pair| match pair {
            [one, other] if one == other => Some(text::cut(one, MAX_SHOWN_KEY).to_owned()),
            _ => None,
        })
    }

    fn key(&self, member: MemberSpan) -> &'a str {
        self.slice(member.key, member.key_end)
    }

    fn value(&self, member: MemberSpan) -> &'a str {
        self.slice(member.value, member.end)
    }

    fn slice(&self, from: u32, to: u32) -> &'a str {
        slice(self.source, from, to)
    }
}

impl NewMember {
    fn new(key: &str, json: &str) -> Self {
        let quotes_and_colon = 3;
        let mut text = String::with_capacity(key.len() + json.len() + quotes_and_colon);
        raw::push_quoted(&mut text, key);
        text.push(':');
        let value = text.len();
        text.push_str(json);
        Self {
            key: key.to_owned(),
            text,
            value,
        }
    }
}

impl MemberSpan {
    fn has_key(self, source: &str, key: &str) -> bool {
        let raw_key = slice(source, self.key, self.key_end);
        if self.escaped {
            raw::is_key(raw_key, key)
        } else {
            raw_key.len() == key.len() + 2 && raw::inside(raw_key) == Some(key)
        }
    }
}

/// A part of a text, by its [`position`]s. A call of its own would cost more than its work.
#[inline(always)]
pub fn slice(source: &str, from: u32, to: u32) -> &str {
    source.get(from as usize..to as usize).unwrap_or_default()
}

/// A place in a text of at most 4 GiB.
pub fn position(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

impl ObjectError {
    /// The reason why [`Reader`] does not take this text for an object.
    pub fn of(source: &str) -> Self {
        let is_object = source
            .trim_start_matches([' ', '\t', '\r', '\n'])
            .starts_with('{');
        let mut reader = serde_json::Deserializer::from_str(source);
        let read = if is_object {
            // Not as any value: then keys would not be read as text.
            reader.deserialize_map(IgnoredAny)
        } else {
            reader.deserialize_ignored_any(IgnoredAny)
        };
        match read.and_then(|_| reader.end()) {
            Err(error) => error.into(),
            Ok(()) => Self::NotAnObject,
        }
    }
}

impl From<serde_json::Error> for ObjectError {
    fn from(error: serde_json::Error) -> Self {
        let position = format!(" at line {} column {}", error.line(), error.column());
        let message = error.to_string();
        Self::NotJson {
            line: error.line(),
            column: error.column(),
            message: message
                .strip_suffix(&position)
                .map(str::to_owned)
                .unwrap_or(message),
        }
    }
}

impl fmt::Display for ObjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson {
                line,
                column,
                message,
            } => write!(f, "{message} at line {line} column {column}"),
            Self::NotAnObject => f.write_str("not a JSON object"),
            Self::DuplicateKey(key) => write!(f, "the key {} is repeated", raw::quoted(key)),
            Self::TooLarge => write!(f, "more than {MAX_MEMBERS} members"),
        }
    }
}

impl Error for ObjectError {}

#[cfg(test)]
mod tests;
