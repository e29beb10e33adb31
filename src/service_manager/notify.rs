//! Messages to the service manager (sd_notify(3)).
//!
//! The crate sd-notify 0.5 was looked at: it opens a socket for each message, knows no abstract ones, and waits where
//! the manager does not read.

use std::env::{self, VarError};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The connection to the service manager.
#[derive(Debug)]
pub struct Notifier {
    socket: UnixDatagram,
    manager: SocketAddr,
    watchdog: Option<Duration>,
}

impl Notifier {
    /// The notifier that `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` ask for; `None` without a service manager.
    ///
    /// # Errors
    /// `NOTIFY_SOCKET` is no address of a kind that is known, or no socket can be had.
    pub fn from_environment() -> std::io::Result<Option<Self>> {
        let Some(name) = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
            return Ok(None);
        };
        let manager = match name.as_bytes().split_first() {
            Some((b'@', name)) => SocketAddr::from_abstract_name(name)?,
            _ => SocketAddr::from_pathname(&name)?,
        };
        let socket = UnixDatagram::unbound()?;
        // A manager that does not read must not hold us up; the next message says more.
        socket.set_nonblocking(true)?;
        Ok(Some(Self {
            socket,
            manager,
            watchdog: watchdog(env::var("WATCHDOG_USEC"), env::var("WATCHDOG_PID")),
        }))
    }

    /// The longest time between two messages that the manager allows; `None` without a watchdog.
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// Tells that the service is up, or back from a reload.
    pub fn ready(&self, status: &str) {
        self.send(&format!("READY=1\nSTATUS={}", line(status)));
    }

    /// Tells that the configuration is being read again; [`Self::ready`] ends it.
    pub fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let microseconds = now.tv_sec * 1_000_000 + now.tv_nsec / 1000;
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={microseconds}"));
    }

    pub fn stopping(&self, status: &str) {
        self.send(&format!("STOPPING=1\nSTATUS={}", line(status)));
    }

    /// Tells the watchdog that the service is alive.
    pub fn alive(&self, status: &str) {
        self.send(&format!("WATCHDOG=1\nSTATUS={}", line(status)));
    }

    /// Tells the status that `systemctl status` shows.
    pub fn status(&self, status: &str) {
        self.send(&format!("STATUS={}", line(status)));
    }

    fn send(&self, message: &str) {
        // A manager that has gone is no reason to stop serving.
        let _ = self.socket.send_to_addr(message.as_bytes(), &self.manager);
    }
}

/// A status as one line of a message (at most 300 characters).
fn line(status: &str) -> String {
    status
        .chars()
        .take(300)
        .collect::<String>()
        .replace('\n', "; ")
}

fn watchdog(
    microseconds: Result<String, VarError>,
    of: Result<String, VarError>,
) -> Option<Duration> {
    // sd_watchdog_enabled(3): without WATCHDOG_PID it is for any process.
    let for_us = of.is_err() || of.is_ok_and(|pid| pid == std::process::id().to_string());
    let microseconds = microseconds.ok()?.parse().ok().filter(|given| *given > 0)?;
    for_us.then(|| Duration::from_micros(microseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watchdog_is_kept_only_by_the_process_it_is_meant_for() {
        let given = |text: &str| Ok(text.to_owned());
        let absent = || Err(VarError::NotPresent);
        let us = std::process::id().to_string();
        for (microseconds, pid, expected) in [
            (given("2000000"), absent(), Some(2)),
            (given("2000000"), given(&us), Some(2)),
            (given("2000000"), given("1"), None),
            (given("0"), absent(), None),
            (given("soon"), absent(), None),
            (absent(), given(&us), None),
        ] {
            let expected = expected.map(Duration::from_secs);
            assert_eq!(watchdog(microseconds, pid), expected);
        }
    }

    #[test]
    fn a_status_cannot_add_lines_of_its_own() {
        assert_eq!(line("one\nREADY=1"), "one; READY=1");
        assert_eq!(line(&"x".repeat(1000)).len(), 300);
    }
}
