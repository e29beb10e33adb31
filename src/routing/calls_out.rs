//! The calls that are out, each with a place that it gives back when it is dropped, however it ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

/// Calls that are out of one kind: of a provider, of an account, of a model.
#[derive(Debug, Default)]
pub(super) struct CallsOut {
    /// Each call has a clone.
    token: Option<Arc<()>>,
    /// The last answer of any kind, and the beginning of the time since when calls are out.
    heard_at: Option<Instant>,
    /// The mean time to an answer.
    latency: Option<Duration>,
}

/// The place of a call among those that are out.
#[derive(Clone, Debug, Default)]
pub(super) struct Place(Option<Arc<()>>);

/// Calls out at which a provider that says nothing is taken for silent.
const MANY: u32 = 3;

impl CallsOut {
    pub fn count(&self) -> u32 {
        let clones = self
            .token
            .as_ref()
            .map_or(0, |token| Arc::strong_count(token) - 1);
        u32::try_from(clones).unwrap_or(u32::MAX)
    }

    /// Takes a place.
    pub fn take(&mut self, now: Instant) -> Place {
        if self.count() == 0 {
            self.heard_at = Some(now);
        }
        Place(Some(Arc::clone(self.token.get_or_insert_default())))
    }

    /// Takes note of an answer of any kind to a call that began then.
    pub fn heard(&mut self, started: Instant, is_answer: bool, now: Instant) {
        self.heard_at = Some(now);
        if is_answer {
            let took = now.saturating_duration_since(started);
            self.latency = Some(self.latency.map_or(took, |mean| (mean * 7 + took) / 8));
        }
    }

    /// Whether several calls wait, and none has been answered for long, measured by the time that a step has.
    pub fn are_silent(&self, timeout: Duration, now: Instant) -> bool {
        let patience = (timeout / 4).max(self.latency.unwrap_or_default() * 4);
        self.count() >= MANY && self.heard_at.is_some_and(|heard| heard + patience <= now)
    }
}

impl Place {
    /// Gives the place back.
    pub fn give_back(&mut self) {
        self.0 = None;
    }
}
