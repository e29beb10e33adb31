//! A stream after its commit point: frames go to the client as they arrive, and a break is told at the end.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use crate::dialect::annotation::Annotation;
use crate::dialect::class::Class;
use crate::dialect::error::{Code, ErrorBody, type_of};
use crate::dialect::repairs::Repairs;
use crate::dialect::usage::Usage;
use crate::dialect::{FrameKind, StreamJudge};
use crate::gateway::journal::Journal;
use crate::http::Stream;
use crate::json::raw;
use crate::routing::Failure;
use crate::secret::Redactor;
use crate::sse::{Event, Item, Lines};
use crate::upstream::CallError;

use super::commit::{Committed, HeldFrame, broken_frame, rest_event, too_large, unusable};
use super::end_watch::EndWatch;
use super::errand::Errand;
use super::failure::{cut, failure_of, failure_of_late_error};
use super::frames::Frames;
use super::outlet::{Annotations, Outlet};

/// The words for clients whose answers do not finish in time.
pub const STOPPING: &str = "the gateway is stopping; try again in a moment";

/// How long the end of an answer may take after its end mark, for the connection's sake: it can be used again only when
/// it was read to the end, and that usually came with the last frame.
const TAIL: Duration = Duration::from_millis(50);

/// A provider's silence after which a translated stream gives a sign of life: to Anthropic's clients a minute without one
/// looks dead.
const SILENCE: Duration = Duration::from_secs(15);

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
    errand: &Errand<'_, '_>,
    committed: Committed<'_>,
    stream: Stream<'_>,
    annotations: &Annotations<'_>,
    stall: Duration,
    journal: &mut Journal<'_>,
) -> Ending {
    let Committed {
        held,
        mut frames,
        judge,
        watch,
        mut repairs,
        translation,
        dialect: _,
    } = committed;
    let limit = errand.context.config.server.max_answer;
    let mut relay = Relay {
        outlet: Outlet::new(errand.dialect, stream, annotations, translation, limit),
        judge,
        watch,
        journal,
        redactor: &errand.context.redactor,
        hides_usage: errand.hides_usage,
    };
    let failure = relay.run(held, &mut frames, stall).err();
    let Relay {
        mut outlet,
        mut judge,
        watch,
        ..
    } = relay;
    watch.remember(&*judge);
    repairs.add_all(judge.repairs());
    let cancelled = failure
        .as_ref()
        .is_some_and(|failure| failure.class == Class::Cancelled);
    let stopped = cancelled && outlet.is_ending();
    match &failure {
        None => {
            // The client has its end mark. The connection is read to its end first, so that a client's next request
            // finds it in the pool.
            read_tail(&mut frames);
            outlet.close();
        }
        Some(_) if cancelled && !stopped => {}
        Some(failure) => {
            let mut tell = |error: &ErrorBody<'_>| outlet.break_off(error, &mut *judge);
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
            if outlet.flush().is_ok() {
                outlet.close();
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
    outlet: Outlet<'a, 'c>,
    judge: Box<dyn StreamJudge>,
    watch: EndWatch<'a>,
    journal: &'j mut Journal<'g>,
    redactor: &'a Redactor,
    hides_usage: bool,
}

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
        // The last of them is the first content.
        if let Some(first) = held.last() {
            self.journal.words_relayed(first.data.len());
        }
        for HeldFrame {
            name,
            data,
            annotation,
        } in held
        {
            self.pass_on(name.as_deref(), &data, Lines::Any, annotation)?;
        }
        self.hold(frames, None)?;
        loop {
            let kept = self.kept();
            let next = self.take_here(frames);
            // The frames before a failure are the client's.
            self.outlet.flush()?;
            if next? == Progress::End {
                return Ok(());
            }
            self.hold(frames, Some(kept))?;
            match self.wait(frames, stall) {
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

    /// Waits for more of the stream; a translated one gives signs of life meanwhile.
    fn wait(&mut self, frames: &mut Frames, stall: Duration) -> Result<bool, CallError> {
        let deadline = self.watch.deadline(Instant::now() + stall);
        while self.outlet.translates() {
            let sign = Instant::now() + SILENCE;
            if sign >= deadline {
                break;
            }
            match frames.wait(sign) {
                Err(CallError::Timeout(_)) => {
                    self.outlet.sign_of_life();
                    if self.outlet.flush().is_err() {
                        return Err(CallError::Cancelled);
                    }
                }
                other => return other,
            }
        }
        frames.wait(deadline)
    }

    fn kept(&self) -> usize {
        self.judge.kept().saturating_add(self.outlet.kept())
    }

    /// Has the budget charged for what the judge keeps, where that is not what it was. Without room for it, less is kept.
    fn hold(&mut self, frames: &mut Frames, before: Option<usize>) -> Result<(), Failure> {
        let kept = self.kept();
        if before == Some(kept) || frames.hold(kept).is_ok() {
            return Ok(());
        }
        self.judge.forget();
        let room = frames.hold(self.kept());
        room.map_err(|error| failure_of(&error))
    }

    fn take_here(&mut self, frames: &mut Frames) -> Result<Progress, Failure> {
        let mut said = false;
        loop {
            self.outlet.flush_if_full()?;
            match frames.next_here().map_err(too_large)? {
                None => {
                    self.watch.observe(&*self.judge, said);
                    return Ok(Progress::More);
                }
                Some(Item::Comment(_)) => self.outlet.sign_of_life(),
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
            FrameKind::Content | FrameKind::Reasoning => {
                self.journal.words_relayed(event.data.len());
                Taken::Words
            }
            FrameKind::Prelude | FrameKind::Opening => Taken::NoWords,
            FrameKind::Heartbeat => {
                self.outlet.sign_of_life();
                return Ok(Taken::NoWords);
            }
            FrameKind::End => {
                if !self.watch.mark(&*self.judge)? {
                    return Ok(Taken::NoWords);
                }
                self.write_rest()?;
                self.journal.frame_relayed(&event.data);
                let mark = (event.name.as_deref(), event.data.trim_ascii());
                self.outlet.finish(Some(mark))?;
                return Ok(Taken::End);
            }
            FrameKind::Error(said) => {
                if self.judge.passes_errors() && !self.outlet.translates() {
                    // Providers echo keys.
                    let masked = self.redactor.mask(&event.data);
                    let annotation = match &masked {
                        Cow::Borrowed(_) => judged.annotation,
                        Cow::Owned(data) => self.judge.judge(&rest_event(data)).annotation,
                    };
                    self.pass_on(event.name.as_deref(), &masked, Lines::Any, annotation)?;
                }
                return Err(failure_of_late_error(*said));
            }
            FrameKind::Broken(_) => return Err(broken_frame()),
            FrameKind::Unusable(reason) => return Err(unusable(&reason)),
        };
        // What is mended in one line stays in one.
        let data = judged.mended.as_deref().unwrap_or(&event.data);
        self.pass_on(
            event.name.as_deref(),
            data,
            event.lines(),
            judged.annotation,
        )?;
        Ok(taken)
    }

    fn pass_on(
        &mut self,
        name: Option<&str>,
        data: &str,
        lines: Lines,
        annotation: Option<Annotation>,
    ) -> Result<(), Failure> {
        self.journal.frame_relayed(data);
        if self.hides_usage && !self.outlet.translates() && has_usage_alone(data) {
            return Ok(());
        }
        self.outlet.pass_on(name, data, lines, annotation)
    }

    /// The provider closed without an end mark, or has said all: complete only if it said why it stopped.
    fn end(&mut self) -> Result<(), Failure> {
        if !self.watch.is_whole(&*self.judge) {
            return Err(cut());
        }
        self.write_rest()?;
        self.outlet.finish(None)
    }

    fn write_rest(&mut self) -> Result<(), Failure> {
        if let Some(rest) = self.judge.rest() {
            let annotation = self.judge.judge(&rest_event(&rest)).annotation;
            self.pass_on(None, &rest, Lines::Any, annotation)?;
        }
        Ok(())
    }
}

/// Whether a frame of chat or completions holds the usage, and nothing of an answer.
fn has_usage_alone(data: &str) -> bool {
    let is_empty = |choices: &str| {
        let inside = choices
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        inside.is_some_and(|inside| inside.trim().is_empty())
    };
    // Most frames have words: they are not taken apart.
    data.contains("\"usage\"")
        && raw::member(data, "choices").is_some_and(is_empty)
        && raw::member(data, "usage").is_some_and(|usage| usage.starts_with('{'))
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
