//! Server-sent events, as the WHATWG HTML standard defines them (section 9.2, "Server-sent events"): an incremental
//! decoder for what providers send, and the encoder for what clients get.

use std::borrow::Cow;
use std::fmt;

/// The capacity of an empty buffer that is kept (bytes); one that grew above it for a large event, or for many at once,
/// is given back. Most events fit, and a thousand streams that wait hold a megabyte.
const KEPT_CAPACITY: usize = 1024;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// A decoder that takes bytes in pieces of any size and gives the same items for every split of the same bytes.
///
/// Time and memory are linear in the input: every byte is searched once, and moved a bounded number of times on
/// average. An event that arrives whole, with one data line as almost all have, is not copied at all.
#[derive(Debug)]
pub struct Decoder {
    max_event_bytes: usize,
    buffer: Vec<u8>,
    /// The bytes of the buffer that belong to lines already read.
    read: usize,
    /// The bytes of the buffer known to hold no further line end.
    searched: usize,
    /// The last line ended with CR: an LF that follows is part of the same line end.
    after_cr: bool,
    at_start: bool,
    data: Data,
    name: Option<String>,
    stray: Option<Vec<u8>>,
    failed: bool,
}

/// The data lines of the event under way.
#[derive(Debug, Default)]
enum Data {
    #[default]
    None,
    /// A single line, from here to there in the buffer.
    Line(usize, usize),
    /// Several lines, joined by LF.
    Joined(Vec<u8>),
}

/// The fields of an event behind which its blank line came.
struct EndedEvent {
    name: Option<String>,
    data: Data,
    stray: Option<Vec<u8>>,
}

/// An item of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item<'d> {
    Event(Event<'d>),
    /// A line that begins with a colon, without that colon: a sign of life.
    Comment(Cow<'d, str>),
}

/// An event with at least one data line. Others do not exist for a client, says the standard; here those do that may
/// tell of a failure: one with stray lines, and one named `error`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event<'d> {
    /// The last `event:` line; an empty one counts as none.
    pub name: Option<String>,
    /// The data lines joined by LF; invalid UTF-8 is replaced by U+FFFD. Empty where there is no such line.
    pub data: Cow<'d, str>,
    /// The lines that are neither comments nor a field of the standard's, joined by LF. llama-server wrote errors as
    /// `error: {...}` up to autumn 2025 (its pull request 16109).
    pub stray: Option<Box<str>>,
    /// The data had bytes that are no UTF-8.
    pub was_mended: bool,
}

impl Event<'_> {
    /// The lines of the data. A single one lies in the decoder's buffer as it came.
    pub fn lines(&self) -> Lines {
        match self.data {
            Cow::Borrowed(_) => Lines::One,
            Cow::Owned(_) => Lines::Any,
        }
    }

    pub fn into_owned(self) -> Event<'static> {
        Event {
            data: Cow::Owned(self.data.into_owned()),
            name: self.name,
            stray: self.stray,
            was_mended: self.was_mended,
        }
    }
}

/// The lines of data, as far as they are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    One,
    Any,
}

/// An event, or a line outside of one, is longer than the decoder's bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge {
    pub max_event_bytes: usize,
}

impl Decoder {
    /// `max_event_bytes` bounds one event's fields, and one line; the decoder buffers at most that much and one push.
    pub fn new(max_event_bytes: usize) -> Self {
        Self {
            max_event_bytes,
            buffer: Vec::new(),
            read: 0,
            searched: 0,
            after_cr: false,
            at_start: true,
            data: Data::None,
            name: None,
            stray: None,
            failed: false,
        }
    }

    /// Adds bytes as they arrived. Take all items out before the next push, or the buffer grows.
    pub fn push(&mut self, bytes: &[u8]) {
        if !self.failed {
            self.drop_read_bytes();
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Gives the buffer back where no part of an item waits in it.
    pub fn rest(&mut self) {
        self.drop_read_bytes();
    }

    /// The memory that the decoder holds (bytes).
    pub fn capacity(&self) -> usize {
        self.buffer.capacity() + self.held()
    }

    /// The next complete item; `None` when more bytes are needed. After [`TooLarge`] there are none any more.
    pub fn next_item(&mut self) -> Option<Result<Item<'_>, TooLarge>> {
        loop {
            let Some((from, to)) = self.next_line() else {
                let length = self.unfinished() + self.held();
                return (length > self.max_event_bytes).then(|| Err(self.fail()));
            };
            if to - from + self.held() > self.max_event_bytes {
                return Some(Err(self.fail()));
            }
            if from == to {
                if let Some(ended) = self.end_event() {
                    return Some(Ok(Item::Event(self.event_of(ended))));
                }
            } else if self.buffer.get(from) == Some(&b':') {
                return Some(Ok(Item::Comment(text(self.slice(from + 1, to)))));
            } else {
                self.read_line(from, to);
            }
        }
    }

    /// Ends the input, when [`Decoder::next_item`] has given `None`. An event whose blank line is missing counts:
    /// the standard drops it, but some servers close right after their last data line.
    pub fn finish(&mut self) -> Option<Event<'static>> {
        if self.failed {
            return None;
        }
        let end = self.buffer.len();
        let from = end - strip_bom(self.slice(self.read, end), self.at_start).len();
        self.read_line(from, end);
        let event = self.end_event();
        let event = event.map(|ended| self.event_of(ended).into_owned());
        *self = Self::new(self.max_event_bytes);
        event
    }

    /// The position of the next complete line in the buffer, its end left out; `None` when more bytes are needed.
    fn next_line(&mut self) -> Option<(usize, usize)> {
        if self.after_cr {
            let next = *self.buffer.get(self.read)?;
            self.after_cr = false;
            if next == b'\n' {
                self.read += 1;
                self.searched = self.read;
            }
        }
        let unsearched = self.buffer.get(self.searched..).unwrap_or_default();
        let Some(length) = line_end(unsearched) else {
            self.searched = self.buffer.len();
            return None;
        };
        let (from, to) = (self.read, self.searched + length);
        self.after_cr = self.buffer.get(to) == Some(&b'\r');
        self.read = to + 1;
        self.searched = self.read;
        let line = self.slice(from, to);
        let bom = line.len() - strip_bom(line, self.at_start).len();
        self.at_start = false;
        Some((from + bom, to))
    }

    /// The length of the line under way (bytes).
    fn unfinished(&self) -> usize {
        let line = self.buffer.get(self.read..).unwrap_or_default();
        // A mark of which only the first bytes are there is no text yet.
        if self.at_start && BYTE_ORDER_MARK.starts_with(line) {
            0
        } else {
            strip_bom(line, self.at_start).len()
        }
    }

    /// Takes one line of the buffer into the event under way.
    fn read_line(&mut self, from: usize, to: usize) {
        let line = self.buffer.get(from..to).unwrap_or_default();
        let mut halves = line.splitn(2, |byte| *byte == b':');
        let field = halves.next().unwrap_or_default();
        let value = halves.next().unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => {
                self.data = match std::mem::take(&mut self.data) {
                    Data::None => Data::Line(to - value.len(), to),
                    Data::Line(from, to) => {
                        let first = self.buffer.get(from..to).unwrap_or_default();
                        Data::Joined([first, b"\n", value].concat())
                    }
                    Data::Joined(mut data) => {
                        data.push(b'\n');
                        data.extend_from_slice(value);
                        Data::Joined(data)
                    }
                }
            }
            b"event" => self.name = Some(text(value).into_owned()),
            // These serve reconnecting, which a chat completion cannot do.
            b"id" | b"retry" | b"" => {}
            _ => {
                let stray = self.stray.get_or_insert_default();
                if !stray.is_empty() {
                    stray.push(b'\n');
                }
                stray.extend_from_slice(line);
            }
        }
    }

    fn end_event(&mut self) -> Option<EndedEvent> {
        let name = self.name.take().filter(|name| !name.is_empty());
        let stray = self.stray.take();
        let tells = stray.is_some() || name.as_deref().is_some_and(is_error);
        match std::mem::take(&mut self.data) {
            Data::None if !tells => None,
            data => Some(EndedEvent { name, data, stray }),
        }
    }

    fn event_of(&self, ended: EndedEvent) -> Event<'_> {
        let (data, was_mended) = match ended.data {
            Data::Joined(data) => owned_text(data),
            Data::Line(from, to) => {
                let data = text(self.slice(from, to));
                // A line that is text is borrowed.
                let was_mended = matches!(data, Cow::Owned(_));
                (data, was_mended)
            }
            Data::None => (Cow::Borrowed(""), false),
        };
        Event {
            name: ended.name,
            data,
            stray: ended.stray.map(|stray| text(&stray).into()),
            was_mended,
        }
    }

    /// The length of the event under way (bytes).
    fn held(&self) -> usize {
        let data = match &self.data {
            Data::None => 0,
            Data::Line(from, to) => to - from,
            Data::Joined(data) => data.len(),
        };
        data + self.name.as_ref().map_or(0, String::len) + self.stray.as_ref().map_or(0, Vec::len)
    }

    fn fail(&mut self) -> TooLarge {
        *self = Self::new(self.max_event_bytes);
        self.failed = true;
        TooLarge {
            max_event_bytes: self.max_event_bytes,
        }
    }

    /// Drops the bytes that were read. When all items were taken out, the unread bytes came with the last push: moving
    /// them to the front stays linear.
    fn drop_read_bytes(&mut self) {
        if let Data::Line(from, to) = self.data {
            self.data = Data::Joined(self.slice(from, to).to_vec());
        }
        if self.read > 0 {
            self.buffer.drain(..self.read);
            self.searched -= self.read;
            self.read = 0;
        }
        if self.buffer.is_empty() && self.buffer.capacity() > KEPT_CAPACITY {
            self.buffer = Vec::new();
        }
    }

    fn slice(&self, from: usize, to: usize) -> &[u8] {
        self.buffer.get(from..to).unwrap_or_default()
    }
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

/// The text of bytes, and whether some had to be replaced.
fn owned_text(bytes: Vec<u8>) -> (Cow<'static, str>, bool) {
    match String::from_utf8(bytes) {
        Ok(text) => (Cow::Owned(text), false),
        Err(invalid) => {
            let text = String::from_utf8_lossy(invalid.as_bytes()).into_owned();
            (Cow::Owned(text), true)
        }
    }
}

/// Whether an event of this name tells of a failure whatever its data say.
fn is_error(name: &str) -> bool {
    name.eq_ignore_ascii_case("error")
}

/// The offset of the first CR or LF. Behind each event is a line without anything, for which no search is begun.
fn line_end(bytes: &[u8]) -> Option<usize> {
    match bytes.first()? {
        b'\r' | b'\n' => Some(0),
        _ => memchr::memchr2(b'\r', b'\n', bytes),
    }
}

fn strip_bom(line: &[u8], at_start: bool) -> &[u8] {
    let mark = if at_start { BYTE_ORDER_MARK } else { b"" };
    line.strip_prefix(mark).unwrap_or(line)
}

/// The bytes before the data of an event in one line, and those behind it.
pub const DATA: &[u8] = b"data: ";
pub const BLANK_LINE: &[u8] = b"\n\n";

/// Whether data have no line end, and so are one line of an event.
pub fn is_one_line(data: &str) -> bool {
    line_end(data.as_bytes()).is_none()
}

/// Appends an event: one `data: ` line per line of `data`, and the blank line.
pub fn encode(out: &mut String, data: &str) {
    let mut rest = data;
    loop {
        let (line, end) = match line_end(rest.as_bytes()) {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        out.push_str("data: ");
        out.push_str(line);
        out.push('\n');
        if end.is_empty() {
            break;
        }
        rest = end
            .strip_prefix("\r\n")
            .or_else(|| end.strip_prefix(['\r', '\n']))
            .unwrap_or_default();
    }
    out.push('\n');
}

/// Like [`encode`], with data that `write` appends: what has no line ends, as most, is written once.
pub fn encode_with(out: &mut String, lines: Lines, write: impl FnOnce(&mut String)) {
    let begin = out.len();
    out.push_str("data: ");
    let from = out.len();
    write(out);
    let written = out.as_bytes().get(from..).unwrap_or_default();
    if lines == Lines::Any && line_end(written).is_some() {
        let data = out.split_off(from);
        out.truncate(begin);
        encode(out, &data);
    } else {
        out.push_str("\n\n");
    }
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an event of more than {} bytes", self.max_event_bytes)
    }
}

impl std::error::Error for TooLarge {}

#[cfg(test)]
mod tests;
