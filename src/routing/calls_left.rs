//! The budget of calls that a provider says are left.

use std::time::{Duration, Instant};

use super::mark::Cooling;
use crate::dialect::class::Class;
use crate::dialect::rate_limits::RemainingLimits;

/// The lifetime of a count that comes without a reset: the usual window is a minute.
pub(super) const LIFETIME: Duration = Duration::from_secs(60);

/// The calls left by an answer's word, and the number of that call. Every call that began later has taken one away,
/// whether it is still in flight or not; so the count stays right in bursts, and no lost call leaks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct CallsLeft {
    left: u64,
    after_call: u64,
    limit: Option<u64>,
    until: Instant,
    /// The end of the window is the provider's word.
    stated: bool,
}

impl CallsLeft {
    /// The budget after the answer to `call`; `None` while no answer has told any. Answers arrive out of order: an
    /// older call's tells less.
    pub fn after(
        old: Option<Self>,
        seen: &RemainingLimits,
        call: u64,
        now: Instant,
    ) -> Option<Self> {
        let Some(left) = seen.remaining else {
            return old;
        };
        if let Some(old) = old.filter(|old| old.until > now && old.after_call > call) {
            return Some(old);
        }
        Some(Self {
            left,
            after_call: call,
            limit: seen.limit,
            until: now + seen.resets_in.unwrap_or(LIFETIME),
            stated: seen.resets_in.is_some(),
        })
    }

    /// The calls left, given the number of calls made so far; `None` when the window is over and the count unknown.
    pub fn left(&self, calls: u64, now: Instant) -> Option<u64> {
        let since = calls.saturating_sub(self.after_call);
        (self.until > now).then(|| self.left.saturating_sub(since))
    }

    /// The part of the window's calls that is left (0 to 1); `None` where either number is unknown.
    pub fn share(&self, calls: u64, now: Instant) -> Option<f32> {
        let limit = self.limit.filter(|limit| *limit > 0)?;
        let share = self.left(calls, now)? as f32 / limit as f32;
        Some(share.min(1.0))
    }

    /// The cooling of a window that is used up, given the number of calls made so far; `None` while calls are left.
    pub fn cooling(&self, calls: u64, now: Instant) -> Option<Cooling> {
        (self.left(calls, now) == Some(0)).then_some(Cooling {
            until: self.until,
            stated: self.stated,
            class: Class::RateLimited,
        })
    }

    /// The budget at the beginning of a call: a new window holds the limit again; `None` where the limit is unknown.
    pub fn renewed(self, calls: u64, now: Instant) -> Option<Self> {
        if self.until > now {
            return Some(self);
        }
        self.limit.map(|limit| Self {
            left: limit,
            after_call: calls,
            limit: Some(limit),
            until: now + LIFETIME,
            stated: false,
        })
    }
}
