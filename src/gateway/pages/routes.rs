//! `GET /v1/diagnostics/routes`: the steps that are cooling, why, and for how long, and what they have refused.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use serde::Serialize;

use crate::adapt::Learned;
use crate::config::{Alias, Route, Step};
use crate::gateway::context::Context;
use crate::gateway::replicas::Replicas;
use crate::http::Response;
use crate::routing::{Ledger, Prospect, StepProspect};
use crate::text::{milliseconds, timestamp};

use super::visit::{Unserved, Visit, json, to_json};

#[derive(Serialize)]
struct RoutesReport<'a> {
    /// The sharing with other replicas; absent for a gateway alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    shared: Option<SharedReport>,
    routes: Vec<RouteReport<'a>>,
}

/// The sharing with other replicas.
#[derive(Serialize)]
struct SharedReport {
    /// `shared` while portions are drawn, `local` while limits are split.
    state: &'static str,
    server: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    version: String,
    members: u32,
    /// The server's clock less this machine's.
    #[serde(skip_serializing_if = "Option::is_none")]
    clock_offset_ms: Option<i64>,
    /// The reason why the server is away.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl SharedReport {
    fn of(replicas: &Replicas) -> Self {
        let stats = replicas.stats();
        Self {
            state: if stats.sharing { "shared" } else { "local" },
            server: replicas.server(),
            version: stats.version,
            members: stats.replicas,
            clock_offset_ms: stats.clock_offset_ms,
            error: stats.fault,
        }
    }
}

#[derive(Serialize)]
struct RouteReport<'a> {
    name: &'a str,
    #[serde(flatten)]
    reach: Reach<'a>,
    #[serde(flatten)]
    order: OrderReport,
    steps: Vec<ReportedStep<'a>>,
}

/// The requests that come to a route, besides those that name it.
#[derive(Serialize)]
pub struct Reach<'a> {
    /// A prefix has a `*` behind it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<String>,
    /// The endpoints that it serves; absent for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoints: Option<&'a [&'static str]>,
}

impl<'a> Reach<'a> {
    pub fn of(route: &'a Route) -> Self {
        Self {
            aliases: route.aliases.iter().map(Alias::spelled).collect(),
            endpoints: route.endpoints.as_deref(),
        }
    }
}

/// The order in which a route's steps are tried now.
#[derive(Serialize)]
pub struct OrderReport {
    order: &'static str,
    /// The step that most requests are given first; absent when every provider told when to come back.
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<FirstReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sticky_ms: Option<u64>,
    /// The conversations that stick to a step.
    #[serde(skip_serializing_if = "Option::is_none")]
    sticking: Option<usize>,
}

#[derive(Serialize)]
struct FirstReport {
    step_index: usize,
    why: String,
}

impl OrderReport {
    pub fn of(route: &Route, prospect: &Prospect) -> Self {
        let is_sticky = !route.sticky.is_zero();
        Self {
            order: route.order.word(),
            first: prospect.first.as_ref().map(|first| FirstReport {
                step_index: first.step,
                why: first.why.clone(),
            }),
            sticky_ms: is_sticky.then(|| milliseconds(route.sticky)),
            sticking: is_sticky.then_some(prospect.sticking),
        }
    }
}

#[derive(Serialize)]
struct ReportedStep<'a> {
    #[serde(flatten)]
    standing: StepStanding<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    remembered: Vec<Remembered>,
}

/// A lesson of a refusal.
#[derive(Serialize)]
struct Remembered {
    lesson: String,
    /// The line of a step that says the same for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    setting: Option<String>,
    remaining_ms: u64,
}

/// The standing of a step with the ledger.
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
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<u32>,
    /// The part of requests that is given to it first (0 to 1).
    #[serde(skip_serializing_if = "Option::is_none")]
    chance: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_content_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    whole_answer_ms: Option<u64>,
    /// The known limits.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    limits: Vec<LimitReport>,
}

/// A line of the step: a limit, and what was used of it.
#[derive(Serialize)]
struct LimitReport {
    /// `model`, or `all models` of the key.
    scope: &'static str,
    /// Absent where all keys are one account, or there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_index: Option<usize>,
    unit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    window: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
    used: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining: Option<u64>,
    /// The time until the window ends, or the limit lets calls through again.
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<String>,
    state: &'static str,
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
    Ok(json(200, &report(visit.context, visit.routes())))
}

/// The report on all routes, as JSON, for the operator.
pub fn report_on_all(context: &Context) -> Vec<u8> {
    to_json(&report(context, context.config.routes.iter()))
}

fn report<'a>(context: &Context, routes: impl Iterator<Item = &'a Arc<Route>>) -> RoutesReport<'a> {
    let now = Instant::now();
    let learned = context.ledger.learned().clone();
    let ledger = context.ledger.lock();
    let orders = context.ledger.orders();
    let routes = routes.map(|route| {
        let prospect = orders.prospect(route, &ledger, now);
        let steps = standings(route, &prospect, &ledger, now).zip(&route.steps);
        let steps = steps.map(|(standing, step)| ReportedStep {
            standing,
            remembered: remembered(&learned, step, now),
        });
        RouteReport {
            name: &route.name,
            reach: Reach::of(route),
            order: OrderReport::of(route, &prospect),
            steps: steps.collect(),
        }
    });
    RoutesReport {
        shared: context.replicas.as_deref().map(SharedReport::of),
        routes: routes.collect(),
    }
}

fn remembered(learned: &Learned, step: &Step, now: Instant) -> Vec<Remembered> {
    let standing = learned.standing(step, now);
    let remembered = standing.map(|(lesson, left)| Remembered {
        lesson: lesson.words(),
        setting: lesson.line(),
        remaining_ms: milliseconds(left),
    });
    remembered.collect()
}

/// The reports on a route's steps.
pub fn standings<'a>(
    route: &'a Route,
    prospect: &Prospect,
    ledger: &Ledger,
    now: Instant,
) -> impl Iterator<Item = StepStanding<'a>> {
    let steps = route.steps.iter().zip(&prospect.steps).enumerate();
    steps.map(move |(index, (step, prospect))| standing_of(index, step, prospect, ledger, now))
}

fn standing_of<'a>(
    index: usize,
    step: &'a Step,
    prospect: &StepProspect,
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
        limits: limits_of(step, ledger, now),
        weight: prospect.weight,
        chance: prospect
            .chance
            .map(|chance| (chance * 1000.0).round() / 1000.0),
        first_content_ms: prospect.first_content.map(milliseconds),
        whole_answer_ms: prospect.whole_answer.map(milliseconds),
    }
}

fn limits_of(step: &Step, ledger: &Ledger, now: Instant) -> Vec<LimitReport> {
    let provider = &step.provider;
    let has_one_key = provider.keys.is_empty() || provider.quotas.is_one_account;
    let lines = ledger.lines(now).filter(|entry| {
        entry.provider == provider.index
            && entry.model.is_none_or(|model| model == step.model)
            && entry.line.says_anything()
    });
    let wall = SystemTime::now();
    let reports = lines.map(|entry| LimitReport {
        scope: entry.model.map_or("all models", |_| "model"),
        key_index: (!has_one_key).then_some(entry.key),
        unit: entry.line.unit.label(),
        window: entry.line.window_words(),
        source: entry.line.limit.map(|(_, source)| source.label()),
        limit: entry.line.limit.map(|(amount, _)| amount),
        used: entry.line.used,
        remaining: entry.line.remaining,
        ends_ms: entry.line.ends_in.map(milliseconds),
        ends_at: entry
            .line
            .ends_in
            .and_then(|left| Some(timestamp(wall.checked_add(left)?))),
        state: entry.line.standing.label(),
    });
    reports.collect()
}
