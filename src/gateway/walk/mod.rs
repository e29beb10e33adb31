//! The walk over a route's steps: `routing` decides, this makes the attempts and tells how they went.

mod arriving_answer;
mod attempt;
mod commit;
mod edit_room;
mod end_watch;
mod errand;
mod failure;
mod frames;
mod gather;
mod header_edits;
mod heal;
mod invariant;
mod opaque;
mod order;
mod outlet;
mod parts;
mod provider_call;
mod refusal;
mod relay;
mod translated;

use std::sync::{Arc, MutexGuard};
use std::time::{Instant, SystemTime};

use crate::config::Route;
use crate::dialect::class::Class;
use crate::dialect::size_of_request::RequestSize;
use crate::quota::Demand;
use crate::routing::{AnsweredWalk, Attempt, Ledger, Move, Sequence, StepReport, Verdict, Walk};

use super::journal::Journal;
use super::shared_ledger::random;

pub use attempt::{HeldAnswer, Missed, Reply, Success};
pub use commit::Committed;
pub use errand::{Errand, passed_fields};
pub use opaque::{OpaqueAnswer, OpaqueEnding};
pub use provider_call::ProviderCall;
use translated::Prepared;

pub use outlet::Annotations;
pub use relay::{Ending, STOPPING, relay};

/// The end of a walk.
pub enum Ended<'a> {
    Answered {
        reply: Reply<'a>,
        answered: AnsweredWalk,
    },
    Exhausted {
        verdict: Box<Verdict>,
        reports: Vec<StepReport>,
    },
    ClientGone,
}

/// A move, with the request as the step takes it.
enum PreparedMove {
    Try(Box<Attempt>, Option<Box<Prepared>>),
    Pause(Instant),
    Finished(Box<Verdict>),
}

/// An answer that was passed over, as another step may do better.
struct SecondBest<'a> {
    reply: Reply<'a>,
    attempt: Box<Attempt>,
}

impl SecondBest<'_> {
    /// Tells what an answer took that nobody gets.
    fn tell(&self, route: &Route, journal: &mut Journal<'_>) {
        if let (Reply::Whole(held), Some(step)) =
            (&self.reply, route.steps.get(self.attempt.step_index))
        {
            journal.wasted(step, held.answer.usage);
        }
    }
}

impl<'a> Errand<'a, '_> {
    /// Walks until a step answers, none is left, or no client waits any more. Blocks.
    pub fn walk(&self, journal: &mut Journal<'_>) -> Ended<'a> {
        self.walk_on(self.begun(None), journal)
    }

    /// The same with one step alone. Blocks.
    pub fn walk_to(&self, step: usize, journal: &mut Journal<'_>) -> Ended<'a> {
        self.walk_on(self.begun(Some(step)), journal)
    }

    fn walk_on(&self, begun: (Box<Walk>, Option<usize>), journal: &mut Journal<'_>) -> Ended<'a> {
        let mut second_best: Option<Box<SecondBest<'_>>> = None;
        let (mut walk, probed) = begun;
        loop {
            let (mut attempt, prepared) = match self.next(&mut walk) {
                PreparedMove::Try(attempt, prepared) => (attempt, prepared),
                PreparedMove::Pause(until) if self.client.goes_before(until) => {
                    return self.cancelled(walk, None, journal);
                }
                PreparedMove::Pause(_) => continue,
                PreparedMove::Finished(verdict) => {
                    return self.finished(walk, verdict, second_best, journal);
                }
            };
            journal.attempt_began(self.route, &attempt, &walk);
            match self.attempt(&mut attempt, prepared, journal) {
                Ok(success) => {
                    if let Some(best) = &second_best {
                        best.tell(self.route, journal);
                    }
                    return self.answered(walk, attempt, success, probed);
                }
                Err(missed) if missed.failure.class == Class::Cancelled => {
                    return self.cancelled(walk, Some(attempt), journal);
                }
                Err(missed) => {
                    let best = self.missed(&mut walk, attempt, missed, journal);
                    second_best = second_best.or(best);
                }
            }
        }
    }

    /// A walk before its first step, over one alone if it is named, and the step that it probes, if it does. In a frame of
    /// its own: the walk would stand on the stack of every worker that waits, beside its box.
    fn begun(&self, only: Option<usize>) -> (Box<Walk>, Option<usize>) {
        let now = Instant::now();
        let sequence = match only {
            Some(step) => Sequence::only(step),
            None => self.sequence(now),
        };
        let probed = sequence.probed();
        let mut walk = Walk::new(Arc::clone(self.route), self.dialect.rules(), now);
        walk.follow_sequence(sequence);
        if self.context.ledger.lock().counts_tokens() {
            let size = RequestSize::of(&self.request.payload);
            walk.ask_for(Demand::of(size.bytes, size.images, size.max_output));
        }
        (walk, probed)
    }

    /// The next move. Steps that the request does not fit are passed over.
    fn next(&self, walk: &mut Walk) -> PreparedMove {
        loop {
            let next = {
                let mut ledger = self.context.ledger.lock();
                // Under the lock: what the ledger is told comes in the order of its times.
                let now = Instant::now();
                ledger.keep_time(now, SystemTime::now);
                let next = walk.next(&mut ledger, now);
                self.tell_replicas(ledger);
                next
            };
            let attempt = match next {
                Move::Try(attempt) => attempt,
                Move::Pause { until } => return PreparedMove::Pause(until),
                Move::Finished(verdict) => return PreparedMove::Finished(verdict),
            };
            let step = self.route.steps.get(attempt.step_index);
            match step.map_or(Ok(None), |step| self.prepared(step)) {
                Ok(prepared) => return PreparedMove::Try(attempt, prepared),
                Err(reason) => {
                    walk.passed_over(&mut self.context.ledger.lock(), &attempt, reason);
                }
            }
        }
    }

    /// Has other replicas told at once what cannot wait.
    fn tell_replicas(&self, mut ledger: MutexGuard<'_, Ledger>) {
        let is_urgent = ledger.take_thirst();
        drop(ledger);
        if is_urgent && let Some(replicas) = &self.context.replicas {
            replicas.wake();
        }
    }

    fn answered(
        &self,
        walk: Box<Walk>,
        attempt: Box<Attempt>,
        success: Success<'a>,
        probed: Option<usize>,
    ) -> Ended<'a> {
        let Success { reply, limits } = success;
        let now = Instant::now();
        let mut ledger = self.context.ledger.lock();
        let answered = walk.succeeded(&mut ledger, attempt, &limits, now);
        drop(ledger);
        self.order_answered(answered.reports().last(), &reply, probed);
        self.context.ledger.changed();
        Ended::Answered { reply, answered }
    }

    /// Tells that an attempt has no answer that counts. Its second best one comes back, if it has one.
    #[expect(clippy::boxed_local, reason = "a waiting worker keeps a small stack")]
    fn missed(
        &self,
        walk: &mut Walk,
        attempt: Box<Attempt>,
        missed: Box<Missed<'a>>,
        journal: &mut Journal<'_>,
    ) -> Option<Box<SecondBest<'a>>> {
        let second_best = missed.second_best.map(|reply| {
            Box::new(SecondBest {
                reply,
                attempt: attempt.set_aside(),
            })
        });
        // Only retries are spread.
        let step = self.route.steps.get(attempt.step_index);
        let has_retries = step.is_some_and(|step| step.retries > 0);
        let random = if has_retries { random() } else { 0 };
        let now = Instant::now();
        let mut ledger = self.context.ledger.lock();
        walk.failed(&mut ledger, attempt, missed.failure, now, random);
        self.tell_replicas(ledger);
        walk.mask_last(&self.context.redactor);
        self.order_missed(walk.reports().last());
        self.context.ledger.changed();
        journal.attempt_failed(walk.reports().last(), now);
        second_best
    }

    /// The end of a walk without a step that is left: the first second best answer, or the verdict.
    fn finished(
        &self,
        walk: Box<Walk>,
        verdict: Box<Verdict>,
        second_best: Option<Box<SecondBest<'a>>>,
        journal: &mut Journal<'_>,
    ) -> Ended<'a> {
        self.context.ledger.changed();
        if let Some(best) = second_best {
            return Ended::Answered {
                reply: best.reply,
                answered: walk.settled(best.attempt, Instant::now()),
            };
        }
        let reports = walk.into_reports();
        journal.exhausted(&verdict, &reports);
        Ended::Exhausted { verdict, reports }
    }

    fn cancelled(
        &self,
        mut walk: Box<Walk>,
        attempt: Option<Box<Attempt>>,
        journal: &mut Journal<'_>,
    ) -> Ended<'a> {
        let was_out = attempt.is_some();
        let now = Instant::now();
        walk.cancelled(&mut self.context.ledger.lock(), attempt, now);
        self.context.ledger.changed();
        let reports = walk.into_reports();
        if was_out {
            self.order_missed(reports.last());
            journal.attempt_failed(reports.last(), now);
        }
        journal.walk_stopped(self.route, &reports);
        Ended::ClientGone
    }
}
