//! The failure that pages show for a step: its last one or, where something else keeps it away, a limit or the reason of a mark.

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
    /// `None` for a limit that is used, and for the reason of a mark that another route's request has left, another
    /// gateway's, or one before the restart.
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
                let limit = ledger.limit_of(step, now);
                let limit = limit.map(|(_, line)| line.to_string());
                Some(Self::kept_away(cooling.class, limit))
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

    /// The words of a limit, or those of a mark.
    fn kept_away(class: Class, limit: Option<String>) -> Self {
        let of_mark = || {
            let words = class.label().replace('_', " ");
            format!("{words}, found by another route or before the start")
        };
        Self {
            text: limit.unwrap_or_else(of_mark),
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
