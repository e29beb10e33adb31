//! What the front and the workers share.

use std::net::{Shutdown, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use mio::Waker;

use crate::config;

use super::Handler;
use super::connection::Connection;
use super::head::Head;
use super::pool::Pool;
use super::refusal::Refusal;
use super::response::Response;
use super::stats::Counts;
use super::worker::bounded;

/// The server as its threads see it.
pub(super) struct Edge {
    pub limits: config::Server,
    pub handler: Arc<dyn Handler>,
    pub pool: Arc<Pool>,
    pub counts: Arc<Counts>,
    pub returns: Returns,
    pub stop: Arc<StopSign>,
}

impl Edge {
    pub fn is_stopping(&self) -> bool {
        self.stop.is_raised()
    }

    /// What the handler answers at once, if the request is of that kind. A panic there is an answer too: 500.
    pub fn instant(&self, head: &Head) -> Option<Response> {
        if head.has_body() {
            return None;
        }
        let answered = catch_unwind(AssertUnwindSafe(|| self.handler.instant(head)));
        answered.unwrap_or_else(|panic| {
            log::error!(
                "request {}: the handler panicked: {}",
                head.request_id(),
                bounded(&*panic)
            );
            Some(Refusal::PANIC.response())
        })
    }
}

/// Tells the front to stop.
pub(super) struct StopSign {
    raised: AtomicBool,
    waker: Arc<Waker>,
}

impl StopSign {
    pub fn new(waker: Arc<Waker>) -> Self {
        Self {
            raised: AtomicBool::new(false),
            waker,
        }
    }

    pub fn is_raised(&self) -> bool {
        self.raised.load(Ordering::Acquire)
    }

    pub fn raise(&self) {
        self.raised.store(true, Ordering::Release);
        // It fails only when the front is gone, and then it has stopped.
        let _ = self.waker.wake();
    }
}

/// What a worker gives back to the front.
pub(super) enum Return {
    /// The next request may come; the buffer may hold its beginning, or all of it.
    Keep(Connection),
    /// To be closed once the client has stopped sending.
    Discard(Connection),
    /// The connection of this id has ended.
    Ended(usize),
}

impl Return {
    pub fn id(&self) -> usize {
        match self {
            Self::Keep(connection) | Self::Discard(connection) => connection.id,
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
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn put(&self, returned: Return) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
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

    pub fn keep(mut self, connection: Connection) {
        self.given_back = true;
        self.returns.put(Return::Keep(connection));
    }

    pub fn discard(mut self, connection: Connection) {
        self.given_back = true;
        self.returns.put(Return::Discard(connection));
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if !self.given_back {
            self.returns.put(Return::Ended(self.id));
        }
    }
}

/// Ends a connection that another thread owns; that thread sees errors from then on.
pub(super) fn shut(socket: &TcpStream) {
    let _ = socket.shutdown(Shutdown::Both);
}
