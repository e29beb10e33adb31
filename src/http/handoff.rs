//! The handoff of connections from the workers back to the front.

use std::sync::{Arc, Mutex};

use mio::Waker;

use crate::sync::lock;

use super::collecting::Collecting;
use super::connection::Connection;
use super::outgoing::Outgoing;
use super::pool::Job;

/// A connection on its way back to the front, with all that the front had allocated for its request: a worker that freed
/// those pieces would keep them, 8 KB a worker (see [`crate::freed_memory`]).
pub(super) enum Handoff {
    /// For its next request. The buffer may hold the beginning of it, or all.
    Keep(Box<Job>),
    /// To be closed once the client has stopped sending (lingering close).
    Discard(Box<Job>),
    /// For its next request, whose body is not whole.
    Collect(Box<Job>, Box<Collecting>),
    /// For its next request, which is whole, and whose worker is needed elsewhere.
    Ready(Box<Job>),
    /// For the rest of an answer, which the client has to make room for.
    Write(Box<Job>, Box<Outgoing>),
    /// Ended; only its id is left.
    Ended(usize),
}

impl Handoff {
    pub fn id(&self) -> usize {
        match self {
            Self::Keep(job)
            | Self::Discard(job)
            | Self::Collect(job, _)
            | Self::Ready(job)
            | Self::Write(job, _) => job.connection.id,
            Self::Ended(id) => *id,
        }
    }
}

/// The queue from the workers to the front, never longer than the number of connections.
pub(super) struct HandoffQueue {
    waiting: Mutex<Vec<Handoff>>,
    waker: Arc<Waker>,
}

impl HandoffQueue {
    pub fn new(waker: Arc<Waker>) -> Self {
        Self {
            waiting: Mutex::new(Vec::new()),
            waker,
        }
    }

    pub fn take(&self) -> Vec<Handoff> {
        std::mem::take(&mut *lock(&self.waiting))
    }

    fn put(&self, handoff: Handoff) {
        let mut waiting = lock(&self.waiting);
        waiting.push(handoff);
        // One wake-up is enough for all that arrive before the front has taken them.
        if waiting.len() == 1 {
            let _ = self.waker.wake();
        }
    }
}

/// The lease of a connection to a worker. Its end reaches the front, also that by a panic.
pub(super) struct Lease<'e> {
    id: usize,
    queue: &'e HandoffQueue,
    handed_off: bool,
}

impl<'e> Lease<'e> {
    pub fn new(connection: &Connection, queue: &'e HandoffQueue) -> Self {
        Self {
            id: connection.id,
            queue,
            handed_off: false,
        }
    }

    /// Gives the connection back for its next request.
    pub fn keep(self, job: Box<Job>) {
        self.end(job, Handoff::Keep);
    }

    pub fn discard(self, job: Box<Job>) {
        self.end(job, Handoff::Discard);
    }

    /// Gives the connection back with a request whose body is not whole.
    pub fn collect(self, job: Box<Job>, collecting: Box<Collecting>) {
        self.end(job, |job| Handoff::Collect(job, collecting));
    }

    /// Gives the connection back with a whole request.
    pub fn resubmit(self, job: Box<Job>) {
        self.end(job, Handoff::Ready);
    }

    /// Gives the connection back with the rest of an answer.
    pub fn write(self, job: Box<Job>, rest: Box<Outgoing>) {
        self.end(job, |job| Handoff::Write(job, rest));
    }

    fn end(mut self, mut job: Box<Job>, handoff: impl FnOnce(Box<Job>) -> Handoff) {
        // Before the front can come to the next request on the connection.
        job.permit.release();
        self.handed_off = true;
        self.queue.put(handoff(job));
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if !self.handed_off {
            self.queue.put(Handoff::Ended(self.id));
        }
    }
}
