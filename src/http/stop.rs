//! The wish to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mio::Waker;

/// Tells the front to stop.
pub(super) struct StopSign {
    raised: AtomicBool,
    waker: Arc<Waker>,
}

impl StopSign {
    pub fn new(waker: Arc<Waker>) -> Self {
        Self {
            raised: AtomicBool::new(false),
            waker,
        }
    }

    pub fn is_raised(&self) -> bool {
        self.raised.load(Ordering::Acquire)
    }

    pub fn raise(&self) {
        self.raised.store(true, Ordering::Release);
        // It fails only when the front is gone, and then it has stopped.
        let _ = self.waker.wake();
    }
}
