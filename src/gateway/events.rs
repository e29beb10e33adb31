//! The events of a provider's stream, as they arrive.

use std::time::Instant;

use crate::sse::{Decoder, Item, TooLarge, encode};
use crate::upstream::{Body, CallError};

/// Bytes of one event; a generated image inside a chunk is about 1 MiB.
const LONGEST_EVENT: usize = 8 * 1024 * 1024;

const READ_SIZE: usize = 8 * 1024;

/// Items already decoded, and where more come from.
pub struct Events {
    decoder: Decoder,
    body: Option<Body>,
    finished: bool,
}

impl Events {
    /// The events of an answer under way.
    pub fn live(body: Body) -> Self {
        Self {
            decoder: Decoder::new(LONGEST_EVENT),
            body: Some(body),
            finished: false,
        }
    }

    /// A stream that was sent under another content type, and is all there.
    pub fn of_text(text: &str) -> Self {
        let mut decoder = Decoder::new(usize::MAX);
        decoder.push(text.as_bytes());
        Self {
            decoder,
            body: None,
            finished: false,
        }
    }

    /// Events that are all there already.
    pub fn ready<'a>(data: impl IntoIterator<Item = &'a str>) -> Self {
        let mut bytes = String::new();
        for data in data {
            encode(&mut bytes, data);
        }
        Self::of_text(&bytes)
    }

    /// The next item among the bytes that are here.
    ///
    /// # Errors
    /// When an event is larger than this gateway holds.
    pub fn next_here(&mut self) -> Result<Option<Item<'_>>, TooLarge> {
        self.decoder.next_item().transpose()
    }

    /// Waits for more bytes; false at the end. Then a last event without its blank line is given, if there is one.
    ///
    /// # Errors
    /// Whatever ended the stream before its end.
    pub fn wait(&mut self, deadline: Instant) -> Result<bool, CallError> {
        if self.finished {
            return Ok(false);
        }
        let read = match &mut self.body {
            Some(body) => self
                .decoder
                .fill(READ_SIZE, |room| body.read(room, deadline))?,
            None => 0,
        };
        if read > 0 {
            return Ok(true);
        }
        self.finished = true;
        let Some(last) = self.decoder.finish() else {
            return Ok(false);
        };
        let mut bytes = String::new();
        encode(&mut bytes, &last.data);
        self.decoder.push(bytes.as_bytes());
        Ok(true)
    }
}

/// The data of every event in a stream that is all there.
pub fn data_of(text: &str) -> impl Iterator<Item = String> {
    let mut decoder = Decoder::new(usize::MAX);
    decoder.push(text.as_bytes());
    std::iter::from_fn(move || {
        loop {
            match decoder.next_item() {
                Some(Ok(Item::Event(event))) => return Some(event.data.into_owned()),
                Some(Ok(Item::Comment(_))) => {}
                Some(Err(_)) | None => {
                    return decoder.finish().map(|event| event.data.into_owned());
                }
            }
        }
    })
}
