//! What the front and the workers share.

use std::sync::Arc;

use crate::config;

use super::handoff::HandoffQueue;
use super::permits::ClientPermits;
use super::pool::Pool;
use super::stats::Counts;
use super::stop::StopSign;

/// The server as its threads see it.
pub(super) struct Edge {
    pub limits: config::Server,
    pub pool: Arc<Pool>,
    pub counts: Arc<Counts>,
    pub clients: ClientPermits,
    pub handoff: HandoffQueue,
    pub stop: Arc<StopSign>,
}

impl Edge {
    pub fn is_stopping(&self) -> bool {
        self.stop.is_raised()
    }

    /// Whether the time to finish is over.
    pub fn is_ending(&self) -> bool {
        self.stop.is_over()
    }
}
