//! A moment on both clocks.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::shared_line::SharedMoment;
use crate::limits::UnixMs;

/// A moment on both clocks; only days and months go by the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    pub now: Instant,
    pub wall: SystemTime,
    /// The sharing with other replicas; `None` for a gateway alone.
    pub shared: Option<SharedMoment>,
}

impl Moment {
    /// The wall clock (milliseconds since 1970).
    pub fn unix_ms(self) -> UnixMs {
        let since_1970 = self.wall.duration_since(UNIX_EPOCH);
        since_1970.map_or(0, |since| {
            UnixMs::try_from(since.as_millis()).unwrap_or(UnixMs::MAX)
        })
    }
}

/// A reading of both clocks, from which later moments are reckoned.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    read: Option<Moment>,
    shared: Option<SharedMoment>,
}

/// The age at which a reading is taken anew: the wall clock may be set.
const AGE: Duration = Duration::from_secs(1);

impl Clock {
    /// Reads the wall clock, where the last reading is old.
    pub fn keep(&mut self, now: Instant, wall: impl FnOnce() -> SystemTime) {
        let is_fresh = |read: Moment| now.saturating_duration_since(read.now) < AGE;
        if !self.read.is_some_and(is_fresh) {
            self.read = Some(Moment {
                now,
                wall: wall(),
                shared: None,
            });
        }
    }

    /// Takes note of the sharing with other replicas.
    pub fn share(&mut self, shared: Option<SharedMoment>) {
        self.shared = shared;
    }

    /// The sharing with other replicas; `None` for a gateway alone.
    pub fn shared(&self) -> Option<SharedMoment> {
        self.shared
    }

    /// The moment on both clocks; the wall clock stands at 1970 before the first reading.
    pub fn at(&self, now: Instant) -> Moment {
        let wall = match self.read {
            Some(read) => read.wall + now.saturating_duration_since(read.now),
            None => UNIX_EPOCH,
        };
        Moment {
            now,
            wall,
            shared: self.shared,
        }
    }
}
