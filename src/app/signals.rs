//! Signals, turned into calls on a thread of their own, which looks after changed files as well.

use std::io;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;

use crate::threads::{self, USUAL_STACK};

/// The calls that the thread makes beside that at the end.
pub trait Chores {
    /// A SIGHUP arrived. Several that come during one reload are one more.
    fn reload(&self);

    /// The time of [`Chores::pace`] has passed.
    fn look(&self);

    /// The time between two looks; `None` where there is nothing to look after.
    fn pace(&self) -> Option<Duration>;
}

/// Calls `stop` on the first SIGTERM or SIGINT; a second one ends the process at once.
///
/// # Errors
/// When the signals cannot be caught.
pub fn on_stop(stop: impl FnOnce() + Send + 'static) -> io::Result<()> {
    struct Nothing;
    impl Chores for Nothing {
        fn reload(&self) {}
        fn look(&self) {}
        fn pace(&self) -> Option<Duration> {
            None
        }
    }
    watch(&[SIGTERM, SIGINT], Nothing, stop)
}

/// Does the chores until then as well.
///
/// # Errors
/// When the signals cannot be caught.
pub fn with_chores(
    chores: impl Chores + Send + 'static,
    stop: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    watch(&[SIGTERM, SIGINT, SIGHUP], chores, stop)
}

fn watch(
    signals: &[i32],
    chores: impl Chores + Send + 'static,
    stop: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    let stop_asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        // In this order: the first signal finds the flag unset, and sets it.
        signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(&stop_asked))?;
        signal_hook::flag::register(signal, Arc::clone(&stop_asked))?;
    }
    let (read, write) = UnixStream::pair()?;
    let mut signals = SignalDelivery::with_pipe(read, write, SignalOnly, signals)?;
    // It reads the configuration and descends into its nesting, which takes the usual stack.
    let until_stopped = move || {
        loop {
            let pace = catch_unwind(AssertUnwindSafe(|| chores.pace())).unwrap_or_default();
            let came = wait(signals.get_read(), pace);
            let hung_up = signals.pending().any(|signal| signal == SIGHUP);
            if stop_asked.load(Ordering::SeqCst) {
                break;
            }
            let chore = AssertUnwindSafe(|| match (hung_up, came) {
                (true, _) => chores.reload(),
                (false, false) => chores.look(),
                (false, true) => {}
            });
            if catch_unwind(chore).is_err() {
                // A fault there must not cost the way to stop.
                log::error!("the reload panicked");
            }
        }
        stop();
    };
    threads::start("signals", USUAL_STACK, until_stopped).map(drop)
}

/// Whether a signal may have come, before the time was over.
fn wait(pipe: &UnixStream, pace: Option<Duration>) -> bool {
    let timeout = pace.and_then(|pace| Timespec::try_from(pace).ok());
    let mut watched = [PollFd::new(pipe, PollFlags::IN)];
    !matches!(poll(&mut watched, timeout.as_ref()), Ok(0))
}
