//! A stream after its commit point: frames go to the client as they arrive, and a break is told at the end.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use crate::dialect::annotation::Annotation;
use crate::dialect::class::Class;
use crate::dialect::error::{Code, ErrorBody, type_of};
use crate::dialect::repairs::Repairs;
use crate::dialect::usage::Usage;
use crate::dialect::{Dialect, FrameKind, StreamJudge};
use crate::gateway::journal::Journal;
use crate::http::{Gone, Stream};
use crate::json::pieces::{Piece, Pieces};
use crate::json::position;
use crate::json::spliced::Splices;
use crate::routing::Failure;
use crate::secret::Redactor;
use crate::sse::{BLANK_LINE, DATA, Event, Item, encode_with, is_one_line};
use crate::upstream::CallError;

use super::commit::{Committed, HeldFrame, broken_frame, rest_event, too_large, unusable};
use super::end_watch::EndWatch;
use super::errand::Errand;
use super::failure::{cut, failure_of, failure_of_late_error};
use super::frames::Frames;

/// The words for clients whose answers do not finish in time.
pub const STOPPING: &str = "the gateway is stopping; try again in a moment";

/// How long the end of an answer may take after its end mark, for the connection's sake: it can be used again only when
/// it was read to the end, and that usually came with the last frame.
const TAIL: Duration = Duration::from_millis(50);

/// Bytes for the client that are gathered from the part of a stream that is here, which may be all of it. One read of a
/// stream under way comes to less. No budget is charged for them: a crowd of clients that do not read leaves as much for
/// each, and longer frames are sent from where they are.
const AT_ONCE: usize = 16 * 1024;

/// The capacity for frames that is kept while a stream waits (bytes).
const KEPT: usize = 1024;

/// The members that the gateway writes into a stream.
pub struct Annotations<'a> {
    /// The `model` of every frame; none keeps the provider's.
    pub model: Option<&'a str>,
    /// For the first frame, as raw JSON; none where the configuration leaves it out.
    pub routing_summary: Option<&'a str>,
}

/// The end of a relayed stream.
pub struct Ending {
    pub usage: Option<Usage>,
    pub repairs: Repairs,
    /// The failure after the commit point, of which the client was told, unless it is gone (`Class::Cancelled`).
    pub failure: Option<Failure>,
    /// The gateway had no time left for the stream, and said so.
    pub stopped: bool,
}

/// Relays a committed stream to its end. `stall` bounds every wait for the provider. Blocks.
pub fn relay(
    errand: &Errand<'_>,
    committed: Committed<'_>,
    stream: Stream<'_>,
    annotations: &Annotations<'_>,
    stall: Duration,
    journal: &mut Journal<'_>,
) -> Ending {
    let dialect = errand.dialect;
    let Committed {
        held,
        mut frames,
        judge,
        watch,
        mut repairs,
    } = committed;
    let mut relay = Relay {
        dialect,
        stream,
        annotations,
        judge,
        watch,
        journal,
        redactor: &errand.context.redactor,
        first: true,
        out: String::new(),
    };
    let failure = relay.run(held, &mut frames, stall).err();
    let Relay {
        mut stream,
        mut judge,
        watch,
        ..
    } = relay;
    watch.remember(&*judge);
    repairs.add_all(judge.repairs());
    let cancelled = failure
        .as_ref()
        .is_some_and(|failure| failure.class == Class::Cancelled);
    let stopped = cancelled && stream.is_ending();
    match &failure {
        None => {
            // The client has its end mark. The connection is read to its end first, so that a client's next request
            // finds it in the pool.
            read_tail(&mut frames);
            stream.finish();
        }
        Some(_) if cancelled && !stopped => {}
        Some(failure) => {
            let mut out = String::new();
            let mut tell = |error: &ErrorBody<'_>| match judge.broken(error) {
                None => dialect.push_event(&mut out, &dialect.broken(error)),
                Some(events) => {
                    for data in events {
                        dialect.push_name(&mut out, None, &data);
                        let annotation = judge.judge(&rest_event(&data)).annotation;
                        encode_with(&mut out, |out| match annotation {
                            Some(annotation) => {
                                annotation.write(out, &data, annotations.model, None)
                            }
                            None => out.push_str(&data),
                        });
                    }
                }
            };
            if stopped {
                tell(&ErrorBody {
                    request_id: errand.request_id,
                    ..ErrorBody::new(Code::Overloaded, STOPPING)
                });
            } else {
                tell_of(
                    failure,
                    &errand.context.redactor,
                    errand.request_id,
                    &mut tell,
                );
            }
            if stream.write(out.as_bytes()).is_ok() {
                stream.finish();
            }
        }
    }
    Ending {
        usage: judge.usage(),
        repairs,
        failure,
        stopped,
    }
}

struct Relay<'a, 'c, 'j, 'g> {
    dialect: &'static dyn Dialect,
    stream: Stream<'c>,
    annotations: &'a Annotations<'a>,
    judge: Box<dyn StreamJudge>,
    watch: EndWatch<'a>,
    journal: &'j mut Journal<'g>,
    redactor: &'a Redactor,
    /// No frame has been sent yet.
    first: bool,
    /// Frames of one read, written at once, or in pieces if they are many.
    out: String,
}

/// A comment, without a blank line behind it: some decoders take that for an empty event.
const SIGN_OF_LIFE: &str = ":\n";

/// The meaning of a frame for the wait behind it.
enum Taken {
    Words,
    NoWords,
    End,
}

/// Whether more is to come.
#[derive(PartialEq, Eq)]
enum Progress {
    More,
    End,
}

impl Relay<'_, '_, '_, '_> {
    fn run(
        &mut self,
        held: Vec<HeldFrame>,
        frames: &mut Frames,
        stall: Duration,
    ) -> Result<(), Failure> {
        for HeldFrame {
            name,
            data,
            annotation,
        } in held
        {
            self.pass_on(name.as_deref(), &data, annotation)?;
        }
        self.hold(frames, None)?;
        loop {
            let kept = self.judge.kept();
            let next = self.take_here(frames);
            // The frames before a failure are the client's.
            self.flush()?;
            if next? == Progress::End {
                return Ok(());
            }
            self.hold(frames, Some(kept))?;
            match frames.wait(self.watch.deadline(Instant::now() + stall)) {
                Ok(true) => {}
                Ok(false) => return self.end(),
                Err(CallError::Timeout(_)) if self.watch.is_over() => {
                    frames.end();
                    return self.end();
                }
                Err(error) => return Err(failure_of(&error)),
            }
        }
    }

    /// Has the budget charged for what the judge keeps, where that is not what it was. Without room for it, less is kept.
    fn hold(&mut self, frames: &mut Frames, before: Option<usize>) -> Result<(), Failure> {
        let kept = self.judge.kept();
        if before == Some(kept) || frames.hold(kept).is_ok() {
            return Ok(());
        }
        self.judge.forget();
        let room = frames.hold(self.judge.kept());
        room.map_err(|error| failure_of(&error))
    }

    fn take_here(&mut self, frames: &mut Frames) -> Result<Progress, Failure> {
        let mut said = false;
        loop {
            if self.out.len() >= AT_ONCE {
                self.flush()?;
            }
            match frames.next_here().map_err(too_large)? {
                None => {
                    self.watch.observe(&*self.judge, said);
                    return Ok(Progress::More);
                }
                Some(Item::Comment(_)) => self.out.push_str(SIGN_OF_LIFE),
                Some(Item::Event(event)) => match self.take(&event)? {
                    Taken::Words => said = true,
                    Taken::NoWords => {}
                    Taken::End => return Ok(Progress::End),
                },
            }
        }
    }

    fn take(&mut self, event: &Event<'_>) -> Result<Taken, Failure> {
        let judged = self.judge.judge(event);
        let taken = match judged.kind {
            FrameKind::Content | FrameKind::Reasoning => Taken::Words,
            FrameKind::Prelude | FrameKind::Opening => Taken::NoWords,
            FrameKind::Heartbeat => {
                self.out.push_str(SIGN_OF_LIFE);
                return Ok(Taken::NoWords);
            }
            FrameKind::End => {
                if !self.watch.mark(&*self.judge)? {
                    return Ok(Taken::NoWords);
                }
                self.write_rest()?;
                self.pass_on(event.name.as_deref(), event.data.trim_ascii(), None)?;
                return Ok(Taken::End);
            }
            FrameKind::Error(said) => {
                if self.judge.passes_errors() {
                    // Providers echo keys.
                    let masked = self.redactor.mask(&event.data);
                    let annotation = match &masked {
                        Cow::Borrowed(_) => judged.annotation,
                        Cow::Owned(data) => self.judge.judge(&rest_event(data)).annotation,
                    };
                    self.pass_on(event.name.as_deref(), &masked, annotation)?;
                }
                return Err(failure_of_late_error(&said));
            }
            FrameKind::Broken(_) => return Err(broken_frame()),
            FrameKind::Unusable(reason) => return Err(unusable(&reason)),
        };
        let data = judged.mended.as_deref().unwrap_or(&event.data);
        self.pass_on(event.name.as_deref(), data, judged.annotation)?;
        Ok(taken)
    }

    fn pass_on(
        &mut self,
        name: Option<&str>,
        data: &str,
        annotation: Option<Annotation>,
    ) -> Result<(), Failure> {
        self.journal.frame_relayed(data);
        // The first frame that can be written into has the summary.
        let first = annotation.is_some() && std::mem::take(&mut self.first);
        let summary = self.annotations.routing_summary.filter(|_| first);
        self.dialect.push_name(&mut self.out, name, data);
        if data.len() > AT_ONCE && is_one_line(data) {
            return self.pass_on_slices(data, annotation, summary);
        }
        encode_with(&mut self.out, |out| match annotation {
            Some(annotation) => annotation.write(out, data, self.annotations.model, summary),
            None => out.push_str(data),
        });
        Ok(())
    }

    /// Writes a frame that is larger than what is gathered, such as one with an image, without copying it.
    fn pass_on_slices(
        &mut self,
        data: &str,
        annotation: Option<Annotation>,
        summary: Option<&str>,
    ) -> Result<(), Failure> {
        self.flush()?;
        let mut splices = Splices::default();
        match annotation {
            Some(annotation) => {
                annotation.each_piece(data, self.annotations.model, summary, &mut splices);
            }
            None => splices.take(Piece::Kept(0, position(data.len()))),
        }
        let mut slices = vec![DATA];
        slices.extend(splices.slices(data));
        slices.push(BLANK_LINE);
        self.stream.write_slices(&slices).map_err(gone)
    }

    /// The provider closed without an end mark, or has said all: complete only if it said why it stopped.
    fn end(&mut self) -> Result<(), Failure> {
        if !self.watch.is_whole(&*self.judge) {
            return Err(cut());
        }
        self.write_rest()?;
        if let Some(mark) = self.dialect.end_mark() {
            self.dialect.push_event(&mut self.out, mark);
        }
        self.flush()
    }

    fn write_rest(&mut self) -> Result<(), Failure> {
        if let Some(rest) = self.judge.rest() {
            let annotation = self.judge.judge(&rest_event(&rest)).annotation;
            self.pass_on(None, &rest, annotation)?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Failure> {
        if self.out.is_empty() {
            return Ok(());
        }
        let written = self.stream.write(self.out.as_bytes());
        self.out.clear();
        // A stream that waits keeps room for the usual event, not for the most that ever came at once.
        if self.out.capacity() > KEPT {
            self.out = String::new();
        }
        written.map_err(gone)
    }
}

fn gone(_: Gone) -> Failure {
    Failure::new(Class::Cancelled, "the client is gone")
}

/// Reads the rest behind an end mark, so that the connection can be used again.
fn read_tail(frames: &mut Frames) {
    let deadline = Instant::now() + TAIL;
    while let Ok(true) = frames.wait(deadline) {
        while let Ok(Some(_)) = frames.next_here() {}
    }
}

/// Tells of a break, in words that begin with those on which agents try again.
fn tell_of(
    failure: &Failure,
    redactor: &Redactor,
    request_id: Option<&str>,
    tell: &mut dyn FnMut(&ErrorBody<'_>),
) {
    let message = redactor.redact(&format!(
        "server error: the stream broke: {}",
        failure.message
    ));
    tell(&ErrorBody {
        status: 502,
        kind: type_of(502),
        code: failure.class.label(),
        request_id,
        ..ErrorBody::new(Code::RouteExecutionFailed, &message)
    });
}
