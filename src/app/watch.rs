//! The watch over the gateway itself, for a service manager that asks for it: readiness is told once a real request
//! through the public listener was answered, and the watchdog is fed only as long as such requests are.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::probe;
use crate::gateway::Reloadable;
use crate::service_manager::Notifier;
use crate::threads;

/// The time between two requests to ourselves without a watchdog; they keep the status line current.
const USUAL_PACE: Duration = Duration::from_secs(10);

/// The time between two requests to ourselves until the first is answered.
const IMPATIENCE: Duration = Duration::from_millis(20);

/// Starts the watch, which lasts until the process ends.
///
/// # Errors
/// No thread can be started.
pub fn start(
    notifier: Arc<Notifier>,
    current: Arc<Reloadable>,
    address: SocketAddr,
) -> io::Result<()> {
    let watch = move || watch(&notifier, &current, address);
    threads::start("watch", 128 * 1024, watch).map(drop)
}

fn watch(notifier: &Notifier, current: &Reloadable, address: SocketAddr) {
    while !is_well(address) {
        thread::sleep(IMPATIENCE);
    }
    notifier.ready(&current.status());
    log::debug!("the service manager knows that we are ready");
    // Twice within the time allowed, at least, as sd_watchdog_enabled(3) advises; a third is for a busy machine.
    let pace = notifier
        .watchdog()
        .map_or(USUAL_PACE, |watchdog| watchdog / 3);
    let mut well = true;
    loop {
        thread::sleep(pace);
        // Nothing is said while we are stopping: the last word was that.
        if current.is_stopping() {
            return;
        }
        let was_well = std::mem::replace(&mut well, is_well(address));
        if well {
            // It takes the ledger's lock, as every request does: where that hangs, so does the watchdog's sign.
            notifier.alive(&current.status());
        } else if was_well {
            log::warn!(address:% = address; "a request to ourselves was not answered");
        }
    }
}

/// Whether the edge answers, and a worker was free to, or all are at work. That those at work will ever end cannot be
/// told from here: a stream may take an hour.
fn is_well(address: SocketAddr) -> bool {
    matches!(probe::get(address, "/readyz"), Ok((200 | 503, _)))
}
