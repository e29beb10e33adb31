//! The graceful stop, as the threads of the server are told of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mio::Waker;

/// Stops a server, from any thread.
#[derive(Clone)]
pub struct Stopper(pub(super) Arc<StopSign>);

impl Stopper {
    /// Begins a graceful stop: no new connections, idle ones close, and requests in flight have `shutdown_timeout` to end.
    /// In its last tenth, a quarter of a second at least (but half of the timeout at most) and a second at most, those that have
    /// not are asked to end with an error ([`Exchange::is_ending`](super::Exchange::is_ending)).
    pub fn stop(&self) {
        self.0.raise();
    }
}

/// The outcome of a stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Requests that were ended or cut off because they took longer than `shutdown_timeout`.
    pub unfinished: usize,
}

/// The stage of a stop, shared by all threads.
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

    pub fn raise(&self) {
        self.raised.store(true, Ordering::Release);
        // It fails only when the front is gone, and then it has stopped.
        let _ = self.waker.wake();
    }

    pub fn is_raised(&self) -> bool {
        self.raised.load(Ordering::Acquire)
    }

    /// Ends the time to finish: what is still unanswered ends with an error.
    pub fn set_over(&self) {
        self.over.store(true, Ordering::Release);
    }

    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }
}
