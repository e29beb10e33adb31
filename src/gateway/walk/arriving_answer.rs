//! An answer with status 200 on its way: what it is, whether it is one, and in which form the client gets it.

use std::time::Instant;

use crate::budget::Charge;
use crate::config::Step;
use crate::dialect::answer::{Flaw, Says, Silence};
use crate::dialect::class::Class;
use crate::dialect::reading::{Asked, Expectation, Reading};
use crate::dialect::repairs::{RepairKind, Repairs};
use crate::dialect::{Dialect, Framing};
use crate::gateway::journal::Journal;
use crate::gateway::shared_ledger::another;
use crate::routing::Failure;
use crate::upstream::{Body, CallError, Head};

use super::attempt::{HeldAnswer, Missed, Reply};
use super::commit::{Opening, Uncommitted, without_content};
use super::end_watch::EndWatch;
use super::errand::Errand;
use super::failure::{cut, failure_of, failure_of_flaw};
use super::frames::{Frames, Opened};
use super::gather::Gathering;
use super::heal::Healing;

/// The most tokens with which a request is a probe, whose answer may well run out before its first word: n8n asks with
/// one, Home Assistant with three.
const LARGEST_PROBE: u64 = 32;

/// An answer under way, and the rules for reading it.
pub struct ArrivingAnswer<'s, 'a, 'r> {
    errand: &'s Errand<'a, 'r>,
    step: &'a Step,
    head: &'s Head,
    deadline: Instant,
    expectation: Expectation,
    /// Whether JSON that was asked for has to be JSON.
    checks_format: bool,
    asked: Asked<'r>,
}

impl<'s, 'a: 'r, 'r> ArrivingAnswer<'s, 'a, 'r> {
    /// An answer of a step to a request as it was sent; it has to be whole or to begin by the deadline.
    pub fn new(
        errand: &'s Errand<'a, 'r>,
        step: &'a Step,
        sent: &Healing<'_>,
        head: &'s Head,
        deadline: Instant,
    ) -> Self {
        let mut expectation = errand.dialect.expectation(&errand.request.payload);
        let puts_schema_into_words = sent.puts_schema_into_words();
        if expectation.wants_json && !puts_schema_into_words {
            // An edit of the step may have taken it back.
            expectation.wants_json = errand.dialect.expectation(sent.request()).wants_json;
        }
        Self {
            errand,
            step,
            head,
            deadline,
            checks_format: errand.route.check_format || puts_schema_into_words,
            expectation,
            asked: Asked {
                request: Some(errand.request),
                step: &step.traits,
                reading: Reading {
                    repairs: step.provider.repair,
                    wants_json: expectation.wants_json,
                    think_tags: step.think_tags,
                    seed: another(),
                },
            },
        }
    }

    /// Reads the answer: whole, or up to its first content.
    ///
    /// # Errors
    /// It is none, or one that is second best.
    pub fn read(
        &self,
        body: Box<Body>,
        journal: &Journal<'_>,
    ) -> Result<Reply<'a>, Box<Missed<'a>>> {
        let charge = self.errand.budget.empty();
        if let Framing::Text(_) = self.errand.framing() {
            let held = self.rest(Vec::new(), body, charge, Repairs::default())?;
            return self.whole(held, journal);
        }
        let is_named_stream = is_event_stream(self.head);
        let opened = Opened::read(body, is_named_stream, self.deadline, charge);
        let opened = opened.map_err(|error| failure_of(&error))?;
        let is_stream = matches!(opened, Opened::Stream(_));
        let mut repairs = Repairs::default();
        if is_stream != is_named_stream && self.step.provider.repair {
            repairs.add(RepairKind::ContentType);
        }
        let held = match opened {
            Opened::Stream(frames) if self.errand.request.stream => {
                return self.stream(frames, self.asked, repairs, journal);
            }
            Opened::Stream(frames) => self.gathered(frames, repairs)?,
            Opened::Whole {
                begun,
                body,
                charge,
            } => self.rest(begun, body, charge, repairs)?,
        };
        if is_stream || !self.errand.request.stream {
            return self.whole(held, journal);
        }
        let (frames, repairs) = self.split(held)?;
        // What there was to mend or to filter is done.
        let asked = self.asked.with(Reading::default());
        self.stream(frames, asked, repairs, journal)
    }

    /// A whole answer that has begun.
    fn rest(
        &self,
        begun: Vec<u8>,
        body: Box<Body>,
        charge: Charge,
        mut repairs: Repairs,
    ) -> Result<Box<HeldAnswer>, Box<Failure>> {
        let (text, charge) = self.text(begun, body, charge, &mut repairs)?;
        self.judged(text, charge, repairs)
    }

    /// A stream up to its first content.
    fn stream(
        &self,
        frames: Box<Frames>,
        asked: Asked<'_>,
        repairs: Repairs,
        journal: &Journal<'_>,
    ) -> Result<Reply<'a>, Box<Missed<'a>>> {
        let uncommitted = Uncommitted {
            frames,
            judge: self.dialect().judge_stream(&asked),
            watch: self.watch(),
            holds_reasoning: self.step.reasoning_only_fails,
            hearing: self.errand.hearing().map(Box::new),
            dialect: self.dialect(),
        };
        match uncommitted.open(self.head, self.deadline, journal)? {
            Opening::Content(mut committed) => {
                committed.repairs = repairs;
                Ok(Reply::Stream(Box::new(committed)))
            }
            Opening::Silent(mut committed, silence) => {
                committed.repairs = repairs;
                self.silent(
                    silence,
                    Reply::Stream(Box::new(committed)),
                    without_content(),
                )
            }
        }
    }

    /// A plain answer.
    fn whole(
        &self,
        held: Box<HeldAnswer>,
        journal: &Journal<'_>,
    ) -> Result<Reply<'a>, Box<Missed<'a>>> {
        let answer = &held.answer;
        let silence = match answer.says {
            Says::Content => None,
            Says::Reasoning(silence) => self.step.reasoning_only_fails.then_some(silence),
            Says::Nothing(silence) => Some(silence),
        };
        if let Some(silence) = silence {
            let failure = failure_of_flaw(self.head, Flaw::EmptyContent);
            return self.silent(silence, Reply::Whole(held), failure);
        }
        if self.checks_format
            && self.expectation.wants_json
            && let Err(flaw) = self.dialect().check_json(answer)
        {
            return Err(Box::new(Missed {
                failure: failure_of_flaw(self.head, flaw),
                second_best: Some(Reply::Whole(held)),
            }));
        }
        let kept = self.errand.keeps_invariant(answer, &self.asked);
        kept.map_err(|flaw| failure_of_flaw(self.head, flaw))?;
        journal.model_seen(|| answer.model());
        Ok(Reply::Whole(held))
    }

    fn silent(
        &self,
        silence: Silence,
        reply: Reply<'a>,
        failure: Failure,
    ) -> Result<Reply<'a>, Box<Missed<'a>>> {
        without_a_word(silence, &self.expectation, reply, failure)
    }

    /// The answer that a stream makes.
    fn gathered(
        &self,
        frames: Box<Frames>,
        repairs: Repairs,
    ) -> Result<Box<HeldAnswer>, Box<Failure>> {
        let gathering = Gathering {
            dialect: self.dialect(),
            frames,
            // Texts are filtered where the whole of them is known.
            judge: self.dialect().judge_stream(&self.asked.with(Reading {
                wants_json: false,
                think_tags: None,
                ..self.asked.reading
            })),
            watch: self.watch(),
            deadline: self.deadline,
            stall: self.step.upstream_stream.then_some(self.step.stall_timeout),
            limit: self.errand.context.config.server.max_answer,
            charge: self.errand.budget.empty(),
        };
        let gathered = gathering.gather(self.head)?;
        let mut repairs = repairs;
        repairs.add_all(gathered.judge.repairs());
        let answer = self.judged(gathered.text, gathered.charge, repairs)?;
        // After the judgement: a body that is no answer anyway has more to say of itself than that it is cut.
        if gathered.is_whole {
            Ok(answer)
        } else {
            Err(cut().into())
        }
    }

    fn judged(
        &self,
        text: String,
        mut charge: Charge,
        repairs: Repairs,
    ) -> Result<Box<HeldAnswer>, Box<Failure>> {
        let beside = self.dialect().memory_beside(&text, &self.asked);
        cover(&mut charge, text.len().saturating_add(beside))?;
        let answer = self.dialect().whole(text, &self.asked);
        let mut answer = answer.map_err(|flaw| failure_of_flaw(self.head, flaw))?;
        answer.repairs.add_all(repairs);
        // What was mended is longer than what came, or shorter.
        let length = answer.text().len();
        cover(&mut charge, length)?;
        let limit = self.errand.context.config.server.max_answer;
        if beside > 0 && length > limit {
            return Err(restated_too_long(limit));
        }
        if beside > 0 {
            charge.uncover(length);
        }
        Ok(Box::new(HeldAnswer { answer, charge }))
    }

    /// The frames of an answer that came whole, and what was mended in it. They are in memory beside the answer, and
    /// then beside one another, until they are framed.
    #[expect(clippy::boxed_local, reason = "a waiting worker keeps a small stack")]
    fn split(&self, held: Box<HeldAnswer>) -> Result<(Box<Frames>, Repairs), Box<Failure>> {
        let HeldAnswer { answer, mut charge } = *held;
        let length = answer.text().len();
        cover(&mut charge, length.saturating_mul(4))?;
        let frames = self.dialect().split(&answer);
        let frames = frames.map_err(|flaw| failure_of_flaw(self.head, flaw))?;
        Ok((Frames::ready(frames, charge), answer.repairs))
    }

    fn text(
        &self,
        begun: Vec<u8>,
        body: Box<Body>,
        mut charge: Charge,
        repairs: &mut Repairs,
    ) -> Result<(String, Charge), Box<Failure>> {
        let limit = self.errand.context.config.server.max_answer;
        let body = body.read_rest(begun, limit, self.deadline, &mut charge);
        let body = body.map_err(|error| failure_of(&error))?;
        match String::from_utf8(body) {
            Ok(text) => Ok((text, charge)),
            Err(invalid) if self.step.provider.repair => {
                repairs.add(RepairKind::Utf8);
                // It may become three times as long, beside what came.
                cover(&mut charge, invalid.as_bytes().len().saturating_mul(4))?;
                let text = String::from_utf8_lossy(invalid.as_bytes()).into_owned();
                charge.uncover(text.len());
                Ok((text, charge))
            }
            Err(_) => Err(Failure::new(Class::BadResponse, "the answer is not UTF-8").into()),
        }
    }

    fn watch(&self) -> EndWatch<'a> {
        let context = self.errand.context;
        EndWatch::new(&context.finish_reasons, self.step)
    }

    fn dialect(&self) -> &'static dyn Dialect {
        self.errand.dialect
    }
}

/// An answer without a word: a good one, a second best one, or none.
///
/// # Errors
/// The failure, with the answer if it is second best.
pub fn without_a_word<'a>(
    silence: Silence,
    expectation: &Expectation,
    reply: Reply<'a>,
    failure: Failure,
) -> Result<Reply<'a>, Box<Missed<'a>>> {
    let is_explained = match silence {
        Silence::Length => true,
        Silence::Stop => expectation.has_stop,
        Silence::Unexplained => false,
    };
    if !is_explained {
        return Err(failure.into());
    }
    let tokens = expectation.max_tokens;
    if tokens.is_some_and(|tokens| tokens <= LARGEST_PROBE) {
        return Ok(reply);
    }
    Err(Box::new(Missed {
        failure,
        second_best: Some(reply),
    }))
}

/// Numbers in the place of base64, for one, are more than twice as long.
fn restated_too_long(limit: usize) -> Box<Failure> {
    let message = format!("the answer in the form that was asked for has more than {limit} bytes");
    Failure::new(Class::BadResponse, &message).into()
}

/// Charges for so much memory more than there was.
///
/// # Errors
/// The budget has no room for it.
pub fn cover(charge: &mut Charge, bytes: usize) -> Result<(), Box<Failure>> {
    if charge.cover(bytes) {
        Ok(())
    } else {
        Err(failure_of(&CallError::no_memory()).into())
    }
}

fn is_event_stream(head: &Head) -> bool {
    head.header("content-type").is_some_and(|kind| {
        let mut parts = kind.as_bytes().split(|byte| *byte == b';');
        let kind = parts.next().unwrap_or_default().trim_ascii();
        kind.eq_ignore_ascii_case(b"text/event-stream")
    })
}
