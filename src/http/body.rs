//! Request bodies, read only as far as they are wanted, and never into more memory than has arrived.

use std::fmt;
use std::time::Instant;

use rustix::event::PollFlags;
use rustix::io::Errno;

use crate::config;

use super::chunked::{ChunkError, ChunkedDecoder};
use super::connection::{Connection, Fill, READ_SIZE, receive};
use super::framing::Framing;
use super::head::Head;
use super::refusal::Refusal;

/// The failure to read a request body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// The body is over the limit; answer 413.
    TooLarge,
    /// The body was not whole within the time for it; answer 408.
    TimedOut,
    /// The body is not framed as announced, which includes an early end; answer 400. The text is for the client.
    Malformed(&'static str),
    /// The server stops, and its time to finish is over; answer 503.
    Stopping,
    /// The connection is broken, and no answer can be sent.
    Gone,
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "the request body is too large",
            Self::TimedOut => "the request body took too long to arrive",
            Self::Malformed(reason) => reason,
            Self::Stopping => "the gateway is stopping",
            Self::Gone => "the client has gone",
        })
    }
}

impl std::error::Error for BodyError {}

const EARLY_END: BodyError = BodyError::Malformed("the request body ends before its announced end");

/// The progress of reading the body of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    Unread(Framing),
    /// The next byte of the connection is that of the next request.
    Read,
    /// The start of the next request is not known.
    Lost,
}

impl Body {
    pub fn announced(head: &Head) -> Self {
        match head.framing {
            Framing::Empty => Self::Read,
            framing => Self::Unread(framing),
        }
    }

    pub fn is_read(self) -> bool {
        self == Self::Read
    }

    /// Reads the whole body, after `100 Continue` if the client waits for it. An empty one is returned if it was read
    /// already.
    ///
    /// # Errors
    /// See [`BodyError`]; the connection closes after the answer.
    pub fn read(
        &mut self,
        connection: &mut Connection,
        expects_continue: bool,
        limits: &config::EdgeLimits,
    ) -> Result<Vec<u8>, BodyError> {
        let framing = match *self {
            Self::Unread(framing) => framing,
            Self::Read => return Ok(Vec::new()),
            Self::Lost => return Err(EARLY_END),
        };
        let length = match framing {
            Framing::Length(length) => Some(usize::try_from(length).unwrap_or(usize::MAX)),
            Framing::Empty | Framing::Chunked => None,
        };
        if length.is_some_and(|length| length > limits.max_body) {
            return Err(BodyError::TooLarge);
        }
        *self = Self::Lost;
        let deadline = Instant::now() + limits.body_timeout;
        // A client that has begun to send does not wait (RFC 9110 section 10.1.1).
        if expects_continue
            && connection.buffer.is_empty()
            && !connection.write_now(b"HTTP/1.1 100 Continue\r\n\r\n")
        {
            return Err(BodyError::Gone);
        }
        let body = match length {
            Some(length) => read_length(connection, length, deadline)?,
            None => read_chunked(connection, limits.max_body, deadline)?,
        };
        *self = Self::Read;
        // Nothing is held for a client while the provider is waited for.
        connection.rest();
        Ok(body)
    }

    /// Checks as much of a chunked body as has arrived, whether or not it will be read: another reader may see the next
    /// request in a malformed chunk.
    ///
    /// # Errors
    /// The coding is malformed.
    pub fn check(self, connection: &Connection) -> Result<(), Refusal> {
        if self != Self::Unread(Framing::Chunked) {
            return Ok(());
        }
        let decoded = ChunkedDecoder::new().decode(&connection.buffer, &mut Vec::new(), usize::MAX);
        match decoded {
            Err(ChunkError::Malformed(reason)) => Err(Refusal::invalid(reason)),
            Err(ChunkError::TooLarge) | Ok(_) => Ok(()),
        }
    }

    /// Passes over an unread body, if all of it has arrived already. `true` if the connection stands at the next request.
    pub fn skip(&mut self, connection: &mut Connection) -> bool {
        let Self::Unread(framing) = *self else {
            return self.is_read();
        };
        let buffered = connection.buffer.len();
        let length = match framing {
            Framing::Empty => Some(0),
            Framing::Length(length) => usize::try_from(length)
                .ok()
                .filter(|length| *length <= buffered),
            Framing::Chunked => {
                let mut decoder = ChunkedDecoder::new();
                let decoded = decoder.decode(&connection.buffer, &mut Vec::new(), buffered);
                decoded.ok().filter(|_| decoder.is_done())
            }
        };
        if let Some(length) = length {
            connection.consume(length);
            *self = Self::Read;
        }
        self.is_read()
    }
}

fn read_length(
    connection: &mut Connection,
    length: usize,
    deadline: Instant,
) -> Result<Vec<u8>, BodyError> {
    let ahead = connection.buffer.len().min(length);
    let mut body = connection.buffer.get(..ahead).unwrap_or_default().to_vec();
    connection.consume(ahead);
    while body.len() < length {
        connection.was_open = false;
        // Doubling, whatever was announced: memory follows what has arrived.
        let room = (length - body.len()).min(body.len().max(READ_SIZE));
        body.reserve_exact(room);
        match receive(&connection.socket, &mut body) {
            Ok(0) => return Err(EARLY_END),
            Ok(_) | Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => await_bytes(connection, deadline)?,
            Err(_) => return Err(BodyError::Gone),
        }
    }
    // The allocator may have given more room than was asked for.
    connection
        .buffer
        .extend_from_slice(body.get(length..).unwrap_or_default());
    body.truncate(length);
    Ok(body)
}

fn read_chunked(
    connection: &mut Connection,
    max_body: usize,
    deadline: Instant,
) -> Result<Vec<u8>, BodyError> {
    let (mut decoder, mut body) = (ChunkedDecoder::new(), Vec::new());
    loop {
        let used = decoder
            .decode(&connection.buffer, &mut body, max_body)
            .map_err(|error| match error {
                ChunkError::TooLarge => BodyError::TooLarge,
                ChunkError::Malformed(reason) => BodyError::Malformed(reason),
            })?;
        connection.consume(used);
        if decoder.is_done() {
            return Ok(body);
        }
        match connection.fill() {
            Fill::Bytes => {}
            Fill::Blocked => await_bytes(connection, deadline)?,
            Fill::End => return Err(EARLY_END),
            Fill::Broken => return Err(BodyError::Gone),
        }
    }
}

fn await_bytes(connection: &Connection, deadline: Instant) -> Result<(), BodyError> {
    match connection.wait(PollFlags::IN, deadline) {
        Ok(true) => Ok(()),
        Ok(false) => Err(BodyError::TimedOut),
        Err(_) => Err(BodyError::Gone),
    }
}
