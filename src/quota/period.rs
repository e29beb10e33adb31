//! The length of a provider's window, as far as the ends of full windows tell it.

use std::time::{Duration, Instant};

/// The usual window, which a doubtful one is taken for.
pub const MINUTE: Duration = Duration::from_secs(60);

/// The turn of a window: after `lo`, and at `hi` at the latest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    pub lo: Instant,
    pub hi: Instant,
    /// The provider told it.
    pub is_told: bool,
}

/// The length of a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Period {
    #[default]
    Unknown,
    /// `is_told`: configured, or the distance of two ends that the provider told.
    Exact { w: Duration, is_told: bool },
    /// Between two lengths, by calls that were refused and accepted.
    Between { low: Duration, high: Duration },
}

impl Period {
    /// The length to reckon with: too long a one costs calls that are not made, too short a one calls that are refused. One
    /// that nobody told is a minute at most, since windows in between may not have been full; of longer ones that costs a
    /// call a minute.
    pub fn w(self) -> Option<Duration> {
        match self {
            Self::Unknown => None,
            Self::Exact { w, .. } => Some(w),
            Self::Between { high, .. } => Some(high.min(MINUTE)),
        }
    }

    pub fn is_told(self) -> bool {
        matches!(self, Self::Exact { is_told: true, .. })
    }

    /// The period after the first full window, whose first call began at `first`.
    #[must_use]
    pub fn after_first(self, first: Instant, turn: Turn) -> Self {
        if self != Self::Unknown {
            return self;
        }
        let w = turn.hi.saturating_duration_since(first);
        let may_be_a_minute = turn.lo.saturating_duration_since(first) < MINUTE && MINUTE <= w;
        Self::Exact {
            w: if may_be_a_minute { MINUTE } else { w },
            is_told: false,
        }
    }

    /// The period after two full windows.
    #[must_use]
    pub fn after(self, before: Turn, turn: Turn) -> Self {
        if before.is_told && turn.is_told {
            return self.after_told(turn.hi.saturating_duration_since(before.hi));
        }
        let low = turn.lo.saturating_duration_since(before.hi);
        let high = turn.hi.saturating_duration_since(before.lo);
        match self {
            Self::Exact { is_told: true, .. } => self,
            // Each window that may have been skipped in between makes it longer; the shorter one is right.
            Self::Between { low: l, high: h } if low <= h && l <= high => Self::Between {
                low: low.max(l),
                high: high.min(h),
            },
            Self::Between { low: l, high: h } => Self::Between {
                low: low.min(l),
                high: high.max(h),
            },
            Self::Unknown | Self::Exact { .. } => Self::Between { low, high },
        }
    }

    fn after_told(self, distance: Duration) -> Self {
        /// Shorter windows than that are noise.
        const SHORTEST: Duration = Duration::from_millis(200);
        if distance < SHORTEST {
            return self;
        }
        let distance = round(distance);
        match self {
            // Windows in between may not have been full: a much longer distance says nothing.
            Self::Exact { w, is_told: true } if distance > w + w / 10 + Duration::from_secs(1) => {
                self
            }
            _ => Self::Exact {
                w: distance,
                is_told: true,
            },
        }
    }
}

/// A usual length, where a told one differs from it by no more than the second to which ends are rounded.
fn round(distance: Duration) -> Duration {
    const USUAL: [Duration; 3] = [
        MINUTE,
        Duration::from_secs(3600),
        Duration::from_secs(86_400),
    ];
    let is_near = |usual: &Duration| usual.abs_diff(distance) <= Duration::from_secs(1);
    USUAL.into_iter().find(is_near).unwrap_or(distance)
}
