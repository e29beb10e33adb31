//! The connections that the front holds, and waiting on them.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::mem;
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Instant;

use mio::unix::SourceFd;
use mio::{Interest, Poll, Token};

use crate::http::connection::{Connection, READ_SIZE};
use crate::http::deadlines::{Awaited, Deadlines};
use crate::http::edge::Edge;
use crate::http::handler::ContainedHandler;
use crate::http::listener::Acceptor;

/// The waker's token. Listeners count down from below it, connections up from zero.
pub(in crate::http) const WAKER: Token = Token(usize::MAX);

/// A connection that the front waits on.
pub(super) struct Parked {
    pub connection: Connection,
    pub awaited: Awaited,
    pub deadline: Instant,
    /// Whether the poll watches the socket.
    registered: bool,
    /// Bytes thrown away while closing.
    pub discarded: usize,
}

impl Parked {
    pub fn new(connection: Connection, awaited: Awaited, deadline: Instant) -> Self {
        Self {
            connection,
            awaited,
            deadline,
            registered: false,
            discarded: 0,
        }
    }
}

/// The state of the front. Connections move between `parked` here and the workers, which `busy` knows by their sockets.
pub(super) struct Front {
    pub poll: Poll,
    pub edge: Arc<Edge>,
    pub handler: ContainedHandler,
    pub acceptor: Acceptor,
    pub parked: HashMap<usize, Parked>,
    pub busy: HashMap<usize, Arc<TcpStream>>,
    pub deadlines: Deadlines,
    /// Connections with more to read than was read at once: the poll reports only what is new.
    pub again: BTreeSet<usize>,
    pub scratch: Vec<u8>,
    /// Bytes of memory that the heads which are not whole take up.
    pub buffered: usize,
    pub next_id: usize,
}

impl Front {
    /// The front before its first event.
    ///
    /// # Errors
    /// A listener cannot be watched.
    pub fn new(
        poll: Poll,
        edge: Arc<Edge>,
        handler: ContainedHandler,
        acceptor: Acceptor,
    ) -> io::Result<Self> {
        for (index, listener) in acceptor.listeners().enumerate() {
            let token = Token(WAKER.0 - 1 - index);
            let descriptor = listener.as_raw_fd();
            poll.registry()
                .register(&mut SourceFd(&descriptor), token, Interest::READABLE)?;
        }
        Ok(Self {
            poll,
            edge,
            handler,
            acceptor,
            parked: HashMap::new(),
            busy: HashMap::new(),
            deadlines: Deadlines::default(),
            again: BTreeSet::new(),
            scratch: Vec::with_capacity(READ_SIZE),
            buffered: 0,
            next_id: 0,
        })
    }

    /// Waits on the connection. A system that cannot watch it ends it.
    pub fn park(&mut self, mut parked: Parked) {
        parked.connection.rest();
        let id = parked.connection.id;
        if !parked.registered {
            let descriptor = parked.connection.descriptor();
            let mut source = SourceFd(&descriptor);
            // Edge-triggered, but what is there already is reported after registering (epoll(7)): nothing is missed.
            let registry = self.poll.registry();
            if let Err(error) = registry.register(&mut source, Token(id), Interest::READABLE) {
                log::debug!("cannot watch a connection: {error}");
                return;
            }
            parked.registered = true;
        }
        self.buffered += parked.connection.buffer.capacity();
        self.deadlines.insert(parked.awaited, parked.deadline, id);
        self.parked.insert(id, parked);
    }

    /// Waits on the connection, whose unread bytes have their turn after the others.
    pub fn park_with_more(&mut self, parked: Parked) {
        self.again.insert(parked.connection.id);
        self.park(parked);
    }

    /// The connection of this id; `None` if it has ended or is with a worker.
    pub fn unpark(&mut self, id: usize) -> Option<Parked> {
        let parked = self.parked.remove(&id)?;
        self.deadlines.remove(parked.awaited, parked.deadline, id);
        let buffered = parked.connection.buffer.capacity();
        self.buffered = self.buffered.saturating_sub(buffered);
        Some(parked)
    }

    /// The connection whose deadline is the soonest of those that wait for the same; `None` without one.
    pub fn unpark_oldest(&mut self, awaited: Awaited) -> Option<Parked> {
        let (_, id) = self.deadlines.oldest(awaited)?;
        self.unpark(id)
    }

    pub fn close(&self, mut parked: Parked) {
        self.unregister(&mut parked);
    }

    pub fn unregister(&self, parked: &mut Parked) {
        if mem::take(&mut parked.registered) {
            let descriptor = parked.connection.descriptor();
            // It fails only for a descriptor that is not watched, which is what is wanted.
            let _ = self.poll.registry().deregister(&mut SourceFd(&descriptor));
        }
    }
}
