//! `GET /v1/diagnostics/routes`: what is cooling, why, and for how long.

use std::time::Instant;

use serde::Serialize;

use crate::config::{Route, Step};
use crate::routing::Ledger;

use super::journal::milliseconds;

#[derive(Serialize)]
struct Report<'a> {
    routes: Vec<RouteReport<'a>>,
}

#[derive(Serialize)]
struct RouteReport<'a> {
    name: &'a str,
    steps: Vec<StepReport<'a>>,
}

/// How a step stands with the ledger.
#[derive(Serialize)]
pub struct StepReport<'a> {
    step_index: usize,
    provider: &'a str,
    model: &'a str,
    /// Whether the next request would call it.
    usable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    cooling: Vec<Cooling>,
}

#[derive(Serialize)]
struct Cooling {
    scope: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_index: Option<usize>,
    class: &'static str,
    /// The provider said itself for how long; else it is a guess.
    stated: bool,
    remaining_ms: u64,
}

/// The report on these routes as JSON.
pub fn report<'a>(
    routes: impl Iterator<Item = &'a Route>,
    ledger: &Ledger,
    now: Instant,
) -> Vec<u8> {
    let route = |route: &'a Route| RouteReport {
        name: &route.name,
        steps: route
            .steps
            .iter()
            .enumerate()
            .map(|(index, step)| step_report(index, step, ledger, now))
            .collect(),
    };
    let report = Report {
        routes: routes.map(route).collect(),
    };
    // Strings and numbers always serialize; the empty object is for the type checker.
    serde_json::to_vec(&report).unwrap_or_else(|_| b"{}".to_vec())
}

/// The report on one step.
pub fn step_report<'a>(
    index: usize,
    step: &'a Step,
    ledger: &Ledger,
    now: Instant,
) -> StepReport<'a> {
    let remaining = |until: Instant| milliseconds(until.saturating_duration_since(now));
    let standing = ledger.cooling_of(step, now);
    let entries = ledger.cooling(now).filter(|entry| {
        entry.provider == step.provider.index && entry.model.is_none_or(|model| model == step.model)
    });
    let cooling = entries.map(|entry| Cooling {
        scope: match (entry.key, entry.model) {
            (None, _) => "provider",
            (Some(_), None) => "key",
            (Some(_), Some(_)) => "key and model",
        },
        // A provider without keys is kept under its one empty key.
        key_index: entry.key.filter(|_| !step.provider.keys.is_empty()),
        class: entry.cooling.class.label(),
        stated: entry.cooling.stated,
        remaining_ms: remaining(entry.cooling.until),
    });
    StepReport {
        step_index: index,
        provider: &step.provider.name,
        model: &step.model,
        usable: standing.is_none(),
        retry_after_ms: standing.map(|cooling| remaining(cooling.until)),
        cooling: cooling.collect(),
    }
}
