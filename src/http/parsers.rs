//! The parsers without a connection around them, for fuzz targets and benches: they are private otherwise.

use crate::chunked::{ChunkError, ChunkedDecoder};
use crate::config;

use super::head::Head;
use super::refusal::Refusal;
use super::strict;

pub use super::framing::Framing;

/// A request head, and how far it reaches.
pub struct Request {
    pub head: Head,
    /// Bytes of blank lines before it, and its own up to its blank line.
    pub length: usize,
    pub framing: Framing,
    pub keep_alive: bool,
    pub expects_continue: bool,
}

/// Reads the head at the start of a connection; `None` while it is not whole.
///
/// # Errors
/// The message of the refusal.
pub fn request(bytes: &[u8], limits: &config::EdgeLimits) -> Result<Option<Request>, &'static str> {
    let blank = strict::blank_lines(bytes);
    let behind_blank = bytes.get(blank..).unwrap_or_default();
    let message = |refusal: Refusal| refusal.message;
    let Some(length) = strict::head_length(behind_blank, 0).map_err(message)? else {
        return Ok(None);
    };
    let head = behind_blank.get(..length).unwrap_or_default();
    let head = Head::parse(head, limits).map_err(message)?;
    Ok(Some(Request {
        length: blank + length,
        framing: head.framing,
        keep_alive: head.keep_alive,
        expects_continue: head.expects_continue,
        head,
    }))
}

/// A chunked body as far as its pieces reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dechunked {
    pub payload: Vec<u8>,
    /// Bytes of the pieces that belong to the body.
    pub used: usize,
    pub is_done: bool,
}

/// Decodes the pieces of a chunked body in turn.
///
/// # Errors
/// The pieces are no chunked body, or the payload is longer than `max_body`.
pub fn dechunk<'p>(
    pieces: impl IntoIterator<Item = &'p [u8]>,
    max_body: usize,
) -> Result<Dechunked, &'static str> {
    let (mut decoder, mut payload, mut used) = (ChunkedDecoder::default(), Vec::new(), 0);
    for piece in pieces {
        used += decoder
            .decode(piece, &mut payload, max_body)
            .map_err(|error| match error {
                ChunkError::TooLarge => "too large",
                ChunkError::Malformed(reason) => reason,
            })?;
    }
    Ok(Dechunked {
        payload,
        used,
        is_done: decoder.is_done(),
    })
}
