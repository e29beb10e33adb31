//! The members of an error's body, at any depth: the names of what went wrong, and the waits.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::{memchr2, memrchr2};

use super::error_object::is_number;
use super::waits::{TimeUnit, Wait, parse_wait};
use crate::json::raw;
use crate::json::reader::{EntryCursor, Invalid, MemberKey, Reader};
use crate::word_index::WordIndex;

/// Objects and arrays inside each other, at most; deeper ones are not read.
const DEEPEST: usize = 12;

/// Texts that hold JSON, inside each other, at most: a gateway behind a gateway behind a gateway.
pub const MOST_UNWRAPPED: usize = 3;

/// Members read, at most.
const MOST_MEMBERS: usize = 512;

/// The longest text that is looked into (bytes, with its escapes).
const LONGEST_TEXT: usize = 256 * 1024;

/// Names kept, at most, and the longest one (bytes).
const MOST_NAMES: usize = 16;
const LONGEST_NAME: usize = 128;

/// The members of an error that mean something wherever they stand.
#[derive(Debug, Default)]
pub struct ErrorMembers {
    /// The texts and numbers of all `code`, `type`, `status`, `reason` and the like.
    pub names: Vec<String>,
    /// The wait of a member that is spelled like a retry, else like a reset.
    pub wait: Option<Wait>,
}

/// A listener that is told each member of an object, with its depth, its key and its raw value.
pub type Listener<'l, 'a> = dyn FnMut(usize, MemberKey<'a>, &'a str) + 'l;

impl ErrorMembers {
    /// Reads a JSON value. What is no JSON holds no members.
    pub fn of(json: &str) -> Self {
        Self::heard(json, &mut |_, _, _| ()).0
    }

    /// The same, with a listener to the members of the value (depth 0), of what stands in it (depth 1) and some deeper ones;
    /// those inside a member come before it. `None` beside it for what is no JSON.
    pub fn heard<'a>(json: &'a str, listener: &mut Listener<'_, 'a>) -> (Self, Option<()>) {
        let mut reading = Collected::default();
        let read = reading.json(json, Place::default(), listener);
        let members = Self {
            names: reading.names,
            wait: reading.waits.retry.or(reading.waits.reset),
        };
        (members, read.ok())
    }
}

#[derive(Default)]
struct Collected {
    names: Vec<String>,
    waits: Waits,
    members: usize,
}

#[derive(Clone, Copy, Default)]
struct Waits {
    retry: Option<Wait>,
    reset: Option<Wait>,
}

/// The place of a value: the objects and arrays around it, and the texts.
#[derive(Clone, Copy, Default)]
struct Place {
    depth: usize,
    unwrapped: usize,
}

impl Place {
    fn below(self) -> Self {
        let depth = self.depth + 1;
        Self { depth, ..self }
    }
}

impl Collected {
    fn json<'a>(
        &mut self,
        json: &'a str,
        place: Place,
        listener: &mut Listener<'_, 'a>,
    ) -> Result<(), Invalid> {
        let mut reader = Reader::new(json);
        match reader.peek() {
            Some(b'{' | b'[') if self.reads(place) => {
                self.entries(&mut reader, place, listener)?;
            }
            _ => self.unwrap(text_of(reader.value()?).as_ref(), place),
        }
        reader.end()
    }

    /// Reads a value, and what stands in it.
    fn value<'a>(
        &mut self,
        reader: &mut Reader<'a>,
        place: Place,
        listener: &mut Listener<'_, 'a>,
    ) -> Result<&'a str, Invalid> {
        let first = reader.peek();
        let from = reader.at();
        // The listener is to hear all of the upper members.
        let is_read = place.depth < 2 || self.reads(place);
        match first {
            Some(b'{' | b'[') if is_read => self.nested(reader, place, listener)?,
            _ => reader.skip()?,
        }
        reader.since(from).ok_or(Invalid)
    }

    /// Reads an object or an array inside another one. What it said is forgotten where it breaks off.
    fn nested<'a>(
        &mut self,
        reader: &mut Reader<'a>,
        place: Place,
        listener: &mut Listener<'_, 'a>,
    ) -> Result<(), Invalid> {
        let (names, waits) = (self.names.len(), self.waits);
        let read = self.entries(reader, place, listener);
        if read.is_err() {
            self.names.truncate(names);
            self.waits = waits;
        }
        read
    }

    fn entries<'a>(
        &mut self,
        reader: &mut Reader<'a>,
        place: Place,
        listener: &mut Listener<'_, 'a>,
    ) -> Result<(), Invalid> {
        match reader.peek() {
            Some(b'{') => self.object(reader, place, listener),
            _ => self.array(reader, place, listener),
        }
    }

    fn reads(&self, place: Place) -> bool {
        place.depth <= DEEPEST && self.members <= MOST_MEMBERS
    }

    fn object<'a>(
        &mut self,
        reader: &mut Reader<'a>,
        place: Place,
        listener: &mut Listener<'_, 'a>,
    ) -> Result<(), Invalid> {
        let mut object = EntryCursor::default();
        while let Some(key) = reader.key(&mut object)? {
            if !key.is_text() {
                return Err(Invalid);
            }
            self.members += 1;
            let waits = self.waits;
            let value = self.value(reader, place.below(), listener)?;
            let text = text_of(value);
            self.member(key.raw(), value, text.as_deref(), waits);
            self.unwrap(text.as_ref(), place.below());
            listener(place.depth, key, value);
        }
        Ok(())
    }

    fn array<'a>(
        &mut self,
        reader: &mut Reader<'a>,
        place: Place,
        listener: &mut Listener<'_, 'a>,
    ) -> Result<(), Invalid> {
        let mut array = EntryCursor::default();
        while reader.item(&mut array)? {
            self.members += 1;
            let value = self.value(reader, place.below(), listener)?;
            self.unwrap(text_of(value).as_ref(), place.below());
        }
        Ok(())
    }

    /// Reads the JSON in a value that is a text. The quotes of its keys are escapes there, so that a text without escapes, which
    /// is borrowed, has none.
    fn unwrap(&mut self, text: Option<&Cow<'_, str>>, place: Place) {
        if place.unwrapped < MOST_UNWRAPPED
            && self.reads(place)
            && let Some(Cow::Owned(text)) = text
            && let Some(inner) = json_in(text)
        {
            let place = Place {
                unwrapped: place.unwrapped + 1,
                ..place.below()
            };
            // What is no JSON says nothing.
            let _ = self.json(inner, place, &mut |_, _, _| ());
        }
    }

    /// Takes a member, with its text if it is one. `before` are the waits in front of it, which count more than those inside
    /// it.
    fn member(&mut self, raw_key: &str, value: &str, text: Option<&str>, before: Waits) {
        if self.members > MOST_MEMBERS {
            return;
        }
        let name = || text.or_else(|| is_number(value).then_some(value));
        match Meaning::of(raw_key) {
            Some(Meaning::Name) => self.name(name()),
            Some(Meaning::SingleWord) => {
                self.name(name().filter(|_| !value.contains(char::is_whitespace)));
            }
            Some(Meaning::Retry) => {
                let told = before.retry.or_else(|| wait_of(&plain(raw_key), value));
                self.waits.retry = told.or(self.waits.retry);
            }
            Some(Meaning::Reset) => {
                let told = before.reset.or_else(|| wait_of(&plain(raw_key), value));
                self.waits.reset = told.or(self.waits.reset);
            }
            None => {}
        }
    }

    fn name(&mut self, name: Option<&str>) {
        let Some(name) = name else {
            return;
        };
        // Google's `@type` is the address of a schema, other addresses are of pages about the error.
        let is_name = !name.is_empty() && name.len() <= LONGEST_NAME && !name.contains('/');
        if is_name
            && self.names.len() < MOST_NAMES
            && !self.names.iter().any(|known| *known == name)
        {
            self.names.push(name.to_owned());
        }
    }
}

/// The text of a value; `None` for other values, and for texts that are too long to be looked into.
fn text_of(value: &str) -> Option<Cow<'_, str>> {
    (value.len() <= LONGEST_TEXT).then(|| raw::text(value))?
}

/// The meaning of a member, by its name.
#[derive(Clone, Copy)]
enum Meaning {
    /// A name of what went wrong.
    Name,
    /// The same where it is a single word, and prose elsewhere.
    SingleWord,
    Retry,
    Reset,
}

impl Meaning {
    /// The meaning of a member; `None` where it has none.
    fn of(raw_key: &str) -> Option<Self> {
        // Most errors have these, and no other ones.
        match raw_key {
            r#""code""# | r#""type""# => return Some(Self::Name),
            r#""error""# => return Some(Self::SingleWord),
            r#""message""# | r#""param""# => return None,
            _ => {}
        }
        let key = plain(raw_key);
        Some(match &*key {
            "code" | "quotaid" | "type" | "status" | "reason" | "errorcode" | "errortype"
            | "errcode" | "statuscode" | "httpcode" | "errorname" | "errorstatus" | "errorkind"
            | "kind" => Self::Name,
            "error" | "name" | "title" => Self::SingleWord,
            key => {
                WAITS.keys_in([key]).next()?;
                match key {
                    _ if key.contains("count") => return None,
                    _ if RETRIES.iter().any(|retry| key.contains(retry)) => Self::Retry,
                    _ => Self::Reset,
                }
            }
        })
    }
}

/// Members that tell a wait: Google's `retryDelay`, `retry_after_seconds`, Hugging Face's `estimated_time` until a model is
/// loaded, LiteLLM's `cooldown_time`.
const RETRIES: [&str; 12] = [
    "retryat",
    "tryagain",
    "availablein",
    "availableat",
    "retryafter",
    "retrydelay",
    "retryin",
    "waitseconds",
    "waittime",
    "secondstowait",
    "estimatedtime",
    "cooldowntime",
];

/// The spellings of members that tell a wait.
static WAITS: LazyLock<WordIndex<()>> = LazyLock::new(|| {
    let words = RETRIES.into_iter().chain(["reset"]);
    WordIndex::of(words.map(|word| ((), word)))
});

/// A text, a number, or protobuf's `{"seconds": 39}`.
fn wait_of(key: &str, value: &str) -> Option<Wait> {
    if raw::is_object(value) {
        return wait_of("seconds", raw::member(value, "seconds")?);
    }
    let text = raw::text(value).unwrap_or(Cow::Borrowed(value));
    // One that makes no sense must not hide one that does.
    parse_wait(&text, TimeUnit::of_name(key)).filter(|wait| wait.is_sane())
}

/// A key without its quotes, in lower case, letters and digits only, as most are spelled anyway.
fn plain(raw_key: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if let Some(key) = raw::inside(raw_key)
        && key.len() < LONGEST_NAME
        && key.bytes().all(is_plain)
    {
        return Cow::Borrowed(key);
    }
    let mut plain = String::with_capacity(raw_key.len().min(LONGEST_NAME));
    let key = raw_key.chars().take(LONGEST_NAME);
    let key = key.filter(char::is_ascii_alphanumeric);
    plain.extend(key.map(|c| c.to_ascii_lowercase()));
    Cow::Owned(plain)
}

/// The object or array in a text that begins with one, or ends with one behind a few words, as
/// `litellm.RateLimitError: ... - {"error": ...}`; `None` for a text without braces.
pub fn json_in(text: &str) -> Option<&str> {
    let start = memchr2(b'{', b'[', text.as_bytes())?;
    let end = memrchr2(b'}', b']', text.as_bytes())?;
    let inner = text.get(start..=end)?;
    // A list of a few words in brackets is no JSON, and an object has a key.
    let second = inner.get(1..)?.trim_start();
    let is_json = match inner.as_bytes().first()? {
        b'{' => second.starts_with('"'),
        _ => second.starts_with('{'),
    };
    is_json.then_some(inner)
}

#[cfg(test)]
mod tests;
