//! The state that the front and the workers share, and the limits that can be held.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::budget::Budget;
use crate::config;

use super::cgroup;
use super::descriptors;
use super::handoff::HandoffQueue;
use super::permits::ClientPermits;
use super::pool::Pool;
use super::refusal::Refusal;
use super::stalls::Stalls;
use super::stats::EdgeCounts;
use super::stop::StopSign;
use super::stranger_lines::StrangerLines;
use super::tasks;

/// The server as its threads see it.
pub(super) struct Edge {
    pub limits: config::EdgeLimits,
    pub pool: Arc<Pool>,
    pub counts: Arc<EdgeCounts>,
    pub lines: Arc<StrangerLines>,
    pub clients: ClientPermits,
    pub handoff: HandoffQueue,
    pub stop: Arc<StopSign>,
    /// The memory for bodies and for answers that wait for their clients.
    pub budget: Budget,
    pub stalls: Stalls,
}

impl Edge {
    /// Counts a refusal, and writes its line where it has one.
    pub fn refused(&self, peer: IpAddr, refusal: Refusal) {
        self.counts.refused(refusal);
        if self.lines.admit(peer, refusal.status()) {
            log::info!(
                address:% = peer, status = refusal.status(), reason = refusal.message;
                "refused"
            );
        }
    }

    pub fn is_stopping(&self) -> bool {
        self.stop.is_raised()
    }

    /// Whether the time to finish is over.
    pub fn is_ending(&self) -> bool {
        self.stop.is_over()
    }
}

/// The part of the memory limit of the system that bodies may have.
const SHARE_OF_BODIES: usize = 3;
/// The memory of bodies where the system sets no limit (bytes).
const BODIES: usize = 128 * 1024 * 1024;

/// The memory that a control group has for something else than workers and bodies: the process at rest, its idle
/// connections, its first workers (bytes).
const BASE: usize = 8 * 1024 * 1024;

/// The memory of workers and bodies together: all that the control group allows, less what the rest takes.
pub(super) fn all_memory() -> usize {
    cgroup::memory_limit().map_or(usize::MAX, |limit| limit.saturating_sub(BASE))
}

/// The memory of bodies: as configured, else a third of what the control group allows, else 128 MiB.
pub(super) fn body_memory(limits: &config::EdgeLimits) -> usize {
    let allowed = || cgroup::memory_limit().map(|limit| limit / SHARE_OF_BODIES);
    limits.body_memory.or_else(allowed).unwrap_or(BODIES)
}

/// Limits that can be held: durations that can be added to any point in time (to a server, a year is as good as forever),
/// no more requests and connections than there are threads and descriptors for, and no larger body than there is memory for.
pub(super) fn attainable(mut limits: config::EdgeLimits) -> config::EdgeLimits {
    let memory = body_memory(&limits);
    limits.max_body = limits.max_body.min(memory);
    limits.max_upload = limits.max_upload.min(memory);
    let requests = tasks::affordable(limits.max_concurrent_requests);
    (limits.max_connections, limits.max_concurrent_requests) =
        descriptors::affordable(limits.max_connections, requests);
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
    for duration in [
        &mut limits.head_timeout,
        &mut limits.body_timeout,
        &mut limits.keep_alive,
        &mut limits.linger_timeout,
        &mut limits.write_timeout,
        &mut limits.shutdown_timeout,
    ] {
        *duration = YEAR.min(*duration);
    }
    limits
}
