//! Server-sent events, as the WHATWG HTML standard defines them (section 9.2, "Server-sent events"): an incremental
//! decoder for what providers send, and the encoder for what clients get.

use std::fmt;

/// A buffer that has grown above this for one large event is given back when it is empty.
const KEPT_CAPACITY: usize = 64 * 1024;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Takes bytes in pieces of any size and gives the same items for every split of the same bytes.
///
/// Time and memory are linear in the input: every byte is searched once, and moved a bounded number of times on average.
#[derive(Debug)]
pub struct Decoder {
    max_event_bytes: usize,
    buffer: Vec<u8>,
    /// Bytes of the buffer that belong to lines already read.
    read: usize,
    /// Bytes of the buffer known to hold no further line end.
    searched: usize,
    /// The last line ended with CR: an LF that follows is part of the same line end.
    after_cr: bool,
    at_start: bool,
    /// The data lines of the event under way, joined by LF; `None` before the first.
    data: Option<Vec<u8>>,
    name: Option<String>,
    failed: bool,
}

/// What a stream is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    Event(Event),
    /// A line that begins with a colon, without that colon: a sign of life.
    Comment(String),
}

/// An event with at least one data line. Others do not exist for a client, says the standard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The last `event:` line; an empty one counts as none.
    pub name: Option<String>,
    /// The data lines joined by LF; invalid UTF-8 is replaced by U+FFFD.
    pub data: String,
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
            data: None,
            name: None,
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

    /// The next complete item; `None` when more bytes are needed. After [`TooLarge`] there are none any more.
    pub fn next_item(&mut self) -> Option<Result<Item, TooLarge>> {
        loop {
            let Some((from, to)) = self.next_line() else {
                let unfinished = self.buffer.get(self.read..).unwrap_or_default();
                // A mark of which only the first bytes are there is no text yet.
                let text = if self.at_start && BYTE_ORDER_MARK.starts_with(unfinished) {
                    &[]
                } else {
                    strip_bom(unfinished, self.at_start)
                };
                let length = text.len() + self.held();
                return (length > self.max_event_bytes).then(|| Err(self.fail()));
            };
            let line = self.buffer.get(from..to).unwrap_or_default();
            if line.len() + self.held() > self.max_event_bytes {
                return Some(Err(self.fail()));
            }
            if let Some(item) = read_line(line, &mut self.data, &mut self.name) {
                return Some(Ok(item));
            }
        }
    }

    /// Ends the input, when [`Decoder::next_item`] has given `None`. An event whose blank line is missing counts:
    /// the standard drops it, but some servers close right after their last data line.
    pub fn finish(&mut self) -> Option<Event> {
        if self.failed {
            return None;
        }
        let line = self.buffer.split_off(self.read.min(self.buffer.len()));
        let line = strip_bom(&line, self.at_start);
        if !line.is_empty() {
            read_line(line, &mut self.data, &mut self.name);
        }
        let event = take_event(&mut self.data, &mut self.name);
        *self = Self::new(self.max_event_bytes);
        event
    }

    /// Where the next complete line stands in the buffer, its end left out.
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
        let Some(length) = unsearched.iter().position(|b| matches!(b, b'\r' | b'\n')) else {
            self.searched = self.buffer.len();
            return None;
        };
        let (from, to) = (self.read, self.searched + length);
        self.after_cr = self.buffer.get(to) == Some(&b'\r');
        self.read = to + 1;
        self.searched = self.read;
        let line = self.buffer.get(from..to).unwrap_or_default();
        let bom = line.len() - strip_bom(line, self.at_start).len();
        self.at_start = false;
        Some((from + bom, to))
    }

    /// Bytes of the event under way.
    fn held(&self) -> usize {
        self.data.as_ref().map_or(0, Vec::len) + self.name.as_ref().map_or(0, String::len)
    }

    fn fail(&mut self) -> TooLarge {
        *self = Self::new(self.max_event_bytes);
        self.failed = true;
        TooLarge {
            max_event_bytes: self.max_event_bytes,
        }
    }

    /// When all items were taken out, the unread bytes came with the last push: moving them to the front stays linear.
    fn drop_read_bytes(&mut self) {
        self.buffer.drain(..self.read);
        self.searched -= self.read;
        self.read = 0;
        if self.buffer.is_empty() && self.buffer.capacity() > KEPT_CAPACITY {
            self.buffer = Vec::new();
        }
    }
}

/// Takes one line into the event under way. Gives the event that a blank line ends, or a comment.
fn read_line(line: &[u8], data: &mut Option<Vec<u8>>, name: &mut Option<String>) -> Option<Item> {
    if line.is_empty() {
        return take_event(data, name).map(Item::Event);
    }
    let mut halves = line.splitn(2, |byte| *byte == b':');
    let field = halves.next().unwrap_or_default();
    let value = halves.next().unwrap_or_default();
    if field.is_empty() {
        return Some(Item::Comment(String::from_utf8_lossy(value).into_owned()));
    }
    let value = value.strip_prefix(b" ").unwrap_or(value);
    match field {
        b"data" => match data {
            Some(data) => {
                data.push(b'\n');
                data.extend_from_slice(value);
            }
            None => *data = Some(value.to_vec()),
        },
        b"event" => *name = Some(String::from_utf8_lossy(value).into_owned()),
        // `id` and `retry` serve reconnecting, which a chat completion cannot do.
        _ => {}
    }
    None
}

fn take_event(data: &mut Option<Vec<u8>>, name: &mut Option<String>) -> Option<Event> {
    let name = name.take().filter(|name| !name.is_empty());
    let data = String::from_utf8(data.take()?)
        .unwrap_or_else(|invalid| String::from_utf8_lossy(invalid.as_bytes()).into_owned());
    Some(Event { name, data })
}

fn strip_bom(line: &[u8], at_start: bool) -> &[u8] {
    match line.strip_prefix(BYTE_ORDER_MARK) {
        Some(rest) if at_start => rest,
        _ => line,
    }
}

/// Appends an event: one `data: ` line per line of `data`, and the blank line.
pub fn encode(out: &mut Vec<u8>, data: &str) {
    let mut rest = data;
    loop {
        let (line, end) = match rest.find(['\r', '\n']) {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
        if end.is_empty() {
            break;
        }
        rest = end
            .strip_prefix("\r\n")
            .or_else(|| end.strip_prefix(['\r', '\n']))
            .unwrap_or_default();
    }
    out.push(b'\n');
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an event of more than {} bytes", self.max_event_bytes)
    }
}

impl std::error::Error for TooLarge {}

#[cfg(test)]
mod tests;
