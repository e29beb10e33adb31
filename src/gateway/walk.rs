//! The walk over a route's steps: `routing` decides, this makes the attempts and tells how they went.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use crate::client_socket::ClientSocket;
use crate::config::Route;
use crate::dialect::chat::request::ChatRequest;
use crate::dialect::class::Class;
use crate::routing::{AnsweredWalk, Attempt, Failure, Move, StepReport, Verdict, Walk};
use crate::telemetry::trace::{AttemptSpan, current};

use super::attempt::{Call, Reached, Success};
use super::journal::Journal;
use super::memory::random;
use super::trail::{Trail, tell_cooldown};
use super::{Gateway, content};

/// How a walk ended.
pub enum Ended {
    Served(Box<Served>),
    Exhausted {
        verdict: Verdict,
        reports: Vec<StepReport>,
    },
    ClientGone {
        reports: Vec<StepReport>,
    },
}

/// A walk that a step has answered.
pub struct Served {
    pub reached: Reached,
    pub answered: AnsweredWalk,
    /// Of the attempt that answered; it goes on for as long as a stream does.
    pub span: AttemptSpan,
}

/// Walks until a step answers, none is left, or nobody waits any more.
#[inline(never)] // frames of their own keep the stack of a waiting worker small
pub fn walk(
    gateway: &Gateway,
    route: &Arc<Route>,
    request: &ChatRequest<'_>,
    client: &ClientSocket,
    journal: &Journal<'_>,
) -> Ended {
    let asked = asked(gateway, request);
    let mut trail = Trail {
        request: journal.span(),
        route,
        stream: request.stream(),
        asked: asked.as_deref(),
        told: 0,
    };
    let mut walk = begun(route);
    loop {
        let next = walk.next(&mut gateway.memory.ledger(), Instant::now());
        let attempt = match next {
            Move::Try(attempt) => Box::new(attempt),
            Move::Pause { until } => {
                if client.goes_before(until) {
                    walk.cancelled(&mut gateway.memory.ledger(), None, Instant::now());
                    gateway.memory.changed();
                    return client_gone(walk);
                }
                continue;
            }
            Move::Finished(verdict) => {
                gateway.memory.changed();
                trail.tell_skipped(walk.reports());
                return exhausted(walk, verdict);
            }
        };
        let span = trail.attempt(&attempt, walk.reports());
        let made = Made {
            outcome: call(gateway, route, request, client, &attempt),
            attempt,
            span,
        };
        match made.conclude(gateway, walk, journal) {
            ControlFlow::Break(ended) => return ended,
            ControlFlow::Continue(goes_on) => walk = goes_on,
        }
    }
}

/// An attempt that is over, or has its answer.
struct Made {
    outcome: Result<Success, Failure>,
    attempt: Box<Attempt>,
    span: AttemptSpan,
}

impl Made {
    /// Tells everybody how it went. The walk comes back if it goes on.
    #[inline(never)] // frames of their own keep the stack of a waiting worker small
    fn conclude(
        self,
        gateway: &Gateway,
        mut walk: Box<Walk>,
        journal: &Journal<'_>,
    ) -> ControlFlow<Ended, Box<Walk>> {
        let (attempt, span) = (*self.attempt, self.span);
        match self.outcome {
            Ok(Success { reached, told }) => {
                let now = Instant::now();
                let answered = walk.succeeded(&mut gateway.memory.ledger(), attempt, &told, now);
                gateway.memory.changed();
                ControlFlow::Break(Ended::Served(Box::new(Served {
                    reached,
                    answered,
                    span,
                })))
            }
            Err(failure) if failure.class == Class::Cancelled => {
                journal.attempt_cancelled(attempt.step_index, attempt.started.elapsed());
                span.failed(failure.class.label(), || failure.message);
                walk.cancelled(&mut gateway.memory.ledger(), Some(attempt), Instant::now());
                gateway.memory.changed();
                ControlFlow::Break(client_gone(walk))
            }
            Err(failure) => {
                failed(gateway, &mut walk, attempt, failure, span, journal);
                ControlFlow::Continue(walk)
            }
        }
    }
}

#[inline(never)] // frames of their own keep the stack of a waiting worker small
fn begun(route: &Arc<Route>) -> Box<Walk> {
    Box::new(Walk::new(Arc::clone(route), Instant::now()))
}

#[inline(never)] // frames of their own keep the stack of a waiting worker small
fn client_gone(walk: Box<Walk>) -> Ended {
    Ended::ClientGone {
        reports: walk.into_reports(),
    }
}

#[inline(never)] // frames of their own keep the stack of a waiting worker small
fn exhausted(walk: Box<Walk>, verdict: Verdict) -> Ended {
    Ended::Exhausted {
        verdict,
        reports: walk.into_reports(),
    }
}

#[inline(never)] // frames of their own keep the stack of a waiting worker small
fn failed(
    gateway: &Gateway,
    walk: &mut Walk,
    attempt: Attempt,
    failure: Failure,
    span: AttemptSpan,
    journal: &Journal<'_>,
) {
    if let Some(step) = walk.route().steps.get(attempt.step_index) {
        let duration = attempt.started.elapsed();
        journal.attempt_failed(
            attempt.step_index,
            step,
            &failure,
            duration,
            &gateway.redactor,
        );
    }
    let (class, message) = (failure.class, failure.message.clone());
    let now = Instant::now();
    walk.failed(
        &mut gateway.memory.ledger(),
        attempt,
        failure,
        now,
        random(),
    );
    gateway.memory.changed();
    tell_cooldown(walk.reports().last());
    span.failed(class.label(), || gateway.redactor.redact(&message));
}

fn call(
    gateway: &Gateway,
    route: &Route,
    request: &ChatRequest<'_>,
    client: &ClientSocket,
    attempt: &Attempt,
) -> Result<Success, Failure> {
    let Some(step) = route.steps.get(attempt.step_index) else {
        return Err(no_such_step());
    };
    let key = attempt
        .key_index
        .and_then(|index| step.provider.keys.get(index));
    Call {
        step,
        key,
        request,
        deadline: attempt.deadline,
        client,
        propagate_trace: gateway.config.propagate_trace,
    }
    .make(&gateway.client, gateway.config.server.max_answer)
}

#[cold]
fn no_such_step() -> Failure {
    Failure::new(Class::Rejected, "the route has no such step")
}

/// What was asked, where spans may hold it.
#[inline(never)] // frames of their own keep the stack of a waiting worker small
fn asked(gateway: &Gateway, request: &ChatRequest<'_>) -> Option<String> {
    let wanted = gateway.config.capture_content && current::is_recorded();
    let messages = || request.object().get("messages").unwrap_or_default();
    wanted.then(|| gateway.redactor.redact(&content::input(messages())))
}
