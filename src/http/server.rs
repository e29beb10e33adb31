//! The server: its listeners, its limits, and its start.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use mio::{Poll, Waker};

use crate::budget::Budget;
use crate::config;

use super::arrival::Entrance;
use super::edge::{Edge, all_memory, attainable, body_memory};
use super::front;
use super::handler::{ContainedHandler, Handler};
use super::handoff::HandoffQueue;
use super::listener::{self, Acceptor, Listening};
use super::permits::ClientPermits;
use super::pool::Pool;
use super::stalls::Stalls;
use super::stats::Stats;
use super::stop::{Drained, StopSign, Stopper};

/// A server that listens and does not serve yet.
pub struct Server {
    listeners: Vec<Listening>,
    limits: config::EdgeLimits,
    poll: Poll,
    waker: Arc<Waker>,
    stop: Arc<StopSign>,
    stats: Stats,
    budget: Budget,
}

impl Server {
    /// Listens on all addresses. `[::]` takes IPv4 too, and means `0.0.0.0` on a machine without IPv6; port 0 takes any
    /// free one.
    ///
    /// # Errors
    /// An address is in use, not this machine's, or not allowed; or no descriptor is left.
    pub fn bind(addresses: &[SocketAddr], limits: config::EdgeLimits) -> io::Result<Self> {
        let listeners = addresses
            .iter()
            .map(|address| listener::open(*address, addresses));
        Self::on(listeners.collect::<io::Result<_>>()?, limits)
    }

    /// A server on sockets that listen already and do not block.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn on(listeners: Vec<TcpListener>, limits: config::EdgeLimits) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), front::WAKER)?);
        let limits = attainable(limits);
        let stats = Stats {
            counts: Arc::default(),
            pool: Arc::new(Pool::new(limits.max_concurrent_requests)?),
            lines: Arc::default(),
        };
        let listeners = listeners.into_iter();
        Ok(Self {
            listeners: listeners
                .map(|listener| (listener, Entrance::Main))
                .collect(),
            budget: budget(&limits, &waker),
            limits,
            poll,
            stats,
            stop: Arc::new(StopSign::new(Arc::clone(&waker))),
            waker,
        })
    }

    /// The same server with a side entrance at this address: the listener that has it already, or a further one.
    ///
    /// # Errors
    /// As [`Self::bind`].
    pub fn with_side_entrance(mut self, address: SocketAddr) -> io::Result<Self> {
        let has_it = |(listener, _): &&mut Listening| listener.local_addr().ok() == Some(address);
        if let Some((_, entrance)) = self.listeners.iter_mut().find(has_it) {
            *entrance = Entrance::Side;
            return Ok(self);
        }
        let others: Vec<SocketAddr> = self.local_addrs();
        let opened = listener::open(address, &others)?;
        self.listeners.push((opened, Entrance::Side));
        Ok(self)
    }

    /// The addresses listened on, with the ports that were chosen; that of a side entrance behind the others.
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        let of = |wanted| {
            let listeners = self.listeners.iter();
            listeners.filter(move |(_, entrance)| *entrance == wanted)
        };
        let listeners = of(Entrance::Main).chain(of(Entrance::Side));
        let addresses = listeners.map(|(listener, _)| listener.local_addr());
        addresses.filter_map(Result::ok).collect()
    }

    pub fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.stop))
    }

    /// The figures of this server, also while it runs.
    pub fn stats(&self) -> Stats {
        self.stats.clone()
    }

    /// The budget of bodies, which others with bodies may share.
    pub fn budget(&self) -> Budget {
        self.budget.clone()
    }

    /// Serves until stopped. The calling thread becomes the front.
    ///
    /// # Errors
    /// The system has no descriptor for the server's own use, or its poll fails.
    pub fn run(self, handler: Arc<dyn Handler>) -> io::Result<Drained> {
        let edge = Edge {
            pool: self.stats.pool,
            counts: self.stats.counts,
            lines: self.stats.lines,
            clients: ClientPermits::new(&self.limits),
            budget: self.budget,
            stalls: Stalls::default(),
            handoff: HandoffQueue::new(self.waker),
            stop: self.stop,
            limits: self.limits,
        };
        let handler = ContainedHandler::new(handler);
        front::run(
            self.poll,
            Arc::new(edge),
            handler,
            Acceptor::new(self.listeners),
        )
    }
}

/// The budget of bodies, which wakes the front when it has room again.
fn budget(limits: &config::EdgeLimits, waker: &Arc<Waker>) -> Budget {
    let waker = Arc::clone(waker);
    let wake = move || {
        // It fails only when the front is gone.
        let _ = waker.wake();
    };
    Budget::within(body_memory(limits), all_memory(), wake)
}
