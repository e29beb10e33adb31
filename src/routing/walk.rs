//! The walk over a route's steps, as a state machine that the caller drives.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::{Route, Step};

use super::answered_walk::AnsweredWalk;
use super::attempt::{Attempt, Unsettled};
use super::failure::Failure;
use super::ledger::Ledger;
use super::ledger_store::{KeyedModel, key_count};
use super::mark::Cooling;
use super::outcome::NextMove;
use super::step_report::StepReport;
use super::verdict::Verdict;
use crate::dialect::class::Class;
use crate::dialect::rate_limits::RemainingLimits;
use crate::dialect::waits::LONGEST;

/// A request's way over its route. First every step that is not cooling, in order, each with its usable keys in
/// turn; then, when none has answered, the ones that are cooling on a guess, the soonest first. A step whose provider
/// told when to come back is never called before.
///
/// It ends: each key of each step is tried once, plus at most the step's `retries`, and once more after a wait for the
/// soonest (`wait_when_cooling`).
#[derive(Debug)]
pub struct Walk {
    route: Arc<Route>,
    deadline: Option<Instant>,
    /// The step whose turn it is in the first pass.
    cursor: usize,
    progress: Vec<StepProgress>,
    retry: Option<Retry>,
    /// The end of the wait for the soonest step, once it has begun.
    waits_until: Option<Instant>,
    reports: Vec<StepReport>,
    verdict: Option<Verdict>,
}

/// The next move of a walk.
#[derive(Debug)]
pub enum Move {
    /// A call to the step's provider, whose outcome is to be told: [`Walk::succeeded`], [`Walk::failed`] or
    /// [`Walk::cancelled`].
    Try(Attempt),
    /// A pause before a retry, or until a step is usable again; [`Walk::next`] is to be called again after it.
    Pause { until: Instant },
    /// The end: no step is left. Another call gives the same.
    Finished(Verdict),
}

#[derive(Debug)]
struct StepProgress {
    /// The step has failed in a way that another key will not change.
    closed: bool,
    tried: Vec<bool>,
    retries: u32,
}

#[derive(Debug)]
struct Retry {
    after: Attempt,
    pause_until: Instant,
}

/// Backoff before a retry; see [`backoff`].
const FIRST_BACKOFF: Duration = Duration::from_millis(250);
const LONGEST_BACKOFF: Duration = Duration::from_secs(2);

impl Walk {
    pub fn new(route: Arc<Route>, now: Instant) -> Self {
        let progress = |step: &Step| StepProgress {
            closed: false,
            tried: vec![false; key_count(&step.provider)],
            retries: 0,
        };
        Self {
            deadline: route.timeout.map(|timeout| later(now, timeout)),
            cursor: 0,
            progress: route.steps.iter().map(progress).collect(),
            retry: None,
            waits_until: None,
            reports: Vec::new(),
            verdict: None,
            route,
        }
    }

    /// The step that a request would try first now; `None` where every step has a stated deadline.
    pub fn first_step(route: &Arc<Route>, ledger: &Ledger, now: Instant) -> Option<usize> {
        let mut walk = Self::new(Arc::clone(route), now);
        let found = walk.preferred(ledger, now);
        let (step_index, _) = found.or_else(|| walk.leftover(ledger, now))?;
        Some(step_index)
    }

    pub fn route(&self) -> &Arc<Route> {
        &self.route
    }

    /// The attempts and skipped steps so far.
    pub fn reports(&self) -> &[StepReport] {
        &self.reports
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
            return self.resume(ledger, retry, now);
        }
        let found = self
            .preferred(ledger, now)
            .or_else(|| self.leftover(ledger, now));
        match found {
            Some((step_index, key)) => self.begin(ledger, step_index, key, now),
            None => match self.wait_for_the_soonest(ledger, now) {
                Some(until) => Move::Pause { until },
                None => self.exhausted(ledger, now),
            },
        }
    }

    /// Takes in an attempt's failure. `random` is any number; it spreads retries.
    pub fn failed(
        &mut self,
        ledger: &mut Ledger,
        mut attempt: Attempt,
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
        let healed = std::mem::take(&mut attempt.healed);
        match pause_until {
            Some(_) => {
                attempt.repeats = Some(Box::new(Unsettled {
                    failure: failure.clone(),
                    ticket: attempt.ticket,
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
            attempt.step_index,
            step,
            attempt.key_index,
            duration,
            failure,
        );
        self.reports
            .push(report.cooling(cooling, now).healed(healed));
        match pause_until {
            Some(pause_until) => {
                self.retry = Some(Retry {
                    after: attempt,
                    pause_until,
                });
            }
            None => self.follow(class.next_move(), attempt.step_index),
        }
    }

    /// Gives an attempt back that is not made: the step lacks what the request needs.
    pub fn passed_over(&mut self, ledger: &mut Ledger, attempt: &Attempt, reason: String) {
        let route = Arc::clone(&self.route);
        let Some(step) = route.steps.get(attempt.step_index) else {
            return;
        };
        attempt.give_up(ledger, step);
        let report = StepReport::passed_over(attempt.step_index, step, reason);
        self.reports.push(report);
        self.follow(NextMove::NextStep, attempt.step_index);
    }

    /// Ends the walk of a client that is gone, during an attempt or during a pause.
    pub fn cancelled(&mut self, ledger: &mut Ledger, attempt: Option<Attempt>, now: Instant) {
        self.drop_retry(ledger);
        if let Some(attempt) = attempt {
            let failure = Failure::new(Class::Cancelled, "the client is gone");
            self.failed(ledger, attempt, failure, now, 0);
        }
        self.verdict.get_or_insert_with(Verdict::cancelled);
    }

    /// Ends the walk with an answer: a whole one, or the first content of a stream, which is the commit point. The walk
    /// is over; nothing can follow.
    pub fn succeeded(
        mut self,
        ledger: &mut Ledger,
        mut attempt: Attempt,
        seen: &RemainingLimits,
        now: Instant,
    ) -> AnsweredWalk {
        if let Some(step) = self.route.steps.get(attempt.step_index) {
            ledger.succeed(
                KeyedModel::new(step, attempt.key),
                &attempt.ticket,
                seen,
                now,
            );
            let duration = now.saturating_duration_since(attempt.started);
            let report = StepReport::success(attempt.step_index, step, attempt.key_index, duration);
            self.reports.reserve_exact(1);
            let healed = std::mem::take(&mut attempt.healed);
            self.reports.push(report.healed(healed));
        }
        AnsweredWalk::new(self.route, self.reports, attempt)
    }

    /// Ends the walk with the answer of an earlier attempt that was passed over, as no step did better.
    pub fn settled(mut self, attempt: Attempt) -> AnsweredWalk {
        if let Some(step) = self.route.steps.get(attempt.step_index) {
            let took = self.reports.iter().find(|report| {
                report.step_index == attempt.step_index && report.key_index == attempt.key_index
            });
            let took = took.map_or(Duration::ZERO, |report| report.duration);
            let report = StepReport::success(attempt.step_index, step, attempt.key_index, took);
            self.reports.push(report);
        }
        let mut answered = AnsweredWalk::new(self.route, self.reports, attempt);
        answered.is_second_best = true;
        answered
    }

    /// The first step, in order, with a usable key that was not tried. Steps that are passed over are reported.
    fn preferred(&mut self, ledger: &Ledger, now: Instant) -> Option<(usize, usize)> {
        while let Some((step, progress)) = self.at(self.cursor) {
            let untried = progress.untried_keys();
            let usable =
                untried.filter(|key| ledger.standing(KeyedModel::new(step, *key), now).is_none());
            // The key that rested longest: in turn, so that quotas drain evenly.
            let key = usable.min_by_key(|key| ledger.last_call(KeyedModel::new(step, *key)));
            if let Some(key) = key {
                return Some((self.cursor, key));
            }
            let was_tried = progress.tried.contains(&true);
            if let Some(cooling) = ledger.cooling_of(step, now).filter(|_| !was_tried) {
                let report = StepReport::skipped(self.cursor, step, cooling, now);
                self.reports.push(report);
            }
            self.cursor += 1;
        }
        None
    }

    /// The untried step and key that is usable by now or cooling on a guess, the soonest first.
    fn leftover(&self, ledger: &Ledger, now: Instant) -> Option<(usize, usize)> {
        let mut best: Option<(Instant, usize, usize)> = None;
        for (index, (step, progress)) in self.route.steps.iter().zip(&self.progress).enumerate() {
            for key in progress.untried_keys() {
                let until = match ledger.standing(KeyedModel::new(step, key), now) {
                    None => now,
                    Some(Cooling {
                        stated: false,
                        until,
                        ..
                    }) => until.max(now),
                    Some(Cooling { stated: true, .. }) => continue,
                };
                if best.is_none_or(|(soonest, _, _)| until < soonest) {
                    best = Some((until, index, key));
                }
            }
        }
        best.map(|(_, index, key)| (index, key))
    }

    /// The end of a pause for the soonest of the steps whose providers told when to come back; `None` where the route does
    /// not wait, or not for so long. Keys that were refused on this walk count as well, once.
    fn wait_for_the_soonest(&mut self, ledger: &Ledger, now: Instant) -> Option<Instant> {
        let route = Arc::clone(&self.route);
        let is_first = self.waits_until.is_none();
        let end = self.waits_until.or_else(|| {
            (!route.wait_when_cooling.is_zero()).then(|| later(now, route.wait_when_cooling))
        })?;
        let end = self.deadline.map_or(end, |deadline| end.min(deadline));
        let mut soonest: Option<Instant> = None;
        for (step, progress) in route.steps.iter().zip(&mut self.progress) {
            for (key, tried) in progress.tried.iter_mut().enumerate() {
                let standing = ledger.standing(KeyedModel::new(step, key), now);
                let Some(cooling) = standing.filter(|cooling| cooling.stated) else {
                    continue;
                };
                let until = cooling.until;
                if progress.closed || until > end || (*tried && !is_first) {
                    continue;
                }
                *tried = false;
                soonest = Some(soonest.map_or(until, |soonest| soonest.min(until)));
            }
        }
        let soonest = soonest?;
        self.waits_until = Some(end);
        self.cursor = 0;
        // They were passed over for the time being only.
        self.reports.retain(|report| !report.skipped);
        Some(soonest)
    }

    fn begin(&mut self, ledger: &mut Ledger, step_index: usize, key: usize, now: Instant) -> Move {
        let tried = self
            .progress
            .get_mut(step_index)
            .and_then(|progress| progress.tried.get_mut(key));
        if let Some(tried) = tried {
            *tried = true;
        }
        let Some(step) = self.route.steps.get(step_index) else {
            return self.exhausted(ledger, now);
        };
        let of_step = later(now, step.timeout);
        let deadline = self
            .deadline
            .map_or(of_step, |of_route| of_route.min(of_step));
        Move::Try(Attempt {
            step_index,
            key_index: (!step.provider.keys.is_empty()).then_some(key),
            started: now,
            deadline,
            key,
            ticket: ledger.begin(KeyedModel::new(step, key), now, deadline),
            cut_short: deadline < of_step,
            repeats: None,
            healed: Vec::new(),
        })
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
        let done = self.progress.get(attempt.step_index)?.retries;
        if !failure.class.retries() || done >= step.retries {
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
            self.retry = Some(retry);
            return Move::Pause { until };
        }
        let last = retry.after;
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
        if let Some(progress) = self.progress.get_mut(last.step_index) {
            progress.retries += 1;
        }
        // It takes over the probe that the last attempt has kept through the pause.
        let ticket = ledger.begin(target, now, last.deadline);
        Move::Try(Attempt {
            started: now,
            ticket,
            ..last
        })
    }

    fn follow(&mut self, next: NextMove, step_index: usize) {
        match next {
            NextMove::Stop => self.verdict = Some(Verdict::cancelled()),
            NextMove::NextKey => {}
            NextMove::NextStep => {
                if let Some(progress) = self.progress.get_mut(step_index) {
                    progress.closed = true;
                }
            }
        }
    }

    fn drop_retry(&mut self, ledger: &mut Ledger) {
        if let Some(Retry { after, .. }) = self.retry.take()
            && let Some(step) = self.route.steps.get(after.step_index)
        {
            after.give_up(ledger, step);
        }
    }

    fn exhausted(&mut self, ledger: &Ledger, now: Instant) -> Move {
        self.finish(Verdict::exhausted(&self.route, &self.reports, ledger, now))
    }

    fn finish(&mut self, verdict: Verdict) -> Move {
        Move::Finished(self.verdict.insert(verdict).clone())
    }

    fn at(&self, index: usize) -> Option<(&Step, &StepProgress)> {
        self.route.steps.get(index).zip(self.progress.get(index))
    }
}

impl StepProgress {
    fn untried_keys(&self) -> impl Iterator<Item = usize> {
        let keys = self.tried.iter().enumerate();
        keys.filter(|(_, tried)| !self.closed && !**tried)
            .map(|(key, _)| key)
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
