//! What the edge is doing, in numbers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::deadlines::{Deadlines, Phase};
use super::pool::Pool;
use super::refusal::{Reason, Refusal};

const REASONS: usize = Reason::ALL.len();

/// A look into a server, from any thread. It takes the lock of the pool for a moment, and nothing else.
#[derive(Clone)]
pub struct Stats {
    pub(super) counts: Arc<Counts>,
    pub(super) pool: Arc<Pool>,
}

/// What a server was doing at some moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Connections by what they do: the name of the state and how many are in it.
    pub connections: [(&'static str, u64); 5],
    /// Connections since the start.
    pub accepted: u64,
    pub workers_busy: u64,
    /// Waiting for a request.
    pub workers_idle: u64,
    /// Requests and connections turned away before any handler saw them, by status.
    pub refused: [(u16, u64); REASONS],
}

/// What the front counts.
#[derive(Default)]
pub(super) struct Counts {
    fresh: AtomicU64,
    idle: AtomicU64,
    head: AtomicU64,
    closing: AtomicU64,
    busy: AtomicU64,
    accepted: AtomicU64,
    refused: [AtomicU64; REASONS],
}

impl Stats {
    pub fn read(&self) -> Reading {
        let counts = &self.counts;
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (workers_busy, workers_idle) = self.pool.workers();
        let mut refused = Reason::ALL.map(|reason| (reason.status(), 0));
        for ((_, read), count) in refused.iter_mut().zip(&counts.refused) {
            *read = load(count);
        }
        Reading {
            connections: [
                ("new", load(&counts.fresh)),
                ("idle", load(&counts.idle)),
                ("reading", load(&counts.head)),
                ("busy", load(&counts.busy)),
                ("closing", load(&counts.closing)),
            ],
            accepted: load(&counts.accepted),
            workers_busy: workers_busy as u64,
            workers_idle: workers_idle as u64,
            refused,
        }
    }
}

impl Counts {
    pub fn accepted(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    pub fn refused(&self, refusal: Refusal) {
        if let Some(count) = self.refused.get(refusal.reason as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many connections there are: those the front waits on, and those that workers have.
    pub fn connections(&self, waiting: &Deadlines, busy: usize) {
        let of = |phase| waiting.count(phase) as u64;
        self.fresh.store(of(Phase::Fresh), Ordering::Relaxed);
        self.idle.store(of(Phase::Idle), Ordering::Relaxed);
        self.head.store(of(Phase::Head), Ordering::Relaxed);
        self.closing.store(of(Phase::Closing), Ordering::Relaxed);
        self.busy.store(busy as u64, Ordering::Relaxed);
    }
}
