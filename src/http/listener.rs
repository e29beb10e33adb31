//! Listening sockets, and accepting from them, also when no descriptor is left.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketFlags, SocketType, acceptfrom_with, bind, listen, socket_with, sockopt,
};

use super::arrival::Entrance;

/// The connections that the system keeps until they are accepted, so that a burst is not refused. It may cap them lower.
const BACKLOG: i32 = 4096;

/// The pause in accepting after the system had no descriptor or memory for a connection.
const BACKOFF: Duration = Duration::from_millis(50);

/// The clients turned away before each such pause. The others wait: there may be room for them after it.
const TURNED_AWAY: usize = 16;

/// Listens on the address without blocking. `[::]` takes IPv4 too, and becomes `0.0.0.0` where there is no IPv6.
///
/// `others` are all addresses to listen on: where `0.0.0.0` with the same port is among them, `[::]` leaves IPv4 to it.
///
/// # Errors
/// The address is in use, not this machine's, or not allowed.
pub fn open(address: SocketAddr, others: &[SocketAddr]) -> io::Result<TcpListener> {
    opened(address, others).map_err(|error| {
        io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
    })
}

fn opened(address: SocketAddr, others: &[SocketAddr]) -> io::Result<TcpListener> {
    let every = address.is_ipv6() && address.ip().is_unspecified();
    if !every {
        return Ok(open_as(address, None)?);
    }
    let all_ipv4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()));
    let ipv6_only = address.port() != 0 && others.contains(&all_ipv4);
    match open_as(address, Some(ipv6_only)) {
        Err(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL) if !ipv6_only => Ok(open_as(all_ipv4, None)?),
        opened => Ok(opened?),
    }
}

fn open_as(address: SocketAddr, ipv6_only: Option<bool>) -> Result<TcpListener, Errno> {
    let family = if address.is_ipv6() {
        AddressFamily::INET6
    } else {
        AddressFamily::INET
    };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    // Else a restart waits a minute for the old connections' TIME-WAIT.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if let Some(ipv6_only) = ipv6_only {
        // The default is the system's choice (`net.ipv6.bindv6only`).
        sockopt::set_ipv6_v6only(&socket, ipv6_only)?;
    }
    bind(&socket, &address)?;
    listen(&socket, BACKLOG)?;
    Ok(TcpListener::from(socket))
}

/// The result of looking for a new connection.
pub(super) enum Accepted {
    New(TcpStream, SocketAddr, Entrance),
    /// A connection was lost before it was accepted: look again.
    Lost,
    /// No connection waits.
    None,
    /// The system has no descriptor or no memory left.
    Exhausted,
}

/// A listener, and the entrance that it is.
pub(super) type Listening = (TcpListener, Entrance);

/// The listeners, and how accepting from them goes.
pub(super) struct Acceptor {
    /// Each with whether connections may wait at it.
    listeners: Vec<(Listening, bool)>,
    /// A descriptor given up when none is left, to take a client out of the backlog and close it. Otherwise it would stay
    /// there, waiting for an answer that cannot come.
    reserve: Option<File>,
    not_before: Option<Instant>,
    failing: bool,
}

impl Acceptor {
    pub fn new(listeners: Vec<Listening>) -> Self {
        let mut acceptor = Self {
            listeners: listeners
                .into_iter()
                .map(|listener| (listener, true))
                .collect(),
            reserve: None,
            not_before: None,
            failing: false,
        };
        acceptor.keep_reserve();
        acceptor
    }

    pub fn listeners(&self) -> impl Iterator<Item = &TcpListener> {
        self.listeners.iter().map(|((listener, _), _)| listener)
    }

    /// Notes that connections wait at this listener. The poll will not report it again before all were accepted.
    pub fn ready(&mut self, index: usize) {
        if let Some((_, ready)) = self.listeners.get_mut(index) {
            *ready = true;
        }
    }

    /// Notes that connections may wait at any listener, which the poll had no time to report.
    pub fn all_ready(&mut self) {
        self.not_before = None;
        self.listeners
            .iter_mut()
            .for_each(|(_, ready)| *ready = true);
    }

    /// The time to look for new connections again; `None` before the poll reports one.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        let waiting = self.listeners.iter().any(|(_, ready)| *ready);
        waiting.then(|| self.not_before.unwrap_or(now))
    }

    /// Accepts one connection, non-blocking and without delay for small packets.
    pub fn accept(&mut self, now: Instant) -> Accepted {
        if self.not_before.is_some_and(|not_before| now < not_before) {
            return Accepted::None;
        }
        self.not_before = None;
        self.keep_reserve();
        let mut listeners = self.listeners.iter_mut();
        let Some(((listener, entrance), ready)) = listeners.find(|(_, ready)| *ready) else {
            return Accepted::None;
        };
        match acceptfrom_with(&*listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
            Ok((socket, peer)) => {
                self.failing = false;
                let Some(Ok(peer)) = peer.map(SocketAddr::try_from) else {
                    return Accepted::Lost;
                };
                // Without it small chunks wait for the acknowledgement of the last one; the answer is right either way.
                let _ = sockopt::set_tcp_nodelay(&socket, true);
                Accepted::New(
                    socket.into(),
                    SocketAddr::new(peer.ip().to_canonical(), peer.port()),
                    *entrance,
                )
            }
            Err(Errno::AGAIN) => {
                *ready = false;
                // There may be another listener.
                Accepted::Lost
            }
            // accept(2): errors of the connection itself.
            Err(Errno::INTR | Errno::CONNABORTED | Errno::PROTO) => Accepted::Lost,
            Err(error) => {
                self.report(error);
                if matches!(
                    error,
                    Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM
                ) {
                    return Accepted::Exhausted;
                }
                // A firewall, or a network that is down: this may be over soon, and must not make the front spin.
                self.not_before = Some(now + BACKOFF);
                Accepted::None
            }
        }
    }

    /// Turns some clients away, and pauses: no descriptor could be freed.
    pub fn turn_away(&mut self, now: Instant) {
        self.not_before = Some(now + BACKOFF);
        if self.reserve.take().is_some()
            && let Some(((listener, _), _)) = self.listeners.iter().find(|(_, ready)| *ready)
        {
            let turned_away = (0..TURNED_AWAY).map_while(|_| listener.accept().ok());
            turned_away.for_each(drop);
        }
        self.keep_reserve();
    }

    /// Takes a descriptor for the reserve, if that was lost: another thread may have been faster when it was given up. A
    /// client is let in behind it only, or those in the backlog would wait for as long as the others stay.
    fn keep_reserve(&mut self) {
        if self.reserve.is_none() {
            self.reserve = File::open("/dev/null").ok();
        }
    }

    /// Stops listening.
    pub fn close(&mut self) {
        self.listeners.clear();
    }

    fn report(&mut self, error: Errno) {
        if !self.failing {
            log::warn!("cannot accept connections: {error}");
            self.failing = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clients that no descriptor is left for would wait in the backlog, and be told nothing.
    #[test]
    fn a_reserve_that_another_thread_took_comes_back_before_a_client_is_let_in() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let mut acceptor = Acceptor::new(vec![(listener, Entrance::Main)]);
        acceptor.reserve = None;
        let _client = TcpStream::connect(address).unwrap();
        let accepted = acceptor.accept(Instant::now());
        assert!(matches!(accepted, Accepted::New(..)));
        assert!(acceptor.reserve.is_some());
    }
}
