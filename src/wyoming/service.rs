//! The service: accepts peers, and gives each a thread.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};

use crate::threads;

use super::endpoints::Endpoints;
use super::place::Places;
use super::session::Session;

/// The stack of a connection's thread, and of the one that accepts (bytes).
const STACK: usize = 256 * 1024;

/// The pause in accepting after the system had no descriptor for a connection.
const BACKOFF: Duration = Duration::from_millis(50);

/// The time between two lines about peers that were turned away.
const LINE_PAUSE: Duration = Duration::from_secs(10);

/// The time that connections at work have when all else has ended.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// The service, while it listens. All threads share it.
#[derive(Clone)]
pub struct Service {
    places: Arc<Places>,
    /// The accepting thread ends when this end of its pipe is shut down.
    stop: Arc<UnixStream>,
}

impl Service {
    /// Serves on a listener that does not block, until it is stopped.
    ///
    /// # Errors
    /// The system has no descriptor or thread.
    pub fn start(listener: TcpListener, endpoints: Arc<dyn Endpoints>) -> io::Result<Self> {
        let (stop, stopped) = UnixStream::pair()?;
        let places = Arc::new(Places::default());
        let mut door = Door {
            listener,
            stopped,
            endpoints,
            places: Arc::clone(&places),
            told: None,
        };
        threads::start("wyoming", STACK, move || door.keep())?;
        Ok(Self {
            places,
            stop: Arc::new(stop),
        })
    }

    /// Accepts no more. Connections that wait for their peers close, the others end with the request that they are at.
    pub fn stop(&self) {
        // It fails only when the thread has ended.
        let _ = self.stop.shutdown(std::net::Shutdown::Both);
        self.places.begin_end();
    }

    /// Ends what is left. Blocks until the last words of answers are out (at most [`LAST_WORDS`]).
    pub fn close(&self) {
        self.stop();
        self.places.end(LAST_WORDS);
    }
}

/// The thread that accepts.
struct Door {
    listener: TcpListener,
    stopped: UnixStream,
    endpoints: Arc<dyn Endpoints>,
    places: Arc<Places>,
    /// The time of the last line about a peer that was turned away.
    told: Option<Instant>,
}

impl Door {
    fn keep(&mut self) {
        while self.wait() {
            match self.listener.accept() {
                Ok((socket, peer)) => self.admit(socket, peer),
                Err(error) if is_passing(&error) => {}
                Err(error) => {
                    self.tell(|| log::warn!(error:% = error; "wyoming: cannot accept"));
                    std::thread::sleep(BACKOFF);
                }
            }
        }
    }

    /// Waits for a peer; false at the end.
    fn wait(&self) -> bool {
        let mut watched = [
            PollFd::new(&self.stopped, PollFlags::IN),
            PollFd::new(&self.listener, PollFlags::IN),
        ];
        // What went wrong shows at the next accept.
        let _ = poll(&mut watched, None);
        watched
            .first()
            .is_none_or(|stopped| stopped.revents().is_empty())
    }

    fn admit(&mut self, socket: TcpStream, peer: SocketAddr) {
        let address = peer.ip().to_canonical();
        if !is_welcome(&*self.endpoints, address) {
            return self.tell(
                || log::info!(address:% = address; "wyoming: the peer is in none of `networks`"),
            );
        }
        // Some systems hand the listener's mode on.
        if socket.set_nonblocking(false).is_err() {
            return;
        }
        let socket = Arc::new(socket);
        let Some(place) = self.places.take(&socket) else {
            return self.tell(|| log::warn!(address:% = address; "wyoming: too many connections"));
        };
        let endpoints = Arc::clone(&self.endpoints);
        let work = move || Session::new(socket, address, place, &*endpoints).run();
        if let Err(error) = threads::start("wyoming-peer", STACK, work) {
            self.tell(|| log::warn!(error:% = error; "wyoming: no thread for a connection"));
        }
    }

    /// Writes a line, unless there was one a moment ago: peers could fill the log.
    fn tell(&mut self, line: impl FnOnce()) {
        let now = Instant::now();
        if self
            .told
            .is_none_or(|told| now.duration_since(told) >= LINE_PAUSE)
        {
            self.told = Some(now);
            line();
        }
    }
}

/// Whether a peer may speak to the services, as the configuration of the moment says.
pub(super) fn is_welcome(endpoints: &dyn Endpoints, address: IpAddr) -> bool {
    let config = endpoints.config();
    let mut networks = config.wyoming.iter().flat_map(|it| &it.networks);
    networks.any(|network| network.contains(address))
}

/// Errors of the connection itself (accept(2)), and no connection at all.
fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock
            | io::ErrorKind::Interrupted
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}
