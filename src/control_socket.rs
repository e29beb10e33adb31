//! The control socket: by it `ai-gateway explain`, `usage` and `reload` ask the gateway that runs, without a key.
//!
//! A key that is sent to a port goes to whatever process listens there, and while the gateway is down that may be anybody's.
//! So only a word is sent, the question, and the gateway answers each connection of its own user or of root, and closes
//! it. Both sides look at the other's credentials (`SO_PEERCRED`, unix(7)). The socket has a name in Linux's abstract namespace,
//! which needs no directory to write to, as the image has none, and leaves nothing behind.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::sockopt::socket_peercred;
use rustix::process::{Pid, Uid, geteuid};

use crate::heapsort::sorted;
use crate::threads::{self, USUAL_STACK};

/// The timeout of a question, and of writing its answer.
const LIMIT: Duration = Duration::from_secs(3);

/// The pause after a connection could not be accepted, as when no descriptor is left.
const BACKOFF: Duration = Duration::from_millis(100);

/// The longest answer that is read (bytes).
const LONGEST: u64 = 16 * 1024 * 1024;

/// The longest question (bytes).
const LONGEST_QUESTION: u64 = 32;

/// The sockets of the machine, or of the container (proc_net(5)).
const SOCKETS: &str = "/proc/net/unix";

/// The most gateways that are looked at.
const MOST_RUNNING: usize = 64;

/// The beginning of the socket's name, before the port. One machine may have several gateways, and each has a port of
/// its own.
const NAME: &str = "ai-gateway/";

/// A question to the gateway that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlRequest {
    /// The cooling steps, as `GET /v1/diagnostics/routes` tells them.
    Routes,
    /// The last requests, as `GET /v1/diagnostics/requests` tells them to an administrator.
    Requests,
    /// The usage of all clients, as `GET /v1/usage?client=*` tells it to an administrator.
    Usage,
    /// To read the configuration again, and what came of it.
    Reload,
}

impl ControlRequest {
    fn word(self) -> &'static str {
        match self {
            Self::Routes => "routes\n",
            Self::Requests => "requests\n",
            Self::Usage => "usage\n",
            Self::Reload => "reload\n",
        }
    }
}

/// The answer of a gateway that is believed.
#[derive(Debug, PartialEq, Eq)]
pub struct ControlReply {
    pub pid: Pid,
    pub bytes: Vec<u8>,
}

fn name(port: u16) -> io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(format!("{NAME}{port}"))
}

/// Answers each process of this user, or of root, that asks; on a thread of its own, until the process ends.
///
/// # Errors
/// The name is taken, or no thread can be started.
pub fn serve(
    port: u16,
    answer: impl Fn(ControlRequest) -> Vec<u8> + Send + 'static,
) -> io::Result<()> {
    let listener = UnixListener::bind_addr(&name(port)?)?;
    // It makes the report as a worker would, and reads the configuration, which takes the usual stack.
    let until_the_end = move || {
        for stream in listener.incoming() {
            match stream {
                Ok(stream) if may_ask(&stream) => {
                    // The other side may have gone, and does not take forever.
                    let Some(question) = question(&stream) else {
                        continue;
                    };
                    // A fault in an answer must not cost the next one.
                    let answer = catch_unwind(AssertUnwindSafe(|| answer(question)));
                    let _ = stream
                        .set_write_timeout(Some(LIMIT))
                        .and_then(|()| (&stream).write_all(&answer.unwrap_or_default()));
                }
                Ok(_) => log::warn!("another user has asked the control socket: not answered"),
                Err(_) => thread::sleep(BACKOFF),
            }
        }
    };
    threads::start("control", USUAL_STACK, until_the_end).map(drop)
}

fn may_ask(stream: &UnixStream) -> bool {
    let asking = socket_peercred(stream);
    asking.is_ok_and(|asking| asking.uid == geteuid() || asking.uid == Uid::ROOT)
}

/// The question of a connection; `None` where it asks nothing that is known, as one that only looks who is there.
fn question(stream: &UnixStream) -> Option<ControlRequest> {
    stream.set_read_timeout(Some(LIMIT)).ok()?;
    let mut word = String::new();
    let mut reader = BufReader::new(stream.take(LONGEST_QUESTION));
    reader.read_line(&mut word).ok()?;
    let known = [
        ControlRequest::Routes,
        ControlRequest::Requests,
        ControlRequest::Usage,
        ControlRequest::Reload,
    ];
    known.into_iter().find(|question| question.word() == word)
}

/// The answer of the gateway with this port: a process of this user or, for root, the one that `expected` names.
///
/// # Errors
/// No such process answers: with the reason.
pub fn ask(
    port: u16,
    question: ControlRequest,
    expected: Option<Pid>,
    limit: Duration,
) -> Result<ControlReply, String> {
    let (mut stream, pid) = connect(port, expected)?;
    let asked = stream.write_all(question.word().as_bytes());
    let bytes = asked.and_then(|()| read(&mut stream, limit));
    let bytes = bytes.map_err(|error| format!("the gateway's answer is not whole: {error}"))?;
    Ok(ControlReply { pid, bytes })
}

/// The ports of the gateways here that would be believed, with their processes.
pub fn running(expected: Option<Pid>) -> Vec<(u16, Pid)> {
    let sockets = fs::read_to_string(SOCKETS).unwrap_or_default();
    let ports = sockets.lines().filter_map(|line| {
        let name = line.split_whitespace().last()?;
        name.strip_prefix('@')?.strip_prefix(NAME)?.parse().ok()
    });
    let mut ports: Vec<u16> = sorted(ports);
    // A socket has a line for each of its connections.
    ports.dedup();
    let believed = ports.into_iter().take(MOST_RUNNING).filter_map(|port| {
        let (_, pid) = connect(port, expected).ok()?;
        Some((port, pid))
    });
    believed.collect()
}

fn connect(port: u16, expected: Option<Pid>) -> Result<(UnixStream, Pid), String> {
    let address = name(port).map_err(|error| error.to_string())?;
    let stream = UnixStream::connect_addr(&address)
        .map_err(|error| format!("no gateway with the port {port} answers here: {error}"))?;
    let other = socket_peercred(&stream).map_err(|error| error.to_string())?;
    if other.uid != geteuid() && expected != Some(other.pid) {
        let (pid, uid) = (other.pid, other.uid.as_raw());
        return Err(format!(
            "process {pid} of user {uid} answers for the port {port}: it is not believed, and its user has to ask"
        ));
    }
    Ok((stream, other.pid))
}

fn read(stream: &mut UnixStream, limit: Duration) -> io::Result<Vec<u8>> {
    let deadline = Instant::now() + limit;
    let mut answer = Vec::new();
    let mut part = [0; 8192];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || answer.len() as u64 > LONGEST {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut part)? {
            0 => return Ok(answer),
            read => answer.extend_from_slice(part.get(..read).unwrap_or_default()),
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
        let answer = move |question| match question {
            ControlRequest::Routes => told.clone(),
            ControlRequest::Requests => b"asked".to_vec(),
            ControlRequest::Usage => b"used".to_vec(),
            ControlRequest::Reload => b"taken".to_vec(),
        };
        serve(port(0), answer).unwrap();
        let ask = |question| {
            let answer = ask(port(0), question, None, LIMIT).unwrap();
            assert_eq!(answer.pid.as_raw_pid(), std::process::id() as i32);
            answer.bytes
        };
        for _ in 0..3 {
            assert!(ask(ControlRequest::Routes) == report);
            assert_eq!(ask(ControlRequest::Usage), b"used");
            assert_eq!(ask(ControlRequest::Reload), b"taken");
        }
        assert!(serve(port(0), |_| Vec::new()).is_err(), "the name is taken");
        let here = running(None);
        assert!(here.iter().any(|(found, _)| *found == port(0)), "{here:?}");
    }

    #[test]
    fn the_reason_is_told_where_no_gateway_answers() {
        let error = ask(port(1), ControlRequest::Routes, None, LIMIT).unwrap_err();
        assert!(error.contains("no gateway"), "{error}");
    }
}
