//! The client's counters.

use std::sync::atomic::{AtomicU64, Ordering};

/// The client's counters since the start of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Calls over a connection made for them.
    pub new_connections: u64,
    /// Calls over a connection that had served another call before.
    pub reused_connections: u64,
    /// Lookups of names that failed.
    pub dns_failures: u64,
    /// Uses of stale addresses, which no lookup had renewed yet.
    pub stale_answers: u64,
}

#[derive(Debug, Default)]
pub(super) struct CallCounts {
    new_connections: AtomicU64,
    reused_connections: AtomicU64,
    dns_failures: AtomicU64,
    stale_answers: AtomicU64,
}

impl CallCounts {
    /// Counts a call by its connection.
    pub fn connection(&self, reused: bool) {
        let count = if reused {
            &self.reused_connections
        } else {
            &self.new_connections
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    pub fn dns_failure(&self) {
        self.dns_failures.fetch_add(1, Ordering::Relaxed);
    }

    pub fn stale_answer(&self) {
        self.stale_answers.fetch_add(1, Ordering::Relaxed);
    }

    pub fn read(&self) -> Stats {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Stats {
            new_connections: load(&self.new_connections),
            reused_connections: load(&self.reused_connections),
            dns_failures: load(&self.dns_failures),
            stale_answers: load(&self.stale_answers),
        }
    }
}
