//! The bytes of an answer as they arrive: whether they are a stream or an object, and the frames of a stream.

use std::time::Instant;

use crate::budget::{Charge, FREE};
use crate::sse::{Decoder, Event, Item, TooLarge, encode};
use crate::upstream::{Body, CallError};

/// Bytes of one frame; a generated image inside a chunk is about 1 MiB.
const LONGEST_FRAME: usize = 8 * 1024 * 1024;

/// The most and the least room for one read (bytes). The least is that of an event whose length came before it, by itself.
const READ_SIZE: usize = 8 * 1024;
const LEAST_READ: usize = 256;

/// Bytes of comments and white space before an answer. Beyond them it is taken for a stream: only streams have comments.
const LONGEST_LEAD: usize = 64 * 1024;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The fields of an event, of which one begins a stream. The last one is llama-server's.
const FIELDS: [&[u8]; 5] = [b"data", b"event", b"id", b"retry", b"error"];

/// A body whose form is known by its first bytes: providers send streams under `application/json`, and objects under
/// `text/event-stream`.
pub enum Opened {
    Stream(Box<Frames>),
    Whole {
        /// The bytes that have come, from the first one of the object on.
        begun: Vec<u8>,
        body: Box<Body>,
        charge: Charge,
    },
}

/// The frames of a stream, as they arrive. On the heap, as a worker that waits for them keeps a small stack.
pub struct Frames {
    decoder: Decoder,
    body: Option<Box<Body>>,
    finished: bool,
    /// The bytes of frames that were taken out and are held back.
    held: usize,
    /// The charge for those, and for what has arrived.
    charge: Charge,
}

impl Opened {
    /// Reads as much of a body as tells its form. One that ends before is what its content type says.
    ///
    /// # Errors
    /// The cause of an end before the end.
    pub fn read(
        mut body: Box<Body>,
        is_named_stream: bool,
        deadline: Instant,
        mut charge: Charge,
    ) -> Result<Self, CallError> {
        let mut begun = Vec::new();
        let is_stream = loop {
            let form = match form_of(&begun) {
                Form::Open if begun.len() > LONGEST_LEAD => Form::Stream,
                Form::Blank if begun.len() > READ_SIZE => {
                    // A provider sends blank lines while its request is in a queue, for minutes.
                    begun = Vec::new();
                    Form::Blank
                }
                form => form,
            };
            match &form {
                Form::Stream => break true,
                Form::Unknown(_) if is_named_stream => break true,
                Form::Whole(from) | Form::Unknown(from) => {
                    begun.drain(..*from);
                    break false;
                }
                Form::Blank | Form::Open => {}
            }
            let arrived = body.arrived(deadline)?;
            let room = arrived.clamp(LEAST_READ, READ_SIZE);
            if !body.read_behind(&mut begun, room, deadline)? {
                break is_named_stream || matches!(form, Form::Open);
            }
            follow(&mut charge, &body, begun.capacity(), 0)?;
        };
        Ok(if is_stream {
            Self::Stream(Frames::live(&begun, body, charge))
        } else {
            Self::Whole {
                begun,
                body,
                charge,
            }
        })
    }
}

impl Frames {
    /// The frames of an answer under way, of which the first bytes have come.
    fn live(begun: &[u8], body: Box<Body>, charge: Charge) -> Box<Self> {
        let mut decoder = Decoder::new(LONGEST_FRAME);
        decoder.push(begun);
        Box::new(Self {
            decoder,
            body: Some(body),
            finished: false,
            held: 0,
            charge,
        })
    }

    /// Frames with these data, all there. A charge that is too high for them is lowered.
    pub fn ready(data: impl IntoIterator<Item = String>, mut charge: Charge) -> Box<Self> {
        let mut text = String::new();
        for data in data {
            encode(&mut text, &data);
        }
        let mut decoder = Decoder::new(usize::MAX);
        decoder.push(text.as_bytes());
        charge.uncover(decoder.capacity());
        Box::new(Self {
            decoder,
            body: None,
            finished: false,
            held: 0,
            charge,
        })
    }

    /// Drops all frames, those to come included: nothing is held any more.
    pub fn clear(&mut self) {
        self.decoder = Decoder::new(usize::MAX);
        self.body = None;
        self.held = 0;
        self.charge.shrink_to(0);
    }

    /// Takes a number of bytes as those of frames that were taken out and are held back.
    ///
    /// # Errors
    /// The budget has no room for them.
    pub fn hold(&mut self, bytes: usize) -> Result<(), CallError> {
        self.held = bytes;
        self.charge()
    }

    /// The charge follows what is in memory. Frames that were all there at once are charged before.
    fn charge(&mut self) -> Result<(), CallError> {
        match &self.body {
            Some(body) => follow(&mut self.charge, body, self.decoder.capacity(), self.held),
            None => Ok(()),
        }
    }

    /// The next frame or comment among the bytes that are here; none when more have to come.
    ///
    /// # Errors
    /// A frame is larger than this gateway holds.
    pub fn next_here(&mut self) -> Result<Option<Item<'_>>, TooLarge> {
        self.decoder.next_item().transpose()
    }

    /// Waits for more bytes; false at the end of the stream. A last frame without its blank line counts.
    ///
    /// # Errors
    /// The cause of an end before the end.
    pub fn wait(&mut self, deadline: Instant) -> Result<bool, CallError> {
        if self.finished {
            return Ok(false);
        }
        if self.fill(deadline)? {
            return Ok(true);
        }
        self.finished = true;
        let Some(last) = self.decoder.finish() else {
            return Ok(false);
        };
        self.decoder.push(spelled(&last).as_bytes());
        Ok(true)
    }

    /// Ends a stream that has said all, and is not closed.
    pub fn end(&mut self) {
        self.finished = true;
        self.body = None;
    }

    fn fill(&mut self, deadline: Instant) -> Result<bool, CallError> {
        let Some(body) = &mut self.body else {
            return Ok(false);
        };
        // A stream that waits holds no room for what is to come.
        self.decoder.rest();
        let read = body.hand_on(READ_SIZE, deadline, &mut |bytes| self.decoder.push(bytes))?;
        self.charge()?;
        Ok(read > 0)
    }
}

/// Has a charge follow a buffer that a body is read to, and what is held back of it besides (bytes).
fn follow(charge: &mut Charge, body: &Body, buffer: usize, held: usize) -> Result<(), CallError> {
    let beside = if buffer > FREE {
        memory_beside(buffer)
    } else {
        0
    };
    let bytes = buffer + beside + held;
    if bytes <= FREE && charge.bytes() == 0 {
        return Ok(());
    }
    charge.uncover(bytes);
    body.make_room(charge, bytes)
}

/// The memory that a large buffer takes besides (bytes): the input of its connection, and, below the size from which a
/// buffer is mapped by itself, the holes in the heap that it has grown out of. Measured with hundreds of streams whose
/// clients do not read, and events of 60 KB.
fn memory_beside(buffer: usize) -> usize {
    const INPUT: usize = 16 * 1024;
    const MAPPED: usize = 128 * 1024;
    INPUT + buffer.min(MAPPED) / 2
}

/// An event as a provider would have sent it with its blank line.
fn spelled(event: &Event<'_>) -> String {
    let mut text = String::new();
    if let Some(name) = &event.name {
        text.push_str("event: ");
        text.push_str(name);
        text.push('\n');
    }
    if let Some(stray) = &event.stray {
        text.push_str(stray);
        text.push('\n');
    }
    if event.data.is_empty() {
        text.push('\n');
    } else {
        encode(&mut text, &event.data);
    }
    text
}

/// The form of a body, as far as its first bytes tell.
#[derive(Debug, PartialEq, Eq)]
enum Form {
    Stream,
    /// An object, a list or a page, from this byte on.
    Whole(usize),
    /// Anything else, which a stream may well begin with: a field that no standard knows.
    Unknown(usize),
    /// White space so far.
    Blank,
    /// Comments so far, or the beginning of a field.
    Open,
}

fn form_of(bytes: &[u8]) -> Form {
    let begin = if bytes.starts_with(BYTE_ORDER_MARK) {
        BYTE_ORDER_MARK.len()
    } else if BYTE_ORDER_MARK.starts_with(bytes) {
        return Form::Blank;
    } else {
        0
    };
    let (mut at, mut from, mut has_comments) = (begin, begin, false);
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let text = rest.trim_ascii_start();
        at += rest.len() - text.len();
        match text.first() {
            None if has_comments => return Form::Open,
            None => return Form::Blank,
            Some(b':') => {
                let Some(length) = memchr::memchr2(b'\r', b'\n', text) else {
                    return Form::Open;
                };
                has_comments = true;
                at += length;
                from = at;
            }
            Some(_) => return form_of_line(text, from),
        }
    }
}

/// The form of a body whose first line begins like this.
fn form_of_line(text: &[u8], from: usize) -> Form {
    if let [b'{' | b'[' | b'<', ..] = text {
        return Form::Whole(from);
    }
    for field in FIELDS {
        match text.strip_prefix(field) {
            Some([]) => return Form::Open,
            Some([b':' | b'\r' | b'\n', ..]) => return Form::Stream,
            Some(_) => {}
            None if field.starts_with(text) => return Form::Open,
            None => {}
        }
    }
    Form::Unknown(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_what_a_body_is() {
        for (bytes, form) in [
            ("", Form::Blank),
            ("\u{feff}", Form::Blank),
            (" \r\n\n", Form::Blank),
            ("{", Form::Whole(0)),
            ("\n [", Form::Whole(0)),
            ("\u{feff}{", Form::Whole(3)),
            ("<html>", Form::Whole(0)),
            ("database is down", Form::Unknown(0)),
            ("x-served-by: a", Form::Unknown(0)),
            ("data", Form::Open),
            ("da", Form::Open),
            ("data:", Form::Stream),
            ("\n\ndata: {}", Form::Stream),
            ("\u{feff}data: {}", Form::Stream),
            ("event: x", Form::Stream),
            ("id: 1", Form::Stream),
            ("retry: 1", Form::Stream),
            ("error: {}", Form::Stream),
            (":", Form::Open),
            (": hi\n", Form::Open),
            (": hi\n\n: ho\n\ndata: x", Form::Stream),
            (": hi\n\n{", Form::Whole(4)),
        ] {
            assert_eq!(form_of(bytes.as_bytes()), form, "{bytes:?}");
        }
        assert_eq!(form_of(b"\xef\xbb"), Form::Blank);
    }

    #[test]
    fn a_last_event_is_read_again_as_it_was() {
        let event = Event {
            name: Some("error".to_owned()),
            stray: Some("error: a".into()),
            data: "x".into(),
            was_mended: false,
        };
        let mut decoder = Decoder::new(100);
        decoder.push(spelled(&event).as_bytes());
        assert_eq!(decoder.next_item(), Some(Ok(Item::Event(event))));
    }
}
