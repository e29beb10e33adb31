//! The connections that the front holds, and waiting on them.
//!
//! # The phases of a connection
//!
//! ```text
//!   accepted --> FirstByte --> Head <-----------------+------------- NextRequest
//!                                |                    | (pipelined)      ^
//!                                +-- no body ----> a worker -- answered -+
//!                                |                 ^      |              |
//!                                +--> Body --------+      +--> Writing --+
//!                                     (whole, or failed)  |       |
//!                                                         +-------+--> Closing --> closed
//! ```
//!
//! The front's own answers (refusals, `/health`) take the same way through *Writing*. Only *Writing* waits for room at the
//! client, all others wait for its bytes. Each phase has a deadline, after which *Head* is answered 408, *Body* goes to a
//! worker as a failure (408, or 503 without memory for it), and the others close.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Instant;

use mio::unix::SourceFd;
use mio::{Interest, Poll, Token};

use crate::http::collecting::Collecting;
use crate::http::connection::{Connection, DISCARD_SIZE, READ_SIZE};
use crate::http::deadlines::{Awaited, Deadlines};
use crate::http::edge::Edge;
use crate::http::handler::ContainedHandler;
use crate::http::listener::Acceptor;
use crate::http::outgoing::Outgoing;

/// The waker's token. Listeners count down from below it, connections up from zero.
pub(in crate::http) const WAKER: Token = Token(usize::MAX);

/// The phase of a connection; see the diagram.
pub(super) enum Phase {
    /// New, and nothing has arrived.
    FirstByte,
    /// Kept, and nothing has arrived of the next request.
    NextRequest,
    /// A part of a head is in the buffer.
    Head,
    Body(Box<Collecting>),
    Writing(Box<Outgoing>),
    /// Answered for the last time; what still arrives is thrown away.
    Closing {
        /// The time at which it ends, however much the client still sends.
        until: Instant,
    },
}

impl Phase {
    pub fn awaited(&self) -> Awaited {
        match self {
            Self::FirstByte => Awaited::FirstByte,
            Self::NextRequest => Awaited::NextRequest,
            Self::Head => Awaited::Head,
            Self::Body(_) => Awaited::Body,
            Self::Writing(_) => Awaited::Room,
            Self::Closing { .. } => Awaited::Close,
        }
    }

    fn interest(&self) -> Interest {
        match self {
            Self::Writing(_) => Interest::WRITABLE,
            _ => Interest::READABLE,
        }
    }
}

/// A connection that the front waits on.
pub(super) struct Parked {
    pub connection: Connection,
    pub phase: Phase,
    pub deadline: Instant,
    /// The events for which the poll watches the socket; `None` while it does not.
    watched: Option<Interest>,
}

impl Parked {
    pub fn new(connection: Connection, phase: Phase, deadline: Instant) -> Self {
        Self {
            connection,
            phase,
            deadline,
            watched: None,
        }
    }

    /// The memory of what has arrived that is on no budget (bytes).
    fn unbudgeted(&self) -> usize {
        let of_body = match &self.phase {
            Phase::Body(collecting) => collecting.unbudgeted(),
            _ => 0,
        };
        self.connection.buffer.capacity() + of_body
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
    /// Connections whose bodies wait for memory.
    pub short: BTreeSet<usize>,
    pub scratch: Vec<u8>,
    /// The place that unwanted bytes would be read into if they were not thrown away: no page of it is ever touched.
    pub waste: Vec<u8>,
    /// Bytes of memory that half heads and the free parts of bodies take up.
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
            short: BTreeSet::new(),
            scratch: Vec::with_capacity(READ_SIZE),
            waste: vec![0; DISCARD_SIZE],
            buffered: 0,
            next_id: 0,
        })
    }

    /// Waits on the connection. A system that cannot watch it ends it.
    pub fn park(&mut self, mut parked: Parked) {
        parked.connection.rest();
        let id = parked.connection.id;
        let interest = parked.phase.interest();
        if parked.watched != Some(interest) {
            let descriptor = parked.connection.descriptor();
            let mut source = SourceFd(&descriptor);
            // Edge-triggered, but what is there already is reported after registering (epoll(7)): nothing is missed.
            let registry = self.poll.registry();
            let watched = match parked.watched {
                None => registry.register(&mut source, Token(id), interest),
                Some(_) => registry.reregister(&mut source, Token(id), interest),
            };
            if let Err(error) = watched {
                log::debug!("cannot watch a connection: {error}");
                return;
            }
            parked.watched = Some(interest);
        }
        self.buffered += parked.unbudgeted();
        let (awaited, client) = (parked.phase.awaited(), parked.connection.client());
        self.deadlines.insert(awaited, parked.deadline, id, client);
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
        let (awaited, client) = (parked.phase.awaited(), parked.connection.client());
        self.deadlines.remove(awaited, parked.deadline, id, client);
        self.buffered = self.buffered.saturating_sub(parked.unbudgeted());
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
        if parked.watched.take().is_some() {
            let descriptor = parked.connection.descriptor();
            // It fails only for a descriptor that is not watched, which is what is wanted.
            let _ = self.poll.registry().deregister(&mut SourceFd(&descriptor));
        }
    }
}
