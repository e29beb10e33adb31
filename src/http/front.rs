//! The front thread: new connections, idle ones, and heads that are not whole yet.

mod drain;
mod ending;

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Instant;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use super::acceptor::{Accepted, Acceptor};
use super::connection::{Connection, Fill, READ_SIZE};
use super::deadlines::{Deadlines, Phase};
use super::edge::Edge;
use super::handler::Contained;
use super::head::Head;
use super::pool::Job;
use super::refusal::Refusal;
use super::response::Asked;
use super::returns::Return;
use super::{Drained, worker};

use drain::Drain;

/// The waker's token. Listeners count down from below it, connections up from zero.
pub(super) const WAKER: Token = Token(usize::MAX);
/// Connections accepted, and reads of one connection, before the others have their turn.
const ACCEPTS_A_TURN: usize = 64;
const READS_A_TURN: usize = 16;

/// What the heads that are not whole may take up together: all connections with a full head each would be 200 MB.
const MAX_BUFFERED: usize = 16 * 1024 * 1024;

/// A connection that the front waits on.
struct Parked {
    connection: Connection,
    wait: Wait,
}

#[derive(Clone, Copy)]
struct Wait {
    phase: Phase,
    deadline: Instant,
    /// Whether the poll watches the socket.
    registered: bool,
    /// Bytes thrown away while closing.
    discarded: usize,
}

/// The state of the front. Connections move between `parked` here and the workers, which `busy` knows by their sockets.
pub(super) struct Front {
    poll: Poll,
    edge: Arc<Edge>,
    handler: Contained,
    acceptor: Acceptor,
    parked: HashMap<usize, Parked>,
    busy: HashMap<usize, Arc<TcpStream>>,
    deadlines: Deadlines,
    /// Connections with more to read, whose turn was over: the poll reports only what is new.
    again: BTreeSet<usize>,
    scratch: Vec<u8>,
    /// Bytes of memory that the heads which are not whole take up.
    buffered: usize,
    next_id: usize,
    /// How a graceful stop goes; `None` before it began.
    drain: Option<Drain>,
}

impl Front {
    pub fn new(
        poll: Poll,
        edge: Arc<Edge>,
        handler: Contained,
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
            drain: None,
        })
    }

    /// Serves until stopped.
    ///
    /// # Errors
    /// Those of `poll`, none of which is expected.
    pub fn run(mut self) -> io::Result<Drained> {
        let mut events = Events::with_capacity(256);
        loop {
            self.edge
                .counts
                .connections(&self.deadlines, self.busy.len());
            let now = Instant::now();
            let timeout = self
                .wake_at(now)
                .map(|at| at.saturating_duration_since(now));
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            let now = Instant::now();
            for event in &events {
                let Token(token) = event.token();
                if token > usize::MAX / 2 {
                    // The waker's own number is out of range there, and means nothing but to wake.
                    self.acceptor.ready((WAKER.0 - 1).wrapping_sub(token));
                } else {
                    self.look_at(token, now);
                }
            }
            for id in std::mem::take(&mut self.again) {
                self.look_at(id, now);
            }
            self.accept(now);
            self.take_returns(now);
            self.bound_heads(now);
            while let Some(id) = self.deadlines.expired(now) {
                self.expire(id, now);
            }
            if self.edge.is_stopping()
                && let Some(drained) = self.drain(now)
            {
                return Ok(drained);
            }
        }
    }

    fn wake_at(&self, now: Instant) -> Option<Instant> {
        if !self.again.is_empty() {
            return Some(now);
        }
        let drain = self.drain.as_ref().map(|drain| drain.due());
        let times = [self.deadlines.next(), self.acceptor.due(now), drain];
        times.into_iter().flatten().min()
    }

    /// Something may have arrived on a connection.
    fn look_at(&mut self, id: usize, now: Instant) {
        // It may be gone, or with a worker: the report was made before.
        let Some((connection, wait)) = self.unpark(id) else {
            return;
        };
        match wait.phase {
            Phase::Closing => self.discard(connection, wait),
            Phase::Fresh | Phase::Idle | Phase::Head => self.advance(connection, wait, now),
        }
    }

    fn accept(&mut self, now: Instant) {
        for _ in 0..ACCEPTS_A_TURN {
            match self.acceptor.accept(now) {
                Accepted::New(socket, peer) => {
                    self.edge.counts.accepted();
                    let connection = Connection::new(self.next_id, socket, peer);
                    self.next_id += 1;
                    self.admit(connection, now);
                }
                Accepted::Lost => {}
                Accepted::None => return,
                Accepted::Exhausted => {
                    if !self.evict(now) {
                        return self.acceptor.turn_away(now);
                    }
                }
            }
        }
    }

    fn admit(&mut self, mut connection: Connection, now: Instant) {
        let wait = Wait {
            phase: Phase::Fresh,
            deadline: now + self.edge.limits.head_timeout,
            registered: false,
            discarded: 0,
        };
        let held = self.parked.len() + self.busy.len();
        if held >= self.edge.limits.max_connections && !self.evict(now) {
            self.edge.counts.refused(Refusal::TOO_MANY_CONNECTIONS);
            // Not even a closing phase for it: that would be one more connection.
            let response = self.handler.refusal(Refusal::TOO_MANY_CONNECTIONS);
            connection.write_now(&Asked::unknown().encode(&response, false));
            return;
        }
        match self.edge.places.for_connection(connection.peer.ip()) {
            Ok(place) => connection.place = place,
            Err(refusal) => return self.refuse(connection, wait, refusal, now),
        }
        // Mostly the request is here already; then the poll never needs to hear of the connection.
        self.advance(connection, wait, now);
    }

    /// Takes the connection as far as what has arrived allows: to a worker, to its end, or back to waiting.
    fn advance(&mut self, mut connection: Connection, mut wait: Wait, now: Instant) {
        for _ in 0..READS_A_TURN {
            match connection.next_head(&self.edge.limits) {
                Err(refusal) => return self.refuse(connection, wait, refusal, now),
                Ok(Some(head)) => match self.handler.instant(&head) {
                    None => return self.dispatch(connection, wait, head, now),
                    Some(response) => {
                        let keep_alive = head.keep_alive && !self.edge.is_stopping();
                        if !keep_alive {
                            let bytes = Asked::by(&head).encode(&response, false);
                            return self.part(connection, wait, &bytes, now);
                        }
                        // A client that has left megabytes of answers unread while it asks for more is not waited for.
                        if !connection.write_now(&Asked::by(&head).encode(&response, true)) {
                            return self.close(connection, wait);
                        }
                        self.idle(&mut wait, now);
                        continue;
                    }
                },
                Ok(None) if connection.buffer.is_empty() => {}
                Ok(None) if wait.phase != Phase::Head => {
                    wait.phase = Phase::Head;
                    wait.deadline = now + self.edge.limits.head_timeout;
                }
                Ok(None) => {}
            }
            match connection.fill_through(&mut self.scratch) {
                Fill::Bytes => {}
                Fill::Blocked => return self.park(connection, wait),
                Fill::End if connection.buffer.is_empty() => return self.close(connection, wait),
                Fill::End => return self.refuse(connection, wait, Refusal::ENDS_IN_HEAD, now),
                Fill::Broken => return self.close(connection, wait),
            }
        }
        self.again.insert(connection.id);
        self.park(connection, wait);
    }

    fn idle(&self, wait: &mut Wait, now: Instant) {
        wait.phase = Phase::Idle;
        wait.deadline = now + self.edge.limits.keep_alive;
    }

    /// Gives the connection to a worker, or answers that there is none.
    fn dispatch(&mut self, connection: Connection, mut wait: Wait, head: Head, now: Instant) {
        self.unregister(&connection, &mut wait);
        let (id, socket) = (connection.id, Arc::clone(&connection.socket));
        let job = Box::new(Job {
            connection,
            head,
            received: now,
        });
        if self.edge.is_ending() {
            return self.overload(job, wait, now);
        }
        self.busy.insert(id, socket);
        let (edge, handler) = (&self.edge, &self.handler);
        if let Err(job) = edge.pool.submit(job, || worker::spawn(edge, handler)) {
            self.busy.remove(&id);
            self.overload(job, wait, now);
        }
    }

    fn overload(&mut self, job: Box<Job>, mut wait: Wait, now: Instant) {
        let Job {
            connection, head, ..
        } = *job;
        self.edge.counts.refused(Refusal::OVERLOADED);
        let response = self.handler.refusal(Refusal::OVERLOADED);
        let keep_alive = head.keep_alive && !head.has_body() && !self.edge.is_stopping();
        let bytes = Asked::by(&head).encode(&response, keep_alive);
        if !keep_alive {
            return self.part(connection, wait, &bytes, now);
        }
        if !connection.write_now(&bytes) {
            return self.close(connection, wait);
        }
        self.idle(&mut wait, now);
        // What is pipelined behind it has its turn after the others.
        self.again.insert(connection.id);
        self.park(connection, wait);
    }

    fn take_returns(&mut self, now: Instant) {
        for returned in self.edge.returns.take() {
            self.busy.remove(&returned.id());
            let mut wait = Wait {
                phase: Phase::Idle,
                deadline: now,
                registered: false,
                discarded: 0,
            };
            match returned {
                Return::Keep(connection) => {
                    self.idle(&mut wait, now);
                    self.advance(connection, wait, now);
                }
                Return::Discard(connection) => self.begin_closing(connection, wait, now),
                Return::Refused(job) => self.overload(job, wait, now),
                Return::Ended(_) => {}
            }
        }
    }

    fn park(&mut self, mut connection: Connection, mut wait: Wait) {
        connection.rest();
        let id = connection.id;
        if !wait.registered {
            let descriptor = connection.descriptor();
            // Edge-triggered, but what is there already is reported after registering (epoll(7)): nothing is missed.
            let mut source = SourceFd(&descriptor);
            if let Err(error) =
                self.poll
                    .registry()
                    .register(&mut source, Token(id), Interest::READABLE)
            {
                log::debug!("cannot watch a connection: {error}");
                return;
            }
            wait.registered = true;
        }
        self.buffered += connection.buffer.capacity();
        self.deadlines.insert(wait.phase, wait.deadline, id);
        self.parked.insert(id, Parked { connection, wait });
    }

    /// Keeps the memory of heads that are not whole within its bound, at the cost of the slowest.
    fn bound_heads(&mut self, now: Instant) {
        while self.buffered > MAX_BUFFERED
            && let Some((_, id)) = self.deadlines.oldest(Phase::Head)
            && let Some((connection, wait)) = self.unpark(id)
        {
            self.refuse(connection, wait, Refusal::TOO_MANY_CONNECTIONS, now);
        }
    }

    fn unpark(&mut self, id: usize) -> Option<(Connection, Wait)> {
        let Parked { connection, wait } = self.parked.remove(&id)?;
        self.deadlines.remove(wait.phase, wait.deadline, id);
        self.buffered = self.buffered.saturating_sub(connection.buffer.capacity());
        Some((connection, wait))
    }

    fn close(&self, connection: Connection, mut wait: Wait) {
        self.unregister(&connection, &mut wait);
    }

    fn unregister(&self, connection: &Connection, wait: &mut Wait) {
        if std::mem::take(&mut wait.registered) {
            let descriptor = connection.descriptor();
            // It fails only for a descriptor that is not watched, which is what is wanted.
            let _ = self.poll.registry().deregister(&mut SourceFd(&descriptor));
        }
    }
}
