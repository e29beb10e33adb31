//! Spans: one for each request, one inside it for each attempt.
//!
//! A request and its attempts stay on one thread, so the span under way is that thread's current one: log lines carry its
//! ids, and whoever has something to add says so through [`current`] without being handed anything. Without a tracer a
//! span is nothing, and costs nothing.
//!
//! Ids, sampling and the headers between processes are OpenTelemetry's. The spans are our own: the SDK's take a lock, a
//! context and copies of every name, three times the instructions of writing down at once what they hold.

pub mod current;
mod headers;
pub mod names;
mod span;

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanKind, TraceContextExt, TraceFlags};
use opentelemetry_sdk::trace::{
    IdGenerator, RandomIdGenerator, Sampler, SamplingDecision, ShouldSample,
};

use super::masking::Masking;
use super::queue::Queue;
use super::wire::Value;
use crate::secret::Redactor;
use current::Guard;
use span::{Beginning, Kind, Span};

pub use opentelemetry::KeyValue as Attribute;

/// Methods of RFC 9110 and PATCH; span names and attributes hold no other.
const METHODS: [&str; 9] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
];

/// Makes the spans of requests; the default one makes none.
#[derive(Clone, Debug, Default)]
pub struct Tracer {
    /// `None` where traces are not exported.
    making: Option<Arc<Making>>,
    masking: Masking,
}

#[derive(Debug)]
struct Making {
    sampler: Sampler,
    queue: Arc<Queue>,
}

/// A request as its span describes it.
pub struct Asked<'a> {
    pub method: &'a str,
    pub path: &'a str,
    /// The path with its variable parts named; `None` where nothing is.
    pub template: Option<&'static str>,
    pub client: IpAddr,
    pub request_id: &'a str,
    /// The value of a header, if it is there.
    pub header: &'a dyn Fn(&str) -> Option<&'a str>,
    /// How long ago its head was whole.
    pub age: Duration,
}

/// What is known of a request when it ends.
#[derive(Default)]
pub struct Answered<'a> {
    pub status: u16,
    /// The code or class of what went wrong, also after a status that says nothing of it.
    pub error: Option<&'static str>,
    pub client: Option<&'a str>,
    pub route: Option<&'a str>,
    pub stream: bool,
    pub fallbacks: usize,
    pub served_by: Option<&'a str>,
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
}

impl Tracer {
    /// Spans that the sampler keeps go into the queue.
    pub fn new(sampler: Sampler, queue: Arc<Queue>, masking: Masking) -> Self {
        Self {
            making: Some(Arc::new(Making { sampler, queue })),
            masking,
        }
    }

    /// A tracer that makes no spans, and passes on the clients' traces at most.
    pub fn without_spans(masking: Masking) -> Self {
        Self {
            making: None,
            masking,
        }
    }

    /// Begins the span of a request, inside the client's trace if it names one. Where no spans are made, the client's
    /// trace is remembered if it is to be `passed_on`.
    pub fn request(&self, asked: &Asked<'_>, passed_on: bool) -> RequestSpan {
        if self.making.is_none() && !passed_on {
            return RequestSpan(None);
        }
        let redactor = self.masking.redactor();
        let parent = headers::incoming(asked.header, &redactor);
        let Some(making) = &self.making else {
            return RequestSpan(parent.map(Span::of_client).and_then(Guard::open));
        };
        let known = METHODS.contains(&asked.method);
        let mut span = making.begin(asked, known, parent, redactor);
        if span.is_recorded() {
            describe(&mut span, asked, known);
        }
        RequestSpan(Guard::open(span))
    }
}

impl Making {
    fn begin(
        &self,
        asked: &Asked<'_>,
        known: bool,
        parent: Option<SpanContext>,
        redactor: Arc<Redactor>,
    ) -> Span {
        let ids = RandomIdGenerator::default();
        let inside = match &parent {
            Some(parent) => Context::new().with_remote_span_context(parent.clone()),
            None => Context::new(),
        };
        let trace = parent
            .as_ref()
            .map_or_else(|| ids.new_trace_id(), SpanContext::trace_id);
        let method = if known { asked.method } else { "HTTP" };
        let kind = SpanKind::Server;
        let sampled = self
            .sampler
            .should_sample(Some(&inside), trace, method, &kind, &[], &[]);
        let is_kept = sampled.decision == SamplingDecision::RecordAndSample;
        let flags = TraceFlags::default().with_sampled(is_kept);
        let state = sampled.trace_state;
        let context = SpanContext::new(trace, ids.new_span_id(), flags, false, state);
        if !is_kept {
            return Span::unsampled(context);
        }
        let now = SystemTime::now();
        let beginning = Beginning {
            parent: parent.as_ref(),
            name: (method, asked.template),
            kind: Kind::Server,
            started: now.checked_sub(asked.age).unwrap_or(now),
        };
        Span::sampled(context, &beginning, Arc::clone(&self.queue), redactor)
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
        let parent = self.0.as_ref().and_then(|guard| {
            guard.read(|span| {
                let ours = span.is_ours.then(|| span.context.clone());
                Some((ours?, span.way_out()))
            })
        });
        let Some((parent, way_out)) = parent.flatten() else {
            return AttemptSpan(None);
        };
        let context = SpanContext::new(
            parent.trace_id(),
            RandomIdGenerator::default().new_span_id(),
            parent.trace_flags(),
            false,
            parent.trace_state().clone(),
        );
        let Some((queue, redactor)) = way_out else {
            return AttemptSpan(Guard::open(Span::unsampled(context)));
        };
        let tried = tried();
        let beginning = Beginning {
            parent: Some(&parent),
            name: (names::CHAT, Some(tried.model)),
            kind: Kind::Client,
            started: SystemTime::now(),
        };
        let mut span = Span::sampled(context, &beginning, queue, redactor);
        describe_attempt(&mut span, &tried);
        AttemptSpan(Guard::open(span))
    }

    /// Something happened between two attempts.
    pub fn event(&self, name: &'static str, attributes: impl FnOnce() -> Vec<Attribute>) {
        if let Some(guard) = &self.0
            && guard.read(Span::is_recorded) == Some(true)
        {
            guard.event(name, &attributes());
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

    /// The attempt gave the client its answer. What else is known of it came through [`current`].
    pub fn answered(self, input_tokens: Option<u64>, output_tokens: Option<u64>) {
        if let Some(guard) = &self.0 {
            guard.tokens(input_tokens, output_tokens);
        }
    }

    /// The attempt came to nothing.
    pub fn failed(self, class: &'static str, message: impl FnOnce() -> String) {
        if let Some(guard) = &self.0
            && guard.read(Span::is_recorded) == Some(true)
        {
            let message = message();
            guard.change(|span| {
                span.text(names::ERROR_TYPE, class);
                span.fail(&message);
            });
        }
    }
}

fn describe(span: &mut Span, asked: &Asked<'_>, known: bool) {
    span.text(
        names::HTTP_METHOD,
        if known { asked.method } else { "_OTHER" },
    );
    span.foreign_text(names::URL_PATH, asked.path);
    span.text(names::URL_SCHEME, "http");
    let mut client = String::with_capacity(40);
    // Writing to a string does not fail.
    let _ = write!(client, "{}", asked.client);
    span.text(names::CLIENT_ADDRESS, &client);
    span.foreign_text(names::REQUEST_ID, asked.request_id);
    if let Some(template) = asked.template {
        span.text(names::HTTP_ROUTE, template);
    }
    if !known {
        span.foreign_text(names::HTTP_METHOD_ORIGINAL, asked.method);
    }
    if let Some(agent) = (asked.header)("user-agent") {
        span.foreign_text(names::USER_AGENT, agent);
    }
}

fn describe_attempt(span: &mut Span, tried: &Tried<'_>) {
    span.text(names::OPERATION, names::CHAT);
    span.text(names::PROVIDER, tried.provider);
    span.text(names::REQUEST_MODEL, tried.model);
    span.text(names::HTTP_METHOD, "POST");
    span.text(names::ROUTE, tried.route);
    span.put(names::STEP, count(tried.step));
    span.put(names::STREAM, Value::Flag(tried.stream));
    if let Some(index) = tried.key_index {
        span.put(names::KEY_INDEX, count(index));
    }
    let (host, port) = tried.server;
    span.text(names::SERVER_ADDRESS, host);
    span.put(names::SERVER_PORT, Value::Whole(port.into()));
}

fn describe_answer(span: &mut Span, answered: &Answered<'_>) {
    span.put(names::HTTP_STATUS, Value::Whole(answered.status.into()));
    if let Some(client) = answered.client {
        span.text(names::CLIENT, client);
    }
    if let Some(route) = answered.route {
        // Nothing of `gen_ai` here: whoever adds up tokens or calls would count them twice.
        span.foreign_text(names::ROUTE, route);
        span.put(names::STREAM, Value::Flag(answered.stream));
        span.put(names::FALLBACKS, count(answered.fallbacks));
    }
    if let Some(via) = answered.served_by {
        span.text(names::SERVED_BY, via);
    }
    if let Some(error) = answered.error {
        span.text(names::ERROR_TYPE, error);
    }
    // A 4xx is no error of the server's (HTTP conventions); a stream that broke after its 200 is.
    let client_gone = answered.status == 499;
    let broken = answered.status < 400 && answered.error.is_some();
    if (answered.status >= 500 || broken) && !client_gone {
        span.fail("");
    }
}

fn count(number: usize) -> Value<'static> {
    Value::Whole(i64::try_from(number).unwrap_or(i64::MAX))
}
