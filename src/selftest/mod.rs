//! `ai-gateway selftest`: a configuration against providers that fail as a script says, and what clients then see.
//!
//! Nothing leaves the machine: [`harmless`] takes addresses, keys, files and proxies out of the configuration, and each
//! run ([`run`]) has a gateway and a provider of its own on loopback, so that no mark of one is seen by another. The
//! rows ([`rows`]) name the fault and the answer that the contract promises. With `--online` ([`online`]) each step gets
//! one real request instead.

mod advice;
mod endpoint;
mod harmless;
mod online;
mod report;
mod rows;
mod run;
mod scripted;
mod seen;
mod spoken;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::config::{Config, Environment, Order, Route};
use crate::sync::lock;
use crate::upstream::{self, Client};
use crate::{app, threads};

use endpoint::Endpoint;
use harmless::Proportion;
use report::{Cell, RouteReport};
use rows::{Failing, Fault, ROWS, Row};
use run::{Outcome, Run};

pub use online::{online, steps_to_ask};
pub use report::{Report, json, table};

/// The runs at a time: most of the time they wait.
const AT_ONCE: usize = 8;

/// Tests the route of this name, or all of them.
///
/// # Errors
/// No route has this name, or no servers can be started here.
pub fn selftest(
    config: &Config,
    name: Option<&str>,
    environment: &dyn Environment,
) -> Result<Report, String> {
    // The table is the output; records of the log only when asked for.
    if environment.variable("LOG_LEVEL").is_some() {
        app::start_log(environment, None)?;
    }
    let routes = chosen(config, name)?;
    let routes: Vec<(Arc<Route>, Endpoint)> = routes.into_iter().map(as_asked).collect();
    let runs = runs(config, &routes);
    let outcomes = outcomes(&runs)?;
    let mut reports = Vec::new();
    for (route, endpoint) in &routes {
        let mut cells = Vec::new();
        for (run, outcome) in runs.iter().zip(&outcomes) {
            if Arc::ptr_eq(run.route, route) {
                cells.push(Cell::new(run, outcome));
            }
        }
        reports.push(RouteReport {
            name: route.name.to_string(),
            endpoint: endpoint.name,
            steps: route
                .steps
                .iter()
                .map(|step| format!("{}/{}", step.provider.name, step.model))
                .collect(),
            notes: notes(route, *endpoint),
            advice: advice::advice(config, route, *endpoint),
            cells,
        });
    }
    Ok(Report { routes: reports })
}

/// The routes that are named: one, or all.
///
/// # Errors
/// No route has this name.
pub fn chosen<'c>(config: &'c Config, name: Option<&str>) -> Result<Vec<&'c Arc<Route>>, String> {
    let Some(name) = name else {
        return Ok(config.routes.iter().collect());
    };
    let names = config.routes.iter().map(|route| route.name.as_str());
    let unknown = || {
        let names: Vec<&str> = names.collect();
        format!("there is no route {name:?}; there are {}", names.join(", "))
    };
    config
        .route(name)
        .map(|route| vec![route])
        .ok_or_else(unknown)
}

/// A route with the timeouts of its steps at the endpoint that it is asked at.
fn as_asked(route: &Arc<Route>) -> (Arc<Route>, Endpoint) {
    let endpoint = Endpoint::of(route);
    let mut route = Route::clone(route);
    for step in route.steps.iter_mut().filter(|step| !step.has_timeout) {
        step.timeout = endpoint.built_in_timeout();
    }
    (Arc::new(route), endpoint)
}

fn runs<'c>(config: &'c Config, routes: &'c [(Arc<Route>, Endpoint)]) -> Vec<Run<'c>> {
    let mut runs = Vec::new();
    for (route, endpoint) in routes {
        let Some(first) = route.steps.first() else {
            continue;
        };
        let has = |row: &&Row| endpoint.has(row, &first.provider, first.fit.refuses_tools);
        for row in ROWS.iter().filter(has) {
            for failing in [Failing::First, Failing::All] {
                runs.push(Run {
                    config,
                    route,
                    endpoint: *endpoint,
                    row,
                    failing,
                });
            }
        }
    }
    runs
}

/// The outcomes of runs, in their order. Those that take a while begin first.
fn outcomes(runs: &[Run<'_>]) -> Result<Vec<Outcome>, String> {
    let client = Client::new(upstream::Settings::default())?;
    let is_slow = |run: &Run| matches!(run.row.fault, Fault::Late | Fault::Stall);
    let (slow, quick): (Vec<usize>, Vec<usize>) =
        (0..runs.len()).partition(|index| runs.get(*index).is_some_and(is_slow));
    let order: Vec<usize> = slow.into_iter().chain(quick).collect();
    let next = AtomicUsize::new(0);
    let found: Mutex<Vec<Option<Result<Outcome, String>>>> =
        Mutex::new(runs.iter().map(|_| None).collect());
    let work = || {
        while let Some(index) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            let Some(run) = runs.get(*index) else { return };
            let outcome = run.outcome(&client);
            if let Some(place) = lock(&found).get_mut(*index) {
                *place = Some(outcome);
            }
        }
    };
    std::thread::scope(|scope| -> Result<(), String> {
        for _ in 0..AT_ONCE.min(runs.len()) {
            let thread = std::thread::Builder::new().stack_size(threads::USUAL_STACK);
            let started = thread.spawn_scoped(scope, work);
            started.map_err(|error| error.to_string())?;
        }
        Ok(())
    })?;
    let found = std::mem::take(&mut *lock(&found));
    let missing = || Err("a run of the selftest ended abnormally".to_owned());
    found
        .into_iter()
        .map(|outcome| outcome.unwrap_or_else(missing))
        .collect()
}

/// The deviations from the configuration while a route is tested.
fn notes(route: &Route, endpoint: Endpoint) -> Vec<String> {
    let mut notes = Vec::new();
    for (fault, timer) in [(Fault::Late, "timeout"), (Fault::Stall, "stall_timeout")] {
        let shortens = Proportion::of(fault, route).filter(|it| it.shortens());
        let first = route.steps.first().filter(|_| shortens.is_some());
        let Some(step) = first.filter(|_| fault == Fault::Late || endpoint.has_text()) else {
            continue;
        };
        let configured = match fault {
            Fault::Late => step.timeout,
            _ => step.stall_timeout,
        };
        let configured = seen::time_in_words(configured);
        notes.push(format!("{timer} {configured} was run as 1 s"));
    }
    if route.order != Order::Listed {
        notes.push(format!("order: {} was run as listed", route.order.word()));
    }
    notes
}
