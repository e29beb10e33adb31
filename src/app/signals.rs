//! Signals, turned into calls on a thread of their own.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// The stack of the thread, which reads the configuration and descends into its nesting. Only touched pages cost
/// memory.
const STACK: usize = 2 * 1024 * 1024;

/// Calls `stop` on the first SIGTERM or SIGINT; a second one ends the process at once.
///
/// # Errors
/// When the signals cannot be caught.
pub fn on_stop(stop: impl FnOnce() + Send + 'static) -> io::Result<()> {
    watch(None::<fn()>, stop)
}

/// Calls `reload` on every SIGHUP as well, before the end that [`on_stop`] means. Several that come during one reload are one more.
///
/// # Errors
/// When the signals cannot be caught.
pub fn on_reload_and_stop(
    reload: impl Fn() + Send + 'static,
    stop: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    watch(Some(reload), stop)
}

fn watch(
    reload: Option<impl Fn() + Send + 'static>,
    stop: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    let stop_asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        // In this order: the first signal finds the flag unset, and sets it.
        signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(&stop_asked))?;
        signal_hook::flag::register(signal, Arc::clone(&stop_asked))?;
    }
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    if reload.is_some() {
        signals.add_signal(SIGHUP)?;
    }
    let until_stopped = move || {
        for _ in signals.forever() {
            if stop_asked.load(Ordering::SeqCst) {
                break;
            }
            if let Some(reload) = &reload
                && catch_unwind(AssertUnwindSafe(reload)).is_err()
            {
                // A fault there must not cost the way to stop.
                log::error!("the reload panicked");
            }
        }
        stop();
    };
    let thread = std::thread::Builder::new().name("signals".to_owned());
    thread.stack_size(STACK).spawn(until_stopped).map(drop)
}
