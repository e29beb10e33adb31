//! The handoff of connections from the workers back to the front.

use std::sync::{Arc, Mutex};

use mio::Waker;

use crate::sync::lock;

use super::connection::Connection;
use super::pool::Job;

/// A connection on its way back to the front.
pub(super) enum Handoff {
    /// For its next request. The buffer may hold the beginning of it, or all.
    Keep(Connection),
    /// To be closed once the client has stopped sending (lingering close).
    Discard(Connection),
    /// Admitted, and without a worker after all: the request is refused.
    Refused(Box<Job>),
    /// Ended; only its id is left.
    Ended(usize),
}

impl Handoff {
    pub fn id(&self) -> usize {
        match self {
            Self::Keep(connection) | Self::Discard(connection) => connection.id,
            Self::Refused(job) => job.connection.id,
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

    pub fn refuse(&self, job: Box<Job>) {
        self.put(Handoff::Refused(job));
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

    pub fn keep(self, job: Box<Job>) {
        self.end(job, Handoff::Keep);
    }

    pub fn discard(self, job: Box<Job>) {
        self.end(job, Handoff::Discard);
    }

    fn end(mut self, job: Box<Job>, handoff: fn(Connection) -> Handoff) {
        let Job {
            connection, permit, ..
        } = *job;
        // Before the front can come to the next request on the connection.
        drop(permit);
        self.handed_off = true;
        self.queue.put(handoff(connection));
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if !self.handed_off {
            self.queue.put(Handoff::Ended(self.id));
        }
    }
}
