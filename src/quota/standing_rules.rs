//! The rules by which a line's standing for a call is found: the first one that fits counts.

use std::time::{Duration, Instant};

use super::line::{Fullness, Line};
use super::moment::Moment;
use super::shared_line::Shortage;
use super::standing::Standing;
use super::turns::View;
use super::used::Used;
use crate::limits::{Unit, Window};

/// Calls out at which a line of which nothing is known goes slow.
const SLOW_START: u32 = 8;

/// The longest time that a request may wait for a line to open (0.4 s), as the walk has it.
const LONGEST_PAUSE: Duration = Duration::from_millis(400);

/// The pause between two calls that find out whether a day's limit holds.
const DAILY_PROBE: Duration = Duration::from_secs(3600);

/// A question for a line's standing.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    pub at: Moment,
    /// The charge of the call.
    pub amount: u64,
    /// Its largest charge, where the provider wants that to fit.
    pub reserve: u64,
    /// The calls out, and the most of them that all succeeded.
    pub in_flight: u32,
    pub peak: u32,
}

impl Line {
    /// The standing for a call; the first row that fits counts.
    pub fn standing(&self, ask: &Ask) -> Standing {
        if let Some(standing) = self.standing_without_limit(ask.in_flight, ask.peak) {
            return standing;
        }
        let now = ask.at.now;
        if self.unit == Unit::Concurrent {
            let places = self.places(ask.at);
            let is_closed = places.is_some_and(|places| u64::from(ask.in_flight) >= places);
            return if is_closed {
                Standing::Closed
            } else {
                Standing::Open
            };
        }
        let view = self.view(ask.at);
        if let Some(fullness) = view.fullness {
            return self.standing_of_full(fullness, &view, now);
        }
        let fits = |limit: u64| {
            let used = self.used_together(view.reset, ask.at);
            // A call that is larger than the limit is the provider's to refuse.
            used == 0 || used.saturating_add(ask.amount) <= limit
        };
        let keeps_declared = self.declared.is_none_or(fits);
        match self.shortage(ask.amount, ask.at) {
            Some(Shortage::Dry) => return Standing::Dry,
            Some(Shortage::UsedUp { until }) if self.is_declared() => {
                return Standing::Firm { until };
            }
            Some(Shortage::UsedUp { .. }) if view.is_probed => {
                return Standing::Held { is_full: false };
            }
            Some(Shortage::UsedUp { until }) => return self.standing_of_learned(until, now),
            None => {}
        }
        match self.standing_by_told(ask) {
            Some(Standing::Open) if !keeps_declared => {}
            Some(standing) => return standing,
            None => {}
        }
        let Some(limit) = view.limit else {
            return self.standing_in_crowd(ask.in_flight, ask.peak);
        };
        if fits(limit) {
            return Standing::Open;
        }
        if view.is_probed {
            // One that is configured is not called in spite of it.
            return Standing::Held {
                is_full: !keeps_declared,
            };
        }
        let until = self.frees(&view, limit.saturating_sub(ask.amount), ask.at);
        if !keeps_declared {
            self.standing_of_declared(until, &view, ask)
        } else {
            self.standing_of_learned(until, now)
        }
    }

    /// The standing of a line of which nothing is known; `None` where a limit is, where one is told or was met.
    pub fn standing_without_limit(&self, in_flight: u32, peak: u32) -> Option<Standing> {
        self.is_without_limit()
            .then(|| self.standing_in_crowd(in_flight, peak))
    }

    fn standing_in_crowd(&self, in_flight: u32, peak: u32) -> Standing {
        let crowd = SLOW_START.max(peak.saturating_mul(2));
        if in_flight >= crowd && self.unit == Unit::Requests {
            Standing::Slow
        } else {
            Standing::Open
        }
    }

    /// The standing while the provider refuses.
    fn standing_of_full(&self, fullness: Fullness, view: &View, now: Instant) -> Standing {
        match fullness.end {
            Some(until) if self.may_ask_daily(now) => {
                if view.is_probed {
                    Standing::Firm { until }
                } else {
                    Standing::Probe
                }
            }
            Some(until) => Standing::Firm { until },
            None if view.is_probed => Standing::Held { is_full: true },
            None if now < fullness.guess => self.soft(fullness.guess, now),
            None => Standing::Probe,
        }
    }

    /// Whether a day that is used up is due for a call that finds out.
    fn may_ask_daily(&self, now: Instant) -> bool {
        let is_day = matches!(self.window, Some(Window::Day | Window::Month));
        let asked = self.last_refusal.map(|refusal| refusal.at);
        is_day && asked.is_some_and(|at| at + DAILY_PROBE <= now)
    }

    /// The standing by what answers told; `None` where that is not valid any more.
    fn standing_by_told(&self, ask: &Ask) -> Option<Standing> {
        let told = self.told?;
        let every = self.every();
        let left = told.left(self.charged, every, ask.at.now)?;
        let needed = ask.amount.max(ask.reserve);
        // A call that is larger than the limit is the provider's to refuse, once the window is fresh.
        let is_fresh = self.told_limit.is_some_and(|limit| left >= limit);
        if left >= needed.max(1) || is_fresh {
            return Some(Standing::Open);
        }
        let missing = u32::try_from(needed.max(1) - left).unwrap_or(u32::MAX);
        let until = match every {
            Some(every) => (ask.at.now + every.saturating_mul(missing)).min(told.until),
            None => told.until,
        };
        Some(if told.is_stated {
            Standing::Firm { until }
        } else {
            self.soft(until, ask.at.now)
        })
    }

    fn standing_of_declared(&self, until: Instant, view: &View, ask: &Ask) -> Standing {
        let Some(limit) = self.declared else {
            return Standing::Firm { until };
        };
        let soon = self.w().map(|w| (w / 60).max(Duration::from_millis(100)));
        let Some(soon) = soon else {
            return Standing::Firm { until };
        };
        let used_in = |time: Duration| {
            let later = Moment {
                now: ask.at.now + time,
                ..ask.at
            };
            self.used_together(view.reset, later)
        };
        // How others have spent it is only reckoned: a request that finds nothing else is sent all the same, until one was
        // refused; where the line opens in a moment it waits.
        let fits = |used: u64| used.saturating_add(ask.amount) <= limit;
        if fits(self.used_since(view.reset, ask.at)) {
            return match fits(used_in(soon.min(LONGEST_PAUSE))) {
                true => Standing::Held { is_full: true },
                false if self.is_soft_refuted => Standing::Firm { until },
                false => self.soft(until, ask.at.now),
            };
        }
        // Bursts on the minute: the last one has almost slid out of the window.
        let is_almost_free = !self.is_soft_refuted && limit >= 2 && used_in(soon) <= limit / 2;
        if is_almost_free {
            self.soft(until, ask.at.now)
        } else {
            Standing::Firm { until }
        }
    }

    fn standing_of_learned(&self, until: Instant, now: Instant) -> Standing {
        let is_unsure = self.learned.is_some_and(|learned| learned.is_unsure(now));
        let w = self.w();
        let is_calendar = matches!(self.used, Used::Counter(_));
        if is_unsure || (w.is_none() && !is_calendar) {
            return Standing::Probe;
        }
        let left = until.saturating_duration_since(now);
        let is_certain = is_calendar || self.period.is_told() || self.shape.bucket().is_some();
        if is_certain && w.is_none_or(|w| left > w.mul_f32(0.15)) {
            Standing::Firm { until }
        } else {
            self.soft(until, now)
        }
    }

    /// Soft until then, and not so soon after a refusal.
    fn soft(&self, until: Instant, now: Instant) -> Standing {
        let part = match self.learned {
            Some(learned) if learned.is_confirmed() => 3,
            _ => 8,
        };
        let from = self.last_refusal.map_or(now, |refusal| {
            refusal.at + until.saturating_duration_since(refusal.at) / part
        });
        Standing::Soft { from, until }
    }
}
