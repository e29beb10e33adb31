//! The instruments: every number that is counted, made once from the configuration.
//!
//! Label values are routes, providers and models of the configuration, or members of fixed enums, so a series exists for
//! what was configured and for nothing that a client sends. All are atomics that stand where they stand: nothing here
//! grows, and nothing on the way of a request takes a lock.
//!
//! There is one set of instruments and any number of ways out: [`Metrics::families`] is the neutral form, [`prometheus`]
//! writes it as text, and an exporter can send the same.

mod cells;
mod collect;
mod family;
mod heals;
mod process;
pub mod prometheus;
mod recent;
mod request;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::config::{self, Config};
use crate::dialect::class::Class;

use cells::{DURATIONS, Histogram, TOKENS};
use heals::Heals;
use recent::Recent;

pub use cells::Distribution;
pub use family::{Family, Kind, Series, Unit, Value};
pub use process::Process;
pub use recent::{Lately, MINUTES as RECENT_MINUTES};
pub use request::{End, Request};

/// Every status a request can end with. 499 is a client that went away; zero takes what is not on this list.
const STATUSES: [u16; 16] = [
    200, 204, 400, 401, 403, 404, 405, 408, 413, 429, 499, 500, 502, 503, 504, 0,
];

/// The instruments of one gateway.
#[derive(Debug)]
pub struct Metrics {
    started: Instant,
    in_flight: Arc<AtomicU64>,
    /// Requests without a route: everything but chat completions, and those that are refused before.
    elsewhere: Arc<Answers>,
    heals: Arc<Heals>,
    routes: Vec<Route>,
}

/// A route and its instruments. Those of requests are shared with the same route of other configurations, before and
/// after a reload; so are those of attempts with the same provider and model.
#[derive(Debug)]
struct Route {
    name: String,
    requests: Arc<Requests>,
    lanes: Vec<Arc<Lane>>,
    /// The lane of each step.
    lane_of_step: Vec<usize>,
}

/// The instruments of a route's requests.
#[derive(Debug)]
struct Requests {
    answers: Answers,
    first_content: Histogram,
    fallbacks: AtomicU64,
    broken_streams: AtomicU64,
    recent: Recent,
}

/// What clients were answered, plain and streamed.
#[derive(Debug, Default)]
struct Answers([Answered; 2]);

#[derive(Debug)]
struct Answered {
    by_status: [AtomicU64; STATUSES.len()],
    duration: Histogram,
}

/// One provider and model within a route: steps that differ only in their settings share one.
#[derive(Debug)]
struct Lane {
    provider: String,
    model: String,
    /// How long the attempts of each outcome took: first the answered ones, then one for each class.
    attempts: Vec<Histogram>,
    first_chunk: Histogram,
    input_tokens: Histogram,
    output_tokens: Histogram,
    recent: Recent,
}

impl Metrics {
    pub fn new(config: &Config) -> Self {
        let routes = config.routes.iter();
        Self {
            started: Instant::now(),
            in_flight: Arc::default(),
            elsewhere: Arc::default(),
            heals: Arc::default(),
            routes: routes.map(|route| Route::new(route, None)).collect(),
        }
    }

    /// The instruments of another configuration, which go on counting where these are: what both have is shared, so
    /// that requests under way are not lost. What the new one does not have any more is gone.
    pub fn successor(&self, config: &Config) -> Self {
        let routes = config.routes.iter().map(|route| {
            let before = self.routes.iter().find(|known| known.name == route.name);
            Route::new(route, before)
        });
        Self {
            started: self.started,
            in_flight: Arc::clone(&self.in_flight),
            elsewhere: Arc::clone(&self.elsewhere),
            heals: Arc::clone(&self.heals),
            routes: routes.collect(),
        }
    }

    /// Begins to count a request.
    pub fn begin(self: &Arc<Self>) -> Request {
        Request::begin(Arc::clone(self))
    }

    /// Requests being answered at the moment.
    pub fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// When counting began.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// How a route has done lately; its tokens are those of all its steps. `None`: there is no such route.
    pub fn route_lately(&self, route: &str) -> Option<Lately> {
        let route = self.routes.iter().find(|known| known.name == route)?;
        let minute = self.minute();
        let mut lately = route.requests.recent.read(minute);
        for lane in &route.lanes {
            let of_lane = lane.recent.read(minute);
            lately.input_tokens += of_lane.input_tokens;
            lately.output_tokens += of_lane.output_tokens;
        }
        Some(lately)
    }

    /// How the provider and model of a step have done lately, for this route.
    pub fn step_lately(&self, route: &str, step_index: usize) -> Option<Lately> {
        let route = self.routes.iter().find(|known| known.name == route)?;
        Some(route.lane(step_index)?.recent.read(self.minute()))
    }

    /// Whole minutes since counting began.
    fn minute(&self) -> u32 {
        u32::try_from(self.started.elapsed().as_secs() / 60).unwrap_or(u32::MAX)
    }
}

impl Route {
    /// With the instruments of the route before, where there are any.
    fn new(route: &config::Route, before: Option<&Self>) -> Self {
        let known = before.map_or(&[][..], |before| &before.lanes);
        let mut lanes: Vec<Arc<Lane>> = Vec::new();
        let mut lane_of_step = Vec::new();
        for step in &route.steps {
            let found = lanes.iter().position(|lane| lane.is_of(step));
            lane_of_step.push(found.unwrap_or(lanes.len()));
            if found.is_none() {
                let known = known.iter().find(|lane| lane.is_of(step)).cloned();
                lanes.push(known.unwrap_or_else(|| Arc::new(Lane::new(step))));
            }
        }
        let requests = before.map(|before| Arc::clone(&before.requests));
        Self {
            name: route.name.clone(),
            requests: requests.unwrap_or_else(|| Arc::new(Requests::new())),
            lanes,
            lane_of_step,
        }
    }

    fn lane(&self, step_index: usize) -> Option<&Lane> {
        let lane = self.lanes.get(*self.lane_of_step.get(step_index)?)?;
        Some(lane)
    }
}

impl Requests {
    fn new() -> Self {
        Self {
            answers: Answers::default(),
            first_content: Histogram::new(&DURATIONS),
            fallbacks: AtomicU64::new(0),
            broken_streams: AtomicU64::new(0),
            recent: Recent::new(),
        }
    }
}

impl Lane {
    fn new(step: &config::Step) -> Self {
        Self {
            provider: step.provider.name.clone(),
            model: step.model.clone(),
            attempts: (0..=Class::ALL.len())
                .map(|_| Histogram::new(&DURATIONS))
                .collect(),
            first_chunk: Histogram::new(&DURATIONS),
            input_tokens: Histogram::new(&TOKENS),
            output_tokens: Histogram::new(&TOKENS),
            recent: Recent::new(),
        }
    }

    fn is_of(&self, step: &config::Step) -> bool {
        self.provider == step.provider.name && self.model == step.model
    }

    /// The durations of attempts that ended like this; `None` is an answer.
    fn attempts(&self, outcome: Option<Class>) -> Option<&Histogram> {
        let place = match outcome {
            None => 0,
            Some(class) => 1 + Class::ALL.iter().position(|known| *known == class)?,
        };
        self.attempts.get(place)
    }
}

impl Answers {
    fn of(&self, stream: bool) -> &Answered {
        let [plain, streamed] = &self.0;
        if stream { streamed } else { plain }
    }
}

impl Default for Answered {
    fn default() -> Self {
        Self {
            by_status: Default::default(),
            duration: Histogram::new(&DURATIONS),
        }
    }
}

impl Answered {
    fn with_status(&self, status: u16) -> Option<&AtomicU64> {
        let place = STATUSES.iter().position(|known| *known == status);
        self.by_status.get(place.unwrap_or(STATUSES.len() - 1))
    }

    fn statuses(&self) -> impl Iterator<Item = (u16, u64)> {
        let counts = self
            .by_status
            .iter()
            .map(|count| count.load(Ordering::Relaxed));
        STATUSES.into_iter().zip(counts)
    }
}
