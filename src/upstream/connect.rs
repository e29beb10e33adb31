//! TCP connections: several addresses, one budget, and an eye on the client.

use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with, sockopt};

use super::call_state::{CallState, UNWATCHED};
use super::error::CallError;

/// The head start of an address over the next one (Connection Attempt Delay of RFC 8305 section 5, 250 ms).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// A connection to the first of the addresses that accepts (happy eyeballs). Each has a head start over the next one,
/// which a refusal ends, and all share the call's connect budget.
pub(super) fn connect(addresses: &[SocketAddr], state: &CallState) -> Result<TcpStream, CallError> {
    let mut untried = interleaved(addresses).into_iter();
    let mut pending: Vec<(SocketAddr, OwnedFd)> = Vec::new();
    let mut failure = CallError::Unreachable("the host has no address".to_owned());
    loop {
        match untried.next().map(|address| (address, start(address))) {
            Some((_, Ok(Started::Connected(socket)))) => return adopt(socket),
            Some((address, Ok(Started::Pending(socket)))) => pending.push((address, socket)),
            Some((address, Err(error))) => {
                failure = refused(address, error);
                continue;
            }
            None if pending.is_empty() => return Err(failure),
            None => {}
        }
        let head_start = (untried.len() > 0).then(|| Instant::now() + ATTEMPT_DELAY);
        let fds = pending
            .iter()
            .map(|(_, socket)| (socket.as_fd(), PollFlags::OUT));
        let ready = state.wait_any(fds, head_start)?;
        if let Some(finished) = ready.iter().position(|flags| !flags.is_empty()) {
            let (address, socket) = pending.remove(finished);
            match sockopt::socket_error(&socket) {
                Ok(Ok(())) => return adopt(socket),
                Ok(Err(error)) | Err(error) => failure = refused(address, error),
            }
        }
    }
}

enum Started {
    Connected(OwnedFd),
    Pending(OwnedFd),
}

fn start(address: SocketAddr) -> Result<Started, Errno> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    match rustix::net::connect(&socket, &address) {
        Ok(()) => Ok(Started::Connected(socket)),
        // An interrupted connect goes on in the background, POSIX connect().
        Err(Errno::INPROGRESS | Errno::INTR) => Ok(Started::Pending(socket)),
        Err(error) => Err(error),
    }
}

fn refused(address: SocketAddr, error: Errno) -> CallError {
    CallError::Unreachable(format!("{address}: {}", std::io::Error::from(error)))
}

fn adopt(socket: OwnedFd) -> Result<TcpStream, CallError> {
    let stream = TcpStream::from(socket);
    // Requests go out in one piece, so there is nothing to gather for. Reads may block for a moment, once it is connected.
    let adopted = stream
        .set_nodelay(true)
        .and_then(|()| stream.set_read_timeout(Some(UNWATCHED)))
        .and_then(|()| stream.set_nonblocking(false));
    adopted.map_err(|error| CallError::Unreachable(error.to_string()))?;
    Ok(stream)
}

/// The same addresses with the families taking turns, the resolver's favourite first (RFC 8305 section 4): a host
/// without a working IPv6 route does not wait for all IPv6 addresses to fail.
fn interleaved(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let favourite = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut first, mut second): (Vec<_>, Vec<_>) = addresses
        .iter()
        .copied()
        .partition(|address| address.is_ipv6() == favourite);
    first.reverse();
    second.reverse();
    let mut turns = Vec::with_capacity(addresses.len());
    while !first.is_empty() || !second.is_empty() {
        turns.extend(first.pop());
        turns.extend(second.pop());
    }
    turns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_families_take_turns() {
        let parse = |text: &str| -> Vec<SocketAddr> {
            text.split_whitespace()
                .map(|a| a.parse().unwrap())
                .collect()
        };
        for (given, turns) in [
            (
                "[::1]:1 [::2]:1 1.1.1.1:1 2.2.2.2:1",
                "[::1]:1 1.1.1.1:1 [::2]:1 2.2.2.2:1",
            ),
            ("1.1.1.1:1 [::1]:1 [::2]:1", "1.1.1.1:1 [::1]:1 [::2]:1"),
            ("1.1.1.1:1 2.2.2.2:1", "1.1.1.1:1 2.2.2.2:1"),
            ("", ""),
        ] {
            assert_eq!(interleaved(&parse(given)), parse(turns), "{given}");
        }
    }
}
