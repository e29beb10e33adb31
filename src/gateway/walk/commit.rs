//! A stream before its commit point: everything is held back until the first content, so that a stream that begins and
//! then fails can still be replaced by the next step's.

use std::time::Instant;

use crate::dialect::annotation::Annotation;
use crate::dialect::answer::{Flaw, Silence};
use crate::dialect::class::Class;
use crate::dialect::hearing::Hearing;
use crate::dialect::repairs::Repairs;
use crate::dialect::translate::Translation;
use crate::dialect::{Dialect, FrameKind, Judged, StreamJudge};
use crate::gateway::journal::Journal;
use crate::routing::Failure;
use crate::sse::{Event, Item, TooLarge};
use crate::upstream::{CallError, Head};

use super::end_watch::EndWatch;
use super::failure::{class_of_flaw, cut, failure_of, failure_of_error};
use super::frames::Frames;

/// Frames held back. Further ones without content are dropped: some providers send an empty delta for every hidden
/// reasoning token, and neither memory nor the right to fail over is given up for those.
const MOST_HELD: usize = 64;

/// Frames held back beyond those once the answer has named its end: the reason, the usage.
const MOST_HELD_AT_END: usize = 8;

/// Bytes of frames held back.
const MOST_HELD_BYTES: usize = 256 * 1024;

/// Frames and their bytes held back while reasoning counts for nothing; beyond them it commits.
const MOST_REASONING: usize = 16 * 1024;
const MOST_REASONING_BYTES: usize = 1024 * 1024;

/// Bytes of the frames that those behind them cannot do without: of Responses two echoes of the request.
const MOST_OPENING_BYTES: usize = 4 * 1024 * 1024;

/// A stream whose first content has arrived, or one that has ended without any.
pub struct Committed<'a> {
    /// The frames that were held back, with the first content last.
    pub held: Vec<HeldFrame>,
    pub frames: Box<Frames>,
    pub judge: Box<dyn StreamJudge>,
    pub watch: EndWatch<'a>,
    /// The repairs that are none of the judge's.
    pub repairs: Repairs,
    /// The dialect of the frames.
    pub dialect: &'static dyn Dialect,
    /// The translation of the frames; `None` where the client speaks their dialect.
    pub translation: Option<Box<Translation>>,
}

/// A frame that was judged, and is yet to be sent.
pub struct HeldFrame {
    /// The name of the event that it came in.
    pub name: Option<String>,
    /// The data, mended where they had to be.
    pub data: String,
    pub annotation: Option<Annotation>,
}

/// A stream before its commit point.
pub struct Uncommitted<'a> {
    pub frames: Box<Frames>,
    pub judge: Box<dyn StreamJudge>,
    pub watch: EndWatch<'a>,
    /// Reasoning is held back as what says nothing.
    pub holds_reasoning: bool,
    /// The client's ear, where its dialect is another one.
    pub hearing: Option<Box<Hearing>>,
    pub dialect: &'static dyn Dialect,
}

/// The beginning of a stream.
pub enum Opening<'a> {
    Content(Committed<'a>),
    /// The stream has come to its end without a word.
    Silent(Committed<'a>, Silence),
}

impl<'a> Uncommitted<'a> {
    /// Reads a stream up to its first content.
    ///
    /// # Errors
    /// The failure that lets the next step try: nothing has been sent yet.
    pub fn open(
        mut self,
        head: &Head,
        deadline: Instant,
        journal: &Journal<'_>,
    ) -> Result<Opening<'a>, Failure> {
        let mut held = Held::default();
        loop {
            let mut said = false;
            while let Some(item) = self.frames.next_here().map_err(too_large)? {
                // Comments say that the provider is at work; the client is not told, as it may yet be another one.
                let Item::Event(event) = item else { continue };
                let judged = self.judge.judge(&event);
                let commits = match judged.kind {
                    FrameKind::Content => is_heard(&mut self.hearing, &event, &judged),
                    FrameKind::Reasoning => !self.holds_reasoning || held.is_full(),
                    FrameKind::Prelude | FrameKind::Opening => false,
                    FrameKind::Heartbeat => continue,
                    FrameKind::End => return self.silent(held),
                    FrameKind::Error(said) => return Err(failure_of_error(head, *said)),
                    FrameKind::Broken(_) => return Err(broken_frame()),
                    FrameKind::Unusable(reason) => return Err(unusable(&reason)),
                };
                said = true;
                if commits {
                    journal.model_seen(|| model_of(&event, &judged));
                    held.push(HeldFrame::new(event, judged));
                    self.hold(&held)?;
                    return Ok(Opening::Content(self.committed(held)));
                }
                if held.frames.is_empty() {
                    journal.held_back();
                }
                let has_ended = self.judge.names_its_end();
                held.hold(
                    event,
                    judged,
                    HoldingRoom::new(self.holds_reasoning, has_ended),
                );
                if held.opening_bytes > MOST_OPENING_BYTES {
                    return Err(unusable(
                        "the stream opens with more than this gateway holds back",
                    ));
                }
                self.hold(&held)?;
            }
            self.watch.observe(&*self.judge, said);
            match self.frames.wait(self.watch.deadline(deadline)) {
                Ok(true) => {}
                Ok(false) if self.watch.is_whole(&*self.judge) => return self.silent(held),
                Ok(false) => return Err(cut()),
                Err(CallError::Timeout(_)) if self.watch.is_over() => {
                    self.frames.end();
                    return self.silent(held);
                }
                Err(error) => return Err(failure_of(&error)),
            }
        }
    }

    fn hold(&mut self, held: &Held) -> Result<(), Failure> {
        let bytes = held.bytes.saturating_add(held.opening_bytes);
        let room = self.frames.hold(bytes.saturating_add(self.judge.kept()));
        room.map_err(|error| failure_of(&error))
    }

    fn committed(self, held: Held) -> Committed<'a> {
        Committed {
            held: held.frames,
            frames: self.frames,
            judge: self.judge,
            watch: self.watch,
            repairs: Repairs::default(),
            dialect: self.dialect,
            translation: None,
        }
    }

    fn silent(mut self, mut held: Held) -> Result<Opening<'a>, Failure> {
        self.watch.remember(&*self.judge);
        self.watch.end();
        self.frames.clear();
        if let Some(rest) = self.judge.rest() {
            let annotation = self.judge.judge(&rest_event(&rest)).annotation;
            held.frames.push(HeldFrame {
                name: None,
                data: rest,
                annotation,
            });
            return Ok(Opening::Content(self.committed(held)));
        }
        if self
            .hearing
            .as_ref()
            .is_some_and(|hearing| hearing.misses())
        {
            let flaw = Flaw::Unsayable;
            return Err(Failure::new(class_of_flaw(&flaw), &flaw.to_string()));
        }
        let silence = self.judge.silence();
        Ok(Opening::Silent(self.committed(held), silence))
    }
}

/// Whether a client hears anything of a frame with content.
fn is_heard(hearing: &mut Option<Box<Hearing>>, event: &Event<'_>, judged: &Judged) -> bool {
    let data = judged.mended.as_deref().unwrap_or(&event.data);
    let hearing = hearing.as_mut();
    hearing.is_none_or(|hearing| hearing.hears(data))
}

/// The event of a frame that a judge has held back.
pub fn rest_event(data: &str) -> Event<'_> {
    Event {
        data: data.into(),
        ..Event::default()
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

/// The failure of a stream with a frame that no client can use.
pub fn unusable(reason: &str) -> Failure {
    Failure::new(Class::BadResponse, reason)
}

/// The failure of a stream that ended and said nothing.
pub fn without_content() -> Failure {
    Failure::new(Class::EmptyAnswer, "the stream ended without content")
}

fn model_of<'e>(event: &'e Event<'_>, judged: &'e Judged) -> Option<std::borrow::Cow<'e, str>> {
    let data = judged.mended.as_deref().unwrap_or(&event.data);
    let model = judged.annotation.as_ref()?.model(data)?;
    crate::json::raw::text(model)
}

impl HeldFrame {
    fn new(event: Event<'_>, judged: Judged) -> Self {
        Self {
            name: event.name,
            data: judged.mended.unwrap_or_else(|| event.data.into_owned()),
            annotation: judged.annotation,
        }
    }
}

#[derive(Default)]
struct Held {
    frames: Vec<HeldFrame>,
    /// The frames among them that have to stay do not count, nor do their bytes.
    openings: usize,
    bytes: usize,
    opening_bytes: usize,
}

/// The room for frames that are held back.
struct HoldingRoom {
    frames: usize,
    bytes: usize,
}

impl HoldingRoom {
    fn new(holds_reasoning: bool, has_ended: bool) -> Self {
        let (frames, bytes) = if holds_reasoning {
            (MOST_REASONING, MOST_REASONING_BYTES)
        } else {
            (MOST_HELD, MOST_HELD_BYTES)
        };
        let at_end = if has_ended { MOST_HELD_AT_END } else { 0 };
        Self {
            frames: frames + at_end,
            bytes,
        }
    }
}

impl Held {
    /// Whether there is no more room for reasoning.
    fn is_full(&self) -> bool {
        self.frames.len() >= MOST_REASONING || self.bytes > MOST_REASONING_BYTES
    }

    fn hold(&mut self, event: Event<'_>, judged: Judged, room: HoldingRoom) {
        if judged.kind == FrameKind::Opening {
            self.openings += 1;
            self.opening_bytes = self.opening_bytes.saturating_add(event.data.len());
            return self.frames.push(HeldFrame::new(event, judged));
        }
        // Of reasoning nothing is dropped: it commits when it is too much.
        let is_kept = judged.kind == FrameKind::Reasoning;
        let length = judged.mended.as_deref().unwrap_or(&event.data).len();
        let bytes = self.bytes.saturating_add(length);
        if is_kept || (self.frames.len() - self.openings < room.frames && bytes <= room.bytes) {
            self.push(HeldFrame::new(event, judged));
        }
    }

    fn push(&mut self, frame: HeldFrame) {
        self.bytes = self.bytes.saturating_add(frame.data.len());
        self.frames.push(frame);
    }
}
