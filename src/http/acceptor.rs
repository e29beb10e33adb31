//! Accepting connections, also when there are no descriptors left.

use std::fs::File;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{SocketFlags, acceptfrom_with, sockopt};

/// How long no connection is accepted after the system had no descriptor or memory for one.
const BACKOFF: Duration = Duration::from_millis(50);

/// Clients turned away before each such pause. The others wait: there may be room for them after it.
const TURNED_AWAY: usize = 16;

/// What came of looking for a new connection.
pub(super) enum Accepted {
    New(TcpStream, SocketAddr),
    /// One was lost before it was taken, or was turned away: look again.
    Lost,
    /// There is none.
    None,
    /// The system has no descriptor or no memory left.
    Exhausted,
}

/// The listeners.
pub(super) struct Acceptor {
    listeners: Vec<(TcpListener, bool)>,
    /// A descriptor given up when none is left, to take a client out of the queue and close it. Otherwise it would stay
    /// there, waiting for an answer that nobody can give.
    reserve: Option<File>,
    not_before: Option<Instant>,
    failing: bool,
}

impl Acceptor {
    pub fn new(listeners: Vec<TcpListener>) -> Self {
        Self {
            listeners: listeners
                .into_iter()
                .map(|listener| (listener, true))
                .collect(),
            reserve: reserve().ok(),
            not_before: None,
            failing: false,
        }
    }

    pub fn listeners(&self) -> impl Iterator<Item = &TcpListener> {
        self.listeners.iter().map(|(listener, _)| listener)
    }

    /// The poll said that there is somebody at this listener. It will not say so again before all were taken.
    pub fn ready(&mut self, index: usize) {
        if let Some((_, ready)) = self.listeners.get_mut(index) {
            *ready = true;
        }
    }

    /// There may be somebody of whom the poll had no time to tell.
    pub fn all_ready(&mut self) {
        self.not_before = None;
        self.listeners
            .iter_mut()
            .for_each(|(_, ready)| *ready = true);
    }

    /// When to look for new connections without being told; `None`: only when told.
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
        let Some((listener, ready)) = self.listeners.iter_mut().find(|(_, ready)| *ready) else {
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

    /// Nobody's descriptor could be freed: turns some clients away, and pauses.
    pub fn turn_away(&mut self, now: Instant) {
        self.not_before = Some(now + BACKOFF);
        if self.reserve.take().is_some()
            && let Some((listener, _)) = self.listeners.iter().find(|(_, ready)| *ready)
        {
            let turned_away = (0..TURNED_AWAY).map_while(|_| listener.accept().ok());
            turned_away.for_each(drop);
        }
        self.reserve = reserve().ok();
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

fn reserve() -> io::Result<File> {
    File::open("/dev/null")
}
