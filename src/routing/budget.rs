//! How many more calls a provider will take, where it tells.

use std::time::{Duration, Instant};

use super::mark::Cooling;
use crate::dialect::class::Class;
use crate::dialect::rate_limits::Told;

/// How long a count is believed when no reset is told: the usual window is a minute.
pub(super) const LIFETIME: Duration = Duration::from_secs(60);

/// What an answer told of the calls left, and the number of that call. Every call that began later has taken one away,
/// whether it is still in flight or not; so the count stays right in bursts, and no lost call leaks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Budget {
    left: u64,
    after_call: u64,
    limit: Option<u64>,
    until: Instant,
    /// The end of the window is the provider's word.
    stated: bool,
}

impl Budget {
    /// The budget after the answer to `call`. Answers arrive out of order: an older call's tells less.
    pub fn after(old: Option<Self>, told: &Told, call: u64, now: Instant) -> Option<Self> {
        let Some(left) = told.remaining else {
            return old;
        };
        if let Some(old) = old.filter(|old| old.until > now && old.after_call > call) {
            return Some(old);
        }
        Some(Self {
            left,
            after_call: call,
            limit: told.limit,
            until: now + told.resets_in.unwrap_or(LIFETIME),
            stated: told.resets_in.is_some(),
        })
    }

    /// Calls left, given the number of calls made so far; `None` when that is not known any more.
    pub fn left(&self, calls: u64, now: Instant) -> Option<u64> {
        let since = calls.saturating_sub(self.after_call);
        (self.until > now).then(|| self.left.saturating_sub(since))
    }

    /// Whether the window is used up, given the number of calls made so far.
    pub fn cooling(&self, calls: u64, now: Instant) -> Option<Cooling> {
        (self.left(calls, now) == Some(0)).then_some(Cooling {
            until: self.until,
            stated: self.stated,
            class: Class::RateLimited,
        })
    }

    /// The budget at the beginning of a call: a new window holds the limit again, or an unknown number.
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
