//! The word of answers' headers about a window: what is left of it, and until when.

use std::cmp::Ordering;
use std::time::{Duration, Instant};

use crate::dialect::rate_limits::ToldWindow;

/// The lifetime of a count that comes without a reset: the usual window is a minute.
const LIFETIME: Duration = Duration::from_secs(60);

/// Answers in a row whose reset is that of a bucket.
const BUCKET_HITS: u8 = 3;

/// The windows that a bucket is looked for in.
const BUCKETS: [Duration; 3] = [
    Duration::from_secs(60),
    Duration::from_secs(3600),
    Duration::from_secs(86_400),
];

/// The rest by an answer's word, and the charges when its call began. What was charged since is taken away
/// from it, whether it is still in flight or not; so the count stays right in bursts, and no lost call leaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    left: u64,
    /// The sum of all that was charged, with the call that was answered.
    charged: u64,
    at: Instant,
    pub until: Instant,
    /// The end of the window is the provider's word.
    pub is_stated: bool,
}

/// The shape of a window, by its resets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    hits: u8,
    /// The missing part and the reset, by the last answer.
    last: Option<(u64, Duration)>,
    bucket: Option<Duration>,
}

impl Told {
    /// The count after an answer; the old one where the answer tells none, or is older. `charged` is the sum of all that had
    /// been charged when its call had begun.
    pub fn after(
        old: Option<Self>,
        window: &ToldWindow,
        charged: u64,
        now: Instant,
    ) -> Option<Self> {
        let Some(left) = window.remaining else {
            return old;
        };
        if let Some(old) = old.filter(|old| old.until > now && old.charged > charged) {
            return Some(old);
        }
        Some(Self {
            left,
            charged,
            at: now,
            until: now + window.resets_in.unwrap_or(LIFETIME),
            is_stated: window.resets_in.is_some(),
        })
    }

    /// The same after a refusal, which may have named an end: nothing is left.
    #[must_use]
    pub fn used_up(self, end: Option<Instant>) -> Self {
        Self {
            left: 0,
            until: end.map_or(self.until, |end| end.min(self.until)),
            ..self
        }
    }

    /// The rest at `now`, given the sum of all charges; `None` when the window is over and the count unknown.
    /// `every` is the time in which a bucket gets one back.
    pub fn left(&self, charged: u64, every: Option<Duration>, now: Instant) -> Option<u64> {
        let since = charged.saturating_sub(self.charged);
        let dripped = every.map_or(0, |every| {
            let since = now.saturating_duration_since(self.at);
            u64::try_from(since.as_nanos() / every.as_nanos().max(1)).unwrap_or(u64::MAX)
        });
        (self.until > now).then(|| self.left.saturating_add(dripped).saturating_sub(since))
    }
}

impl Shape {
    /// Takes note of a window: of a bucket the reset is the time until it is full again, in proportion to what is missing.
    pub fn see(&mut self, window: &ToldWindow) {
        let (Some(limit), Some(left), Some(reset)) =
            (window.limit, window.remaining, window.resets_in)
        else {
            return;
        };
        let missing = limit.saturating_sub(left);
        // An empty bucket looks like a window that has just begun.
        if missing == 0 || missing >= limit {
            return;
        }
        let expected = |w: Duration| w.as_secs_f64() * missing as f64 / limit as f64;
        let fits = |w: &Duration| {
            let expected = expected(*w);
            (reset.as_secs_f64() - expected).abs() <= expected * 0.1
        };
        let found = BUCKETS.into_iter().find(fits);
        let moved = self
            .last
            .map_or(Ordering::Equal, |(missing_then, reset_then)| {
                // A window that has a fixed end tells the same reset in a burst, and a shorter one later.
                match missing.cmp(&missing_then) {
                    grown if grown == reset.cmp(&reset_then) => Ordering::Greater,
                    _ if reset == reset_then => Ordering::Equal,
                    _ => Ordering::Less,
                }
            });
        match found {
            Some(w) if self.bucket == Some(w) && moved == Ordering::Equal => {}
            Some(w) if self.bucket == Some(w) && moved == Ordering::Greater => {
                self.hits = self.hits.saturating_add(1);
            }
            found => {
                self.bucket = found;
                self.hits = u8::from(found.is_some());
            }
        }
        self.last = Some((missing, reset));
    }

    /// The window of a bucket; `None` of any other shape.
    pub fn bucket(&self) -> Option<Duration> {
        self.bucket.filter(|_| self.hits >= BUCKET_HITS)
    }
}
