//! The instruments as they stand in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::heals::Heals;
use super::histogram::{DURATIONS, Histogram};
use super::operations::Operations;
use super::sliding_window::{Lately, SlidingWindow};
use crate::config::{self, Config};
use crate::dialect::repairs::RepairKind;

/// Statuses that a request can end with. 499 is a client that went away; zero takes every other status.
const STATUSES: [u16; 16] = [
    200, 204, 400, 401, 403, 404, 405, 408, 413, 429, 499, 500, 502, 503, 504, 0,
];

/// The instruments of one gateway.
#[derive(Debug)]
pub struct Metrics {
    pub(super) started: Instant,
    pub(super) in_flight: Arc<AtomicU64>,
    /// Requests without a route: everything that is no walk, and those that are refused before.
    pub(super) elsewhere: Arc<AnswersByStream>,
    pub(super) heals: Arc<Heals>,
    pub(super) routes: Vec<RouteInstruments>,
}

/// A route and its instruments. Those of requests are shared with the same route of other configurations, before and
/// after a reload; so are those of attempts with the same provider and model.
#[derive(Debug)]
pub(super) struct RouteInstruments {
    pub(super) name: String,
    pub(super) requests: Arc<RequestInstruments>,
    pub(super) targets: Vec<Arc<TargetInstruments>>,
    /// The target of each step.
    pub(super) target_of_step: Vec<usize>,
}

/// The instruments of a route's requests.
#[derive(Debug)]
pub(super) struct RequestInstruments {
    pub(super) answers: AnswersByStream,
    pub(super) first_content: Histogram,
    pub(super) fallbacks: AtomicU64,
    pub(super) broken_streams: AtomicU64,
    pub(super) recent: SlidingWindow,
}

/// Answers to clients, plain and streamed.
#[derive(Debug, Default)]
pub(super) struct AnswersByStream([AnswerInstruments; 2]);

#[derive(Debug)]
pub(super) struct AnswerInstruments {
    pub(super) by_status: [AtomicU64; STATUSES.len()],
    pub(super) duration: Histogram,
}

/// The instruments of a provider and model within a route: steps that differ only in their settings share them.
#[derive(Debug)]
pub(super) struct TargetInstruments {
    pub(super) provider: String,
    pub(super) model: String,
    pub(super) operations: Operations,
    /// The audio that was listened to (milliseconds).
    pub(super) audio_ms: AtomicU64,
    /// The cost of its answers (millionths of the currency).
    pub(super) cost: AtomicU64,
    /// The answers that were repaired, by the kind of repair.
    pub(super) repairs: [AtomicU64; RepairKind::ALL.len()],
    pub(super) recent: SlidingWindow,
}

impl Metrics {
    pub fn new(config: &Config) -> Self {
        let routes = config.routes.iter();
        Self {
            started: Instant::now(),
            in_flight: Arc::default(),
            elsewhere: Arc::default(),
            heals: Arc::default(),
            routes: routes
                .map(|route| RouteInstruments::new(route, None))
                .collect(),
        }
    }

    /// The instruments of another configuration, which go on counting where these are: what both have is shared, so
    /// that requests under way are not lost. What the new one does not have any more is gone.
    pub fn successor(&self, config: &Config) -> Self {
        let routes = config.routes.iter().map(|route| {
            let before = self.routes.iter().find(|known| known.name == route.name);
            RouteInstruments::new(route, before)
        });
        Self {
            started: self.started,
            in_flight: Arc::clone(&self.in_flight),
            elsewhere: Arc::clone(&self.elsewhere),
            heals: Arc::clone(&self.heals),
            routes: routes.collect(),
        }
    }

    /// Requests being answered at the moment.
    pub fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// The moment that counting began.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// The last quarter of an hour of a route, with the tokens of all its steps; `None` if there is no such route.
    pub fn route_lately(&self, route: &str) -> Option<Lately> {
        let route = self.routes.iter().find(|known| known.name == route)?;
        let minute = self.minute_of(Instant::now());
        let mut lately = route.requests.recent.read(minute);
        for target in &route.targets {
            let of_target = target.recent.read(minute);
            lately.input_tokens += of_target.input_tokens;
            lately.output_tokens += of_target.output_tokens;
        }
        Some(lately)
    }

    /// The last quarter of an hour of a step's provider and model within this route; `None` if there is no such step.
    pub fn step_lately(&self, route: &str, step_index: usize) -> Option<Lately> {
        let route = self.routes.iter().find(|known| known.name == route)?;
        Some(
            route
                .target(step_index)?
                .recent
                .read(self.minute_of(Instant::now())),
        )
    }

    /// Whole minutes since counting began.
    pub(super) fn minute_of(&self, now: Instant) -> u32 {
        let since_start = now.saturating_duration_since(self.started);
        u32::try_from(since_start.as_secs() / 60).unwrap_or(u32::MAX)
    }
}

impl RouteInstruments {
    /// The instruments of a route, those of the configuration before where it had the route.
    fn new(route: &config::Route, before: Option<&Self>) -> Self {
        let known = before.map_or(&[][..], |before| &before.targets);
        let mut targets: Vec<Arc<TargetInstruments>> = Vec::new();
        let mut target_of_step = Vec::new();
        for step in &route.steps {
            let found = targets.iter().position(|target| target.is_of(step));
            target_of_step.push(found.unwrap_or(targets.len()));
            if found.is_none() {
                let known = known.iter().find(|target| target.is_of(step)).cloned();
                targets.push(known.unwrap_or_else(|| Arc::new(TargetInstruments::new(step))));
            }
        }
        let requests = before.map(|before| Arc::clone(&before.requests));
        Self {
            name: route.name.to_string(),
            requests: requests.unwrap_or_else(|| Arc::new(RequestInstruments::new())),
            targets,
            target_of_step,
        }
    }

    pub(super) fn target(&self, step_index: usize) -> Option<&TargetInstruments> {
        let target = self.targets.get(*self.target_of_step.get(step_index)?)?;
        Some(target)
    }
}

impl RequestInstruments {
    fn new() -> Self {
        Self {
            answers: AnswersByStream::default(),
            first_content: Histogram::new(&DURATIONS),
            fallbacks: AtomicU64::new(0),
            broken_streams: AtomicU64::new(0),
            recent: SlidingWindow::new(),
        }
    }
}

impl TargetInstruments {
    fn new(step: &config::Step) -> Self {
        Self {
            provider: step.provider.name.clone(),
            model: step.model.clone(),
            operations: Operations::default(),
            audio_ms: AtomicU64::new(0),
            cost: AtomicU64::new(0),
            repairs: Default::default(),
            recent: SlidingWindow::new(),
        }
    }

    fn is_of(&self, step: &config::Step) -> bool {
        self.provider == step.provider.name && self.model == step.model
    }
}

impl AnswersByStream {
    pub(super) fn of(&self, stream: bool) -> &AnswerInstruments {
        let [plain, streamed] = &self.0;
        if stream { streamed } else { plain }
    }
}

impl Default for AnswerInstruments {
    fn default() -> Self {
        Self {
            by_status: Default::default(),
            duration: Histogram::new(&DURATIONS),
        }
    }
}

impl AnswerInstruments {
    pub(super) fn with_status(&self, status: u16) -> Option<&AtomicU64> {
        let place = STATUSES.iter().position(|known| *known == status);
        self.by_status.get(place.unwrap_or(STATUSES.len() - 1))
    }

    pub(super) fn statuses(&self) -> impl Iterator<Item = (u16, u64)> {
        let counts = self
            .by_status
            .iter()
            .map(|count| count.load(Ordering::Relaxed));
        STATUSES.into_iter().zip(counts)
    }
}
