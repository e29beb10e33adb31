//! A stream before its commit point: everything is held back until the first content, so that a stream that begins and
//! then fails can still be replaced by the next step's.

use std::time::Instant;

use crate::dialect::annotation::Annotation;
use crate::dialect::class::Class;
use crate::dialect::{FrameKind, StreamJudge};
use crate::gateway::journal::Journal;
use crate::routing::Failure;
use crate::sse::{Decoder, Event, Item, TooLarge, encode};
use crate::upstream::{Body, CallError, Head};

use super::failure::{cut, failure_of, failure_of_error};

/// Frames held back. Further ones without content are dropped: some providers send an empty delta for every hidden
/// reasoning token, and neither memory nor the right to fail over is given up for those.
const MOST_HELD: usize = 64;

/// Bytes of frames held back.
const MOST_HELD_BYTES: usize = 256 * 1024;

/// Bytes of one frame; a generated image inside a chunk is about 1 MiB.
const LONGEST_FRAME: usize = 8 * 1024 * 1024;

const READ_SIZE: usize = 8 * 1024;

/// A stream whose first content has arrived.
pub struct Committed {
    /// The frames that were held back, with the first content last.
    pub held: Vec<HeldFrame>,
    pub frames: Frames,
    pub judge: Box<dyn StreamJudge>,
}

/// A frame that was judged, and is yet to be sent.
pub struct HeldFrame {
    pub event: Event<'static>,
    pub annotation: Option<Annotation>,
}

/// Reads a stream up to its first content.
///
/// # Errors
/// The failure that lets the next step try: nothing has been sent yet.
pub fn open(
    head: &Head,
    mut frames: Frames,
    mut judge: Box<dyn StreamJudge>,
    deadline: Instant,
    journal: &Journal<'_>,
) -> Result<Committed, Failure> {
    let mut held = Held::default();
    loop {
        while let Some(item) = frames.next_here().map_err(too_large)? {
            // Comments say that the provider is at work; the client is not told, as it may yet be another one.
            let Item::Event(event) = item else { continue };
            let judged = judge.judge(&event);
            match judged.kind {
                FrameKind::Content => {
                    let model = |annotation: &Annotation| annotation.model(&event.data);
                    journal.model_seen(|| {
                        let model = judged.annotation.as_ref().and_then(model);
                        model.and_then(crate::json::raw::text)
                    });
                    held.frames.push(HeldFrame {
                        annotation: judged.annotation,
                        event: event.into_owned(),
                    });
                    return Ok(Committed {
                        held: held.frames,
                        frames,
                        judge,
                    });
                }
                FrameKind::Prelude => {
                    if held.frames.is_empty() {
                        journal.held_back();
                    }
                    held.hold(event, judged.annotation);
                }
                FrameKind::End => return Err(without_content()),
                FrameKind::Error(said) => return Err(failure_of_error(head, &said)),
                FrameKind::Broken(_) => return Err(broken_frame()),
            }
        }
        if !frames.wait(deadline).map_err(|error| failure_of(&error))? {
            return Err(if judge.is_whole() {
                without_content()
            } else {
                cut()
            });
        }
    }
}

/// The failure of a stream with a frame larger than this gateway holds.
pub fn too_large(error: TooLarge) -> Failure {
    Failure::new(Class::BadResponse, &error.to_string())
}

/// The failure of a stream with a frame that cannot be read.
pub fn broken_frame() -> Failure {
    Failure::new(Class::BadResponse, "an event of the stream is not JSON")
}

fn without_content() -> Failure {
    Failure::new(Class::EmptyAnswer, "the stream ended without content")
}

#[derive(Default)]
struct Held {
    frames: Vec<HeldFrame>,
    bytes: usize,
}

impl Held {
    fn hold(&mut self, event: Event<'_>, annotation: Option<Annotation>) {
        let bytes = self.bytes.saturating_add(event.data.len());
        if self.frames.len() < MOST_HELD && bytes <= MOST_HELD_BYTES {
            self.bytes = bytes;
            self.frames.push(HeldFrame {
                event: event.into_owned(),
                annotation,
            });
        }
    }
}

/// The frames of a stream, as they arrive.
pub struct Frames {
    decoder: Decoder,
    body: Option<Body>,
    finished: bool,
}

impl Frames {
    /// The frames of an answer under way.
    pub fn live(body: Body) -> Self {
        Self {
            decoder: Decoder::new(LONGEST_FRAME),
            body: Some(body),
            finished: false,
        }
    }

    /// The frames of a text that is all there: a stream that was sent under another content type.
    pub fn of_text(text: &str) -> Self {
        let mut decoder = Decoder::new(usize::MAX);
        decoder.push(text.as_bytes());
        Self {
            decoder,
            body: None,
            finished: false,
        }
    }

    /// Frames with these data, all there.
    pub fn ready(data: impl IntoIterator<Item = String>) -> Self {
        let mut text = String::new();
        for data in data {
            encode(&mut text, &data);
        }
        Self::of_text(&text)
    }

    /// The next frame or comment among the bytes that are here; none when more have to come.
    ///
    /// # Errors
    /// A frame is larger than this gateway holds.
    pub fn next_here(&mut self) -> Result<Option<Item<'_>>, TooLarge> {
        self.decoder.next_item().transpose()
    }

    /// The next frame of a stream that is all there; none at its end.
    pub fn next_event(&mut self) -> Option<Event<'static>> {
        loop {
            match self.decoder.next_item() {
                Some(Ok(Item::Event(event))) => return Some(event.into_owned()),
                Some(Ok(Item::Comment(_))) => {}
                Some(Err(_)) | None => return self.decoder.finish(),
            }
        }
    }

    /// Waits for more bytes; false at the end of the stream. A last frame without its blank line counts.
    ///
    /// # Errors
    /// The cause of an end before the end.
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
        let mut text = String::new();
        encode(&mut text, &last.data);
        self.decoder.push(text.as_bytes());
        Ok(true)
    }
}
