//! The walk over a route's steps: `routing` decides, this makes the attempts and tells how they went.

use std::sync::Arc;
use std::time::Instant;

use crate::config::Route;
use crate::http::Hangup as ClientSocket;
use crate::openai::request::ChatRequest;
use crate::routing::{Answered, Attempt, Class, Failure, Move, StepReport, Verdict, Walk};
use crate::upstream::Hangup;

use super::Gateway;
use super::attempt::{Call, Reached, Success};
use super::journal::Journal;
use super::memory::random;

/// How a walk ended.
pub enum Ended {
    Served {
        reached: Reached,
        answered: Answered,
    },
    Exhausted {
        verdict: Verdict,
        reports: Vec<StepReport>,
    },
    ClientGone {
        reports: Vec<StepReport>,
    },
}

/// Walks until a step answers, none is left, or nobody waits any more.
pub fn walk(
    gateway: &Gateway,
    route: &Arc<Route>,
    request: &ChatRequest<'_>,
    client: &ClientSocket,
    journal: &Journal,
) -> Ended {
    let hangup: Arc<dyn Hangup> = Arc::new(Watched(client.clone()));
    let mut walk = Walk::new(Arc::clone(route), Instant::now());
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
                return Ended::Exhausted {
                    verdict,
                    reports: walk.into_reports(),
                };
            }
        };
        match call(gateway, route, request, &hangup, &attempt) {
            Ok(Success { reached, told }) => {
                let now = Instant::now();
                let answered = walk.succeeded(&mut gateway.memory.ledger(), attempt, &told, now);
                gateway.memory.changed();
                return Ended::Served { reached, answered };
            }
            Err(failure) if failure.class == Class::Cancelled => {
                journal.attempt_cancelled(attempt.step_index, attempt.started.elapsed());
                walk.cancelled(&mut gateway.memory.ledger(), Some(attempt), Instant::now());
                return Ended::ClientGone {
                    reports: walk.into_reports(),
                };
            }
            Err(failure) => {
                if let Some(step) = route.steps.get(attempt.step_index) {
                    let duration = attempt.started.elapsed();
                    journal.attempt_failed(
                        attempt.step_index,
                        step,
                        &failure,
                        duration,
                        &gateway.redactor,
                    );
                }
                let now = Instant::now();
                walk.failed(
                    &mut gateway.memory.ledger(),
                    attempt,
                    failure,
                    now,
                    random(),
                );
                gateway.memory.changed();
            }
        }
    }
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
    }
    .make(&gateway.client, gateway.config.server.max_answer)
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
