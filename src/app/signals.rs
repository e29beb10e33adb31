//! Signals become calls on a thread of their own.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// The configuration is read here, which descends into its nesting. Only touched pages cost memory.
const STACK: usize = 2 * 1024 * 1024;

/// Calls `stop` on the first SIGTERM or SIGINT; a second one ends the process at once.
///
/// # Errors
/// When the signals cannot be caught.
pub fn on_stop(stop: impl FnOnce() + Send + 'static) -> io::Result<()> {
    watch(None::<fn()>, stop)
}

/// As [`on_stop`], and calls `reload` on every SIGHUP before that. Several that come during one reload are one more.
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
    let (reader, writer) = UnixStream::pair()?;
    let stop_asked = Arc::new(AtomicBool::new(false));
    let reload_asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        // In this order: the first signal finds the flag unset, and sets it.
        signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(&stop_asked))?;
        signal_hook::flag::register(signal, Arc::clone(&stop_asked))?;
        signal_hook::low_level::pipe::register(signal, writer.try_clone()?)?;
    }
    if reload.is_some() {
        signal_hook::flag::register(SIGHUP, Arc::clone(&reload_asked))?;
        signal_hook::low_level::pipe::register(SIGHUP, writer)?;
    }
    let until_stopped = move || {
        while woken(&reader) && !stop_asked.load(Ordering::SeqCst) {
            if let Some(reload) = &reload
                && reload_asked.swap(false, Ordering::SeqCst)
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

/// Waits for a signal. `false` would mean that none can be waited for: stopping is the safe side.
fn woken(mut reader: &UnixStream) -> bool {
    loop {
        match reader.read(&mut [0; 16]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read.is_ok_and(|bytes| bytes > 0),
        }
    }
}
