//! Learning a line's limit and window from refusals and from the calls that were accepted after them.

use std::time::{Duration, Instant};

use super::amount::Learned;
use super::line::{Call, Fullness, Line, ProbeKind, Refusal};
use super::moment::Moment;
use super::period::{MINUTE, Period, Turn};
use super::used::{Used, bounds};
use super::window_use::guard;
use crate::limits::Window;

/// Ends within this time of each other are one, told twice.
const SAME_END: Duration = Duration::from_millis(1500);

/// The end of a refusal by its own word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hint {
    /// The wait until the end.
    pub wait: Option<Duration>,
    /// The end lies within so much before that: a whole number of seconds was rounded up.
    pub exactness: Duration,
    /// The window of the day is used up until it ends, whatever the wait says.
    pub is_of_the_day: bool,
}

/// The pauses of guesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guesses {
    pub base: Duration,
    pub ceiling: Duration,
}

impl Line {
    /// Writes down the turns and consents that have come by now.
    pub fn advance(&mut self, at: Moment) {
        while let Some(turn) = self.turn(at) {
            if let Some(probe) = self.probe.take_if(|probe| probe.started <= turn.hi)
                && !turn.is_told
                && probe.started == turn.hi
            {
                self.counts.accepted_probes += 1;
            }
            self.close(turn, at.now);
        }
        if let Some(probe) = self.probe {
            if probe.until <= at.now {
                self.probe = None;
            } else if probe.kind != ProbeKind::Turn && self.has_consent(&probe, at.now) {
                self.probe = None;
                self.accept(probe.kind, probe.started, at.now);
            }
        }
    }

    /// Ends a call that was answered.
    pub fn succeeded(&mut self, call: &Call, at: Moment) {
        if self.is_at_rest() {
            return;
        }
        self.advance(at);
        if let Some(probe) = self.probe.take_if(|probe| probe.id == call.id) {
            self.accept(probe.kind, probe.started, at.now);
        } else if self.is_refuted_by(call) {
            self.close(self.turn_at(call.started), at.now);
        }
    }

    /// Ends a call that says nothing of the line, as one that timed out.
    pub fn release(&mut self, call: &Call) {
        self.probe.take_if(|probe| probe.id == call.id);
    }

    /// Ends a call that the provider has not counted.
    pub fn withdraw(&mut self, call: &Call) {
        self.release(call);
        self.correct_portion(call.started, call.amount, 0);
        match &mut self.used {
            Used::Log(log) => log.take_out(call.started, call.amount),
            Used::Counter(count) => count.value = count.value.saturating_sub(call.amount),
        }
    }

    /// Replaces a call's charge by what it took.
    pub fn settle(&mut self, call: &Call, took: u64) {
        self.correct_portion(call.started, call.amount, took);
        match &mut self.used {
            Used::Log(log) => log.settle(call.started, call.amount, took),
            Used::Counter(count) => {
                count.value = count.value.saturating_sub(call.amount).saturating_add(took);
            }
        }
    }

    /// Ends a call that was refused because of this line.
    pub fn refused(&mut self, call: &Call, hint: Hint, guesses: Option<Guesses>, at: Moment) {
        self.advance(at);
        let probe = self.probe.take_if(|probe| probe.id == call.id);
        self.withdraw(call);
        self.counts.refused += 1;
        if self.is_of_an_old_window(call, hint, at.now) {
            return;
        }
        if let Some(probe) = probe {
            self.refuse_probe(probe.kind, at.now);
        }
        let limit = self.limit().map(|(limit, _)| limit);
        let is_early =
            limit.is_some_and(|n| self.used_by_all(at).saturating_mul(5) < n.saturating_mul(4));
        if self.grid.is_known() && is_early && self.fullness.is_none() {
            self.grid.refute();
        }
        let is_same_trouble = self.fullness.is_some()
            && self
                .last_refusal
                .is_some_and(|last| call.started <= last.at);
        let took = at.now.saturating_duration_since(call.started);
        let last = self.last_refusal;
        self.last_refusal = Some(Refusal {
            started: last.map_or(call.started, |last| last.started.max(call.started)),
            at: at.now,
            slowest: last.map_or(took, |last| last.slowest.max(took)),
        });
        let before = self.fullness;
        let strikes = match before {
            Some(before) if is_same_trouble => before.strikes.max(1),
            Some(before) => before.strikes.saturating_add(1),
            None => 1,
        };
        let end = self.end_after(before.and_then(|before| before.end), hint, at);
        let guess = match (before, guesses) {
            (Some(before), _) if is_same_trouble => before.guess,
            (_, Some(guesses)) => self.guess(strikes, guesses, at.now),
            (_, None) if end.is_some() => at.now,
            // Only the provider's own word counts, and there is none.
            (_, None) => return,
        };
        self.fullness = Some(Fullness {
            end,
            guess,
            strikes,
            exactness: hint.exactness,
        });
        if let Some(told) = self.told {
            self.told = Some(told.used_up(end));
        }
    }

    /// Whether a refusal is the last of a window that is over: it says nothing of this one, unless it names a later end.
    fn is_of_an_old_window(&self, call: &Call, hint: Hint, now: Instant) -> bool {
        self.reset.is_some_and(|reset| {
            let end = hint.wait.map(|wait| now + wait);
            call.started < reset && end.is_none_or(|end| end <= reset + SAME_END)
        })
    }

    /// Whether the provider refuses.
    pub fn is_full(&self, at: Moment) -> bool {
        self.fullness.is_some() && self.turn(at).is_none()
    }

    /// Takes a limit over that was learned elsewhere.
    pub fn learn(&mut self, n: u64) {
        self.learned = Some(Learned::new(n, 0));
    }

    /// Forgets what was learned: it was not this that is limited.
    pub fn forget_limit(&mut self) {
        self.learned = None;
    }

    fn refuse_probe(&mut self, kind: ProbeKind, now: Instant) {
        self.counts.refused_probes += 1;
        let w = self.w().unwrap_or(MINUTE);
        match (kind, &mut self.learned) {
            (ProbeKind::Growth, Some(learned)) if learned.is_confirmed() => {
                learned.refuse_growth(w, now);
            }
            (ProbeKind::Leniency, _) => self.is_soft_refuted = true,
            _ => {}
        }
    }

    /// The end of a full window, from the one that was told before and this hint.
    fn end_after(&self, before: Option<Instant>, hint: Hint, at: Moment) -> Option<Instant> {
        let before = before.filter(|end| *end > at.now);
        let told = if hint.is_of_the_day {
            self.end_of_day(at)
        } else {
            hint.wait.map(|wait| at.now + wait)
        };
        let Some(told) = told else { return before };
        let foretold = self.grid.next_turn(self.period, at.now);
        let is_within = |end: &Instant| *end <= told && told <= *end + hint.exactness;
        let told = foretold.filter(is_within).unwrap_or(told);
        Some(match before {
            Some(before) if told < before && before - told <= SAME_END => told,
            Some(before) if told > before && told - before <= SAME_END => before,
            // What was told is never shortened.
            Some(before) => before.max(told),
            None => told,
        })
    }

    fn end_of_day(&self, at: Moment) -> Option<Instant> {
        let window = match self.window {
            Some(window @ (Window::Day | Window::Month)) => window,
            _ => Window::Day,
        };
        let (_, end) = bounds(window, self.zone, at.wall)?;
        Some(at.now + end.duration_since(at.wall).ok()?)
    }

    fn guess(&self, strikes: u32, guesses: Guesses, now: Instant) -> Instant {
        let by_window = self.reset.zip(self.period.w()).map(|(reset, w)| reset + w);
        if let Some(end) = by_window.filter(|end| *end > now) {
            return end;
        }
        let factor = 1_u32
            .checked_shl(strikes.saturating_sub(1))
            .unwrap_or(u32::MAX);
        let ceiling = guesses.ceiling.max(guesses.base);
        now + guesses.base.saturating_mul(factor).min(ceiling)
    }

    /// Whether an answered call shows that a guess was wrong.
    fn is_refuted_by(&self, call: &Call) -> bool {
        let began_later = self.last_refusal.is_none_or(|last| call.started > last.at);
        self.fullness.is_some_and(|full| full.end.is_none()) && began_later
    }

    fn accept(&mut self, kind: ProbeKind, started: Instant, now: Instant) {
        self.counts.accepted_probes += 1;
        match kind {
            ProbeKind::Turn => self.close(self.turn_at(started), now),
            ProbeKind::Growth => self.grow(),
            ProbeKind::Leniency => {}
        }
    }

    fn grow(&mut self) {
        let Some(learned) = &mut self.learned else {
            return;
        };
        learned.grow();
        let n = learned.n;
        if self.declared.is_some_and(|declared| n >= declared) {
            self.learned = None;
        }
    }

    /// Ends a window.
    fn close(&mut self, turn: Turn, now: Instant) {
        if let Some(full) = self.fullness.take() {
            let begin = self.begin_of(turn, full.exactness);
            let begin = self.begin_of_burst(turn).max(begin);
            // Of what other replicas have sent as much is believed.
            let count = self
                .count_between(begin, turn.hi)
                .saturating_mul(self.replicas);
            self.learn_period(turn, begin, full.exactness);
            if count > 0 {
                self.learn_amount(count, now);
            }
            self.last_turn = Some(turn);
        }
        self.reset = Some(self.reset.map_or(turn.hi, |reset| reset.max(turn.hi)));
        if let Used::Log(log) = &mut self.used {
            log.forget_before(turn.hi);
        }
        self.told.take_if(|told| told.until <= turn.hi.max(now));
    }

    /// The earliest moment that may belong to the window that ended with this turn, or so much before it; `None` for
    /// all that is known.
    fn begin_of(&self, turn: Turn, exactness: Duration) -> Option<Instant> {
        let told_wait = self
            .last_refusal
            .filter(|_| turn.is_told)
            .map(|refusal| turn.hi.saturating_duration_since(refusal.at));
        let w = match self.period.w() {
            Some(w) => Some(w),
            None if told_wait.is_some_and(|wait| wait > MINUTE) => None,
            None => Some(MINUTE),
        };
        let by_window = w.and_then(|w| turn.hi.checked_sub(w + guard(w) + exactness));
        match (self.reset, by_window) {
            (Some(reset), Some(by_window)) => Some(reset.max(by_window)),
            (one, other) => one.or(other),
        }
    }

    /// The beginning of the burst that filled a window of unknown length; `None` where calls came evenly, or the length is known.
    fn begin_of_burst(&self, turn: Turn) -> Option<Instant> {
        match &self.used {
            Used::Log(log) if self.period == Period::Unknown && !turn.is_told => {
                log.last_burst(turn.lo)
            }
            _ => None,
        }
    }

    /// The count of the window.
    fn count_between(&self, begin: Option<Instant>, end: Instant) -> u64 {
        match &self.used {
            Used::Counter(count) => count.value,
            Used::Log(log) => {
                let begin = begin.or_else(|| log.first()).unwrap_or(end);
                log.between(begin, end)
            }
        }
    }

    fn learn_period(&mut self, turn: Turn, begin: Option<Instant>, exactness: Duration) {
        let first = match (&self.used, begin) {
            (Used::Log(log), Some(begin)) => log.first_since(begin),
            (Used::Log(log), None) => log.first(),
            (Used::Counter(_), _) => return,
        };
        // One that the provider only named may be another after all.
        let is_known = self.declared.is_some();
        match (self.last_turn, first) {
            _ if is_known => {}
            (Some(before), _) => self.period = self.period.after(before, turn),
            (None, Some(first)) => self.period = self.period.after_first(first, turn),
            (None, None) => {}
        }
        if turn.is_told {
            self.grid.see(turn.hi, exactness, self.period);
        }
    }

    fn learn_amount(&mut self, count: u64, now: Instant) {
        let w = self.w().unwrap_or(MINUTE);
        if let Some(learned) = self.learned {
            self.learned = Some(learned.after(count, w, now));
            return;
        }
        let known = self.declared.or(self.told_limit);
        match known {
            None => self.learned = Some(Learned::new(count, 0)),
            // Another user of the account, or a wrong number.
            Some(known) if count * 5 <= known * 4 => {
                self.early_ends += 1;
                if self.early_ends >= 2 {
                    self.early_ends = 0;
                    self.learned = Some(Learned::new(count, 0));
                }
            }
            Some(_) => self.early_ends = 0,
        }
    }
}
