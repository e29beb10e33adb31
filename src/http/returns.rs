//! The way of connections from the workers back to the front.

use std::sync::{Arc, Mutex};

use mio::Waker;

use crate::sync::lock;

use super::connection::Connection;
use super::pool::Job;

/// What a worker gives back to the front.
pub(super) enum Return {
    /// The next request may come; the buffer may hold its beginning, or all of it.
    Keep(Connection),
    /// To be closed once the client has stopped sending.
    Discard(Connection),
    /// There is no worker for this one after all.
    Refused(Box<Job>),
    /// The connection of this id has ended.
    Ended(usize),
}

impl Return {
    pub fn id(&self) -> usize {
        match self {
            Self::Keep(connection) | Self::Discard(connection) => connection.id,
            Self::Refused(job) => job.connection.id,
            Self::Ended(id) => *id,
        }
    }
}

/// The way back from the workers to the front. Never longer than the number of connections.
pub(super) struct Returns {
    waiting: Mutex<Vec<Return>>,
    waker: Arc<Waker>,
}

impl Returns {
    pub fn new(waker: Arc<Waker>) -> Self {
        Self {
            waiting: Mutex::new(Vec::new()),
            waker,
        }
    }

    pub fn take(&self) -> Vec<Return> {
        std::mem::take(&mut *lock(&self.waiting))
    }

    pub fn refuse(&self, job: Box<Job>) {
        self.put(Return::Refused(job));
    }

    fn put(&self, returned: Return) {
        let mut waiting = lock(&self.waiting);
        waiting.push(returned);
        // One wake-up serves all that arrive before the front has taken them.
        if waiting.len() == 1 {
            let _ = self.waker.wake();
        }
    }
}

/// A worker's hold on a connection. However the worker loses it, the front hears of it.
pub(super) struct Lease<'e> {
    id: usize,
    returns: &'e Returns,
    given_back: bool,
}

impl<'e> Lease<'e> {
    pub fn new(connection: &Connection, returns: &'e Returns) -> Self {
        Self {
            id: connection.id,
            returns,
            given_back: false,
        }
    }

    #[inline(never)] // frames of their own keep the stack of a waiting worker small
    pub fn keep(mut self, job: Box<Job>) {
        self.given_back = true;
        self.returns.put(Return::Keep(job.connection));
    }

    #[inline(never)] // frames of their own keep the stack of a waiting worker small
    pub fn discard(mut self, job: Box<Job>) {
        self.given_back = true;
        self.returns.put(Return::Discard(job.connection));
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if !self.given_back {
            self.returns.put(Return::Ended(self.id));
        }
    }
}
