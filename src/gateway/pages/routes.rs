//! `GET /v1/diagnostics/routes`: the steps that are cooling, why, and for how long.

use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;

use crate::config::{Route, Step};
use crate::gateway::context::Context;
use crate::http::Response;
use crate::routing::Ledger;
use crate::text::milliseconds;

use super::visit::{Unserved, Visit, json};

#[derive(Serialize)]
struct Report<'a> {
    routes: Vec<RouteReport<'a>>,
}

#[derive(Serialize)]
struct RouteReport<'a> {
    name: &'a str,
    steps: Vec<StepStanding<'a>>,
}

/// How a step stands with the ledger.
#[derive(Serialize)]
pub struct StepStanding<'a> {
    step_index: usize,
    provider: &'a str,
    model: &'a str,
    /// Whether the next request would call it.
    usable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    cooling: Vec<CoolingReport>,
}

#[derive(Serialize)]
struct CoolingReport {
    scope: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_index: Option<usize>,
    class: &'static str,
    /// The provider said itself for how long; else it is a guess.
    stated: bool,
    remaining_ms: u64,
}

/// The report on the routes that the client may see.
pub fn page(visit: &Visit<'_, '_>) -> Result<Response, Unserved> {
    let (ledger, now) = (visit.context.ledger.lock(), Instant::now());
    Ok(json(200, &report(visit.routes(), &ledger, now)))
}

/// The report on all routes, as JSON, for who runs the gateway.
pub fn report_on_all(context: &Context) -> Vec<u8> {
    let (ledger, now) = (context.ledger.lock(), Instant::now());
    let routes = context.config.routes.iter();
    json(200, &report(routes, &ledger, now)).body
}

fn report<'a>(
    routes: impl Iterator<Item = &'a Arc<Route>>,
    ledger: &Ledger,
    now: Instant,
) -> Report<'a> {
    let routes = routes.map(|route| RouteReport {
        name: &route.name,
        steps: standings(route, ledger, now).collect(),
    });
    Report {
        routes: routes.collect(),
    }
}

/// The reports on a route's steps.
pub fn standings<'a>(
    route: &'a Route,
    ledger: &Ledger,
    now: Instant,
) -> impl Iterator<Item = StepStanding<'a>> {
    let steps = route.steps.iter().enumerate();
    steps.map(move |(index, step)| standing_of(index, step, ledger, now))
}

fn standing_of<'a>(
    index: usize,
    step: &'a Step,
    ledger: &Ledger,
    now: Instant,
) -> StepStanding<'a> {
    let remaining = |until: Instant| milliseconds(until.saturating_duration_since(now));
    let standing = ledger.cooling_of(step, now);
    let entries = ledger.cooling(now).filter(|entry| {
        entry.provider == step.provider.index && entry.model.is_none_or(|model| model == step.model)
    });
    let cooling = entries.map(|entry| CoolingReport {
        scope: match (entry.key, entry.model) {
            (None, None) => "provider",
            (None, Some(_)) => "model",
            (Some(_), None) => "key",
            (Some(_), Some(_)) => "key and model",
        },
        // A provider without keys is kept under its one empty key.
        key_index: entry.key.filter(|_| !step.provider.keys.is_empty()),
        class: entry.cooling.class.label(),
        stated: entry.cooling.stated,
        remaining_ms: remaining(entry.cooling.until),
    });
    StepStanding {
        step_index: index,
        provider: &step.provider.name,
        model: &step.model,
        usable: standing.is_none(),
        retry_after_ms: standing.map(|cooling| remaining(cooling.until)),
        cooling: cooling.collect(),
    }
}
