//! A JSON object that keeps its bytes: members are ranges of the source text, edits lie beside them, and whatever was
//! not edited is written back as it came, white space, escapes and number spellings included.

pub mod elided;
mod name_filter;
pub mod number;
mod object_error;
pub mod path;
pub mod pieces;
pub mod raw;
pub mod reader;
pub mod spliced;
mod string_scan;

use std::borrow::Cow;

use crate::heapsort::sorted;
use crate::text;

use self::pieces::{Piece, PieceWriter};
use self::reader::{EntryCursor, Invalid, Reader};

pub use self::name_filter::NameFilter;
pub use self::object_error::{MAX_MEMBERS, MAX_SHOWN_KEY, ObjectError};

/// A view on the text of a JSON object, and the edits to make when it is written.
#[derive(Clone, Debug)]
pub struct Object<'a> {
    source: &'a str,
    /// The offset of the text behind the opening brace.
    opened: u32,
    members: Cow<'a, [MemberSpan]>,
    /// The names of all members, those that were removed and those that are new included.
    names: NameFilter,
    /// The edits of members, in the order of these.
    edits: Vec<MemberEdit>,
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
}

/// An edit of a member that the source has.
#[derive(Clone, Debug)]
struct MemberEdit {
    /// The member's place among all.
    place: usize,
    /// The new value, as JSON; `None` of a member that was removed.
    json: Option<String>,
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
            members: Cow::default(),
            names: NameFilter::default(),
            edits: Vec::new(),
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
        let (mut members, mut may_repeat) = (Vec::new(), false);
        while let Some(key) = reader.key(&mut entries)? {
            let text = key.text().ok_or(Invalid)?;
            let escaped = matches!(text, Cow::Owned(_));
            may_repeat |= self.names.add(&text);
            let (key_from, key_end) = key.span();
            reader.peek();
            let value = reader.at();
            read(&text, &mut reader)?;
            // One more tells that there are too many.
            if members.len() <= MAX_MEMBERS {
                members.push(MemberSpan {
                    key: position(key_from),
                    key_end: position(key_end),
                    value: position(value),
                    end: position(reader.at()),
                    escaped,
                });
            }
        }
        reader.end()?;
        self.members = Cow::Owned(members);
        Ok(may_repeat)
    }

    /// Whether there may be a member with one of these names; where there may not, there is none.
    pub fn may_have_any(&self, names: NameFilter) -> bool {
        self.names.may_share(names)
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
        let mut from_last = self.members.iter().enumerate().rev();
        from_last
            .find(|(_, member)| member.has_key(self.source, key))
            .and_then(|(place, member)| self.written(place, *member))
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
        match self.remove_members(key) {
            Some(last) => put_edit(&mut self.edits, last, Some(json)),
            None => {
                self.names.add(key);
                self.appended.push(NewMember::new(key, &json));
            }
        }
    }

    /// Removes every member with this key, and with each the comma that joined it. Tells whether there was one.
    pub fn remove(&mut self, key: &str) -> bool {
        let was_there = self.get(key).is_some();
        if was_there {
            self.appended.retain(|new| new.key != key);
            self.remove_members(key);
        }
        was_there
    }

    /// The same object, to be edited by itself; the places of its members are not copied.
    pub fn borrowed(&self) -> Object<'_> {
        Object {
            source: self.source,
            opened: self.opened,
            members: Cow::Borrowed(&self.members),
            names: self.names,
            edits: self.edits.clone(),
            appended: self.appended.clone(),
        }
    }

    /// The text that is viewed.
    pub fn source(&self) -> &'a str {
        self.source
    }

    /// Whether [`Object::to_json`] differs from the source.
    pub fn is_edited(&self) -> bool {
        !self.appended.is_empty() || !self.edits.is_empty()
    }

    /// The object with its edits; the text between them stays byte for byte, white space around the braces included.
    pub fn to_json(&self) -> String {
        let mut out = String::with_capacity(self.source.len() + self.added());
        self.each_piece(&mut |piece| out.push_str(piece.of(self.source)));
        out
    }

    /// The same in slices, none of which is a copy of the source's text.
    pub fn slices(&self) -> Vec<&[u8]> {
        let mut slices = Vec::with_capacity(1 + 2 * (self.edits.len() + 2 * self.appended.len()));
        self.each_piece(&mut |piece| slices.push(piece.of(self.source).as_bytes()));
        slices
    }

    /// Visits the pieces that the object with its edits is made of.
    pub fn each_piece<'s>(&'s self, take: &mut dyn FnMut(Piece<'s>)) {
        let mut pieces = PieceWriter::new(take);
        pieces.keep(0, self.opened);
        let mut is_first = true;
        let mut before = self.opened;
        let mut edits = self.edits.iter().peekable();
        for (place, member) in self.members.iter().enumerate() {
            let edit = edits.next_if(|edit| edit.place == place);
            if edit.is_none_or(|edit| edit.json.is_some()) {
                if is_first && place > 0 {
                    // The comma belonged to a removed member; the white space of the first place stays.
                    let first_key = self.members.first().map_or(before, |first| first.key);
                    pieces.keep(self.opened, first_key);
                    pieces.keep(member.key, member.value);
                } else {
                    pieces.keep(before, member.value);
                }
                match edit.and_then(|edit| edit.json.as_deref()) {
                    Some(json) => pieces.put(json),
                    None => pieces.keep(member.value, member.end),
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
        let replaced = self.edits.iter().filter_map(|edit| edit.json.as_deref());
        let replaced = replaced.map(str::len);
        let appended = self.appended.iter().map(|new| new.text.len() + 1);
        replaced.chain(appended).sum()
    }

    /// Removes the members of the source with this key. The place of the last one comes back; `None` without one.
    fn remove_members(&mut self, key: &str) -> Option<usize> {
        let mut last = None;
        for (place, member) in self.members.iter().enumerate() {
            if member.has_key(self.source, key) {
                put_edit(&mut self.edits, place, None);
                last = Some(place);
            }
        }
        last
    }

    /// The value as it is to be written; `None` of a removed member.
    fn written(&self, place: usize, member: MemberSpan) -> Option<&str> {
        let edit = self.edits.binary_search_by_key(&place, |edit| edit.place);
        match edit.map(|at| self.edits.get(at)) {
            Ok(edit) => edit.and_then(|edit| edit.json.as_deref()),
            Err(_) => Some(self.value(member)),
        }
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

/// Puts an edit of a member in the place of the one that it has.
fn put_edit(edits: &mut Vec<MemberEdit>, place: usize, json: Option<String>) {
    let edit = MemberEdit { place, json };
    match edits.binary_search_by_key(&place, |edit| edit.place) {
        Ok(at) => {
            if let Some(known) = edits.get_mut(at) {
                *known = edit;
            }
        }
        Err(at) => edits.insert(at, edit),
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

#[cfg(test)]
mod tests;
