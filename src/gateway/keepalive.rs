//! Signs of life for clients whose stream has no content yet: proxies with a fixed patience would cut it (Cloudflare after
//! 100 s, an ALB after 60 s; neither can be told otherwise).

use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::http::{Exchange, ResponseHead};
use crate::sync::lock;

/// The stack of the thread that sends them (bytes).
const STACK: usize = 64 * 1024;

/// A comment, without a blank line behind it.
const SIGN_OF_LIFE: &[u8] = b":\n";

/// The head of a stream that has begun before it is known who answers.
pub fn early_head() -> ResponseHead {
    ResponseHead::new(200, "text/event-stream".to_owned())
}

/// Does the work, and sends a sign of life each time that it has taken this long again. Without a thread for it there are
/// none. Blocks.
pub fn kept_alive<T>(exchange: &mut Exchange<'_>, every: Duration, work: impl FnOnce() -> T) -> T {
    let over = Over::default();
    thread::scope(|scope| {
        let send = || {
            while !over.comes_within(every) {
                if exchange
                    .send_sign_of_life(early_head(), SIGN_OF_LIFE)
                    .is_err()
                {
                    return;
                }
            }
        };
        let sender = thread::Builder::new().stack_size(STACK);
        let _ = sender.spawn_scoped(scope, send);
        // Dropped also when the work panics: the scope waits for its thread.
        let _told = Told(&over);
        work()
    })
}

/// The end of the work.
#[derive(Default)]
struct Over {
    is_over: Mutex<bool>,
    told: Condvar,
}

impl Over {
    /// Waits for the end, at most for so long.
    fn comes_within(&self, duration: Duration) -> bool {
        let waited = self
            .told
            .wait_timeout_while(lock(&self.is_over), duration, |is_over| !*is_over);
        let (is_over, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *is_over
    }
}

struct Told<'a>(&'a Over);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        *lock(&self.0.is_over) = true;
        self.0.told.notify_all();
    }
}
