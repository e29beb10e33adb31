//! The status page and its data.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::config::{Config, Route};
use crate::gateway::gone_models::GoneModel;
use crate::gateway::history::{LastErrors, Sums};
use crate::gateway::refusal::{BASE_URL, Refusal};
use crate::gateway::shared_answer::Rendered;
use crate::http::{Entrance, Head, Response, ResponseHead};
use crate::routing::{Ledger, StepOrders};
use crate::telemetry::metrics::{Counted, Lately, Metrics, Process, RECENT_MINUTES};
use crate::text::{for_people, milliseconds, timestamp};

use super::client_days::{self, ClientDays};
use super::last_failure::LastFailure;
use super::route_health::RouteStanding;
use super::routes::{OrderReport, Reach, StepStanding, standings};
use super::status_frame;
use super::verdict::Verdict;
use super::visit::{Unserved, Visit, to_json};

#[derive(Serialize)]
struct Status<'a> {
    version: &'static str,
    /// The client that asks, and whether it may act.
    client: Option<&'a str>,
    admin: bool,
    uptime_ms: u64,
    /// The length of `recent`.
    recent_minutes: u32,
    in_flight: u64,
    workers_busy: u64,
    connections: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_bytes: Option<u64>,
    verdict: Verdict,
    /// `null` before the first.
    reload: Option<ReloadReport>,
    routes: Vec<RouteStatus<'a>>,
    clients: Vec<ClientDays>,
    /// The name of money in the costs.
    currency: Option<&'a str>,
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

/// The end of the latest reload.
#[derive(Serialize)]
struct ReloadReport {
    at: String,
    ok: bool,
    /// The problems of the files, a line each.
    error: Option<String>,
}

#[derive(Serialize)]
struct RouteStatus<'a> {
    name: &'a str,
    /// As `/health/{route}` has it.
    state: &'static str,
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
    last_error: Option<LastErrorReport>,
    /// The last 24 hours, the current one last: attempts that answered, and that failed.
    hours: Vec<[u64; 2]>,
    /// The mean time of the answers in each of these hours; `None` where there were none.
    latency_ms: Vec<Option<u64>>,
}

/// The last failure of a step.
#[derive(Serialize)]
struct LastErrorReport {
    text: String,
    class: &'static str,
    status: Option<u16>,
    /// `null` for a limit, and where another route met it.
    at: Option<String>,
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
        visit.shared(&visit.context.status_frame, status_frame::page)
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
    let (verdict, routes) = {
        // The sums first: folding them takes a look at every instrument, for which no request is to wait.
        let sums = context.history.sums(metrics);
        let ledger = context.ledger.lock();
        let orders = context.ledger.orders();
        let routes = visit.routes();
        let memory = Memory {
            ledger: &ledger,
            orders: &orders,
            metrics,
            sums: &sums,
            errors: &context.history.errors,
        };
        let routes = routes.map(|route| route_status(route, &memory, now));
        let routes: Vec<RouteStatus> = routes.collect();
        (Verdict::on(visit.routes(), &ledger, now), routes)
    };
    let status = Status {
        version: env!("CARGO_PKG_VERSION"),
        client: visit.client.map(|client| client.name.as_str()),
        admin: visit.client.is_some_and(|client| client.admin),
        uptime_ms: milliseconds(metrics.started().elapsed()),
        recent_minutes: RECENT_MINUTES,
        in_flight: metrics.in_flight(),
        workers_busy: edge.workers_busy,
        connections: edge.connections.iter().map(|(_, count)| count).sum(),
        memory_bytes: Process::read().map(|process| process.resident),
        verdict,
        reload: reload_report(visit),
        routes,
        clients: client_days::clients(visit),
        currency: context.config.currency.as_deref(),
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

/// The latest reload; what is wrong with the files is for the operator.
fn reload_report(visit: &Visit<'_, '_>) -> Option<ReloadReport> {
    let end = visit.context.reloads.latest()?;
    let sees_all = visit.client.is_some_and(|client| client.admin);
    let problem = end.problem.as_deref().filter(|_| sees_all);
    let redactor = &visit.context.redactor;
    Some(ReloadReport {
        at: timestamp(end.at),
        ok: end.problem.is_none(),
        error: problem.map(|problem| for_people(&redactor.redact(problem)).to_owned()),
    })
}

/// The gateway's knowledge of its routes.
struct Memory<'m> {
    ledger: &'m Ledger,
    orders: &'m StepOrders,
    metrics: &'m Metrics,
    sums: &'m Sums,
    errors: &'m LastErrors,
}

fn route_status<'a>(route: &'a Arc<Route>, memory: &Memory<'_>, now: Instant) -> RouteStatus<'a> {
    let Memory {
        ledger,
        orders,
        metrics,
        sums,
        errors,
    } = *memory;
    let prospect = orders.prospect(route, ledger, now);
    let steps = standings(route, &prospect, ledger, now).zip(&route.steps);
    let steps = steps.enumerate().map(|(index, (standing, step))| {
        let (provider, model) = (step.provider.name.as_str(), step.model.as_str());
        let hours = sums.hours(Counted {
            route: &route.name,
            target: Some((provider, model)),
        });
        StepStatus {
            standing,
            recent: metrics.step_lately(&route.name, index).into(),
            last_error: LastFailure::of_step(route, step, errors, ledger, now).map(Into::into),
            hours: hours
                .iter()
                .map(|[answered, failed, ..]| [*answered, *failed])
                .collect(),
            latency_ms: hours
                .iter()
                .map(|[answered, .., spent]| spent.checked_div(*answered))
                .collect(),
        }
    });
    RouteStatus {
        name: &route.name,
        state: RouteStanding::of(route, ledger, now).state.word(),
        reach: Reach::of(route),
        serves_next: prospect.first.as_ref().map(|first| first.step),
        order: OrderReport::of(route, &prospect),
        recent: metrics.route_lately(&route.name).into(),
        steps: steps.collect(),
    }
}

impl From<LastFailure> for LastErrorReport {
    fn from(failure: LastFailure) -> Self {
        Self {
            text: failure.text,
            class: failure.class.label(),
            status: failure.status,
            at: failure.at.map(timestamp),
        }
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
