//! A stream after its commit point: frames go to the client as they arrive, and a break is told at the end.

use std::time::{Duration, Instant};

use crate::dialect::annotation::Annotation;
use crate::dialect::answer::Usage;
use crate::dialect::class::Class;
use crate::dialect::error::{Code, ErrorBody, type_of};
use crate::dialect::repairs::Repairs;
use crate::dialect::{Dialect, FrameKind, StreamJudge};
use crate::gateway::journal::Journal;
use crate::http::{Gone, Stream};
use crate::routing::Failure;
use crate::secret::Redactor;
use crate::sse::{Event, Item, encode, encode_with};
use crate::upstream::CallError;

use super::commit::{Committed, HeldFrame, broken_frame, rest_event, too_large};
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
/// stream under way comes to less.
const AT_ONCE: usize = 64 * 1024;

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
        first: true,
        out: String::new(),
    };
    let failure = relay.run(held, &mut frames, stall).err();
    let Relay {
        mut stream,
        judge,
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
            let data = if stopped {
                dialect.broken(&ErrorBody::new(Code::Overloaded, STOPPING))
            } else {
                broken(dialect, failure, &errand.context.redactor)
            };
            let mut out = String::new();
            encode(&mut out, &data);
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
    dialect: &'a dyn Dialect,
    stream: Stream<'c>,
    annotations: &'a Annotations<'a>,
    judge: Box<dyn StreamJudge>,
    watch: EndWatch<'a>,
    journal: &'j mut Journal<'g>,
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
        for HeldFrame { data, annotation } in held {
            self.pass_on(&data, annotation);
        }
        loop {
            let next = self.take_here(frames);
            // The frames before a failure are the client's.
            self.flush()?;
            if next? == Progress::End {
                return Ok(());
            }
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
            FrameKind::Prelude => Taken::NoWords,
            FrameKind::Heartbeat => {
                self.out.push_str(SIGN_OF_LIFE);
                return Ok(Taken::NoWords);
            }
            FrameKind::End => {
                if !self.watch.mark(&*self.judge)? {
                    return Ok(Taken::NoWords);
                }
                self.journal.frame_relayed(&event.data);
                self.write_end();
                return Ok(Taken::End);
            }
            FrameKind::Error(said) => return Err(failure_of_late_error(&said)),
            FrameKind::Broken(_) => return Err(broken_frame()),
        };
        let data = judged.mended.as_deref().unwrap_or(&event.data);
        self.pass_on(data, judged.annotation);
        Ok(taken)
    }

    fn pass_on(&mut self, data: &str, annotation: Option<Annotation>) {
        self.journal.frame_relayed(data);
        let first = std::mem::take(&mut self.first);
        let summary = self.annotations.routing_summary.filter(|_| first);
        encode_with(&mut self.out, |out| match annotation {
            Some(annotation) => annotation.write(out, data, self.annotations.model, summary),
            None => out.push_str(data),
        });
    }

    /// The provider closed without an end mark, or has said all: complete only if it said why it stopped.
    fn end(&mut self) -> Result<(), Failure> {
        if !self.watch.is_whole(&*self.judge) {
            return Err(cut());
        }
        self.write_end();
        self.flush()
    }

    fn write_end(&mut self) {
        if let Some(rest) = self.judge.rest() {
            let annotation = self.judge.judge(&rest_event(&rest)).annotation;
            self.pass_on(&rest, annotation);
        }
        if let Some(mark) = self.dialect.end_mark() {
            encode(&mut self.out, mark);
        }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        if self.out.is_empty() {
            return Ok(());
        }
        let written = self.stream.write(self.out.as_bytes());
        self.out.clear();
        written.map_err(|Gone| Failure::new(Class::Cancelled, "the client is gone"))
    }
}

/// Reads the rest behind an end mark, so that the connection can be used again.
fn read_tail(frames: &mut Frames) {
    let deadline = Instant::now() + TAIL;
    while let Ok(true) = frames.wait(deadline) {
        while let Ok(Some(_)) = frames.next_here() {}
    }
}

/// The event that tells of a break. It begins with words on which agents try again.
fn broken(dialect: &dyn Dialect, failure: &Failure, redactor: &Redactor) -> String {
    let message = redactor.redact(&format!(
        "server error: the stream broke: {}",
        failure.message
    ));
    dialect.broken(&ErrorBody {
        message: &message,
        kind: type_of(502),
        param: None,
        code: failure.class.label(),
        details: None,
        routing_summary: None,
    })
}
