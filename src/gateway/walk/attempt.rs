//! An attempt: a call to one provider with one key, up to the point where its answer can be given to the client.

use std::time::{Instant, SystemTime};

use crate::budget::Charge;
use crate::config::Step;
use crate::dialect::Framing;
use crate::dialect::answer::WholeAnswer;
use crate::dialect::class::Class;
use crate::dialect::rate_limits::{RemainingLimits, remaining_limits, tells_of_a_window};
use crate::dialect::request::Payload;
use crate::gateway::journal::Journal;
use crate::routing::{Attempt, Failure};
use crate::upstream::{Body, CallError, Head, Response};

use super::arriving_answer::ArrivingAnswer;
use super::commit::Committed;
use super::edit_room::settle;
use super::errand::Errand;
use super::failure::failure_of;
use super::heal::{Healing, Refused};
use super::opaque::OpaqueAnswer;
use super::provider_call::ProviderCall;
use super::refusal::refusal;
use super::translated::Prepared;

/// An attempt that has an answer.
pub struct Success<'a> {
    pub reply: Reply<'a>,
    /// The provider's word about its limits.
    pub limits: RemainingLimits,
}

impl<'a> Success<'a> {
    fn with(reply: Reply<'a>, head: &Head) -> Self {
        Self {
            reply,
            limits: limits_of(head),
        }
    }
}

/// An answer that a client can have.
pub enum Reply<'a> {
    /// A JSON object, or a text.
    Whole(Box<HeldAnswer>),
    /// A stream whose first content has arrived.
    Stream(Box<Committed<'a>>),
    /// Bytes without frames, of which the first have arrived.
    Opaque(Box<OpaqueAnswer>),
}

/// A whole answer, and the charge for its memory.
pub struct HeldAnswer {
    pub answer: WholeAnswer,
    pub charge: Charge,
}

/// An attempt without an answer that counts.
pub struct Missed<'a> {
    /// The class and the provider's own message; keys in it are not masked yet.
    pub failure: Failure,
    /// The answer that is delivered if no step does better.
    pub second_best: Option<Reply<'a>>,
}

impl From<Failure> for Box<Missed<'_>> {
    fn from(failure: Failure) -> Self {
        Self::new(Missed {
            failure,
            second_best: None,
        })
    }
}

impl From<Box<Failure>> for Box<Missed<'_>> {
    fn from(failure: Box<Failure>) -> Self {
        (*failure).into()
    }
}

impl<'a> Errand<'a, '_> {
    /// Makes the attempt.
    ///
    /// # Errors
    /// There is no answer, or one that is second best.
    pub(super) fn attempt(
        &self,
        attempt: &mut Attempt,
        prepared: Option<Box<Prepared>>,
        journal: &Journal<'_>,
    ) -> Result<Success<'a>, Box<Missed<'a>>> {
        let Some(step) = self.route.steps.get(attempt.step_index) else {
            return Err(Failure::new(Class::Rejected, "the route has no such step").into());
        };
        if let Some(prepared) = prepared {
            return self.call_translated(prepared, attempt, step, journal);
        }
        match self.dialect.parts(self.request, &step.traits) {
            None => self.call(attempt, step, journal),
            Some(parts) => self.call_for_parts(parts, attempt, step, journal),
        }
    }

    /// Calls a step until it takes the request or refuses it for good.
    ///
    /// # Errors
    /// As [`Self::attempt`].
    pub(super) fn call(
        &self,
        attempt: &mut Attempt,
        step: &'a Step,
        journal: &Journal<'_>,
    ) -> Result<Success<'a>, Box<Missed<'a>>> {
        let mut room = self.room_for_edits(self.edited, step)?;
        let mut healing = Healing::new(self, step);
        settle(&mut room, healing.request());
        loop {
            let answer = self.send(attempt, step, healing.request(), journal);
            // The answer is taken apart in a frame of its own: beside its parts it would stand on the stack of every
            // worker that waits for one.
            if let Some(judged) = self.judge(answer, step, &mut healing, attempt, journal) {
                return judged;
            }
        }
    }

    fn send(
        &self,
        attempt: &Attempt,
        step: &Step,
        request: &Payload<'_>,
        journal: &Journal<'_>,
    ) -> Result<Response, CallError> {
        let keys = &step.provider.keys;
        let may_stream = step.upstream_stream && self.framing() == Framing::Events;
        let is_made_stream = may_stream && !self.request.stream;
        let streamed = is_made_stream.then(|| {
            let mut streamed = request.clone();
            self.dialect.ask_for_stream(&mut streamed);
            streamed
        });
        let slices = streamed.as_ref().unwrap_or(request).slices();
        let call = ProviderCall {
            provider: &step.provider,
            key: attempt.key_index.and_then(|index| keys.get(index)),
            base: self.base(step),
            path: self.dialect.path(self.request, &step.traits),
            accept: self.dialect.accept(self.request.stream || may_stream),
            content_type: request.content_type(),
            headers: &self.dialect.headers(self.passed, &step.traits),
            body: Some(&match self.elided {
                Some(elided) => elided.restored(&slices),
                None => slices,
            }),
            deadline: attempt.deadline,
            client: Some(self.client),
            trace: &journal.outgoing(),
            edits: &step.fit.edits.headers,
        };
        call.send(&self.context.client, self.context.heads.of(&step.provider))
    }

    /// The judgement on an answer; `None` where the step is to be called again, without what it refuses.
    fn judge(
        &self,
        answer: Result<Response, CallError>,
        step: &'a Step,
        healing: &mut Healing<'_>,
        attempt: &mut Attempt,
        journal: &Journal<'_>,
    ) -> Option<Result<Success<'a>, Box<Missed<'a>>>> {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return Some(Err(failure_of(&error).into())),
        };
        journal.status_seen(answer.head.status);
        if !(200..300).contains(&answer.head.status) {
            let refused = self.refused(answer, step, healing, attempt, journal)?;
            return Some(Err(refused));
        }
        let judged = self.success(answer, step, healing, attempt.deadline, journal);
        let class = judged.as_ref().err().map(|missed| missed.failure.class);
        let is_answer = class != Some(Class::BadResponse);
        Some(match healing.accepted(is_answer, journal) {
            Some(refusal) => Err((*refusal).into()),
            None => judged,
        })
    }

    /// The end of a call that was refused; `None` where another body may do better.
    fn refused(
        &self,
        answer: Response,
        step: &Step,
        healing: &mut Healing<'_>,
        attempt: &mut Attempt,
        journal: &Journal<'_>,
    ) -> Option<Box<Missed<'a>>> {
        let Response { head, body } = answer;
        let url = || {
            [
                self.base(step),
                self.dialect.path(self.request, &step.traits),
            ]
            .concat()
        };
        let (failure, text) = refusal(
            &head,
            body,
            attempt.deadline,
            url,
            self.dialect.advice_on_absence(),
        );
        let mut missed = Box::<Missed<'_>>::from(failure);
        let refused = Refused {
            status: head.status,
            body: &text,
            failure: &mut missed.failure,
        };
        let is_repeated = healing.refused(refused, journal, &mut attempt.changes.healed);
        (!is_repeated).then_some(missed)
    }

    fn success(
        &self,
        answer: Response,
        step: &'a Step,
        sent: &Healing<'_>,
        deadline: Instant,
        journal: &Journal<'_>,
    ) -> Result<Success<'a>, Box<Missed<'a>>> {
        let Response { head, body } = answer;
        refuse_coding(&head)?;
        let reply = match self.framing() {
            Framing::Opaque => self.opaque(&head, body, deadline)?,
            Framing::Events | Framing::Text(_) => {
                let answer = ArrivingAnswer::new(self, step, sent, &head, deadline);
                answer.read(body, journal)?
            }
        };
        Ok(Success::with(reply, &head))
    }

    fn opaque(
        &self,
        head: &Head,
        body: Box<Body>,
        deadline: Instant,
    ) -> Result<Reply<'a>, Box<Missed<'a>>> {
        let answer = OpaqueAnswer::open(self, head, body, deadline)?;
        Ok(Reply::Opaque(Box::new(answer)))
    }

    /// How the frames of the answer are told apart.
    pub fn framing(&self) -> Framing {
        self.dialect.framing(self.request)
    }

    fn base<'s>(&self, step: &'s Step) -> &'s str {
        let base = &step.provider.base_url;
        self.dialect.base(base, self.request, &step.traits)
    }
}

fn refuse_coding(head: &Head) -> Result<(), Box<Failure>> {
    match head.header("content-encoding") {
        // Some servers name that there is none.
        Some(coding)
            if !["", "identity", "none"]
                .iter()
                .any(|none| coding.trim().eq_ignore_ascii_case(none)) =>
        {
            let message = format!(
                "the answer came with Content-Encoding {coding:?}, which was not asked for"
            );
            Err(Box::new(Failure {
                status: Some(head.status),
                ..Failure::new(Class::BadResponse, &message)
            }))
        }
        _ => Ok(()),
    }
}

/// Most providers say nothing of their limits: then none of the many names is looked up.
fn limits_of(head: &Head) -> RemainingLimits {
    if head.names().any(tells_of_a_window) {
        let headers: Vec<(&str, &str)> = head.headers().collect();
        remaining_limits(&headers, SystemTime::now())
    } else {
        RemainingLimits::default()
    }
}
