//! The failure that pages show for a step: its last one or, where something else keeps it away, the reason of that mark.

use std::time::{Instant, SystemTime};

use crate::config::{Route, Step};
use crate::dialect::class::Class;
use crate::gateway::history::{LastError, LastErrors};
use crate::routing::Ledger;

/// A failure, in the provider's words where this route has heard them.
pub struct LastFailure {
    pub text: String,
    pub class: Class,
    pub status: Option<u16>,
    /// `None` for the reason of a mark: it was another route's request that met it, another gateway's, or one before the
    /// restart.
    pub at: Option<SystemTime>,
}

impl LastFailure {
    /// The failure of a route's step; `None` where it never failed, and nothing keeps it away.
    pub fn of_step(
        route: &Route,
        step: &Step,
        errors: &LastErrors,
        ledger: &Ledger,
        now: Instant,
    ) -> Option<Self> {
        let own = errors.of(&route.name, &step.provider.name, &step.model);
        match ledger.cooling_of(step, now) {
            Some(cooling) if own.as_ref().is_none_or(|own| own.class != cooling.class) => {
                Some(Self::elsewhere(cooling.class))
            }
            _ => own.map(Self::from),
        }
    }

    /// The failure of a route: the latest of its steps'.
    pub fn of_route(
        route: &Route,
        errors: &LastErrors,
        ledger: &Ledger,
        now: Instant,
    ) -> Option<Self> {
        let steps = route.steps.iter().rev();
        let failures = steps.filter_map(|step| Self::of_step(route, step, errors, ledger, now));
        // Of those without a time it is the first step's.
        failures.max_by_key(|failure| failure.at)
    }

    fn elsewhere(class: Class) -> Self {
        let words = class.label().replace('_', " ");
        Self {
            text: format!("{words}, found by another route or before the start"),
            class,
            status: None,
            at: None,
        }
    }
}

impl From<LastError> for LastFailure {
    fn from(error: LastError) -> Self {
        Self {
            text: error.text,
            class: error.class,
            status: error.status,
            at: Some(error.at),
        }
    }
}
