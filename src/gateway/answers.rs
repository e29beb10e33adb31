//! The end of a walk as its client is told it: the answer, or the refusal when every step failed.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use crate::config::{ResponseModel, Step};
use crate::dialect::answer::Annotated;
use crate::dialect::class::Class;
use crate::dialect::error::{Code, ErrorBody, type_of};
use crate::dialect::usage::Usage;
use crate::dialect::{Dialect, Framing};
use crate::http::{Content, FieldValue, Response, ResponseHead};
use crate::routing::{AnsweredWalk, Failure, StepReport, Verdict, fallbacks};
use crate::text::milliseconds;

use super::context::Context;
use super::journal::{CLIENT_GONE, Journal};
use super::pending::Pending;
use super::refusal::Refusal;
use super::walk::{
    Annotations, Committed, Ended, Ending, Errand, HeldAnswer, OpaqueAnswer, OpaqueEnding, Reply,
    STOPPING, relay,
};

impl Pending<'_, '_> {
    /// Answers with the end of a walk.
    pub fn conclude(mut self, errand: &Errand<'_, '_>, ended: Ended<'_>) {
        match ended {
            Ended::Answered { reply, answered } => self.answer(errand, reply, answered),
            Ended::Exhausted { verdict, reports } => self.exhausted(errand, &verdict, &reports),
            Ended::ClientGone if self.exchange.is_ending() => {
                self.refuse(Refusal::overloaded(STOPPING));
            }
            Ended::ClientGone => {
                self.journal.failed(Class::Cancelled.label());
                self.client_left();
            }
        }
    }

    fn answer(mut self, errand: &Errand<'_, '_>, reply: Reply<'_>, answered: AnsweredWalk) {
        let Some(step) = errand.route.steps.get(answered.step_index()) else {
            let message = "the walk ended on a step that is not there";
            return self.refuse(Refusal::new(Code::Internal, message));
        };
        let mut restated = None;
        if let Reply::Whole(held) = &reply {
            restated = match self.restatement_of(held.answer.text()).transpose() {
                Ok(restated) => restated,
                Err(flaw) => {
                    let usage = held.answer.usage;
                    settle(errand.context, &answered, usage);
                    self.journal.unsayable(&answered, step, usage);
                    return self.refuse(Refusal::new(Code::Internal, flaw.to_string()));
                }
            };
        }
        self.journal.walk_answered(&answered, errand.dialect);
        if let Reply::Whole(held) = &reply {
            self.journal.whole_arrived(&held.answer);
        }
        let context = errand.context;
        let summary = self
            .journal
            .routing_summary(errand.route, answered.reports());
        let annotations = Annotations {
            model: match context.config.response_model {
                ResponseModel::Route => Some(&errand.route.name),
                ResponseModel::Upstream => None,
            },
            routing_summary: context.config.routing_summary.then_some(&summary),
        };
        match reply {
            Reply::Whole(held) => {
                settle(errand.context, &answered, held.answer.usage);
                let media_type = match errand.framing() {
                    Framing::Text(media_type) => media_type,
                    Framing::Events | Framing::Opaque => "application/json",
                };
                let head = routed(step, &answered, media_type);
                self.send_whole(head, &answered, *held, restated, &annotations);
            }
            Reply::Opaque(answer) => self.send_opaque(errand, step, answered, *answer),
            Reply::Stream(stream) => {
                self.send_stream(errand, step, answered, *stream, &annotations);
            }
        }
    }

    fn send_whole(
        mut self,
        head: ResponseHead,
        answered: &AnsweredWalk,
        held: HeldAnswer,
        restated: Option<String>,
        annotations: &Annotations<'_>,
    ) {
        let HeldAnswer { answer, charge } = held;
        self.journal.answered_whole(answered, &answer);
        if let Some(body) = restated {
            return self.finish_charged(Response::new(head, body), Some(charge));
        }
        let body = answer.annotated(annotations.model, annotations.routing_summary);
        let body: Content = match body {
            Annotated::Copied(text) => text.into(),
            Annotated::Spliced(spliced) => spliced.into(),
        };
        self.finish_charged(Response::new(head, body), Some(charge));
    }

    /// Relays bytes without frames. Those that break off have been answered with 200 by then.
    fn send_opaque(
        mut self,
        errand: &Errand<'_, '_>,
        step: &Step,
        answered: AnsweredWalk,
        answer: OpaqueAnswer,
    ) {
        self.journal.committed_opaque(&answered);
        let head = self.with_limits(routed(step, &answered, answer.content_type.clone()));
        let stream = match answer.length {
            Some(length) => self.exchange.stream_of(head, length),
            None => self.exchange.stream(head),
        };
        let OpaqueEnding { failure, stopped } = answer.relay(stream, step.stall_timeout);
        end_committed(self.journal, errand.context, answered, failure, stopped);
    }

    /// Relays a stream. One that breaks has been answered with 200 by then; the log and the ledger know better.
    fn send_stream(
        mut self,
        errand: &Errand<'_, '_>,
        step: &Step,
        answered: AnsweredWalk,
        stream: Committed<'_>,
        annotations: &Annotations<'_>,
    ) {
        let held = stream.held.len().saturating_sub(1);
        self.journal.committed(stream.dialect, &answered, held);
        let media_type = errand.dialect.frame_form().media_type();
        let mut head = self.with_limits(routed(step, &answered, media_type));
        if let Some(field) = self.id_field() {
            head = head.with(field, self.exchange.request_id());
        }
        let Ending {
            usage,
            repairs,
            failure,
            stopped,
        } = relay(
            errand,
            stream,
            self.exchange.stream(head),
            annotations,
            step.stall_timeout,
            &mut self.journal,
        );
        settle(errand.context, &answered, usage);
        self.journal
            .stream_ended(&answered, usage, repairs, failure.is_none());
        end_committed(self.journal, errand.context, answered, failure, stopped);
    }

    /// Answers a walk on which every step failed: the status tells whether to retry, the details why.
    fn exhausted(mut self, errand: &Errand<'_, '_>, verdict: &Verdict, reports: &[StepReport]) {
        let summary = self.journal.routing_summary(errand.route, reports);
        let message = errand.context.redactor.redact(&verdict.message);
        let (status, message) = match self.dialect {
            Some(dialect) => dialect.verdict(verdict.status, message),
            None => (verdict.status, message),
        };
        let request_id = self.request_id().map(str::to_owned);
        let error = ErrorBody {
            status,
            kind: type_of(status),
            param: verdict.param.as_deref(),
            details: Some(&summary),
            request_id: request_id.as_deref(),
            routing_summary: errand.context.config.routing_summary.then_some(&summary),
            ..ErrorBody::new(verdict.code, &message)
        };
        if self.exchange.has_begun() {
            return self.break_off(&error);
        }
        let body = self.spell(&error);
        let mut response =
            Response::json(status, body).with("X-Fallback-Count", decimal(fallbacks(reports)));
        if self.dialect.is_some_and(Dialect::advises_on_retries) && is_final(reports) {
            response = response.with("X-Should-Retry", "false");
        }
        if let Some(after) = verdict.retry_after {
            response = response
                .with("Retry-After", whole_seconds(after).to_string())
                .with("Retry-After-Ms", milliseconds(after).to_string());
        }
        self.finish(response);
    }
}

/// Whether trying again is useless: every failure is a key, a bill, the name of a model, or the request itself.
fn is_final(reports: &[StepReport]) -> bool {
    reports.iter().all(|report| {
        matches!(
            report.class,
            Some(
                Class::Unauthorized
                    | Class::Forbidden
                    | Class::QuotaExhausted
                    | Class::ModelNotFound
                    | Class::Rejected
                    | Class::TooLarge
                    | Class::Unsupported
            )
        )
    })
}

/// Corrects what was charged for an answer's tokens, where it reports them.
pub fn settle(context: &Context, answered: &AnsweredWalk, usage: Option<Usage>) {
    if let Some(usage) = usage.and_then(Usage::plausible) {
        let mut ledger = context.ledger.lock();
        if ledger.counts_tokens() {
            answered.settle(&mut ledger, usage.prompt_tokens, usage.completion_tokens);
        }
    }
}

/// Tells how an answer ended that had been committed.
fn end_committed(
    mut journal: Box<Journal<'_>>,
    context: &Context,
    mut answered: AnsweredWalk,
    failure: Option<Failure>,
    stopped: bool,
) {
    let Some(failure) = failure else {
        journal.stream_whole(&answered);
        return journal.end(200);
    };
    let gone = failure.class == Class::Cancelled && !stopped;
    journal.failed(failure.class.label());
    if !gone {
        journal.stream_broke();
    }
    let now = Instant::now();
    answered.cut(&mut context.ledger.lock(), failure, now);
    context.ledger.changed();
    journal.attempt_failed(answered.reports().last(), now);
    journal.end(if gone { CLIENT_GONE } else { 200 });
}

fn routed(
    step: &Step,
    answered: &AnsweredWalk,
    content_type: impl Into<FieldValue>,
) -> ResponseHead {
    ResponseHead::new(200, content_type)
        .with("X-Routed-Via", &step.label)
        .with("X-Fallback-Count", decimal(answered.fallbacks()))
}

/// The digits of a number that is hardly ever another one than zero.
fn decimal(number: usize) -> Cow<'static, str> {
    match number {
        0 => Cow::Borrowed("0"),
        more => Cow::Owned(more.to_string()),
    }
}

/// Rounded up: a client that comes back exactly then must not come too early.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
