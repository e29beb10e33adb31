//! The walk over a route's steps: `routing` decides, this makes the attempts and tells how they went.

mod arriving_answer;
mod attempt;
mod commit;
mod end_watch;
mod errand;
mod failure;
mod frames;
mod gather;
mod header_edits;
mod heal;
mod provider_call;
mod refusal;
mod relay;

use std::sync::Arc;
use std::time::Instant;

use crate::adapt;
use crate::dialect::class::Class;
use crate::routing::{AnsweredWalk, Attempt, Failure, Move, StepReport, Verdict, Walk};

use super::journal::Journal;
use super::shared_ledger::random;

pub use attempt::{OpaqueAnswer, Reply, Success};
pub use commit::Committed;
pub use errand::Errand;
pub use provider_call::ProviderCall;
pub use relay::{Annotations, Ending, STOPPING, relay};

/// The end of a walk.
pub enum Ended<'a> {
    Answered {
        reply: Reply<'a>,
        answered: Box<AnsweredWalk>,
    },
    Exhausted {
        verdict: Box<Verdict>,
        reports: Vec<StepReport>,
    },
    ClientGone,
}

/// A move, its larger parts on the heap.
enum HeapMove {
    Try(Box<Attempt>),
    Pause(Instant),
    Finished(Box<Verdict>),
}

/// An answer that was passed over, as another step may do better.
struct SecondBest<'a> {
    reply: Reply<'a>,
    attempt: Attempt,
}

impl<'a> Errand<'a> {
    /// Walks until a step answers, none is left, or no client waits any more. Blocks.
    pub fn walk(&self, journal: &mut Journal<'_>) -> Ended<'a> {
        let mut second_best: Option<Box<SecondBest<'_>>> = None;
        let mut walk = Box::new(Walk::new(Arc::clone(self.route), Instant::now()));
        loop {
            let mut attempt = match self.next(&mut walk) {
                HeapMove::Try(attempt) => match self.unfit(&attempt) {
                    None => attempt,
                    Some(reason) => {
                        let mut ledger = self.context.ledger.lock();
                        walk.passed_over(&mut ledger, &attempt, reason);
                        continue;
                    }
                },
                HeapMove::Pause(until) if self.client.goes_before(until) => {
                    return self.cancelled(walk, None, journal);
                }
                HeapMove::Pause(_) => continue,
                HeapMove::Finished(verdict) => {
                    self.context.ledger.changed();
                    if let Some(best) = second_best {
                        return Ended::Answered {
                            reply: best.reply,
                            answered: Box::new(walk.settled(best.attempt)),
                        };
                    }
                    let reports = walk.into_reports();
                    journal.exhausted(&verdict, &reports);
                    return Ended::Exhausted { verdict, reports };
                }
            };
            journal.attempt_began(self.route, &attempt, walk.reports());
            match self.attempt(&mut attempt, journal) {
                Ok(success) => return self.answered(walk, *attempt, *success),
                Err(missed) if missed.failure.class == Class::Cancelled => {
                    return self.cancelled(walk, Some(*attempt), journal);
                }
                Err(missed) => {
                    if let (None, Some(reply)) = (&second_best, missed.second_best) {
                        let attempt = (*attempt).clone();
                        second_best = Some(Box::new(SecondBest { reply, attempt }));
                    }
                    self.failed(&mut walk, *attempt, missed.failure, journal);
                }
            }
        }
    }

    /// The reason why the request passes the step over without a call; `None` where it may fit.
    fn unfit(&self, attempt: &Attempt) -> Option<String> {
        let step = self.route.steps.get(attempt.step_index)?;
        let lessons = self.context.ledger.learned().of(step, Instant::now());
        adapt::unfit(self.request, step, &lessons)
    }

    /// The next move. Attempts are on the heap: a waiting worker keeps a small stack.
    fn next(&self, walk: &mut Walk) -> HeapMove {
        match walk.next(&mut self.context.ledger.lock(), Instant::now()) {
            Move::Try(attempt) => HeapMove::Try(Box::new(attempt)),
            Move::Pause { until } => HeapMove::Pause(until),
            Move::Finished(verdict) => HeapMove::Finished(Box::new(verdict)),
        }
    }

    fn answered(&self, walk: Box<Walk>, attempt: Attempt, success: Success<'a>) -> Ended<'a> {
        let Success { reply, limits } = success;
        let now = Instant::now();
        let mut ledger = self.context.ledger.lock();
        let answered = Box::new(walk.succeeded(&mut ledger, attempt, &limits, now));
        drop(ledger);
        self.context.ledger.changed();
        Ended::Answered { reply, answered }
    }

    fn failed(
        &self,
        walk: &mut Walk,
        attempt: Attempt,
        failure: Failure,
        journal: &mut Journal<'_>,
    ) {
        let now = Instant::now();
        let mut ledger = self.context.ledger.lock();
        walk.failed(&mut ledger, attempt, failure, now, random());
        drop(ledger);
        self.context.ledger.changed();
        journal.attempt_failed(walk.reports().last());
    }

    fn cancelled(
        &self,
        mut walk: Box<Walk>,
        attempt: Option<Attempt>,
        journal: &mut Journal<'_>,
    ) -> Ended<'a> {
        let was_out = attempt.is_some();
        walk.cancelled(&mut self.context.ledger.lock(), attempt, Instant::now());
        self.context.ledger.changed();
        let reports = walk.into_reports();
        if was_out {
            journal.attempt_failed(reports.last());
        }
        journal.walk_stopped(&reports);
        Ended::ClientGone
    }
}
