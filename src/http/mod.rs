//! The HTTP edge: an HTTP/1.1 server made for few resources and hostile clients.
//!
//! # The life of a connection
//!
//! ```text
//!            accept          whole head             answer
//!   client ---------> front ------------> worker --------------> next head within 2 ms?
//!                      ^ ^                                         | yes: same worker
//!                      | +------ kept, or closing <----------------+ no
//!                      +-- idle, reading a head, closing
//! ```
//!
//! The **front** ([`Server::run`]'s thread) holds, in one epoll set, the listeners and every connection that is new,
//! idle, in the middle of a head, or closing. It reads without blocking, so slow clients cost no thread, and it alone
//! keeps the deadlines. Malformed heads, overload and what [`Handler::instant`] answers never reach a worker.
//!
//! A **worker** has the connection from a whole head to the end of the answer: it reads the body, runs the handler and
//! writes, blocking in `poll` with a deadline each time. Workers start on demand up to `max_concurrent_requests`.
//!
//! A connection is owned: it moves from the front's map into a job, from there into the worker's stack, and back by way
//! of a queue. There is no moment in which two threads have it, and a lease reports its end however the worker loses it.
//!
//! # What is refused
//!
//! Every ambiguity about where a request ends (RFC 9112 section 11.2): `httparse` splits the head, and the raw bytes and
//! fields are checked beside it. A refused request is answered in the shape that [`Handler::refusal`] gives it, and its connection closes.

mod acceptor;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod bare;
mod body;
mod chunked;
mod connection;
mod deadlines;
mod delivery;
mod descriptors;
mod edge;
mod exchange;
mod finishing;
mod forwarded;
mod framing;
mod front;
mod handler;
mod head;
mod listener;
mod places;
mod pool;
mod refusal;
mod request_id;
mod response;
mod returns;
mod stats;
mod stop;
mod stream;
mod strict;
mod turn;
mod version;
mod worker;

#[cfg(test)]
mod tests;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use mio::{Poll, Waker};

use crate::config;

pub use body::BodyError;
pub use delivery::Delivery;
pub use exchange::Exchange;
pub use handler::Handler;
pub use head::Head;
pub use refusal::{Reason, Refusal};
pub use response::{Response, ResponseHead};
pub use stats::{Reading, Stats};
pub use stream::{Gone, Stream};
pub use version::Version;

use acceptor::Acceptor;
use edge::Edge;
use front::Front;
use handler::Contained;
use places::Places;
use pool::Pool;
use returns::Returns;
use stop::StopSign;

/// A server that listens and does not serve yet.
pub struct Server {
    listeners: Vec<TcpListener>,
    limits: config::Server,
    poll: Poll,
    waker: Arc<Waker>,
    stop: Arc<StopSign>,
    stats: Stats,
}

impl Server {
    /// Listens on all addresses. `[::]` takes IPv4 too, and means `0.0.0.0` on a machine without IPv6; port 0 takes any
    /// free one.
    ///
    /// # Errors
    /// An address is in use, not this machine's, or not allowed; or no descriptor is left.
    pub fn bind(addresses: &[SocketAddr], limits: config::Server) -> io::Result<Self> {
        let listeners = addresses.iter().map(|address| {
            listener::open(*address, addresses).map_err(|error| {
                io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
            })
        });
        Self::on(listeners.collect::<io::Result<_>>()?, limits)
    }

    /// Takes sockets that listen already and do not block.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn on(listeners: Vec<TcpListener>, limits: config::Server) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), front::WAKER)?);
        let stats = Stats {
            counts: Arc::default(),
            pool: Arc::new(Pool::new(limits.max_concurrent_requests)?),
        };
        Ok(Self {
            listeners,
            limits: attainable(limits),
            poll,
            stats,
            stop: Arc::new(StopSign::new(Arc::clone(&waker))),
            waker,
        })
    }

    /// The addresses listened on, with the ports that were chosen.
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        let addresses = self.listeners.iter().map(TcpListener::local_addr);
        addresses.filter_map(Result::ok).collect()
    }

    pub fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.stop))
    }

    /// What this server is doing, also while it runs.
    pub fn stats(&self) -> Stats {
        self.stats.clone()
    }

    /// Serves until stopped. This thread becomes the front.
    ///
    /// # Errors
    /// The system has no descriptor for the server's own use, or its poll fails.
    pub fn run(self, handler: Arc<dyn Handler>) -> io::Result<Drained> {
        let edge = Edge {
            pool: self.stats.pool,
            counts: self.stats.counts,
            places: Places::new(&self.limits),
            limits: self.limits,
            returns: Returns::new(self.waker),
            stop: self.stop,
        };
        let handler = Contained::new(handler);
        let acceptor = Acceptor::new(self.listeners);
        Front::new(self.poll, Arc::new(edge), handler, acceptor)?.run()
    }
}

/// Limits that can be held: durations that can be added to any point in time (to a server, a year is as good as forever),
/// and no more connections than the system allows.
fn attainable(mut limits: config::Server) -> config::Server {
    limits.max_connections =
        descriptors::affordable(limits.max_connections, limits.max_concurrent_requests);
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
    for duration in [
        &mut limits.head_timeout,
        &mut limits.body_timeout,
        &mut limits.keep_alive,
        &mut limits.write_timeout,
        &mut limits.shutdown_timeout,
    ] {
        *duration = YEAR.min(*duration);
    }
    limits
}

/// Stops a server, from any thread.
#[derive(Clone)]
pub struct Stopper(Arc<StopSign>);

impl Stopper {
    /// Begins a graceful stop: no new connections, idle ones close, and requests in flight have `shutdown_timeout` to end.
    /// In its last tenth, but at most a second, those that have not are asked to end with an error
    /// ([`Exchange::is_ending`]).
    pub fn stop(&self) {
        self.0.raise();
    }
}

/// How a stop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Requests that were ended or cut off because they took longer than `shutdown_timeout`.
    pub unfinished: usize,
}
