//! The facts of a request: who asks for what, and how it ends.

use std::net::IpAddr;
use std::time::{Duration, Instant, SystemTime};

use log::Level;

use super::log_lines::RequestFacts;
use super::record::{CapturedRequest, Journal, LONGEST_NAME, Remembered, tried};
use super::{body_excerpt, captured_content, span_attributes};
use crate::config::{Name, Route, Step};
use crate::dialect::class::Class;
use crate::dialect::request::{Payload, Request};
use crate::dialect::usage::Usage;
use crate::dialect::{self, Dialect};
use crate::gateway::booking::ClientBooking;
use crate::gateway::history::Record;
use crate::http::Exchange;
use crate::routing::{StepReport, Verdict, fallbacks};
use crate::telemetry::metrics;
use crate::telemetry::trace::{self, Asked, current};
use crate::text::cut;

impl<'g> Journal<'g> {
    /// The request is worth a trace. `template` is its path with the variable parts named, where it names an endpoint.
    pub fn traced(&mut self, exchange: &Exchange<'_>, template: Option<&'static str>) {
        let head = exchange.head();
        let header = |name: &str| head.header(name);
        let asked = || Asked {
            method: head.method(),
            path: head.path(),
            template,
            client: exchange.client_address(),
            request_id: exchange.request_id(),
            header: &header,
            received: exchange.received(),
        };
        let context = self.context;
        self.span = context
            .tracer
            .request(asked, context.config.propagate_trace);
    }

    /// The client showed a key.
    pub fn identified(&mut self, client: &'g Name) {
        self.facts.client = Some(client);
    }

    /// The client showed no key that is known.
    pub fn anonymous(&mut self, address: IpAddr) {
        self.stranger = Some(address);
    }

    /// The body is a request.
    pub fn read(&mut self, dialect: &dyn Dialect, request: &Request<'_>) {
        self.facts.api = Some(dialect.name()).filter(|name| *name != dialect::USUAL);
        self.facts.stream = request.stream;
        self.remembered.bytes = Some(request.payload.length());
        let redactor = &self.context.redactor;
        match &request.payload {
            Payload::Json(object) => self.facts.log_body("request body", || {
                body_excerpt::excerpt(object.source(), redactor)
            }),
            Payload::Multipart(form) => self.facts.log_body("request body", || {
                body_excerpt::form_excerpt(form, redactor)
            }),
        }
    }

    /// The request names no route, or none for this client.
    pub fn route_unknown(&mut self, name: &str) {
        let name = self.context.redactor.redact(name);
        self.facts.route = Some(cut(&name, LONGEST_NAME).into());
    }

    /// The request is about a route.
    pub fn route_known(&mut self, route: &'g Route) {
        self.facts.route = Some(shown(&route.name));
    }

    /// The walk over a route begins.
    pub fn walk_began(&mut self, route: &'g Route, dialect: &dyn Dialect, request: &Request<'_>) {
        self.operation = dialect.operation();
        self.route = Some(route);
        self.facts.route = Some(shown(&route.name));
        self.counted.takes(&route.name, self.operation);
        if current::is_recorded() {
            self.attributes = span_attributes::attributes(dialect, request);
        }
        if let Some(budget) = self.captures_content() {
            let redactor = &self.context.redactor;
            let messages = match &request.payload {
                Payload::Json(object) => captured_content::input(object, redactor),
                Payload::Multipart(form) => Some(captured_content::form_input(form, redactor)),
            };
            self.captured_request =
                messages.and_then(|messages| CapturedRequest::new(messages, budget));
        }
    }

    /// The request is admitted to its client's account, which is told of all that it takes.
    pub fn admitted(&mut self, booking: ClientBooking<'g>) {
        self.booking = Some(booking);
    }

    /// An attempt's answer was passed over, and another one is the client's.
    pub fn wasted(&mut self, step: &Step, usage: Option<Usage>) {
        if let Some(booking) = &mut self.booking {
            booking.wasted(step, usage);
        }
    }

    /// No step answered. A fault that somebody has to mend is an error: keys, bills, names of models. The rest passes.
    pub fn exhausted(&mut self, verdict: &Verdict, reports: &[StepReport]) {
        self.show_skipped(reports);
        self.facts.steps = tried(reports);
        self.facts.fallbacks = fallbacks(reports);
        self.facts.error = Some(verdict.code.label());
        if let (Some(facts), Some(route)) = (&self.context.alerts, &self.facts.route) {
            facts.exhausted(route, verdict, reports);
        }
        let to_mend = [
            Class::Unauthorized,
            Class::Forbidden,
            Class::QuotaExhausted,
            Class::ModelNotFound,
        ];
        let mut classes = reports.iter().filter_map(|report| report.class);
        self.facts.level = Some(if classes.any(|class| to_mend.contains(&class)) {
            Level::Error
        } else {
            Level::Warn
        });
    }

    /// The client left during the walk, or the gateway has no time left for it.
    pub fn walk_stopped(&mut self, route: &Route, reports: &[StepReport]) {
        self.facts.steps = tried(reports);
        if self.context.history.is_kept() {
            self.routing_summary(route, reports);
        }
    }

    /// The code or class of the problem that ends the request.
    pub fn failed(&mut self, error: &'static str) {
        self.facts.error = Some(error);
    }

    /// The request is over: its line, and the end of its span. A fault of the gateway's own is an error.
    pub fn end(mut self: Box<Self>, status: u16) {
        self.attempt = None;
        self.settle();
        let now = Instant::now();
        let duration = now.saturating_duration_since(self.facts.started);
        self.context.history.turn(now, &self.context.metrics);
        // Without a bound, strangers would fill the disk with lines.
        let edge = &self.context.edge;
        if (self.stranger).is_none_or(|address| edge.admits_line(address, status)) {
            self.facts.log_request(status, duration);
        }
        let Self {
            context,
            facts,
            counted,
            span,
            remembered,
            ..
        } = *self;
        counted.end(metrics::End {
            status,
            stream: facts.stream,
            duration,
            now,
            fallbacks: facts.fallbacks,
            broken: facts.broken,
        });
        span.end(&trace::Answered {
            status,
            error: facts.error,
            client: facts.client.map(Name::as_str),
            route: facts.route.as_deref(),
            stream: facts.stream,
            fallbacks: facts.fallbacks,
            served_by: facts.served_by,
            cost: facts.cost.as_deref(),
        });
        if context.history.is_kept()
            && let Some(bytes) = remembered.bytes
        {
            context
                .history
                .add(record(facts, remembered, bytes, status, duration));
        }
    }
}

/// The name of a route in the log and in the history.
fn shown(name: &Name) -> Name {
    match name.len() {
        0..=LONGEST_NAME => name.clone(),
        _ => cut(name, LONGEST_NAME).into(),
    }
}

/// The record of a request that is over, made of what is known of it.
fn record(
    facts: RequestFacts<'_>,
    remembered: Remembered,
    request_bytes: usize,
    status: u16,
    duration: Duration,
) -> Record {
    let told = facts.usage.unwrap_or_default();
    let is_told = told.prompt_tokens.is_some() || told.completion_tokens.is_some();
    let estimate = remembered.estimate.filter(|_| !is_told);
    Record {
        time: SystemTime::now() - duration,
        client: facts.client.cloned(),
        route: facts.route,
        api: facts.api.unwrap_or(dialect::USUAL),
        stream: facts.stream,
        status,
        code: facts.error,
        first_content: remembered.first_content,
        total: duration,
        input_tokens: told.prompt_tokens.or(estimate.map(|(input, _)| input)),
        output_tokens: told
            .completion_tokens
            .or(estimate.map(|(_, output)| output)),
        estimated: estimate.is_some(),
        cost: facts.cost,
        request_bytes,
        broken: facts.broken,
        summary: remembered.summary,
        standings: remembered.standings,
        id: facts.request_id,
    }
}
