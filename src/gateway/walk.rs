//! The walk over a route's steps: `routing` decides, this makes the attempts and tells how they went.

use std::sync::Arc;
use std::time::Instant;

use crate::config::Route;
use crate::http::Hangup as ClientSocket;
use crate::openai::request::ChatRequest;
use crate::routing::{Answered, Attempt, Class, Failure, Move, StepReport, Verdict, Walk};
use crate::telemetry::trace::{AttemptSpan, current};
use crate::upstream::Hangup;

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
    pub answered: Answered,
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
    journal: &Journal,
) -> Ended {
    let asked = asked(gateway, request);
    let mut trail = Trail {
        request: journal.span(),
        route,
        stream: request.stream(),
        asked: asked.as_deref(),
        told: 0,
    };
    let hangup: Arc<dyn Hangup> = Arc::new(Watched(client.clone()));
    let mut walk = Box::new(Walk::new(Arc::clone(route), Instant::now()));
    loop {
        let next = walk.next(&mut gateway.memory.ledger(), Instant::now());
        let attempt = match next {
            Move::Try(attempt) => attempt,
            Move::Pause { until } => {
                if client.goes_before(until) {
                    walk.cancelled(&mut gateway.memory.ledger(), None, Instant::now());
                    return Ended::ClientGone {
                        reports: walk.into_reports(),
                    };
                }
                continue;
            }
            Move::Finished(verdict) => {
                trail.tell_skipped(walk.reports());
                return Ended::Exhausted {
                    verdict,
                    reports: walk.into_reports(),
                };
            }
        };
        let span = trail.attempt(&attempt, walk.reports());
        match call(gateway, route, request, &hangup, &attempt) {
            Ok(success) => return Ended::Served(served(gateway, *walk, attempt, success, span)),
            Err(failure) if failure.class == Class::Cancelled => {
                journal.attempt_cancelled(attempt.step_index, attempt.started.elapsed());
                span.failed(failure.class.label(), || failure.message);
                walk.cancelled(&mut gateway.memory.ledger(), Some(attempt), Instant::now());
                return Ended::ClientGone {
                    reports: walk.into_reports(),
                };
            }
            Err(failure) => failed(gateway, &mut walk, attempt, failure, span, journal),
        }
    }
}

#[inline(never)] // frames of their own keep the stack of a waiting worker small
fn served(
    gateway: &Gateway,
    walk: Walk,
    attempt: Attempt,
    success: Success,
    span: AttemptSpan,
) -> Box<Served> {
    let Success { reached, told } = success;
    let now = Instant::now();
    let answered = walk.succeeded(&mut gateway.memory.ledger(), attempt, &told, now);
    gateway.memory.changed();
    Box::new(Served {
        reached,
        answered,
        span,
    })
}

#[inline(never)] // frames of their own keep the stack of a waiting worker small
fn failed(
    gateway: &Gateway,
    walk: &mut Walk,
    attempt: Attempt,
    failure: Failure,
    span: AttemptSpan,
    journal: &Journal,
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
    hangup: &Arc<dyn Hangup>,
    attempt: &Attempt,
) -> Result<Success, Failure> {
    let Some(step) = route.steps.get(attempt.step_index) else {
        return Err(Failure::new(Class::Rejected, "the route has no such step"));
    };
    let key = attempt
        .key_index
        .and_then(|index| step.provider.keys.get(index));
    Call {
        step,
        key,
        request,
        deadline: attempt.deadline,
        hangup,
        propagate_trace: gateway.config.propagate_trace,
    }
    .make(&gateway.client, gateway.config.server.max_answer)
}

/// What was asked, where spans may hold it.
fn asked(gateway: &Gateway, request: &ChatRequest<'_>) -> Option<String> {
    let wanted = gateway.config.capture_content && current::is_recorded();
    let messages = || request.object().get("messages").unwrap_or_default();
    wanted.then(|| gateway.redactor.redact(&content::input(messages())))
}

/// The client's socket, as the upstream client watches it.
struct Watched(ClientSocket);

impl std::os::fd::AsFd for Watched {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Hangup for Watched {
    fn watches_fin(&self) -> bool {
        self.0.watches_fin()
    }
}
