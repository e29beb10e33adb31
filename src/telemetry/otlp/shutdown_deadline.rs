//! The end of all exports, known when the gateway stops.

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::sync::{lock, wait_for};

/// The point in time by which every export has to end; none until the gateway stops. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct ShutdownDeadline(Arc<Announcement>);

#[derive(Debug, Default)]
struct Announcement {
    deadline: Mutex<Option<Instant>>,
    is_set: Condvar,
}

impl ShutdownDeadline {
    /// Announces the end.
    pub fn set(&self, deadline: Instant) {
        *lock(&self.0.deadline) = Some(deadline);
        self.0.is_set.notify_all();
    }

    /// This deadline, or that of the end if it comes first.
    pub fn before(&self, deadline: Instant) -> Instant {
        let end = *lock(&self.0.deadline);
        end.map_or(deadline, |end| end.min(deadline))
    }

    /// Waits for so long; `false` if the end is announced, which cuts the wait short.
    pub fn pause(&self, duration: Duration) -> bool {
        let end_of_pause = Instant::now().checked_add(duration);
        let mut deadline = lock(&self.0.deadline);
        while deadline.is_none() {
            let left = end_of_pause.map_or(duration, |end| {
                end.saturating_duration_since(Instant::now())
            });
            if left.is_zero() {
                return true;
            }
            deadline = wait_for(&self.0.is_set, deadline, left);
        }
        false
    }
}
