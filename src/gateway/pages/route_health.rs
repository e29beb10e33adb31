//! `GET /health/{route}`: whether a route can answer, from real traffic and from what keeps its steps away. Nobody is
//! asked for it.

use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;

use crate::config::{Order, Route};
use crate::gateway::refusal::Refusal;
use crate::http::{Response, ResponseHead};
use crate::routing::Ledger;
use crate::telemetry::metrics::Counted;
use crate::text::{milliseconds, timestamp};

use super::last_failure::LastFailure;
use super::query;
use super::visit::{Unserved, Visit, to_json};

/// The health of a route; flat, so that a sensor of Home Assistant takes its members as they are.
#[derive(Serialize)]
struct RouteHealth<'a> {
    route: &'a str,
    state: &'static str,
    steps: usize,
    usable: usize,
    /// The step that the next request would be given, and its provider and model.
    step: Option<usize>,
    provider: Option<&'a str>,
    model: Option<&'a str>,
    /// Of a hundred; `None` where there were no requests.
    success_24h: Option<f64>,
    requests_24h: u64,
    failed_24h: u64,
    /// The median of the last quarter of an hour.
    p50_ms: Option<u64>,
    returns_at: Option<String>,
    last_error: Option<String>,
    last_error_at: Option<String>,
}

/// The standing of a route at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteState {
    /// The first step is usable.
    Serving,
    /// Only later steps are.
    Degraded,
    /// None is.
    Down,
}

/// The standing of a route's steps, as far as its state goes.
pub struct RouteStanding {
    pub state: RouteState,
    pub usable: usize,
    /// The first usable step.
    pub step: Option<usize>,
    /// The time until the soonest step is let through again, if none is now.
    pub returns_in: Option<Duration>,
}

impl RouteState {
    pub fn word(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::Degraded => "degraded",
            Self::Down => "down",
        }
    }
}

impl RouteStanding {
    /// The standing of a route by what keeps its steps away.
    pub fn of(route: &Route, ledger: &Ledger, now: Instant) -> Self {
        let waits = route.steps.iter().map(|step| {
            let cooling = ledger.cooling_of(step, now)?;
            Some(cooling.until.saturating_duration_since(now))
        });
        let waits: Vec<Option<Duration>> = waits.collect();
        let step = waits.iter().position(Option::is_none);
        Self {
            state: match step {
                Some(0) => RouteState::Serving,
                // Where the order is no order of rank, no step is a fallback.
                Some(_) if route.order != Order::Listed => RouteState::Serving,
                Some(_) => RouteState::Degraded,
                None => RouteState::Down,
            },
            usable: waits.iter().filter(|wait| wait.is_none()).count(),
            step,
            returns_in: waits.into_iter().flatten().min().filter(|_| step.is_none()),
        }
    }
}

/// The health of the route that the path names: 200, or 503 where it is down, with `?strict=1` where it is degraded.
///
/// # Errors
/// There is no such route, or none for this client.
pub fn page(visit: &Visit<'_, '_>) -> Result<Response, Unserved> {
    let context = visit.context;
    let name = visit.parameter;
    let route = context.config.route(name).filter(|route| {
        let client = visit.client;
        client.is_none_or(|client| client.may_use(&route.name))
    });
    let route = route.ok_or_else(|| unknown(&context.redactor.redact(name)))?;
    let (standing, failure) = {
        let (ledger, now) = (context.ledger.lock(), Instant::now());
        let failure = LastFailure::of_route(route, &context.history.errors, &ledger, now);
        (RouteStanding::of(route, &ledger, now), failure)
    };
    let is_strict = query::flag(visit.exchange.head().query().unwrap_or_default(), "strict");
    let status = match standing.state {
        RouteState::Serving => 200,
        RouteState::Degraded if !is_strict => 200,
        RouteState::Degraded | RouteState::Down => 503,
    };
    let mut head = ResponseHead::new(status, "application/json").with("Cache-Control", "no-store");
    if let Some(wait) = standing.returns_in {
        head = head.with(
            "Retry-After",
            milliseconds(wait).div_ceil(1000).max(1).to_string(),
        );
    }
    let health = health(visit, route, &standing, failure);
    Ok(Response::new(head, to_json(&health)))
}

/// The refusal of a name that no route has. Of other gateways' probes it tells what there is instead.
fn unknown(name: &str) -> Refusal {
    let probe = match name {
        "liveliness" | "liveness" => "/livez",
        "readiness" => "/readyz",
        _ => return Refusal::route(name),
    };
    Refusal::not_found(format!(
        "GET {probe} is here, and /health/ROUTE for the health of a route"
    ))
}

fn health<'a>(
    visit: &Visit<'a, '_>,
    route: &'a Route,
    standing: &RouteStanding,
    failure: Option<LastFailure>,
) -> RouteHealth<'a> {
    let context = visit.context;
    let counted = Counted {
        route: &route.name,
        target: None,
    };
    let [answered, failed, ..] = context.history.sums(&context.metrics).of_a_day(counted);
    let step = standing.step.and_then(|index| route.steps.get(index));
    let lately = context.metrics.route_lately(&route.name);
    let requests = answered + failed;
    let returns_at = standing.returns_in.map(|wait| SystemTime::now() + wait);
    RouteHealth {
        route: &route.name,
        state: standing.state.word(),
        steps: route.steps.len(),
        usable: standing.usable,
        step: standing.step,
        provider: step.map(|step| step.provider.name.as_str()),
        model: step.map(|step| step.model.as_str()),
        success_24h: (requests > 0).then(|| rounded(answered as f64 * 100.0 / requests as f64)),
        requests_24h: requests,
        failed_24h: failed,
        p50_ms: lately.and_then(|lately| lately.median).map(milliseconds),
        returns_at: returns_at.map(timestamp),
        last_error_at: failure.as_ref().and_then(|it| it.at).map(timestamp),
        last_error: failure.map(|failure| failure.text),
    }
}

/// One digit behind the point.
fn rounded(share: f64) -> f64 {
    (share * 10.0).round() / 10.0
}
