//! The control socket: by it `ai-gateway explain` asks the gateway that runs, without a key.
//!
//! A key that is sent to a port goes to whatever process listens there, and while the gateway is down that may be anybody's.
//! So nothing is sent: the gateway writes its report to each connection of its own user or of root, and closes it. Both
//! sides look at the other's credentials (`SO_PEERCRED`, unix(7)). The socket has a name in Linux's abstract namespace,
//! which needs no directory to write to, as the image has none, and leaves nothing behind.

use std::io::{self, Read, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::sockopt::socket_peercred;
use rustix::process::{Pid, Uid, geteuid};

/// The timeout of a report, at both ends.
const LIMIT: Duration = Duration::from_secs(3);

/// The pause after a connection could not be accepted, as when no descriptor is left.
const BACKOFF: Duration = Duration::from_millis(100);

/// The stack of the thread, which makes the report as a worker would. Only touched pages cost memory (bytes).
const STACK: usize = 256 * 1024;

/// The longest report that is read (bytes).
const LONGEST: u64 = 16 * 1024 * 1024;

/// The socket's name. One machine may have several gateways, and each has a port of its own.
fn name(port: u16) -> io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(format!("ai-gateway/{port}"))
}

/// Writes a report to each process of this user, or of root, that asks; on a thread of its own, until the process ends.
///
/// # Errors
/// The name is taken, or no thread can be started.
pub fn serve(port: u16, report: impl Fn() -> Vec<u8> + Send + 'static) -> io::Result<()> {
    let listener = UnixListener::bind_addr(&name(port)?)?;
    let thread = thread::Builder::new().name("control".to_owned());
    let answer = move || {
        for stream in listener.incoming() {
            match stream {
                Ok(stream) if may_ask(&stream) => {
                    // The other side may have gone, and does not take forever.
                    let _ = stream
                        .set_write_timeout(Some(LIMIT))
                        .and_then(|()| (&stream).write_all(&report()));
                }
                Ok(_) => log::warn!("another user has asked the control socket: not answered"),
                Err(_) => thread::sleep(BACKOFF),
            }
        }
    };
    thread.stack_size(STACK).spawn(answer).map(drop)
}

fn may_ask(stream: &UnixStream) -> bool {
    let asking = socket_peercred(stream);
    asking.is_ok_and(|asking| asking.uid == geteuid() || asking.uid == Uid::ROOT)
}

/// The report of the gateway with this port: a process of this user or, for root, the one that `expected` names.
///
/// # Errors
/// No such process answers: with the reason.
pub fn ask(port: u16, expected: Option<Pid>) -> Result<Vec<u8>, String> {
    let address = name(port).map_err(|error| error.to_string())?;
    let mut stream = UnixStream::connect_addr(&address)
        .map_err(|error| format!("no gateway with the port {port} answers here: {error}"))?;
    let other = socket_peercred(&stream).map_err(|error| error.to_string())?;
    if other.uid != geteuid() && expected != Some(other.pid) {
        let (pid, uid) = (other.pid, other.uid.as_raw());
        return Err(format!(
            "process {pid} of user {uid} answers for the port {port}: it is not believed, and its user has to ask"
        ));
    }
    read(&mut stream).map_err(|error| format!("the gateway's report is not whole: {error}"))
}

fn read(stream: &mut UnixStream) -> io::Result<Vec<u8>> {
    let deadline = Instant::now() + LIMIT;
    let mut report = Vec::new();
    let mut part = [0; 8192];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || report.len() as u64 > LONGEST {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut part)? {
            0 => return Ok(report),
            read => report.extend_from_slice(part.get(..read).unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ports that no test listens on.
    fn port(of_test: u16) -> u16 {
        40_000 + (std::process::id() % 8000) as u16 * 3 + of_test
    }

    #[test]
    fn a_report_arrives_whole() {
        let report = vec![b'x'; 1 << 20];
        let told = report.clone();
        serve(port(0), move || told.clone()).unwrap();
        for _ in 0..3 {
            assert!(ask(port(0), None) == Ok(report.clone()));
        }
        assert!(serve(port(0), Vec::new).is_err(), "the name is taken");
    }

    #[test]
    fn the_reason_is_told_where_no_gateway_answers() {
        let error = ask(port(1), None).unwrap_err();
        assert!(error.contains("no gateway"), "{error}");
    }
}
