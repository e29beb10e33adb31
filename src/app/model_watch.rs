//! The times at which providers' model lists are looked at: a while after the start, and then once a day.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::gateway::{Reloadable, model_watch};
use crate::sync::lock;
use crate::threads;

/// The time from the start to the first look, at least, and the part of it that is drawn by lot: gateways that start
/// together do not ask together.
const FIRST: Duration = Duration::from_secs(5 * 60);
const SPREAD: u64 = 15 * 60;

/// The time between two looks.
const AGAIN: Duration = Duration::from_secs(24 * 60 * 60);

/// The stack of the thread that asks (bytes).
const STACK: usize = 256 * 1024;

/// The watch over models that come and go.
pub struct ModelWatch(Mutex<Instant>);

impl ModelWatch {
    pub fn new() -> Self {
        let by_lot = Duration::from_secs(RandomState::new().hash_one(0_u8) % SPREAD);
        Self(Mutex::new(Instant::now() + FIRST + by_lot))
    }

    /// The time until the next look.
    pub fn pause(&self) -> Duration {
        lock(&self.0).saturating_duration_since(Instant::now())
    }

    /// Looks if it is time, on a thread that lives as long as that.
    pub fn look(&self, current: &Arc<Reloadable>) {
        let mut due = lock(&self.0);
        let now = Instant::now();
        if now < *due {
            return;
        }
        *due = now + AGAIN;
        let current = Arc::clone(current);
        let look = threads::start("models", STACK, move || {
            model_watch::look(&current.current())
        });
        if let Err(error) = look {
            log::warn!(error:% = error; "model lists are not looked at");
        }
    }
}
