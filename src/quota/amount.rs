//! A learned limit: how many calls fit into a window, by those that were refused.

use std::time::{Duration, Instant};

/// The windows after which a confirmed limit is tried upwards, at first and at last.
const FIRST_GROWTH: u32 = 4;
const LAST_GROWTH: u32 = 64;

/// A learned limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Learned {
    pub n: u64,
    /// How often it was confirmed; zero while seen once.
    pub conf: u8,
    /// The larger count of the windows in a row that were full below it.
    lower: Option<u64>,
    /// The windows from a refused growth to the next.
    growth_windows: u32,
    growth_at: Option<Instant>,
    /// The size of the next accepted growth.
    growth: u64,
}

impl Learned {
    pub fn new(n: u64, conf: u8) -> Self {
        Self {
            n: n.max(1),
            conf,
            lower: None,
            growth_windows: FIRST_GROWTH,
            growth_at: None,
            growth: 1,
        }
    }

    /// A limit that was learned before a restart; it is tried upwards as if it had been confirmed just now.
    pub fn restored(n: u64, conf: u8, w: Duration, now: Instant) -> Self {
        let mut learned = Self::new(n, conf);
        if conf > 0 {
            learned.growth_at = Some(now + w.saturating_mul(FIRST_GROWTH));
        }
        learned
    }

    pub fn is_confirmed(&self) -> bool {
        self.conf >= 1
    }

    /// Whether one more call is to find out whether it fits.
    pub fn is_unsure(&self, now: Instant) -> bool {
        !self.is_confirmed() || self.growth_at.is_some_and(|at| at <= now)
    }

    /// The size of the next accepted growth: never more than doubles it.
    pub fn next_growth(&self) -> u64 {
        self.growth.min(self.n)
    }

    /// One more call fitted.
    pub fn grow(&mut self) {
        self.n = self.n.saturating_add(self.next_growth());
        self.growth = self.growth.saturating_mul(2);
    }

    /// A growth was refused: the next is due later.
    pub fn refuse_growth(&mut self, w: Duration, now: Instant) {
        self.growth_at = Some(now + w.saturating_mul(self.growth_windows));
        self.growth_windows = self.growth_windows.saturating_mul(2).min(LAST_GROWTH);
    }

    /// The limit after a window that was full with `count`.
    #[must_use]
    pub fn after(mut self, count: u64, w: Duration, now: Instant) -> Self {
        let count = count.max(1);
        self.growth = 1;
        let difference = self.n.abs_diff(count);
        let is_near = difference <= (self.n / 10).max(1);
        if !self.is_confirmed() {
            if !is_near {
                return Self::new(count, 0);
            }
            // Seen once it may be off by calls before the first window.
            let n = if difference <= 1 {
                self.n.max(count)
            } else {
                count
            };
            let mut confirmed = Self::new(n, 1);
            confirmed.growth_at = Some(now + w.saturating_mul(FIRST_GROWTH));
            return confirmed;
        }
        if count > self.n && !is_near {
            return Self::new(count, 0);
        }
        if count + 1 >= self.n {
            self.n = self.n.max(count);
            self.lower = None;
            self.conf = self.conf.saturating_add(1);
            return self;
        }
        match self.lower {
            None => self.lower = Some(count),
            Some(before) => {
                self.n = before.max(count);
                self.lower = None;
            }
        }
        self
    }
}
