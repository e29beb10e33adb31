//! Sockets that the service manager has opened for the gateway (socket activation, sd_listen_fds(3)). They outlive the
//! process, so that connections made during a restart wait instead of being refused.

use std::env;
use std::net::TcpListener;
use std::os::fd::OwnedFd;

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::{AddressFamily, SocketType, sockopt};

/// The most sockets; more than any unit has are a mistake.
const MOST: usize = 64;

/// The number of descriptors from [`super::FIRST_INHERITED`] on that are meant for this process; zero unless a service
/// manager has started it with sockets.
pub fn inherited_count() -> usize {
    let variable = |name| env::var(name).ok();
    count(
        variable("LISTEN_PID"),
        variable("LISTEN_FDS"),
        std::process::id(),
    )
}

/// The number in `LISTEN_FDS`, if `LISTEN_PID` is this process: a child of the one that was meant inherits both.
fn count(pid: Option<String>, descriptors: Option<String>, us: u32) -> usize {
    let for_us = pid.and_then(|pid| pid.parse().ok()) == Some(us);
    let count = descriptors.and_then(|count| count.parse().ok());
    count.filter(|count| for_us && *count <= MOST).unwrap_or(0)
}

/// The inherited descriptors as listeners for the edge.
///
/// # Errors
/// One of them is no listening TCP socket.
pub fn listeners(inherited: Vec<OwnedFd>) -> Result<Vec<TcpListener>, String> {
    let listeners = inherited.into_iter().enumerate();
    listeners
        .map(|(index, socket)| {
            listener(socket).map_err(|problem| format!("inherited socket {}: {problem}", index + 1))
        })
        .collect()
}

fn listener(socket: OwnedFd) -> Result<TcpListener, String> {
    let failed = |error: std::io::Error| error.to_string();
    let family = sockopt::socket_domain(&socket).map_err(|error| failed(error.into()))?;
    let kind = sockopt::socket_type(&socket).map_err(|error| failed(error.into()))?;
    let tcp =
        matches!(family, AddressFamily::INET | AddressFamily::INET6) && kind == SocketType::STREAM;
    let listens = sockopt::socket_acceptconn(&socket).map_err(|error| failed(error.into()))?;
    if !tcp || !listens {
        return Err(
            "only ListenStream= with a port or an IP address and Accept=no is supported".to_owned(),
        );
    }
    fcntl_setfd(&socket, FdFlags::CLOEXEC).map_err(|error| failed(error.into()))?;
    let listener = TcpListener::from(socket);
    listener.set_nonblocking(true).map_err(failed)?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_process_that_is_meant_takes_the_descriptors() {
        let text = |text: &str| Some(text.to_owned());
        for (pid, descriptors, expected) in [
            (text("7"), text("2"), 2),
            (text("8"), text("2"), 0),
            (None, text("2"), 0),
            (text("7"), None, 0),
            (text("7"), text("-1"), 0),
            (text("7"), text("65"), 0),
            (text("x"), text("1"), 0),
        ] {
            assert_eq!(count(pid, descriptors, 7), expected);
        }
    }

    #[test]
    fn what_cannot_be_served_is_refused() {
        let listening = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listening.local_addr().unwrap();
        let taken = listeners(vec![listening.into()]).unwrap();
        assert_eq!(taken[0].local_addr().unwrap(), address);

        let connected = std::net::TcpStream::connect(address).unwrap();
        let datagram = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        for wrong in [OwnedFd::from(connected), datagram.into(), file.into()] {
            let refused = listeners(vec![wrong]).unwrap_err();
            assert!(refused.contains("inherited socket 1"), "{refused}");
        }
    }
}
