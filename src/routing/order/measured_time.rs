//! The measured time of a step: a mean that rises fast, and falls as time passes.

use std::time::{Duration, Instant};

/// The manner of an answer. Times of different manners are not compared: a whole answer takes as long as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Up to the first content of a stream, or the first bytes of an answer without frames.
    Stream,
    /// Up to the end of an answer that comes whole.
    Whole,
}

impl Manner {
    pub const ALL: [Self; 2] = [Self::Stream, Self::Whole];
}

/// The age at which an old mean and a new time count alike.
const HALF: Duration = Duration::from_secs(60);

/// The bounds of the part that a new time has in the mean: single times are noise, old means are out of date.
const LEAST_PART: f64 = 0.2;
const MOST_PART: f64 = 0.8;

/// The least part of a time above the mean: what becomes slow is noticed at once (peak-sensitive, as Finagle's load
/// balancer is).
const LEAST_PART_UP: f64 = 0.5;

/// The factor by which a failure counts as slower than the mean.
const FAILURE: u32 = 2;

/// The shortest time between two probes of a step; as much longer as it is slower, and doubled by each failure in a row.
const PROBE_EVERY: Duration = Duration::from_secs(60);
const MOST_BETWEEN_PROBES: Duration = Duration::from_secs(600);

/// The mean time of a step in one manner, and what it takes to probe it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct MeasuredTime {
    mean: Option<Duration>,
    /// The last time that went into the mean.
    at: Option<Instant>,
    /// The last time that a request went there to measure it.
    probed_at: Option<Instant>,
    /// The failures in a row.
    misses: u32,
}

impl MeasuredTime {
    /// A mean from before a restart, which a first new time nearly replaces.
    pub fn remembered(mean: Duration) -> Self {
        Self {
            mean: Some(mean),
            ..Self::default()
        }
    }

    /// The mean; `None` before the first answer.
    pub fn mean(&self) -> Option<Duration> {
        self.mean
    }

    /// Takes in the time of an answer.
    pub fn answered(&mut self, took: Duration, now: Instant) {
        self.misses = 0;
        self.take(took, now);
    }

    /// Takes in an attempt that was given up after a time: the answer would have taken longer.
    pub fn outlasted(&mut self, took: Duration, now: Instant) {
        if self.mean.is_some_and(|mean| took > mean) {
            self.take(took, now);
        }
    }

    /// Takes in an attempt that failed after a time. Nothing is known of how long an answer takes where there was none.
    pub fn failed(&mut self, took: Duration, now: Instant) {
        self.missed();
        if let Some(mean) = self.mean {
            self.take(took.max(mean.saturating_mul(FAILURE)), now);
        }
    }

    /// Takes in an attempt whose failure tells nothing of the time.
    pub fn missed(&mut self) {
        self.misses = self.misses.saturating_add(1);
    }

    /// Notes that a request goes there to measure it.
    pub fn probe(&mut self, now: Instant) {
        self.probed_at = Some(now);
    }

    /// Whether nobody knows the time, nor went to find out.
    pub fn is_unexplored(&self) -> bool {
        self.mean.is_none() && self.probed_at.is_none() && self.misses == 0
    }

    /// The moment from which the step may be probed again, beside one that takes `best`; `None` for any.
    pub fn probe_due(&self, best: Duration) -> Option<Instant> {
        let last = self.at.max(self.probed_at)?;
        let slower = match self.mean {
            Some(mean) => mean.as_secs_f64() / best.as_secs_f64().max(0.001),
            None => 1.0,
        };
        let doubled = 1_u32.checked_shl(self.misses).unwrap_or(u32::MAX);
        let factor = slower.max(1.0) * f64::from(doubled);
        let most = MOST_BETWEEN_PROBES.as_secs_f64();
        let pause = (PROBE_EVERY.as_secs_f64() * factor).min(most);
        Some(last + Duration::from_secs_f64(pause))
    }

    fn take(&mut self, time: Duration, now: Instant) {
        let mean = match self.mean {
            None => time,
            Some(mean) => {
                let part = self.part_of_a_new_time(time > mean, now);
                Duration::from_secs_f64(
                    mean.as_secs_f64() * (1.0 - part) + time.as_secs_f64() * part,
                )
            }
        };
        self.mean = Some(mean);
        self.at = Some(now);
    }

    fn part_of_a_new_time(&self, is_slower: bool, now: Instant) -> f64 {
        let Some(at) = self.at else {
            return MOST_PART;
        };
        let age = now.saturating_duration_since(at).as_secs_f64();
        let least = if is_slower { LEAST_PART_UP } else { LEAST_PART };
        (age / (age + HALF.as_secs_f64())).clamp(least, MOST_PART)
    }
}
