//! The state that the front and the workers share, and the limits that can be held.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::config;

use super::descriptors;
use super::handoff::HandoffQueue;
use super::permits::ClientPermits;
use super::pool::Pool;
use super::refusal::Refusal;
use super::stats::EdgeCounts;
use super::stop::StopSign;
use super::stranger_lines::StrangerLines;

/// The server as its threads see it.
pub(super) struct Edge {
    pub limits: config::EdgeLimits,
    pub pool: Arc<Pool>,
    pub counts: Arc<EdgeCounts>,
    pub lines: Arc<StrangerLines>,
    pub clients: ClientPermits,
    pub handoff: HandoffQueue,
    pub stop: Arc<StopSign>,
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

/// Limits that can be held: durations that can be added to any point in time (to a server, a year is as good as forever),
/// and no more connections than there are descriptors for.
pub(super) fn attainable(mut limits: config::EdgeLimits) -> config::EdgeLimits {
    limits.max_connections =
        descriptors::affordable(limits.max_connections, limits.max_concurrent_requests);
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
    for duration in [
        &mut limits.head_timeout,
        &mut limits.body_timeout,
        &mut limits.keep_alive,
        &mut limits.write_timeout,
        &mut limits.shutdown_timeout,
    ] {
        *duration = YEAR.min(*duration);
    }
    limits
}
