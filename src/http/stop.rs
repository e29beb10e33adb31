//! The wish to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mio::Waker;

/// Tells the front to stop.
pub(super) struct StopSign {
    raised: AtomicBool,
    over: AtomicBool,
    waker: Arc<Waker>,
}

impl StopSign {
    pub fn new(waker: Arc<Waker>) -> Self {
        Self {
            raised: AtomicBool::new(false),
            over: AtomicBool::new(false),
            waker,
        }
    }

    pub fn is_raised(&self) -> bool {
        self.raised.load(Ordering::Acquire)
    }

    /// Whether the time to finish is over: what is still unanswered ends with an error.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    pub fn set_over(&self) {
        self.over.store(true, Ordering::Release);
    }

    pub fn raise(&self) {
        self.raised.store(true, Ordering::Release);
        // It fails only when the front is gone, and then it has stopped.
        let _ = self.waker.wake();
    }
}
