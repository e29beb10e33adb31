//! Request bodies as a worker has them: whole, failed, or not wanted.

use std::fmt;

use crate::chunked::{ChunkError, ChunkedDecoder};
use crate::config;

use super::connection::Connection;
use super::framing::Framing;
use super::head::Head;
use super::refusal::Refusal;

/// The failure to read a request body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// The body is over this limit (bytes); answer 413.
    TooLarge(usize),
    /// The body was not whole within the time for it; answer 408.
    TimedOut,
    /// The body is not framed as announced, which includes an early end; answer 400. The text is for the client.
    Malformed(&'static str),
    /// Other bodies have all the memory there is for them; answer 503.
    NoMemory,
    /// The server stops, and its time to finish is over; answer 503.
    Stopping,
    /// The connection is broken, and no answer can be sent.
    Gone,
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge(_) => "the request body is too large",
            Self::TimedOut => "the request body took too long to arrive",
            Self::Malformed(reason) => reason,
            Self::NoMemory => "other requests have all the memory for bodies",
            Self::Stopping => "the gateway is stopping",
            Self::Gone => "the client has gone",
        })
    }
}

impl std::error::Error for BodyError {}

/// The most bytes that a request's body may have.
pub(super) fn largest(head: &Head, limits: &config::EdgeLimits) -> usize {
    match head.form_type() {
        Some(_) => limits.max_upload,
        None => limits.max_body,
    }
}

pub(super) const EARLY_END: BodyError =
    BodyError::Malformed("the request body ends before its announced end");

/// The body of a request that a worker has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// Not collected: it is whole in the connection's buffer, or it is not wanted.
    Unread(Framing),
    /// Collected by the front.
    Whole(Vec<u8>),
    /// The collecting failed.
    Failed(BodyError),
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

    pub fn is_read(&self) -> bool {
        *self == Self::Read
    }

    /// Takes the whole body. An empty one is returned if it was read already.
    ///
    /// # Errors
    /// See [`BodyError`]; the connection closes after the answer.
    pub fn read(
        &mut self,
        connection: &mut Connection,
        max_body: usize,
    ) -> Result<Vec<u8>, BodyError> {
        match std::mem::replace(self, Self::Lost) {
            Self::Unread(Framing::Length(length)) => {
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                if length > max_body {
                    return Err(BodyError::TooLarge(max_body));
                }
                // It was not wanted when it could have been collected, and a reload has changed that.
                let body = connection.take(length).ok_or(BodyError::NoMemory)?;
                *self = Self::Read;
                // Nothing is held for a client while the provider is waited for.
                connection.rest();
                Ok(body)
            }
            Self::Unread(Framing::Chunked) => Err(BodyError::NoMemory),
            Self::Whole(body) => {
                *self = Self::Read;
                connection.rest();
                Ok(body)
            }
            Self::Failed(error) => Err(error),
            Self::Unread(Framing::Empty) | Self::Read => {
                *self = Self::Read;
                Ok(Vec::new())
            }
            Self::Lost => Err(EARLY_END),
        }
    }

    /// Checks as much of a chunked body as has arrived, whether or not it will be read: another reader may see the next
    /// request in a malformed chunk.
    ///
    /// # Errors
    /// The coding is malformed.
    pub fn check(&self, connection: &Connection) -> Result<(), Refusal> {
        if *self != Self::Unread(Framing::Chunked) {
            return Ok(());
        }
        let decoded =
            ChunkedDecoder::default().decode(&connection.buffer, &mut Vec::new(), usize::MAX);
        match decoded {
            Err(ChunkError::Malformed(reason)) => Err(Refusal::invalid(reason)),
            Err(ChunkError::TooLarge) | Ok(_) => Ok(()),
        }
    }

    /// Passes over an unread body, if all of it has arrived already. `true` if the connection stands at the next request.
    pub fn skip(&mut self, connection: &mut Connection) -> bool {
        let framing = match self {
            Self::Unread(framing) => *framing,
            Self::Whole(_) => {
                *self = Self::Read;
                return true;
            }
            Self::Failed(_) | Self::Read | Self::Lost => return self.is_read(),
        };
        let buffered = connection.buffer.len();
        let length = match framing {
            Framing::Empty => Some(0),
            Framing::Length(length) => usize::try_from(length)
                .ok()
                .filter(|length| *length <= buffered),
            Framing::Chunked => {
                let mut decoder = ChunkedDecoder::default();
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
