//! The counts since the process began, by route and by step: for sums over hours and days.

use std::sync::atomic::Ordering;

use super::instruments::{Metrics, RequestInstruments, TargetInstruments};
use crate::dialect::class::Class;

/// The statuses of clients that went away: nothing is known of what they would have got.
const LEFT: u16 = 499;

/// Counters that only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub answered: u64,
    pub failed: u64,
    /// Steps that failed or were skipped before the one that answered.
    pub fallbacks: u64,
    pub input_tokens: u64,
    pub output_tokens: u64,
    /// Millionths of the currency.
    pub cost: u64,
    /// The time that the answered attempts took (milliseconds); 0 of a route.
    pub answer_ms: u64,
}

/// The subject of some totals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted<'m> {
    pub route: &'m str,
    /// The provider and the model of a step; `None` for the requests of the route.
    pub target: Option<(&'m str, &'m str)>,
}

impl Metrics {
    /// The totals of each route, followed by those of the providers and models of its steps.
    pub fn each_total(&self, take: &mut dyn FnMut(Counted<'_>, Totals)) {
        for route in &self.routes {
            let targets = || route.targets.iter().map(|target| target.totals());
            let mut of_route = route.requests.totals();
            for of_target in targets() {
                of_route.input_tokens += of_target.input_tokens;
                of_route.output_tokens += of_target.output_tokens;
                of_route.cost += of_target.cost;
            }
            let name = &route.name;
            let counted = |target| Counted {
                route: name,
                target,
            };
            take(counted(None), of_route);
            for (target, totals) in route.targets.iter().zip(targets()) {
                take(counted(Some((&target.provider, &target.model))), totals);
            }
        }
    }
}

impl RequestInstruments {
    fn totals(&self) -> Totals {
        let mut totals = Totals {
            fallbacks: self.fallbacks.load(Ordering::Relaxed),
            ..Totals::default()
        };
        for stream in [false, true] {
            for (status, count) in self.answers.of(stream).statuses() {
                match status {
                    LEFT => {}
                    200..300 => totals.answered += count,
                    _ => totals.failed += count,
                }
            }
        }
        let broken = self.broken_streams.load(Ordering::Relaxed);
        totals.answered = totals.answered.saturating_sub(broken);
        totals.failed += broken;
        totals
    }
}

impl TargetInstruments {
    fn totals(&self) -> Totals {
        let mut totals = Totals {
            cost: self.cost.load(Ordering::Relaxed),
            ..Totals::default()
        };
        for operation in self.operations.iter() {
            if let Some(durations) = operation.attempts(None) {
                let read = durations.read();
                totals.answered += read.total();
                totals.answer_ms += (read.sum() * 1e3) as u64;
            }
            for class in Class::ALL {
                if class != Class::Cancelled {
                    let durations = operation.attempts(Some(class));
                    totals.failed += durations.map_or(0, |durations| durations.read().total());
                }
            }
            totals.input_tokens += operation.input_tokens.read().sum() as u64;
            totals.output_tokens += operation.output_tokens.read().sum() as u64;
        }
        totals
    }
}
