//! The grid of a provider's windows: ends that lie on multiples of the window foretell the next ones.

use std::time::{Duration, Instant};

use super::period::Period;

/// Ends in a row that have to lie on the grid.
const HITS: u8 = 2;

/// The grid of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grid {
    anchor: Option<Instant>,
    hits: u8,
    /// The windows were seen not to lie on it: never again.
    is_refuted: bool,
}

impl Grid {
    /// A grid that was known before a restart, with a turn to come.
    pub fn restored(turn: Instant) -> Self {
        Self {
            anchor: Some(turn),
            hits: HITS,
            is_refuted: false,
        }
    }

    /// Takes note of a told end, which is so exact.
    pub fn see(&mut self, end: Instant, exactness: Duration, period: Period) {
        let w = period.w().filter(|_| period.is_told() && !self.is_refuted);
        let Some(w) = w.filter(|w| exactness * 20 <= *w && !w.is_zero()) else {
            return;
        };
        let Some(anchor) = self.anchor else {
            self.anchor = Some(end);
            return;
        };
        let (distance, is_later) = match end.checked_duration_since(anchor) {
            Some(distance) => (distance, true),
            None => (anchor.saturating_duration_since(end), false),
        };
        let windows = (distance.as_secs_f64() / w.as_secs_f64()).round();
        let error = (distance.as_secs_f64() - windows * w.as_secs_f64()).abs();
        let tolerance = exactness.max(Duration::from_millis(50)).as_secs_f64();
        if error > tolerance {
            (self.anchor, self.hits) = (Some(end), 0);
        } else if windows >= 1.0 && is_later {
            self.hits = self.hits.saturating_add(1);
            self.anchor = Some(end);
        }
    }

    /// The last turn at `now`; `None` where there is no grid.
    pub fn last_turn(&self, period: Period, now: Instant) -> Option<Instant> {
        let anchor = self
            .anchor
            .filter(|_| self.hits >= HITS && !self.is_refuted)?;
        let w = period.w().filter(|w| period.is_told() && !w.is_zero())?;
        let windows = now.checked_duration_since(anchor)?.as_nanos() / w.as_nanos();
        let windows = u32::try_from(windows).ok()?;
        Some(anchor + w * windows)
    }

    /// The next turn after `now`; `None` where there is no grid.
    pub fn next_turn(&self, period: Period, now: Instant) -> Option<Instant> {
        Some(self.last_turn(period, now)? + period.w()?)
    }

    /// Gives the grid up: a window was full much earlier than it should have been.
    pub fn refute(&mut self) {
        self.is_refuted = true;
    }

    /// Whether ends are foretold.
    pub fn is_known(&self) -> bool {
        self.hits >= HITS && !self.is_refuted
    }
}
