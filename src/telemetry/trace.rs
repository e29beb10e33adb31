//! Spans: one for each request, one inside it for each attempt.
//!
//! The spans are `opentelemetry_sdk`'s. A request and its attempts stay on one thread, so the span under way is that
//! thread's current one: log lines carry its ids, and [`current`] adds to it without being handed anything. Without a
//! tracer a span is nothing, and costs nothing. Keys are masked here, in whatever comes from outside, before it is cut.

pub mod current;
pub mod names;
mod open_span;
mod propagation;

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use opentelemetry::trace::SpanKind;
use opentelemetry::{Array, StringValue, Value};
use opentelemetry_sdk::trace::SdkTracer;

use super::masking::Masking;
use current::Guard;
use open_span::{OpenSpan, SpanMaker, count};

pub use opentelemetry::KeyValue as Attribute;

/// An attribute with several texts.
pub fn list(name: &'static str, texts: &[&'static str]) -> Attribute {
    let texts = texts.iter().map(|text| StringValue::from(*text));
    Attribute::new(name, Value::Array(Array::String(texts.collect())))
}

/// Bound of an IP address as text (bytes).
const LONGEST_ADDRESS: usize = 45;

/// Makes the spans of requests; the default one makes none.
#[derive(Clone, Debug, Default)]
pub struct Tracer {
    /// The SDK's tracer; `None` where traces are not exported.
    sdk: Option<Arc<SdkTracer>>,
    masking: Masking,
}

/// A request as its span describes it.
pub struct Asked<'a> {
    pub method: &'a str,
    pub path: &'a str,
    /// The path with its variable parts named; `None` for a path without an endpoint.
    pub template: Option<&'static str>,
    pub client: IpAddr,
    pub request_id: &'a str,
    /// The value of a header, if it is there.
    pub header: &'a dyn Fn(&str) -> Option<&'a str>,
    /// The time at which its head was whole.
    pub received: Instant,
}

/// The end of a request as its span describes it.
#[derive(Default)]
pub struct Answered<'a> {
    pub status: u16,
    /// The code or class of the error, also after a status that does not show it.
    pub error: Option<&'static str>,
    pub client: Option<&'a str>,
    pub route: Option<&'a str>,
    pub stream: bool,
    pub fallbacks: usize,
    pub served_by: Option<&'a str>,
    /// In the currency of the configuration.
    pub cost: Option<&'a str>,
}

/// A step as its attempt's span describes it.
pub struct Tried<'a> {
    pub route: &'a str,
    pub step: usize,
    pub provider: &'a str,
    pub model: &'a str,
    pub key_index: Option<usize>,
    /// Host and port of the provider.
    pub server: (&'a str, u16),
    pub stream: bool,
    /// The operation, in the words of the GenAI conventions.
    pub operation: &'static str,
}

impl Tracer {
    pub fn new(sdk: SdkTracer, masking: Masking) -> Self {
        Self {
            sdk: Some(Arc::new(sdk)),
            masking,
        }
    }

    /// A tracer that makes no spans, and passes on the clients' traces at most.
    pub fn without_spans(masking: Masking) -> Self {
        Self { sdk: None, masking }
    }

    /// Begins the span of a request, inside the client's trace if it names one. Where no spans are made, the client's
    /// trace is remembered if it is to be `passed_on`. Without either the request is not looked at.
    pub fn request<'a>(&self, asked: impl FnOnce() -> Asked<'a>, passed_on: bool) -> RequestSpan {
        if self.sdk.is_none() && !passed_on {
            return RequestSpan(None);
        }
        self.begin(&asked())
    }

    fn begin(&self, asked: &Asked<'_>) -> RequestSpan {
        let redactor = self.masking.redactor();
        let parent = propagation::incoming(asked.header, &redactor);
        let Some(sdk) = &self.sdk else {
            return RequestSpan(parent.map(OpenSpan::OfClient).and_then(Guard::open));
        };
        let maker = SpanMaker {
            sdk: Arc::clone(sdk),
            redactor,
        };
        let known = names::known_method(asked.method);
        let method = known.unwrap_or("HTTP");
        let now = SystemTime::now();
        let started = now.checked_sub(asked.received.elapsed()).unwrap_or(now);
        let mut span = maker.begin(parent, method, SpanKind::Server, started);
        if span.is_recorded() {
            if let Some(template) = asked.template {
                span.rename([method, template].join(" "));
            }
            describe(&mut span, asked, known);
        }
        RequestSpan(Guard::open(span))
    }
}

/// The span of a request. Until it is dropped, it is the current one of its thread.
pub struct RequestSpan(Option<Guard>);

impl RequestSpan {
    /// No span.
    pub fn none() -> Self {
        Self(None)
    }

    /// Begins the span of an attempt, described only if there is one.
    pub fn attempt<'t>(&self, tried: impl FnOnce() -> Tried<'t>) -> AttemptSpan {
        let parent = self.0.as_ref();
        let inside = parent.and_then(|guard| guard.read(OpenSpan::maker_and_context));
        let Some((maker, parent)) = inside.flatten() else {
            return AttemptSpan(None);
        };
        let mut span = maker.begin(
            Some(parent),
            names::CHAT,
            SpanKind::Client,
            SystemTime::now(),
        );
        if span.is_recorded() {
            let tried = tried();
            span.rename([tried.operation, tried.model].join(" "));
            describe_attempt(&mut span, &tried);
        }
        AttemptSpan(Guard::open(span))
    }

    /// Adds an event between two attempts.
    pub fn event(&self, name: &'static str, attributes: impl FnOnce() -> Vec<Attribute>) {
        if let Some(guard) = &self.0
            && guard.read(OpenSpan::is_recorded) == Some(true)
        {
            let attributes = attributes();
            guard.change(|span| span.event(name, attributes));
        }
    }

    pub fn end(self, answered: &Answered<'_>) {
        if let Some(guard) = &self.0 {
            guard.change(|span| describe_answer(span, answered));
        }
    }
}

/// The span of an attempt. Until it is dropped, it is the current one of its thread.
pub struct AttemptSpan(Option<Guard>);

impl AttemptSpan {
    /// No span.
    pub fn none() -> Self {
        Self(None)
    }

    /// Adds the tokens of an attempt that gave the client its answer. The rest comes through [`current`].
    pub fn answered(self, input_tokens: Option<u64>, output_tokens: Option<u64>) {
        if let Some(guard) = &self.0 {
            guard.tokens(input_tokens, output_tokens);
        }
    }

    /// Makes the attempt an error.
    pub fn failed(self, class: &'static str, message: impl FnOnce() -> String) {
        if let Some(guard) = &self.0
            && guard.read(OpenSpan::is_recorded) == Some(true)
        {
            let message = message();
            guard.change(|span| {
                span.put(names::ERROR_TYPE, class);
                span.fail(&message);
            });
        }
    }
}

fn describe(span: &mut OpenSpan, asked: &Asked<'_>, known: Option<&'static str>) {
    span.put(names::HTTP_METHOD, known.unwrap_or(names::OTHER_METHOD));
    span.put_foreign(names::URL_PATH, asked.path);
    span.put(names::URL_SCHEME, "http");
    let mut client = String::with_capacity(LONGEST_ADDRESS);
    // Writing to a string does not fail.
    let _ = write!(client, "{}", asked.client);
    span.put(names::CLIENT_ADDRESS, client);
    span.put_foreign(names::REQUEST_ID, asked.request_id);
    if let Some(template) = asked.template {
        span.put(names::HTTP_ROUTE, template);
    }
    if known.is_none() {
        span.put_foreign(names::HTTP_METHOD_ORIGINAL, asked.method);
    }
    if let Some(agent) = (asked.header)("user-agent") {
        span.put_foreign(names::USER_AGENT, agent);
    }
}

fn describe_attempt(span: &mut OpenSpan, tried: &Tried<'_>) {
    let (host, port) = tried.server;
    span.put(names::OPERATION, tried.operation);
    span.put(names::PROVIDER, tried.provider.to_owned());
    span.put(names::REQUEST_MODEL, tried.model.to_owned());
    span.put(names::HTTP_METHOD, "POST");
    span.put(names::ROUTE, tried.route.to_owned());
    span.put(names::STEP, count(tried.step));
    span.put(names::STREAM, tried.stream);
    if let Some(index) = tried.key_index {
        span.put(names::KEY_INDEX, count(index));
    }
    span.put(names::SERVER_ADDRESS, host.to_owned());
    span.put(names::SERVER_PORT, i64::from(port));
}

fn describe_answer(span: &mut OpenSpan, answered: &Answered<'_>) {
    span.put(names::HTTP_STATUS, i64::from(answered.status));
    if let Some(client) = answered.client {
        span.put(names::CLIENT, client.to_owned());
    }
    if let Some(route) = answered.route {
        // Nothing of `gen_ai` here: a sum of tokens or calls over all spans would count them twice.
        span.put_foreign(names::ROUTE, route);
        span.put(names::STREAM, answered.stream);
        span.put(names::FALLBACKS, count(answered.fallbacks));
    }
    if let Some(via) = answered.served_by {
        span.put(names::SERVED_BY, via.to_owned());
    }
    if let Some(cost) = answered.cost {
        span.put(names::COST, cost.to_owned());
    }
    if let Some(error) = answered.error {
        span.put(names::ERROR_TYPE, error);
    }
    // A 4xx is no error of the server's (HTTP conventions); a stream that broke after its 200 is.
    let client_gone = answered.status == 499;
    let broken = answered.status < 400 && answered.error.is_some();
    if (answered.status >= 500 || broken) && !client_gone {
        span.fail("");
    }
}
