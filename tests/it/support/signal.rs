//! Something one thread waits for and another one lets happen: what tests use in place of sleeping.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

#[derive(Clone, Default)]
pub struct Signal(Arc<(Mutex<bool>, Condvar)>);

impl Signal {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn give(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    /// Whether the signal was given, waiting for it at most this long.
    pub fn given_within(&self, limit: Duration) -> bool {
        let given = self.0.0.lock().unwrap();
        let (given, _) = self
            .0
            .1
            .wait_timeout_while(given, limit, |given| !*given)
            .unwrap();
        *given
    }
}
