//! Connections that wait for their next call.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::connection::Connection;

/// How long a connection may be idle. Servers close theirs after 60 s (nginx: 75 s) or so; those are found out by the
/// probe before use, and a call that meets one anyway is repeated.
const IDLE_AGE: Duration = Duration::from_secs(90);

/// How often connections of origins that nobody asks for any more are looked at.
const SWEEP: Duration = Duration::from_secs(10);

/// Idle connections by origin, the youngest first in use: what a burst has opened ages and goes.
///
/// Taking one and giving one back are a look-up and a push under one lock, whatever their number is. ureq's own pool
/// goes through all of them each time, so it had to be kept small, and the second of two bursts met as many TLS
/// handshakes as the first.
pub(super) struct Pool {
    idle: Mutex<Idle>,
    most: usize,
}

struct Idle {
    origins: HashMap<Box<str>, VecDeque<Waiting>>,
    count: usize,
    next_sweep: Instant,
    closed: bool,
}

struct Waiting {
    connection: Box<Connection>,
    since: Instant,
}

impl Pool {
    /// A pool of at most `most` connections.
    pub fn new(most: usize) -> Self {
        Self {
            idle: Mutex::new(Idle {
                origins: HashMap::new(),
                count: 0,
                next_sweep: Instant::now() + SWEEP,
                closed: false,
            }),
            most,
        }
    }

    /// A live connection to `origin`. Dead ones that are met on the way are closed.
    pub fn take(&self, origin: &str) -> Option<Box<Connection>> {
        loop {
            // The lock is not held while a connection is probed.
            let mut waiting = self.lock().pop(origin)?;
            if waiting.since.elapsed() < IDLE_AGE && waiting.connection.is_open() {
                return Some(waiting.connection);
            }
        }
    }

    /// Keeps a connection whose last answer has been read to its end. In a full pool the oldest one of the origin that
    /// has the most makes room.
    pub fn put(&self, mut connection: Box<Connection>) {
        if self.most == 0 || !connection.rest() {
            return;
        }
        // Closing is a system call each, so it waits until the lock is free again.
        let _surplus = {
            let mut idle = self.lock();
            if idle.closed {
                return;
            }
            let now = Instant::now();
            let mut surplus = idle.sweep(now);
            if idle.count >= self.most {
                surplus.extend(idle.pop_oldest());
            }
            idle.push(Waiting {
                connection,
                since: now,
            });
            surplus
        };
    }

    /// Closes all, and keeps none from now on.
    pub fn close(&self) {
        let _all = {
            let mut idle = self.lock();
            idle.closed = true;
            idle.count = 0;
            std::mem::take(&mut idle.origins)
        };
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Idle {
    fn pop(&mut self, origin: &str) -> Option<Waiting> {
        let waiting = self.origins.get_mut(origin)?.pop_back()?;
        self.count -= 1;
        Some(waiting)
    }

    fn push(&mut self, waiting: Waiting) {
        self.count += 1;
        match self.origins.get_mut(waiting.connection.origin()) {
            Some(queue) => queue.push_back(waiting),
            None => {
                let origin = waiting.connection.origin().into();
                self.origins.insert(origin, VecDeque::from([waiting]));
            }
        }
    }

    fn pop_oldest(&mut self) -> Option<Waiting> {
        let longest = self.origins.values_mut().max_by_key(|queue| queue.len())?;
        let oldest = longest.pop_front()?;
        self.count -= 1;
        Some(oldest)
    }

    /// What has been idle for too long, looked for now and then.
    fn sweep(&mut self, now: Instant) -> Vec<Waiting> {
        let mut expired = Vec::new();
        if now < self.next_sweep {
            return expired;
        }
        self.next_sweep = now + SWEEP;
        self.origins.retain(|_, queue| {
            let old = |waiting: &Waiting| now.saturating_duration_since(waiting.since) >= IDLE_AGE;
            let end = queue.partition_point(old);
            expired.extend(queue.drain(..end));
            !queue.is_empty()
        });
        self.count -= expired.len();
        expired
    }
}
