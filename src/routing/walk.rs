//! The walk over a route's steps, as a state machine that the caller drives.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::{Route, Step};

use super::answered_walk::AnsweredWalk;
use super::attempt::{Attempt, Unsettled};
use super::choice::{Choice, Chosen};
use super::failure::Failure;
use super::ledger::{Ledger, Ticket};
use super::order::Sequence;
use super::outcome::NextMove;
use super::step_report::{Changes, StepReport};
use super::target::KeyedModel;
use super::verdict::Verdict;
use crate::dialect::call_rules::CallRules;
use crate::dialect::class::Class;
use crate::dialect::rate_limits::RemainingLimits;
use crate::dialect::request::Unfit;
use crate::dialect::waits::LONGEST;
use crate::quota::Demand;
use crate::secret::Redactor;

/// A request's way over its route. First every step that is not cooling, in the order of its [`Sequence`], each with its usable keys in
/// turn; then, when none has answered, the ones that are cooling on a guess, the soonest first. A step whose provider
/// told when to come back is never called before.
///
/// It ends: each key of each step is tried once, plus at most the step's `retries`, and once more after a wait for the
/// soonest (`wait_when_cooling`).
#[derive(Debug)]
pub struct Walk {
    route: Arc<Route>,
    rules: CallRules,
    deadline: Option<Instant>,
    choice: Choice,
    retry: Option<Box<Retry>>,
    /// The end of the wait for the soonest step, once it has begun.
    waits_until: Option<Instant>,
    reports: Vec<StepReport>,
    /// See [`Self::standing`].
    standing: String,
    verdict: Option<Box<Verdict>>,
}

/// The next move of a walk.
#[derive(Debug)]
pub enum Move {
    /// A call to the step's provider, whose outcome is to be told: [`Walk::succeeded`], [`Walk::failed`] or
    /// [`Walk::cancelled`].
    Try(Box<Attempt>),
    /// A pause before a retry, or until a step is usable again; [`Walk::next`] is to be called again after it.
    Pause { until: Instant },
    /// The end: no step is left. Another call gives the same.
    Finished(Box<Verdict>),
}

#[derive(Debug)]
struct Retry {
    after: Box<Attempt>,
    pause_until: Instant,
}

/// Backoff before a retry; see [`backoff`].
const FIRST_BACKOFF: Duration = Duration::from_millis(250);
const LONGEST_BACKOFF: Duration = Duration::from_secs(2);

impl Walk {
    pub fn new(route: Arc<Route>, rules: CallRules, now: Instant) -> Box<Self> {
        Box::new(Self {
            deadline: route.timeout.map(|timeout| later(now, timeout)),
            choice: Choice::new(&route),
            retry: None,
            waits_until: None,
            reports: Vec::new(),
            standing: String::new(),
            verdict: None,
            rules,
            route,
        })
    }

    /// Walks over the steps in another order than the configuration's; not to be called when it has begun.
    pub fn follow_sequence(&mut self, sequence: Sequence) {
        self.choice.follow(sequence);
    }

    /// The step that a request with this sequence would try first now; `None` where every step has a stated deadline.
    pub fn first_step(
        route: &Arc<Route>,
        sequence: Sequence,
        ledger: &Ledger,
        now: Instant,
    ) -> Option<usize> {
        let mut choice = Choice::new(route);
        choice.follow(sequence);
        choice.first(route, ledger, now)
    }

    /// The same walk for a request that asks for so much.
    pub fn ask_for(&mut self, demand: Demand) {
        self.choice.ask_for(demand);
    }

    pub fn route(&self) -> &Arc<Route> {
        &self.route
    }

    /// The standing of the limits of the step that is tried, before the call, in words; empty where none is known.
    pub fn standing(&self) -> &str {
        &self.standing
    }

    /// The attempts and skipped steps so far.
    pub fn reports(&self) -> &[StepReport] {
        &self.reports
    }

    /// Masks the keys in what the last provider said, for all who read it.
    pub fn mask_last(&mut self, redactor: &Redactor) {
        let last = self.reports.last_mut();
        if let Some(message) = last.and_then(|report| report.message.as_mut()) {
            message.mask(redactor);
        }
    }

    /// The attempts and skipped steps of a walk that is over.
    pub fn into_reports(self) -> Vec<StepReport> {
        self.reports
    }

    /// The next move; not to be called while an attempt is out.
    pub fn next(&mut self, ledger: &mut Ledger, now: Instant) -> Move {
        if let Some(verdict) = &self.verdict {
            return Move::Finished(verdict.clone());
        }
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.drop_retry(ledger);
            return self.finish(Verdict::route_deadline(&self.route.name));
        }
        if let Some(retry) = self.retry.take() {
            return self.resume(ledger, *retry, now);
        }
        let reports = &mut self.reports;
        match self.choice.next(&self.route, ledger, now, reports) {
            Chosen::Step(step_index, key) => self.begin(ledger, step_index, key, now),
            Chosen::Pause(until) => Move::Pause {
                until: self.deadline.map_or(until, |deadline| until.min(deadline)),
            },
            Chosen::Nothing => match self.wait_for_the_soonest(ledger, now) {
                Some(until) => Move::Pause { until },
                None => self.exhausted(ledger, now),
            },
        }
    }

    /// Takes in an attempt's failure. `random` is any number; it spreads retries.
    pub fn failed(
        &mut self,
        ledger: &mut Ledger,
        mut attempt: Box<Attempt>,
        failure: Failure,
        now: Instant,
        random: u64,
    ) {
        let route = Arc::clone(&self.route);
        let Some(step) = route.steps.get(attempt.step_index) else {
            return;
        };
        let pause_until = self.pause_before_retry(step, &attempt, &failure, now, random);
        let class = failure.class;
        let changes = std::mem::take(&mut attempt.changes);
        match pause_until {
            Some(_) => {
                let target = KeyedModel::new(step, attempt.key);
                ledger.count_failure(step, target, &attempt.ticket, &failure, now);
                attempt.ticket = attempt.ticket.ended();
                attempt.repeats = Some(Box::new(Unsettled {
                    failure: failure.clone(),
                    ticket: attempt.ticket.clone(),
                    at: now,
                }));
            }
            None => attempt.conclude(ledger, step, &failure, now),
        }
        let cooling = match class.cooldown() {
            Some(_) => ledger.standing(KeyedModel::new(step, attempt.key), now),
            None => None,
        };
        let duration = now.saturating_duration_since(attempt.started);
        let report = StepReport::failure(
            &route,
            attempt.step_index,
            attempt.key_index,
            duration,
            failure,
        );
        let report = report.cooling(cooling, now).changed(changes);
        if self.reports.len() == self.reports.capacity() {
            // Another one mostly follows; more rarely do.
            self.reports.reserve_exact(2);
        }
        self.reports.push(report);
        match pause_until {
            Some(pause_until) => {
                self.retry = Some(Box::new(Retry {
                    after: attempt,
                    pause_until,
                }));
            }
            None => self.follow(class.next_move(), attempt.step_index),
        }
    }

    /// Gives an attempt back that is not made: the step lacks what the request needs.
    pub fn passed_over(&mut self, ledger: &mut Ledger, attempt: &Attempt, unfit: Unfit) {
        let route = Arc::clone(&self.route);
        let Some(step) = route.steps.get(attempt.step_index) else {
            return;
        };
        attempt.withdraw(ledger, step);
        let report = StepReport::passed_over(&route, attempt.step_index, unfit);
        self.reports.push(report);
        self.follow(NextMove::NextStep, attempt.step_index);
    }

    /// Ends the walk of a client that is gone, during an attempt or during a pause.
    pub fn cancelled(&mut self, ledger: &mut Ledger, attempt: Option<Box<Attempt>>, now: Instant) {
        self.drop_retry(ledger);
        if let Some(attempt) = attempt {
            let failure = Failure::new(Class::Cancelled, "the client is gone");
            self.failed(ledger, attempt, failure, now, 0);
        }
        self.verdict
            .get_or_insert_with(|| Box::new(Verdict::cancelled()));
    }

    /// Ends the walk with an answer: a whole one, or the first content of a stream, which is the commit point. The walk
    /// is over; nothing can follow.
    pub fn succeeded(
        self: Box<Self>,
        ledger: &mut Ledger,
        mut attempt: Box<Attempt>,
        seen: &RemainingLimits,
        now: Instant,
    ) -> AnsweredWalk {
        let Self {
            route, mut reports, ..
        } = *self;
        if let Some(step) = route.steps.get(attempt.step_index) {
            ledger.succeed(
                KeyedModel::new(step, attempt.key),
                &attempt.ticket,
                seen,
                now,
            );
            let duration = now.saturating_duration_since(attempt.started);
            let changes = std::mem::take(&mut attempt.changes);
            reports.reserve_exact(1);
            let (index, key) = (attempt.step_index, attempt.key_index);
            reports.push(StepReport::success(&route, index, key, duration).changed(changes));
        }
        attempt.ticket.is_counted = false;
        attempt.ticket.waiting.give_back();
        AnsweredWalk::new(route, reports, attempt, now)
    }

    /// Ends the walk with the answer of an earlier attempt that was passed over, as no step did better.
    pub fn settled(self: Box<Self>, attempt: Box<Attempt>, now: Instant) -> AnsweredWalk {
        let Self {
            route, mut reports, ..
        } = *self;
        if route.steps.get(attempt.step_index).is_some() {
            let took = reports.iter().find(|report| {
                report.step_index == attempt.step_index && report.key_index == attempt.key_index
            });
            let took = took.map_or(Duration::ZERO, |report| report.duration);
            let (index, key) = (attempt.step_index, attempt.key_index);
            reports.push(StepReport::success(&route, index, key, took));
        }
        let mut answered = AnsweredWalk::new(route, reports, attempt, now);
        answered.is_second_best = true;
        answered
    }

    /// The end of a pause for the soonest of the steps whose providers told when to come back; `None` where the route does
    /// not wait, or not for so long. Keys that were refused on this walk count as well, once.
    fn wait_for_the_soonest(&mut self, ledger: &Ledger, now: Instant) -> Option<Instant> {
        let patience = self.route.wait_when_cooling;
        let is_first = self.waits_until.is_none();
        let end = self
            .waits_until
            .or_else(|| (!patience.is_zero()).then(|| later(now, patience)))?;
        let end = self.deadline.map_or(end, |deadline| end.min(deadline));
        let choice = &mut self.choice;
        let soonest = choice.soonest_stated(&self.route, ledger, end, is_first, now)?;
        self.waits_until = Some(end);
        // They were passed over for the time being only.
        self.reports.retain(|report| !report.skipped);
        Some(soonest)
    }

    fn begin(&mut self, ledger: &mut Ledger, step_index: usize, key: usize, now: Instant) -> Move {
        self.choice.mark_tried(step_index, key);
        let Some(step) = self.route.steps.get(step_index) else {
            return self.exhausted(ledger, now);
        };
        let timeout = if step.has_timeout {
            step.timeout
        } else {
            self.rules.timeout
        };
        let of_step = later(now, timeout);
        let deadline = self
            .deadline
            .map_or(of_step, |of_route| of_route.min(of_step));
        let target = KeyedModel::new(step, key);
        let ticket;
        (ticket, self.standing) = self.ticket(ledger, target, deadline, now);
        Move::Try(Box::new(Attempt {
            step_index,
            key_index: (!step.provider.keys.is_empty()).then_some(key),
            started: now,
            deadline,
            key,
            ticket,
            cut_short: deadline < of_step,
            repeats: None,
            changes: Changes::default(),
        }))
    }

    /// The end of the pause before a retry; `None` unless the failure may pass and the step has retries and time left.
    /// A provider that asks for a longer rest than a backoff is left alone, since the next step answers sooner.
    fn pause_before_retry(
        &self,
        step: &Step,
        attempt: &Attempt,
        failure: &Failure,
        now: Instant,
        random: u64,
    ) -> Option<Instant> {
        let done = self.choice.retries(attempt.step_index)?;
        let may_repeat = self.rules.repeats && failure.class.retries();
        if !may_repeat || done >= step.retries {
            return None;
        }
        let stated = failure.stated.unwrap_or_default();
        let until = now + backoff(done, random).max(stated);
        (stated <= LONGEST_BACKOFF && until < attempt.deadline).then_some(until)
    }

    /// Retries an attempt within the rest of its time.
    fn resume(&mut self, ledger: &mut Ledger, retry: Retry, now: Instant) -> Move {
        if now < retry.pause_until {
            let until = retry.pause_until;
            self.retry = Some(Box::new(retry));
            return Move::Pause { until };
        }
        let mut last = retry.after;
        let route = Arc::clone(&self.route);
        let Some(step) = route.steps.get(last.step_index) else {
            return self.exhausted(ledger, now);
        };
        let target = KeyedModel::new(step, last.key);
        // In the meantime another request may have been told to stay away.
        if ledger
            .standing(target, now)
            .is_some_and(|cooling| cooling.stated)
        {
            last.give_up(ledger, step);
            self.follow(NextMove::NextStep, last.step_index);
            return self.next(ledger, now);
        }
        self.choice.count_retry(last.step_index);
        // It takes over the probe that the last attempt has kept through the pause.
        (last.ticket, _) = self.ticket(ledger, target, last.deadline, now);
        last.started = now;
        Move::Try(last)
    }

    fn ticket(
        &self,
        ledger: &mut Ledger,
        target: KeyedModel<'_>,
        deadline: Instant,
        now: Instant,
    ) -> (Ticket, String) {
        let (mut ticket, standing) = ledger.begin(target, self.choice.demand(), now, deadline);
        ticket.is_witness = self.rules.is_witness;
        (ticket, standing)
    }

    fn follow(&mut self, next: NextMove, step_index: usize) {
        match next {
            NextMove::Stop => self.verdict = Some(Box::new(Verdict::cancelled())),
            NextMove::NextKey => {}
            NextMove::NextStep => self.choice.close(step_index),
        }
    }

    fn drop_retry(&mut self, ledger: &mut Ledger) {
        if let Some(retry) = self.retry.take()
            && let Some(step) = self.route.steps.get(retry.after.step_index)
        {
            retry.after.give_up(ledger, step);
        }
    }

    fn exhausted(&mut self, ledger: &Ledger, now: Instant) -> Move {
        self.finish(Verdict::exhausted(&self.route, &self.reports, ledger, now))
    }

    fn finish(&mut self, verdict: Verdict) -> Move {
        Move::Finished(self.verdict.insert(Box::new(verdict)).clone())
    }
}

/// The pause before a retry: 250 ms, doubling to 2 s, and of that a random part between a half and the whole.
fn backoff(done: u32, random: u64) -> Duration {
    let factor = 1_u32.checked_shl(done).unwrap_or(u32::MAX);
    let half = FIRST_BACKOFF.saturating_mul(factor).min(LONGEST_BACKOFF) / 2;
    let part = u32::try_from(random % 1024).unwrap_or(0);
    half + half * part / 1023
}

/// A configured timeout may be absurd; a deadline a day away is as good.
fn later(now: Instant, timeout: Duration) -> Instant {
    now + timeout.min(LONGEST)
}
