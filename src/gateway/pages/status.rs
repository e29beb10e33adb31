//! The status page and its data.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::config::{Config, Route};
use crate::gateway::gone_models::GoneModel;
use crate::gateway::refusal::{BASE_URL, Refusal};
use crate::gateway::shared_answer::Rendered;
use crate::gateway::shared_ledger::random;
use crate::http::{Entrance, Head, Response, ResponseHead};
use crate::routing::{Ledger, StepOrders};
use crate::telemetry::metrics::{Lately, Metrics, Process, RECENT_MINUTES};
use crate::text::milliseconds;

use super::routes::{OrderReport, Reach, StepStanding, standings};
use super::visit::{Unserved, Visit, to_json};

/// The page: a file with its style and its script (less than 20 KB). It holds no data and so needs no key.
const PAGE: &str = include_str!("status.html");

/// The mark in the page where the nonce belongs.
const NONCE: &str = "{nonce}";

#[derive(Serialize)]
struct Status<'a> {
    version: &'static str,
    uptime_ms: u64,
    /// The length of `recent`.
    recent_minutes: u32,
    in_flight: u64,
    workers_busy: u64,
    connections: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_bytes: Option<u64>,
    routes: Vec<RouteStatus<'a>>,
    /// Models of these routes that their providers do not list any more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gone_models: Vec<GoneModelStatus>,
}

#[derive(Serialize)]
struct GoneModelStatus {
    provider: String,
    model: String,
    /// Names of the provider's list that come near it.
    near: Vec<String>,
}

#[derive(Serialize)]
struct RouteStatus<'a> {
    name: &'a str,
    #[serde(flatten)]
    reach: Reach<'a>,
    /// The step that the next request would try first; absent when every provider told when to come back.
    #[serde(skip_serializing_if = "Option::is_none")]
    serves_next: Option<usize>,
    #[serde(flatten)]
    order: OrderReport,
    recent: Recent,
    steps: Vec<StepStatus<'a>>,
}

#[derive(Serialize)]
struct StepStatus<'a> {
    #[serde(flatten)]
    standing: StepStanding<'a>,
    recent: Recent,
}

/// A route's requests, or a step's attempts; the durations are those of the successful ones.
#[derive(Serialize)]
struct Recent {
    succeeded: u64,
    failed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    p50_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p95_ms: Option<u64>,
    input_tokens: u64,
    output_tokens: u64,
}

/// The words at `/` of a server of Ollama, which clients look for.
const OLLAMA: &str = "Ollama is running";

/// Whether the front page is open to a request: to browsers, and to HEAD, by which clients look whether somebody is there;
/// to all where Ollama's API is on, whose clients show no key there.
pub fn is_open(config: &Config, head: &Head) -> bool {
    head.method() == "HEAD" || config.ollama.is_some() || is_wanted(config, head)
}

/// Whether a browser asks for the front page, and may have it.
fn is_wanted(config: &Config, head: &Head) -> bool {
    let accepts = head.header("accept").unwrap_or_default();
    let has_page = config.status_page && head.arrival().entrance == Entrance::Main;
    has_page && accepts.to_ascii_lowercase().contains("text/html")
}

/// The page without its data, for browsers.
pub fn frame(visit: &Visit<'_, '_>) -> Result<Response, Unserved> {
    if is_wanted(&visit.context.config, visit.exchange.head()) {
        visit.shared(&visit.context.status_frame, page)
    } else if visit.context.config.ollama.is_some() {
        let head = ResponseHead::new(200, "text/plain; charset=utf-8");
        Ok(Response::new(head, OLLAMA))
    } else if visit.exchange.head().method() == "HEAD" {
        let head = ResponseHead::new(200, "text/plain; charset=utf-8");
        Ok(Response::new(head, Vec::new()))
    } else {
        Err(Refusal::not_found(BASE_URL).into())
    }
}

/// The page. Its policy lets nothing in but its own style and script, and its script ask nobody but the gateway.
fn page() -> Rendered {
    let nonce = format!("{:016x}{:016x}", random(), random());
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let head = ResponseHead::new(200, "text/html; charset=utf-8")
        .with("Cache-Control", "no-cache")
        .with("Content-Security-Policy", policy)
        .with("Referrer-Policy", "no-referrer");
    Rendered::new(head, PAGE.replace(NONCE, &nonce))
}

/// The data of the page, for the routes that the client may see.
pub fn data(visit: &Visit<'_, '_>) -> Result<Response, Unserved> {
    let context = visit.context;
    if !context.config.status_page {
        return Err(Refusal::not_found("it is turned off").into());
    }
    let clients = context.config.clients.iter().zip(&context.status_data);
    let of_client =
        clients.filter(|(client, _)| Some(&client.name) == visit.client.map(|it| &it.name));
    match of_client.map(|(_, shared)| shared).next() {
        Some(shared) => visit.shared(shared, || render(visit)),
        None => Ok(render(visit).into()),
    }
}

fn render(visit: &Visit<'_, '_>) -> Rendered {
    let context = visit.context;
    let metrics = &context.metrics;
    let edge = context.edge.read();
    let now = Instant::now();
    let routes = {
        let ledger = context.ledger.lock();
        let orders = context.ledger.orders();
        visit
            .routes()
            .map(|route| route_status(route, &ledger, &orders, metrics, now))
            .collect()
    };
    let status = Status {
        version: env!("CARGO_PKG_VERSION"),
        uptime_ms: milliseconds(metrics.started().elapsed()),
        recent_minutes: RECENT_MINUTES,
        in_flight: metrics.in_flight(),
        workers_busy: edge.workers_busy,
        connections: edge.connections.iter().map(|(_, count)| count).sum(),
        memory_bytes: Process::read().map(|process| process.resident),
        routes,
        gone_models: gone_models(visit),
    };
    let head = ResponseHead::new(200, "application/json");
    Rendered::new(head, to_json(&status))
}

fn gone_models(visit: &Visit<'_, '_>) -> Vec<GoneModelStatus> {
    let gone = visit.context.gone_models.list().into_iter();
    let is_of_a_route = |gone: &GoneModel| {
        let mut steps = visit.routes().flat_map(|route| &route.steps);
        steps.any(|step| step.provider.name == gone.provider && step.model == gone.model)
    };
    gone.filter(is_of_a_route)
        .map(|gone| GoneModelStatus {
            provider: gone.provider,
            model: gone.model,
            near: gone.near,
        })
        .collect()
}

fn route_status<'a>(
    route: &'a Arc<Route>,
    ledger: &Ledger,
    orders: &StepOrders,
    metrics: &Metrics,
    now: Instant,
) -> RouteStatus<'a> {
    let prospect = orders.prospect(route, ledger, now);
    let steps = standings(route, &prospect, ledger, now).enumerate();
    let steps = steps.map(|(index, standing)| StepStatus {
        standing,
        recent: metrics.step_lately(&route.name, index).into(),
    });
    RouteStatus {
        name: &route.name,
        reach: Reach::of(route),
        serves_next: prospect.first.as_ref().map(|first| first.step),
        order: OrderReport::of(route, &prospect),
        recent: metrics.route_lately(&route.name).into(),
        steps: steps.collect(),
    }
}

impl From<Option<Lately>> for Recent {
    fn from(lately: Option<Lately>) -> Self {
        let lately = lately.unwrap_or_default();
        let ms = |duration: Option<Duration>| duration.map(milliseconds);
        Self {
            succeeded: lately.succeeded,
            failed: lately.failed,
            p50_ms: ms(lately.median),
            p95_ms: ms(lately.p95),
            input_tokens: lately.input_tokens,
            output_tokens: lately.output_tokens,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Phones on slow lines, and a binary that is to stay small.
    #[test]
    fn the_page_is_small_and_needs_nobody_else() {
        assert!(PAGE.len() < 20_000, "{} bytes", PAGE.len());
        for foreign in ["http:", "https:", "src=", "url(", "@import", "innerHTML"] {
            assert!(!PAGE.contains(foreign), "{foreign}");
        }
        assert_eq!(PAGE.matches(NONCE).count(), 2, "style and script");
    }

    #[test]
    fn no_two_pages_have_the_same_nonce() {
        assert_ne!(page().body, page().body);
    }
}
