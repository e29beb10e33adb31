//! The moment between an answer and the return of its handler.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Whether a busy worker counts as finishing. It is handed back to the pool with the next question for work, so that the
/// worker never counts as busy between one and the other.
pub(super) struct Finishing {
    count: Arc<AtomicUsize>,
    raised: bool,
}

impl Finishing {
    pub fn new(count: &Arc<AtomicUsize>) -> Self {
        Self {
            count: Arc::clone(count),
            raised: false,
        }
    }

    /// The next write may be the last.
    pub fn raise(&mut self) {
        if !mem::replace(&mut self.raised, true) {
            self.count.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// To be called by the pool, under its lock.
    pub fn lower(&mut self) {
        if mem::take(&mut self.raised) {
            self.count.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl Drop for Finishing {
    fn drop(&mut self) {
        self.lower();
    }
}
