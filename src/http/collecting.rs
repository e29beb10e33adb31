//! Request bodies as they arrive, collected without a thread and within the budget.
//!
//! Every body is collected by the front, the largest too, and handed over whole: it is read into the memory in which the
//! worker will have it, so that the last copy of a large one is the kernel's. The other way, to let a worker read what
//! goes beyond a first piece, saves no copy then, and has a client hold a thread for as long as it likes to send.

use std::time::{Duration, Instant};

use crate::budget::{Budget, Charge, FREE};
use crate::chunked::{ChunkError, ChunkedDecoder};
use crate::config;

use super::body::{Body, BodyError, largest};
use super::connection::{Connection, Fill, READ_SIZE, receive_into};
use super::framing::Framing;
use super::head::Head;
use super::outgoing::SLOWEST;
use super::permits::ClientPermit;

/// The size from which a body is read into its place at once, and not by way of the connection's buffer (bytes).
const LARGE: usize = 64 * 1024;

/// The time over which the rate of a body is taken.
const PACE: Duration = Duration::from_secs(5);

/// A request whose body is under way.
pub(super) struct Collecting {
    pub head: Head,
    /// The time at which the head was whole.
    pub received: Instant,
    /// The deadline of the whole body.
    pub deadline: Instant,
    /// The client waits to be told to go on.
    pub awaits_continue: bool,
    /// The time since which it waits for memory.
    pub waiting_since: Option<Instant>,
    /// Held by a client behind a proxy.
    pub permit: Option<ClientPermit>,
    coding: Coding,
    max_body: usize,
    body: Vec<u8>,
    charge: Charge,
    pace: Pace,
}

enum Coding {
    /// The announced length.
    Length(usize),
    Chunked(ChunkedDecoder),
}

/// The state of a body after what has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Whole,
    /// More has to arrive.
    Part,
    /// The budget is spent; what has arrived stays where it is.
    NoMemory,
    Failed(BodyError),
}

/// A request whose head is whole.
#[expect(
    clippy::large_enum_variant,
    reason = "taken apart where it is made; a box would be an allocation for each request"
)]
pub(super) enum Arrival {
    /// There is nothing to wait for: no body, all of it, or one that is refused whatever follows.
    Ready(Head, Body, Charge),
    Pending(Box<Collecting>),
}

/// Looks at the body of a request as far as it has arrived.
pub(super) fn arrival(
    head: Head,
    received: Instant,
    connection: &mut Connection,
    limits: &config::EdgeLimits,
    budget: &Budget,
) -> Arrival {
    let mut charge = budget.empty();
    let announced = Body::announced(&head);
    match head.framing {
        Framing::Empty => return Arrival::Ready(head, announced, charge),
        Framing::Length(length) => {
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            let is_whole = length <= connection.buffer.len();
            if length > largest(&head, limits) || (is_whole && charge.cover(length)) {
                return Arrival::Ready(head, announced, charge);
            }
        }
        Framing::Chunked => {}
    }
    let is_chunked = head.framing == Framing::Chunked;
    let mut collecting = Collecting::new(head, received, charge, limits);
    collecting.awaits_continue = collecting.head.expects_continue && connection.buffer.is_empty();
    if is_chunked {
        match collecting.take(connection) {
            Progress::Whole => {
                let (head, body, charge) = collecting.into_whole();
                return Arrival::Ready(head, body, charge);
            }
            // The worker refuses it, before any handler sees it.
            Progress::Failed(BodyError::Malformed(_)) => {
                return Arrival::Ready(collecting.head, announced, budget.empty());
            }
            Progress::Failed(error) => {
                return Arrival::Ready(collecting.head, Body::Failed(error), budget.empty());
            }
            Progress::Part | Progress::NoMemory => {}
        }
    }
    Arrival::Pending(Box::new(collecting))
}

/// The rate at which a body arrives.
struct Pace {
    since: Instant,
    /// The bytes that were there then.
    had: usize,
    was_slow: bool,
}

impl Collecting {
    /// A body of which nothing is taken yet.
    pub fn new(head: Head, received: Instant, charge: Charge, limits: &config::EdgeLimits) -> Self {
        let coding = match head.framing {
            Framing::Empty => Coding::Length(0),
            Framing::Length(length) => {
                Coding::Length(usize::try_from(length).unwrap_or(usize::MAX))
            }
            Framing::Chunked => Coding::Chunked(ChunkedDecoder::default()),
        };
        let max_body = largest(&head, limits);
        Self {
            head,
            received,
            deadline: received + limits.body_timeout,
            awaits_continue: false,
            waiting_since: None,
            permit: None,
            coding,
            max_body,
            body: Vec::new(),
            charge,
            pace: Pace {
                since: received,
                had: 0,
                was_slow: false,
            },
        }
    }

    /// Takes what belongs to the body out of the connection's buffer.
    pub fn take(&mut self, connection: &mut Connection) -> Progress {
        let buffered = connection.buffer.len();
        let wanted = match &self.coding {
            Coding::Length(length) => length.saturating_sub(self.body.len()).min(buffered),
            Coding::Chunked(_) => buffered,
        };
        if !self.make_room(wanted) {
            return Progress::NoMemory;
        }
        let arrived = connection.buffer.get(..wanted).unwrap_or_default();
        let whole = match &mut self.coding {
            Coding::Length(length) => {
                self.body.extend_from_slice(arrived);
                connection.consume(wanted);
                self.body.len() >= *length
            }
            Coding::Chunked(decoder) => {
                match decoder.decode(arrived, &mut self.body, self.max_body) {
                    Ok(used) => connection.consume(used),
                    Err(ChunkError::TooLarge) => {
                        return Progress::Failed(BodyError::TooLarge(self.max_body));
                    }
                    Err(ChunkError::Malformed(reason)) => {
                        return Progress::Failed(BodyError::Malformed(reason));
                    }
                }
                decoder.is_done()
            }
        };
        if whole {
            return Progress::Whole;
        }
        match self.rest_of_large() {
            // Its wait goes on, however often it is tried.
            Some(rest) if !self.make_room(rest.min(READ_SIZE)) => Progress::NoMemory,
            _ => {
                self.waiting_since = None;
                Progress::Part
            }
        }
    }

    /// Reads more: into its place in a large body, else by `fill` into the connection's buffer.
    pub fn read(
        &mut self,
        connection: &mut Connection,
        now: Instant,
        fill: impl FnOnce(&mut Connection) -> Fill,
    ) -> Fill {
        self.pace.look(now, self.body.len());
        let has_room = self.body.capacity() > self.body.len();
        let Some(rest) = self.rest_of_large().filter(|_| has_room) else {
            return fill(connection);
        };
        let whole = self.body.len() + rest;
        let filled = connection.received(|socket, _| receive_into(socket, &mut self.body));
        // The allocator may have given more room than was asked for.
        let surplus = self.body.get(whole..).unwrap_or_default();
        connection.buffer.extend_from_slice(surplus);
        self.body.truncate(whole);
        filled
    }

    /// Whether the client sends less than it should in return for its place (16 KiB/s, over 5 s).
    pub fn is_stalled(&self, now: Instant) -> bool {
        self.pace.is_slow(now, self.body.len())
    }

    /// The same in return for the memory that it has taken.
    pub fn is_slow(&self, now: Instant) -> bool {
        self.charge.bytes() > 0 && self.is_stalled(now)
    }

    /// The memory that is on no budget (bytes).
    pub fn unbudgeted(&self) -> usize {
        self.body.capacity().min(FREE)
    }

    /// The head, the whole body, and the charge for it.
    pub fn into_whole(mut self) -> (Head, Body, Charge) {
        // A chunked body may have room for twice its size.
        if self.body.capacity() > self.body.len() + self.body.len() / 8 + FREE {
            self.body.shrink_to_fit();
            self.charge.uncover(self.body.capacity());
        }
        (self.head, Body::Whole(self.body), self.charge)
    }

    /// The same of a body that failed. What has arrived of it is dropped.
    pub fn into_failed(mut self, error: BodyError) -> (Head, Body, Charge) {
        self.charge.shrink_to(0);
        (self.head, Body::Failed(error), self.charge)
    }

    /// The bytes to come of a body whose length is known, if it is large by now.
    fn rest_of_large(&self) -> Option<usize> {
        match self.coding {
            Coding::Length(length) if self.body.len() >= LARGE => {
                length.checked_sub(self.body.len()).filter(|rest| *rest > 0)
            }
            _ => None,
        }
    }

    /// Makes room for so many bytes more, doubling where the budget allows: memory follows what has arrived, whatever was
    /// announced. A large body of known length is charged for all of it, or waits: bodies that wait for one another with a
    /// half each would all fail. What does not arrive of it takes no memory, and goes when others want its room.
    fn make_room(&mut self, more: usize) -> bool {
        let (capacity, wanted) = (self.body.capacity(), self.body.len() + more);
        if wanted <= capacity {
            return true;
        }
        let most = match self.coding {
            Coding::Length(length) => length,
            Coding::Chunked(_) => usize::MAX,
        };
        let least = match self.coding {
            Coding::Length(length) if wanted > LARGE => length,
            Coding::Length(_) | Coding::Chunked(_) => wanted,
        };
        let doubled = capacity.saturating_mul(2).min(most).max(least);
        let mut sizes = [doubled, least].into_iter();
        let Some(size) = sizes.find(|size| self.charge.cover(*size)) else {
            return false;
        };
        self.body.reserve_exact(size - self.body.len());
        true
    }
}

impl Pace {
    fn look(&mut self, now: Instant, has: usize) {
        let window = now.saturating_duration_since(self.since);
        if window >= PACE {
            *self = Self {
                since: now,
                had: has,
                was_slow: self.is_slow_over(window, has),
            };
        }
    }

    fn is_slow(&self, now: Instant, has: usize) -> bool {
        let window = now.saturating_duration_since(self.since);
        self.was_slow || (window >= PACE && self.is_slow_over(window, has))
    }

    fn is_slow_over(&self, window: Duration, has: usize) -> bool {
        let seconds = usize::try_from(window.as_secs()).unwrap_or(usize::MAX);
        has.saturating_sub(self.had) < seconds.saturating_mul(SLOWEST)
    }
}

#[cfg(test)]
mod tests;
