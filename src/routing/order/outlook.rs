//! The outlook of a step: what the ledger knows of it before a walk begins.

use std::time::Instant;

use crate::config::{Route, Step};
use crate::routing::ledger::Ledger;

/// The standing of a step, as far as an order of steps goes by it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepOutlook {
    /// Some key of it is not cooling.
    pub usable: bool,
    /// The part of its limits that is left (0 to 1); whole where it is unknown.
    pub left: f32,
}

impl StepOutlook {
    fn of(step: &Step, ledger: &Ledger, now: Instant) -> Self {
        Self {
            usable: ledger.cooling_of(step, now).is_none(),
            left: ledger.share_left(step, now).unwrap_or(1.0),
        }
    }

    /// Whether the step can be expected to serve: it is neither cooling nor full.
    pub fn serves(&self) -> bool {
        self.usable && self.left > 0.0
    }
}

/// The outlooks of a route's steps.
pub fn outlook(route: &Route, ledger: &Ledger, now: Instant) -> Vec<StepOutlook> {
    let steps = route.steps.iter();
    steps
        .map(|step| StepOutlook::of(step, ledger, now))
        .collect()
}
