//! The use of a line's window, by this gateway and by others.

use std::time::{Duration, Instant};

use super::call_log::LONGEST_LOG;
use super::line::{Call, Line};
use super::moment::Moment;
use super::turns::View;
use super::used::{Used, bounds};
use crate::limits::Window;

/// Calls arrive later than they are sent: a window is taken for this much longer.
const SHORTEST_GUARD: Duration = Duration::from_millis(50);

impl Line {
    /// The use of the window.
    pub fn used_at(&self, at: Moment) -> u64 {
        self.used_since(self.view(at).reset, at)
    }

    pub(super) fn charge(&mut self, call: &Call, at: Moment) {
        self.charged = self.charged.saturating_add(call.amount);
        self.charge_portion(call.amount, at);
        let period = self.horizon();
        match &mut self.used {
            Used::Log(log) => log.add(call.started, call.amount, period),
            Used::Counter(count) => {
                let is_over = count.window.is_none_or(|(_, end)| at.wall >= end);
                if is_over {
                    let window = self.window.unwrap_or(Window::Day);
                    count.window = bounds(window, self.zone, at.wall);
                    count.value = 0;
                }
                count.value = count.value.saturating_add(call.amount);
            }
        }
    }

    /// How far the log reaches back: behind the window, or for an hour where there is none.
    fn horizon(&self) -> Duration {
        const UNKNOWN: Duration = Duration::from_secs(3600);
        self.w()
            .map_or(UNKNOWN, |w| w + guard(w) + w / 8 + Duration::from_secs(1))
    }

    /// The beginning of what counts.
    pub(super) fn since(&self, reset: Option<Instant>, now: Instant) -> Instant {
        let by_window = self.w().and_then(|w| now.checked_sub(w + guard(w)));
        match (reset, by_window) {
            (Some(reset), Some(by_window)) => reset.max(by_window),
            (Some(one), None) | (None, Some(one)) => one,
            // Everything: no log reaches back so far.
            (None, None) => now.checked_sub(LONGEST_LOG).unwrap_or(now),
        }
    }

    pub(super) fn used_since(&self, reset: Option<Instant>, at: Moment) -> u64 {
        match &self.used {
            Used::Log(log) => log.since(self.since(reset, at.now)),
            Used::Counter(count) => count.value(at),
        }
    }

    /// The use by this gateway, and as far as they are not told apart otherwise, by those that share the limit.
    pub(super) fn used_together(&self, reset: Option<Instant>, at: Moment) -> u64 {
        let own = self.used_since(reset, at);
        own.saturating_add(self.used_by_others(self.since(reset, at.now), at))
    }

    /// The moment at which the window holds no more than `limit`.
    pub(super) fn frees(&self, view: &View, limit: u64, at: Moment) -> Instant {
        match &self.used {
            Used::Counter(count) => count.end(at).unwrap_or(at.now),
            Used::Log(log) => {
                let since = self.since(view.reset, at.now);
                // Where others have used the rest, a call of this gateway stands for some of theirs.
                let own = log.since(since);
                let oldest = log.gives_way(since, limit.min(own.saturating_sub(1)));
                let w = self.w().unwrap_or_default();
                let until = oldest.map_or(at.now, |oldest| oldest + w + guard(w));
                until.max(at.now)
            }
        }
    }

    /// The time in which a bucket gets one back.
    pub(super) fn every(&self) -> Option<Duration> {
        let limit = u32::try_from(self.told_limit?.max(1)).unwrap_or(u32::MAX);
        Some(self.shape.bucket()? / limit)
    }
}

/// The time that a window is taken to be longer than it is.
pub fn guard(w: Duration) -> Duration {
    SHORTEST_GUARD.max(w / 600)
}
