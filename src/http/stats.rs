//! The figures of the edge.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::deadlines::{Awaited, Deadlines};
use super::pool::Pool;
use super::refusal::Refusal;
use super::stranger_lines::StrangerLines;

/// The statuses of all refusals.
const STATUSES: [u16; 9] = [400, 408, 414, 417, 431, 500, 501, 503, 505];

/// The figures of a server, to be read from any thread. Reading takes the lock of the pool for a moment, and no other.
#[derive(Clone)]
pub struct Stats {
    pub(super) counts: Arc<EdgeCounts>,
    pub(super) pool: Arc<Pool>,
    pub(super) lines: Arc<StrangerLines>,
}

/// The figures of a server at some moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeFigures {
    /// Connections by state: its name, and the number of connections in it.
    pub connections: [(&'static str, u64); 5],
    /// Connections since the start.
    pub accepted: u64,
    pub workers_busy: u64,
    /// Workers without a request.
    pub workers_idle: u64,
    /// Requests and connections turned away before any handler saw them, by status.
    pub refused: [(u16, u64); STATUSES.len()],
}

/// The counts of the front.
#[derive(Default)]
pub(super) struct EdgeCounts {
    fresh: AtomicU64,
    idle: AtomicU64,
    head: AtomicU64,
    closing: AtomicU64,
    busy: AtomicU64,
    accepted: AtomicU64,
    refused: [AtomicU64; STATUSES.len()],
}

impl Stats {
    /// Whether an answer to a request without a key has a line in the log, see [`StrangerLines`].
    pub fn admits_line(&self, client: IpAddr, status: u16) -> bool {
        self.lines.admit(client, status)
    }

    pub fn read(&self) -> EdgeFigures {
        let counts = &self.counts;
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (workers_busy, workers_idle) = self.pool.workers();
        let mut refused = STATUSES.map(|status| (status, 0));
        for ((_, read), count) in refused.iter_mut().zip(&counts.refused) {
            *read = load(count);
        }
        EdgeFigures {
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

impl EdgeCounts {
    pub fn accepted(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    pub fn refused(&self, refusal: Refusal) {
        let mut counts = STATUSES.iter().zip(&self.refused);
        if let Some((_, count)) = counts.find(|(status, _)| **status == refusal.status()) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts the connections: those the front waits on, and those that workers have. A connection that waits for its client
    /// to read an answer counts as busy.
    pub fn connections(&self, waiting: &Deadlines, busy: usize) {
        let of = |awaited| waiting.count(awaited) as u64;
        self.fresh.store(of(Awaited::FirstByte), Ordering::Relaxed);
        self.idle.store(of(Awaited::NextRequest), Ordering::Relaxed);
        let reading = of(Awaited::Head) + of(Awaited::Body);
        self.head.store(reading, Ordering::Relaxed);
        self.closing.store(of(Awaited::Close), Ordering::Relaxed);
        let busy = busy as u64 + of(Awaited::Room);
        self.busy.store(busy, Ordering::Relaxed);
    }
}
