//! The body of an answer by its framing, from behind the head to its end.

use ureq_proto::BodyMode;
use ureq_proto::client::state::RecvBody;
use ureq_proto::client::{Call as Protocol, RecvBodyResult};

use crate::chunked::{ChunkError, ChunkedDecoder};

use super::call_state::CallState;
use super::connection::Connection;
use super::error::CallError;

/// A body that has not been read to its end.
pub(super) enum UnreadBody {
    /// A body of an announced length.
    Sized {
        /// The bytes that are still to come of it.
        left: u64,
        /// The connection ends with it.
        closes: bool,
    },
    /// A body in the chunked coding.
    Chunked {
        decoder: ChunkedDecoder,
        /// The connection ends with it.
        closes: bool,
    },
    /// A body that ureq-proto takes apart.
    Framed(Box<FramedBody>),
}

/// A body that ureq-proto takes apart.
pub(super) struct FramedBody {
    pub protocol: Protocol<RecvBody>,
    /// The head gives two framings.
    pub is_ambiguous: bool,
}

impl UnreadBody {
    /// The announced length of the body (bytes). `None`: it has another framing.
    pub fn announced(&self) -> Option<u64> {
        match self {
            Self::Sized { left, .. } => Some(*left),
            Self::Chunked { .. } => None,
            Self::Framed(body) => body.announced(),
        }
    }

    /// Whether the body has been read to its end, as far as its framing tells.
    pub fn is_complete(&self) -> bool {
        match self {
            Self::Sized { left, .. } => *left == 0,
            Self::Chunked { decoder, .. } => decoder.is_done(),
            Self::Framed(body) => body.is_complete(),
        }
    }

    /// Waits for bytes of the body, or for its end.
    pub fn await_bytes(
        &self,
        connection: &mut Connection,
        state: &mut CallState,
    ) -> Result<(), CallError> {
        if !self.is_complete() {
            // The end of the input is there for the next read as well.
            connection.await_input(state)?;
        }
        Ok(())
    }

    /// Hands on as much of the body as is there, or waits for it, and tells how many bytes that were. 0 is the complete
    /// end.
    pub fn read(
        &mut self,
        connection: &mut Connection,
        most: usize,
        state: &mut CallState,
        take: &mut dyn FnMut(&[u8]),
    ) -> Result<usize, CallError> {
        match self {
            Self::Sized { left, .. } => read_sized(left, connection, most, state, take),
            Self::Chunked { decoder, .. } => read_chunked(decoder, connection, most, state, take),
            Self::Framed(body) => body.read(connection, most, state, take),
        }
    }

    /// All bytes of the body that have arrived, in the buffer that they came in; `None` where they are not alone in it, or more
    /// than `most`.
    pub fn take_arrived(&mut self, connection: &mut Connection, most: usize) -> Option<Vec<u8>> {
        let Self::Sized { left, .. } = self else {
            return None;
        };
        let buffers = connection.wire.buffers();
        let arrived = buffers.input().len();
        if arrived == 0 || arrived > most {
            return None;
        }
        *left = left.checked_sub(arrived as u64)?;
        Some(buffers.take_input())
    }

    /// Whether the connection has come to where the next answer begins, and may be used for it.
    pub fn leaves_reusable(self) -> bool {
        match self {
            Self::Sized { left, closes } => left == 0 && !closes,
            Self::Chunked { decoder, closes } => decoder.is_done() && !closes,
            Self::Framed(body) => body.leaves_reusable(),
        }
    }
}

fn read_sized(
    left: &mut u64,
    connection: &mut Connection,
    most: usize,
    state: &mut CallState,
    take: &mut dyn FnMut(&[u8]),
) -> Result<usize, CallError> {
    if *left == 0 {
        return Ok(0);
    }
    if !connection.await_input(state)? {
        return Err(state.ended());
    }
    let buffers = connection.wire.buffers();
    let most = usize::try_from(*left).unwrap_or(usize::MAX).min(most);
    let input = buffers.input();
    let input = input.get(..most).unwrap_or(input);
    take(input);
    let amount = input.len();
    buffers.input_consume(amount);
    *left -= amount as u64;
    Ok(amount)
}

/// Reads payload as [`UnreadBody::read`] does. Some servers close right behind the last chunk, without the empty line after
/// it; RFC 9112 section 8 asks for the chunk only.
fn read_chunked(
    decoder: &mut ChunkedDecoder,
    connection: &mut Connection,
    most: usize,
    state: &mut CallState,
    take: &mut dyn FnMut(&[u8]),
) -> Result<usize, CallError> {
    while !decoder.is_done() {
        let is_more = connection.await_input(state)?;
        let buffers = connection.wire.buffers();
        let input = buffers.input();
        let mut rest = input;
        let given = decoder.hand_on(&mut rest, most, take).map_err(|error| {
            state.failed(match error {
                ChunkError::Malformed(reason) => reason,
                ChunkError::TooLarge => "a chunk is too large",
            })
        })?;
        let read = input.len() - rest.len();
        buffers.input_consume(read);
        if given > 0 {
            return Ok(given);
        }
        if !is_more {
            return if decoder.has_last_chunk() {
                Ok(0)
            } else {
                Err(state.ended())
            };
        }
    }
    Ok(0)
}

impl FramedBody {
    fn announced(&self) -> Option<u64> {
        match self.protocol.body_mode() {
            BodyMode::LengthDelimited(length) => Some(length),
            BodyMode::NoBody | BodyMode::Chunked | BodyMode::CloseDelimited => None,
        }
    }

    fn read(
        &mut self,
        connection: &mut Connection,
        most: usize,
        state: &mut CallState,
        take: &mut dyn FnMut(&[u8]),
    ) -> Result<usize, CallError> {
        while !self.is_complete() {
            let progress = connection.await_input(state)?;
            let input = connection.wire.buffers().input();
            // The payload is not longer than what it is read from; its end shows in a byte's room.
            let mut payload = vec![0; input.len().clamp(1, most)];
            let read = self.protocol.read(input, &mut payload);
            let (read, written) = read.map_err(|error| state.failed(ureq::Error::from(error)))?;
            connection.wire.buffers().input_consume(read);
            if written > 0 {
                take(payload.get(..written).unwrap_or_default());
                return Ok(written);
            }
            if !progress {
                return self.end_of_input(state);
            }
        }
        Ok(0)
    }

    fn leaves_reusable(self) -> bool {
        self.is_complete()
            && !self.is_ambiguous
            && match self.protocol.proceed() {
                Some(RecvBodyResult::Cleanup(protocol)) => !protocol.must_close_connection(),
                Some(RecvBodyResult::Redirect(protocol)) => !protocol.must_close_connection(),
                None => false,
            }
    }

    fn is_complete(&self) -> bool {
        self.protocol.body_mode() != BodyMode::CloseDelimited && self.protocol.can_proceed()
    }

    /// The end of the body at the end of the input. Some servers close right behind the last chunk, without the empty
    /// line after it; RFC 9112 section 8 asks for the chunk only.
    fn end_of_input(&self, state: &CallState) -> Result<usize, CallError> {
        if self.protocol.body_mode() == BodyMode::CloseDelimited || self.protocol.is_ended_chunked()
        {
            Ok(0)
        } else {
            Err(state.ended())
        }
    }
}
