//! Configurations and virtual time for the tests.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::{Config, EdgeLimits, Provider, ResponseModel, Route, Step};
use crate::dialect::call_rules::CallRules;
use crate::dialect::class::Class;
use crate::dialect::rate_limits::{RemainingLimits, ToldWindow};
use crate::limits::Unit;
use crate::routing::{AnsweredWalk, Attempt, Failure, Ledger, Move, StepReport, Verdict, Walk};
use crate::secret::Secret;

pub fn provider(index: usize, name: &str, keys: &[&str]) -> Arc<Provider> {
    Arc::new(Provider {
        index,
        name: name.to_owned(),
        keys: keys.iter().copied().map(Secret::new).collect(),
        base_url: format!("https://{name}.example/v1"),
        server: Default::default(),
        traits: Default::default(),
        auth: Default::default(),
        strict_json_schema: false,
        model_list: true,
        direct: false,
        repair: true,
        headers: Vec::new(),
        fit: Default::default(),
        quotas: Default::default(),
        models: Vec::new(),
        private: false,
    })
}

pub fn step(provider: &Arc<Provider>, model: &str) -> Step {
    Step {
        provider: Arc::clone(provider),
        model: model.to_owned(),
        label: format!("{}/{model}", provider.name).into(),
        summary_names: Step::summary_names_of(&provider.name, model),
        quoted_model: crate::json::raw::quoted(model).into(),
        timeout: Duration::from_secs(30),
        has_timeout: true,
        stall_timeout: Duration::from_secs(30),
        cooldown: None,
        retries: 0,
        weight: None,
        conflict_resolution: None,
        thinking: None,
        reasoning_only_fails: false,
        think_tags: None,
        pcm_rate: None,
        upstream_stream: false,
        fit: Default::default(),
        traits: crate::dialect::step_traits::StepTraits::default(),
        price: None,
    }
}

pub fn route(steps: Vec<Step>) -> Arc<Route> {
    Arc::new(Route {
        aliases: Vec::new(),
        endpoints: None,
        check_format: false,
        stream_keepalive: None,
        context_length: None,
        capabilities: Vec::new(),
        name: "main".into(),
        timeout: None,
        wait_when_cooling: Duration::ZERO,
        order: Default::default(),
        sticky: Duration::ZERO,
        steps,
    })
}

pub fn config(providers: Vec<Arc<Provider>>, routes: Vec<Arc<Route>>) -> Config {
    Config {
        default_routes: Vec::new(),
        routing_summary: true,
        listen: Vec::new(),
        clients: Vec::new(),
        response_model: ResponseModel::Route,
        propagate_trace: false,
        capture_content: false,
        server: EdgeLimits::default(),
        ca_file: None,
        proxy: None,
        proxy_private: false,
        cors: Default::default(),
        cors_private_network: false,
        shared: None,
        state_file: None,
        accounts_file: None,
        currency: None,
        time_zone: Default::default(),
        watch_config: false,
        metrics_need_key: false,
        hosts: Vec::new(),
        ollama: None,
        wyoming: None,
        status_page: true,
        history: 0,
        health_needs_key: false,
        alerts: Vec::new(),
        providers,
        routes,
    }
}

/// A route of single-key providers `p0`, `p1`, ... with the model `m`, and a ledger for it.
pub fn chain(length: usize) -> (Arc<Route>, World) {
    chain_of(&vec![1; length], |_| {})
}

/// A route of providers with so many keys each.
pub fn chain_of(keys: &[usize], adjust: impl Fn(&mut Step)) -> (Arc<Route>, World) {
    let providers: Vec<_> = keys
        .iter()
        .enumerate()
        .map(|(index, count)| {
            let keys: Vec<String> = (0..*count).map(|key| format!("sk-{index}-{key}")).collect();
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            provider(index, &format!("p{index}"), &keys)
        })
        .collect();
    let steps = providers.iter().map(|provider| {
        let mut step = step(provider, "m");
        adjust(&mut step);
        step
    });
    (route(steps.collect()), World::new(&providers))
}

/// A ledger and a clock.
pub struct World {
    pub ledger: Ledger,
    pub now: Instant,
}

impl World {
    pub fn new(providers: &[Arc<Provider>]) -> Self {
        Self {
            ledger: Ledger::new(providers),
            now: Instant::now(),
        }
    }

    pub fn pass(&mut self, milliseconds: u64) {
        self.now += Duration::from_millis(milliseconds);
    }

    pub fn walk(&self, route: &Arc<Route>) -> Box<Walk> {
        Walk::new(Arc::clone(route), CallRules::default(), self.now)
    }

    /// The attempt that comes next; there must be one.
    pub fn attempt(&mut self, walk: &mut Walk) -> Box<Attempt> {
        match walk.next(&mut self.ledger, self.now) {
            Move::Try(attempt) => attempt,
            other => panic!("an attempt was due, not {other:?}"),
        }
    }

    /// The end of the walk; it must have come.
    pub fn verdict(&mut self, walk: &mut Walk) -> Verdict {
        match walk.next(&mut self.ledger, self.now) {
            Move::Finished(verdict) => *verdict,
            other => panic!("the end was due, not {other:?}"),
        }
    }

    pub fn fail(&mut self, walk: &mut Walk, attempt: Box<Attempt>, failure: Failure) {
        walk.failed(&mut self.ledger, attempt, failure, self.now, 0);
    }

    pub fn succeed(
        &mut self,
        walk: Box<Walk>,
        attempt: Box<Attempt>,
        told: &RemainingLimits,
    ) -> AnsweredWalk {
        walk.succeeded(&mut self.ledger, attempt, told, self.now)
    }

    /// A whole request during which every call to a step listed fails so, and any other is answered at once.
    pub fn request(
        &mut self,
        route: &Arc<Route>,
        failures: &[(usize, Failure)],
    ) -> Result<Vec<StepReport>, Verdict> {
        let mut walk = self.walk(route);
        loop {
            let attempt = match walk.next(&mut self.ledger, self.now) {
                Move::Try(attempt) => attempt,
                Move::Pause { until } => {
                    self.now = until;
                    continue;
                }
                Move::Finished(verdict) => return Err(*verdict),
            };
            match failures
                .iter()
                .find(|(index, _)| *index == attempt.step_index)
            {
                Some((_, failure)) => self.fail(&mut walk, attempt, failure.clone()),
                None => {
                    let answered = self.succeed(walk, attempt, &RemainingLimits::default());
                    return Ok(answered.reports().to_vec());
                }
            }
        }
    }

    /// The step that answers a request when all are well.
    pub fn served_by(&mut self, route: &Arc<Route>) -> Option<usize> {
        let reports = self.request(route, &[]).ok()?;
        reports.last().map(|report| report.step_index)
    }
}

/// The word of an answer about its window of requests, or of tokens.
pub fn window(unit: Unit, remaining: u64, limit: Option<u64>, seconds: u64) -> ToldWindow {
    ToldWindow {
        unit,
        window: None,
        remaining: Some(remaining),
        limit,
        resets_in: Some(Duration::from_secs(seconds)),
    }
}

/// The word of an answer about its window of requests.
pub fn told(remaining: u64, limit: Option<u64>, seconds: u64) -> RemainingLimits {
    RemainingLimits {
        windows: vec![window(Unit::Requests, remaining, limit, seconds)],
    }
}

pub fn failure(class: Class) -> Failure {
    Failure::new(class, "no")
}

pub fn stated(class: Class, seconds: u64) -> Failure {
    Failure {
        stated: Some(Duration::from_secs(seconds)),
        ..failure(class)
    }
}
