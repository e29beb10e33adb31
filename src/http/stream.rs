//! Streamed answers.

use std::fmt;
use std::io::IoSlice;

use crate::chunked::SizeLine;

use super::framing::Version;
use super::response::{BodyEnd, Delivery, Encoder, ResponseHead};
use super::transaction::{AnswerState, Transaction};

/// The failure to write to a client that takes no more of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client has gone")
    }
}

impl std::error::Error for Gone {}

/// An answer in the making. Dropped without [`Stream::finish`], it is cut: the connection ends without the last chunk
/// (to HTTP/1.0 clients, with a reset), and the client knows that something is missing. Dropped before the first write,
/// it is answered 500.
pub struct Stream<'t> {
    transaction: &'t mut Transaction,
    /// The head, until it is sent.
    unsent: Vec<u8>,
    end: BodyEnd,
    wants_body: bool,
    delivery: Delivery,
    gone: bool,
}

impl<'t> Stream<'t> {
    pub(super) fn begin(
        transaction: &'t mut Transaction,
        head: ResponseHead,
        length: Option<u64>,
    ) -> Self {
        let length = length.and_then(|length| usize::try_from(length).ok());
        let end = match (length, transaction.job.head.version()) {
            (Some(length), _) => BodyEnd::Length(length),
            (None, Version::Http11) => BodyEnd::Chunked,
            (None, Version::Http10) => BodyEnd::Close,
        };
        let keep_alive = transaction.decide_keep_alive(end);
        // Events are worth nothing in a cache; nginx in front would hold them back without the second field.
        let head = head
            .with("Cache-Control", "no-cache")
            .with("X-Accel-Buffering", "no");
        let encoder = Encoder::for_request(&transaction.job.head, &transaction.fields);
        let unsent = encoder.encode_head(&head, end, keep_alive);
        let wants_body = encoder.wants_body(head.status);
        Self {
            transaction,
            unsent,
            end,
            wants_body,
            delivery: Delivery {
                status: head.status,
                complete: false,
                bytes: 0,
            },
            gone: false,
        }
    }

    /// The rest of an answer whose head was sent, by another value of this type.
    pub(super) fn resumed(transaction: &'t mut Transaction, status: u16) -> Self {
        let encoder = Encoder::for_request(&transaction.job.head, &[]);
        Self {
            end: match transaction.job.head.version() {
                Version::Http11 => BodyEnd::Chunked,
                Version::Http10 => BodyEnd::Close,
            },
            wants_body: encoder.wants_body(status),
            transaction,
            unsent: Vec::new(),
            delivery: Delivery {
                status,
                complete: false,
                bytes: 0,
            },
            gone: false,
        }
    }

    /// Sends the bytes at once, as one chunk. Without bytes, only the head is sent, if it was not yet (waits at most
    /// `write_timeout` without progress).
    ///
    /// # Errors
    /// The client has gone, or took nothing for too long; nothing more can be written.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        let bytes = if self.wants_body { bytes } else { &[] };
        let size = SizeLine::of(bytes.len());
        let (before, after): (&[u8], &[u8]) = match self.end {
            BodyEnd::Chunked if !bytes.is_empty() => (size.as_bytes(), b"\r\n"),
            _ => (b"", b""),
        };
        let head = std::mem::take(&mut self.unsent);
        let mut slices = [&*head, before, bytes, after].map(IoSlice::new);
        self.put(&mut slices)?;
        self.delivery.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Sends slices at once, as one chunk, without copying them. As [`Stream::write`] else.
    ///
    /// # Errors
    /// As [`Stream::write`].
    pub fn write_slices(&mut self, slices: &[&[u8]]) -> Result<(), Gone> {
        let length: usize = slices.iter().map(|slice| slice.len()).sum();
        if !self.wants_body || length == 0 {
            return self.write(&[]);
        }
        let size = SizeLine::of(length);
        let (before, after): (&[u8], &[u8]) = match self.end {
            BodyEnd::Chunked => (size.as_bytes(), b"\r\n"),
            _ => (b"", b""),
        };
        let head = std::mem::take(&mut self.unsent);
        let all = [&head, before]
            .into_iter()
            .chain(slices.iter().copied())
            .chain([after]);
        self.put(&mut all.map(IoSlice::new).collect::<Vec<_>>())?;
        self.delivery.bytes += length as u64;
        Ok(())
    }

    /// Whether the server stops and its time to finish is over, as [`Exchange::is_ending`](super::Exchange::is_ending).
    pub fn is_ending(&self) -> bool {
        self.transaction.is_ending()
    }

    /// Ends the answer whole.
    pub fn finish(mut self) -> Delivery {
        let last: &[u8] = match self.end {
            BodyEnd::Chunked if self.wants_body => b"0\r\n\r\n",
            _ => b"",
        };
        if !self.gone {
            self.transaction.answer = AnswerState::Begun(self.end);
            let head = std::mem::take(&mut self.unsent);
            self.delivery.complete = self.transaction.finish(&head, last);
        }
        self.delivery
    }

    /// Ends the answer cut, as dropping it does, and returns how much was sent.
    pub fn cut(self) -> Delivery {
        self.delivery
    }

    fn put(&mut self, slices: &mut [IoSlice<'_>]) -> Result<(), Gone> {
        if self.gone {
            return Err(Gone);
        }
        self.transaction.answer = AnswerState::Begun(self.end);
        let (_, whole) = self.transaction.write(slices);
        self.gone = !whole;
        if whole { Ok(()) } else { Err(Gone) }
    }
}
