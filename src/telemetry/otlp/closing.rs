//! The end of all exports, known when the gateway stops.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Told once, seen by every exporting thread.
#[derive(Clone, Debug, Default)]
pub struct Closing(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    deadline: Mutex<Option<Instant>>,
    told: Condvar,
}

impl Closing {
    /// Whatever is under way has to end by then.
    pub fn at(&self, deadline: Instant) {
        *self.deadline() = Some(deadline);
        self.0.told.notify_all();
    }

    /// This deadline, or that of the end if it comes first.
    pub fn before(&self, deadline: Instant) -> Instant {
        let end = *self.deadline();
        end.map_or(deadline, |end| end.min(deadline))
    }

    /// Waits for so long. `false`: the end is near, and cuts the wait short.
    pub fn pause(&self, duration: Duration) -> bool {
        let is_open = |deadline: &mut Option<Instant>| deadline.is_none();
        let waited = self
            .0
            .told
            .wait_timeout_while(self.deadline(), duration, is_open);
        let (deadline, _) = waited.unwrap_or_else(PoisonError::into_inner);
        deadline.is_none()
    }

    fn deadline(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0
            .deadline
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
