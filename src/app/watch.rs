//! The watch over the gateway itself, for a service manager that asks for it: readiness is told once a real request
//! through the public listener was answered, and the watchdog is fed only as long as such requests are.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::gateway::Reloadable;
use crate::service_manager::Notifier;

/// The time between two requests to ourselves without a watchdog; they keep the status line current.
const USUAL_PACE: Duration = Duration::from_secs(10);

/// The time between two requests to ourselves until the first is answered.
const IMPATIENCE: Duration = Duration::from_millis(20);

/// The timeout of connecting, and of each read and write.
const LIMIT: Duration = Duration::from_secs(3);

const REQUEST: &[u8] = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// Starts the watch, which lasts until the process ends.
///
/// # Errors
/// No thread can be started.
pub fn start(
    notifier: Arc<Notifier>,
    current: Arc<Reloadable>,
    address: SocketAddr,
) -> io::Result<()> {
    let thread = thread::Builder::new().name("watch".to_owned());
    let watch = move || watch(&notifier, &current, address);
    thread.stack_size(128 * 1024).spawn(watch).map(drop)
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
    matches!(ask(address), Ok(200 | 503))
}

/// The status of `/readyz`.
fn ask(address: SocketAddr) -> io::Result<u16> {
    let mut socket = TcpStream::connect_timeout(&address, LIMIT)?;
    socket.set_read_timeout(Some(LIMIT))?;
    socket.set_write_timeout(Some(LIMIT))?;
    socket.write_all(REQUEST)?;
    let mut line = [0; 12];
    socket.read_exact(&mut line)?;
    let status = line.strip_prefix(b"HTTP/1.1 ").unwrap_or_default();
    let status = std::str::from_utf8(status)
        .ok()
        .and_then(|s| s.parse().ok());
    status.ok_or_else(|| io::ErrorKind::InvalidData.into())
}
