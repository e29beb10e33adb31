//! The excess of a request: the limit that it would pass, and the time at which it may be tried again.

use std::time::Duration;

use super::book::Line;
use crate::limits::{Limit, UnixMs, Window};
use crate::quota::Moment;

/// The wait for a place among the requests at once, for which nobody can say more.
pub(super) const SOON: Duration = Duration::from_secs(1);

/// A limit that a request would exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Excess {
    pub limit: Limit,
    pub used: u64,
    pub reserved: u64,
    /// The charge that the request would have had.
    pub asked: u64,
    pub resets: Resets,
    /// There may be more in a moment, when the server that replicas share has been asked.
    pub is_dry: bool,
}

/// The time at which a request may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resets {
    /// The end of a window of the calendar.
    At(UnixMs, Duration),
    In(Duration),
    /// No time: the limit is one of all time, or smaller than the request.
    Never,
}

impl Resets {
    /// The wait; `None` where none is long enough.
    pub fn wait(self) -> Option<Duration> {
        match self {
            Self::At(_, wait) | Self::In(wait) => Some(wait),
            Self::Never => None,
        }
    }

    pub(super) fn rank(self) -> Duration {
        self.wait().unwrap_or(Duration::MAX)
    }
}

/// The ends of the windows of a moment.
pub(super) struct Ends {
    pub now: Moment,
    pub day: UnixMs,
    pub month: UnixMs,
}

impl Ends {
    pub fn of(&self, line: &Line, asked: u64, soft: bool) -> Resets {
        let Limit { unit, rate } = line.limit;
        let room = match soft && unit.is_settled_later() {
            true => rate.amount.checked_sub(1),
            false => rate.amount.checked_sub(asked),
        };
        // A request that is larger than its limit never fits.
        let Some(room) = room else {
            return Resets::Never;
        };
        let until = |end: UnixMs| {
            let wait = Duration::from_millis(end.saturating_sub(self.now.unix_ms()));
            Resets::At(end, wait)
        };
        match rate.window {
            Window::Day => until(self.day),
            Window::Month => until(self.month),
            Window::Total => Resets::Never,
            Window::AtOnce => Resets::In(SOON),
            Window::Sliding(length) => {
                let now = self.now.now;
                let since = now.checked_sub(length);
                let first = since.and_then(|since| line.log.gives_way(since, room));
                let end = first.map_or(now + length, |first| first + length);
                Resets::In(end.saturating_duration_since(now))
            }
        }
    }

    /// The time until all of a limit is free again.
    pub fn full(&self, line: &Line) -> Duration {
        let until = |end: UnixMs| Duration::from_millis(end.saturating_sub(self.now.unix_ms()));
        match line.limit.rate.window {
            Window::Day => until(self.day),
            Window::Month => until(self.month),
            Window::Total | Window::AtOnce => Duration::ZERO,
            Window::Sliding(length) => {
                let now = self.now.now;
                let since = now.checked_sub(length);
                // All of it is free when the last call is out of the window: at the latest after one.
                let used = since.map_or(0, |since| line.log.since(since));
                if used == 0 { Duration::ZERO } else { length }
            }
        }
    }
}
