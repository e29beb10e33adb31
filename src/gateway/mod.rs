//! What each endpoint does.
//!
//! A request comes in as an [`Exchange`] on a worker thread, is authenticated before its body is read, and leaves with
//! one line in the log. Chat completions go through `chat` (what is asked), `walk` (which step next), `attempt` (one
//! call to one provider), and for streams `prelude` (held back until content) and `relay` (after the commit point).

mod attempt;
mod auth;
mod chat;
mod content;
mod current;
mod endpoint;
mod events;
mod excerpt;
mod failure;
mod journal;
mod memory;
mod metrics;
mod prelude;
mod provider_call;
mod relay;
mod reply;
mod route_diagnostics;
mod status;
mod summary;
mod trail;
mod upstream_models;
mod walk;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::config::{self, Config};
use crate::dialect::error::Code;
use crate::dialect::models;
use crate::http::{self, Exchange, Handler, Head, Response, ResponseHead};
use crate::secret::Redactor;
use crate::telemetry::Tracer;
use crate::telemetry::metrics::{Metrics, prometheus};
use crate::telemetry::otlp::Health;
use crate::telemetry::trace::{Asked, RequestSpan};
use crate::upstream::{Client, Settings};

pub use current::Current;
use endpoint::Endpoint;
use journal::Journal;
use memory::Memory;
use upstream_models::SharedProbe;

/// The gateway behind the edge, with one configuration. [`Current`] exchanges it for one with another.
pub struct Gateway {
    config: Arc<Config>,
    client: Client,
    memory: Memory,
    redactor: Redactor,
    probe: SharedProbe,
    tracer: Tracer,
    /// How the exports to a collector are doing.
    exports: Vec<Arc<Health>>,
    metrics: Arc<Metrics>,
    /// What the server in front of this is doing.
    edge: http::Stats,
    /// Seconds since 1970, the `created` of every listed model.
    started: u64,
    /// False from the moment it is told to stop.
    ready: Arc<AtomicBool>,
}

impl Gateway {
    /// `edge` is a look into the server that this gateway will stand behind.
    ///
    /// # Errors
    /// When the upstream client cannot be set up (a CA file or a proxy that is none), or no thread can be started.
    pub fn new(config: Config, edge: http::Stats) -> Result<Self, String> {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
        let started = since_1970.map_or(0, |duration| duration.as_secs());
        let metrics = Metrics::new(&config);
        let ready = Arc::new(AtomicBool::new(true));
        let client = Client::new(Self::upstream_settings(&config))?;
        Self::with(config, client, metrics, edge, started, ready)
    }

    /// A gateway with another configuration that remembers what this one knows of the providers; this one writes no
    /// state file from now on. The instruments that both have go on counting.
    fn successor(&self, config: Config) -> Result<Self, String> {
        let ready = Arc::clone(&self.ready);
        let (metrics, edge) = (self.metrics.successor(&config), self.edge.clone());
        let client = self.client.successor(Self::upstream_settings(&config))?;
        let new = Self::with(config, client, metrics, edge, self.started, ready)?;
        let new = new.exported_by(self.tracer.clone(), &self.exports);
        new.memory
            .take_over(&new.config, &self.memory, &self.config);
        Ok(new)
    }

    fn with(
        config: Config,
        client: Client,
        metrics: Metrics,
        edge: http::Stats,
        started: u64,
        ready: Arc<AtomicBool>,
    ) -> Result<Self, String> {
        let config = Arc::new(config);
        Ok(Self {
            client,
            memory: Memory::open(&config).map_err(|error| error.to_string())?,
            redactor: config.redactor(),
            probe: SharedProbe::default(),
            tracer: Tracer::default(),
            exports: Vec::new(),
            metrics: Arc::new(metrics),
            edge,
            started,
            ready,
            config,
        })
    }

    /// Makes spans of requests and attempts from now on, and counts what these exports lose.
    #[must_use]
    pub fn exported_by(self, tracer: Tracer, exports: &[Arc<Health>]) -> Self {
        Self {
            tracer,
            exports: exports.to_vec(),
            ..self
        }
    }

    /// How the client that calls providers is set up for a configuration.
    pub fn upstream_settings(config: &Config) -> Settings {
        Settings {
            connect_timeout: config.server.connect_timeout,
            ca_file: config.ca_file.clone(),
            proxy: config.proxy.clone(),
            max_idle: config.server.max_concurrent_requests,
            ..Settings::default()
        }
    }

    /// Closes the connections to the providers and writes down what has to survive.
    pub fn close(&self) {
        self.client.shutdown();
        self.memory.close();
    }

    /// The client whose key the request holds.
    fn client_of(&self, head: &Head) -> Option<&config::Client> {
        auth::client(
            &self.config,
            head.header("x-api-key"),
            head.header("authorization"),
        )
    }

    fn answer<'g>(&'g self, exchange: Exchange<'_>, mut journal: Box<Journal<'g>>) {
        let endpoint = Endpoint::of(exchange.head().path());
        if endpoint.as_ref().is_none_or(Endpoint::is_traced) {
            journal.traced(self.span_of(&exchange, endpoint.as_ref()));
        }
        let client = self.client_of(exchange.head());
        if let Some(client) = client {
            journal.client(&client.name);
            if endpoint == Some(Endpoint::ChatCompletions) && exchange.head().method() == "POST" {
                return chat::complete(self, exchange, journal, client);
            }
        }
        self.answer_without_a_walk(exchange, journal, endpoint, client);
    }

    #[inline(never)] // frames of their own keep the stack of a waiting worker small
    fn answer_without_a_walk(
        &self,
        exchange: Exchange<'_>,
        journal: Box<Journal<'_>>,
        endpoint: Option<Endpoint>,
        client: Option<&config::Client>,
    ) {
        let open = endpoint
            .as_ref()
            .is_some_and(|endpoint| endpoint.is_open(&self.config));
        if client.is_none() && !open {
            return reply::refuse(
                exchange,
                journal,
                Code::Unauthorized,
                "a key is needed in X-Api-Key or Authorization: Bearer",
            );
        }
        let Some(endpoint) = endpoint else {
            return reply::refuse(
                exchange,
                journal,
                Code::NotFound,
                "there is nothing at this path",
            );
        };
        let method = exchange.head().method();
        if method == "OPTIONS" {
            let response = Response::new(ResponseHead::new(204, "text/plain"), Vec::new())
                .with("Allow", endpoint.allow());
            return reply::finish(exchange, journal, response);
        }
        if !endpoint.allows(method) {
            return reply::refuse_method(exchange, journal, endpoint.allow());
        }
        match (endpoint, client) {
            (Endpoint::Health, _) => reply::finish(exchange, journal, health()),
            (Endpoint::Live, _) => reply::finish(exchange, journal, status(200, "alive")),
            // Asked every few seconds by whoever watches over the gateway: no line in the log.
            (Endpoint::Ready, _) => drop(exchange.send(self.readiness())),
            (Endpoint::UpstreamModels, _) => self.upstream_models(exchange, journal),
            (Endpoint::Models, Some(client)) => {
                let names = self.visible_routes(client).map(|route| route.name.as_str());
                let body = models::models(names, self.started);
                reply::finish(exchange, journal, Response::json(200, body));
            }
            (Endpoint::Model(name), Some(client)) => self.model(exchange, journal, client, &name),
            (Endpoint::RouteDiagnostics, Some(client)) => {
                let routes = self.visible_routes(client);
                let routes = routes.map(AsRef::as_ref);
                let body = route_diagnostics::report(routes, &self.memory.ledger(), Instant::now());
                reply::finish(exchange, journal, Response::json(200, body));
            }
            // Answered before, when all is well.
            (Endpoint::Metrics | Endpoint::Status, Some(_)) => {
                reply::refuse(exchange, journal, Code::NotFound, "it is turned off")
            }
            // Its one method was seen to before.
            (Endpoint::ChatCompletions, Some(_)) => {
                reply::refuse_method(exchange, journal, Endpoint::ChatCompletions.allow())
            }
            (_, None) => reply::refuse(exchange, journal, Code::Unauthorized, "a key is needed"),
        }
    }

    /// That a worker answers, and has had the ledger, is a part of what is said.
    fn readiness(&self) -> Response {
        drop(self.memory.ledger());
        if self.ready.load(Ordering::Acquire) {
            status(200, "ready")
        } else {
            status(503, "stopping")
        }
    }

    #[inline(never)] // frames of their own keep the stack of a waiting worker small
    fn span_of(&self, exchange: &Exchange<'_>, endpoint: Option<&Endpoint>) -> RequestSpan {
        let head = exchange.head();
        let asked = Asked {
            method: head.method(),
            path: head.path(),
            template: endpoint.map(Endpoint::template),
            client: exchange.client_address(),
            request_id: exchange.request_id(),
            header: &|name| head.header(name),
            age: exchange.received().elapsed(),
        };
        self.tracer.request(&asked, self.config.propagate_trace)
    }

    fn visible_routes<'a>(
        &'a self,
        client: &'a config::Client,
    ) -> impl Iterator<Item = &'a Arc<config::Route>> {
        let routes = self.config.routes.iter();
        routes.filter(|route| auth::may_use(client, route))
    }

    /// Answers an [`Self::observation`]; anything else comes back.
    #[inline(never)] // frames of their own keep the stack of a waiting worker small
    fn observed<'t>(&self, exchange: Exchange<'t>) -> Option<Exchange<'t>> {
        match self.observation(exchange.head()) {
            Some(response) => {
                exchange.send(response);
                None
            }
            None => Some(exchange),
        }
    }

    /// What monitors and open status pages ask over and over. It is about the gateway and not through it: when all is
    /// well, it is neither logged nor counted.
    fn observation(&self, head: &Head) -> Option<Response> {
        if !matches!(head.method(), "GET" | "HEAD") {
            return None;
        }
        if self.config.status_page && status::wants_page(head) {
            return Some(status::page());
        }
        match Endpoint::of(head.path())? {
            Endpoint::Metrics => {
                let may = !self.config.metrics_need_key || self.client_of(head).is_some();
                may.then(|| self.exposition())
            }
            Endpoint::Status if self.config.status_page => {
                let routes = self.visible_routes(self.client_of(head)?);
                Some(Response::json(200, status::report(self, routes)))
            }
            _ => None,
        }
    }

    fn exposition(&self) -> Response {
        let head = ResponseHead::new(200, prometheus::CONTENT_TYPE);
        Response::new(head, prometheus::text(&self.families()))
    }

    fn model(
        &self,
        exchange: Exchange<'_>,
        journal: Box<Journal<'_>>,
        client: &config::Client,
        name: &str,
    ) {
        match self.visible_routes(client).find(|route| route.name == name) {
            Some(route) => {
                let body = models::model(&route.name, self.started);
                reply::finish(exchange, journal, Response::json(200, body));
            }
            None => reply::refuse_route(exchange, journal, &self.redactor.redact(name)),
        }
    }

    fn upstream_models(&self, exchange: Exchange<'_>, journal: Box<Journal<'_>>) {
        let probe = || upstream_models::probe(&self.config.providers, &self.client, &self.redactor);
        let most_waiting = self.config.server.max_concurrent_requests / 4;
        let Some(report) = self.probe.report(most_waiting, probe) else {
            return reply::refuse_overload(exchange, journal);
        };
        let status = if report.ok { 200 } else { 503 };
        // Strings and numbers always serialize; the empty object is for the type checker.
        let body = serde_json::to_vec(&*report).unwrap_or_else(|_| b"{}".to_vec());
        reply::finish(exchange, journal, Response::json(status, body));
    }
}

impl Handler for Gateway {
    fn handle(&self, exchange: Exchange<'_>) {
        if let Some(exchange) = self.observed(exchange) {
            let journal = Journal::open(&exchange, &self.metrics, &self.redactor);
            self.answer(exchange, journal);
        }
    }

    /// Health is answered by the front thread, so that a busy gateway still says it is well.
    fn instant(&self, head: &Head) -> Option<Response> {
        if !matches!(head.method(), "GET" | "HEAD") {
            return None;
        }
        match Endpoint::of(head.path())? {
            Endpoint::Health => Some(health()),
            Endpoint::Live => Some(status(200, "alive")),
            _ => None,
        }
    }
}

fn health() -> Response {
    status(200, "healthy")
}

fn status(code: u16, word: &str) -> Response {
    Response::json(code, format!(r#"{{"status":"{word}"}}"#))
}
