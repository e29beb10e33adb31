//! A window of the server's time.

use crate::quota::server_clock::ServerMs;

/// A stretch of the server's time (milliseconds since 1970), the end not included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub start: ServerMs,
    pub end: ServerMs,
}

impl Span {
    /// All time, for limits that no window renews.
    pub const EVER: Self = Self {
        start: 0,
        end: ServerMs::MAX,
    };

    /// The window of `now`, where windows have this length and begin at `phase` and its multiples (milliseconds).
    pub fn aligned(now: ServerMs, length: u64, phase: u64) -> Self {
        let length = length.max(1);
        let phase = phase % length;
        let into = now.saturating_sub(phase) % length;
        let start = now.saturating_sub(into);
        Self {
            start,
            end: start.saturating_add(length),
        }
    }

    /// The window of the same length after this one; `None` at the end of time.
    pub fn following(self) -> Option<Self> {
        let end = self.end.checked_add(self.length())?;
        Some(Self {
            start: self.end,
            end,
        })
    }

    pub fn length(self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    pub fn contains(self, time: ServerMs) -> bool {
        (self.start..self.end).contains(&time)
    }
}
