//! Spans: one for each request, one inside it for each attempt.
//!
//! A request and its attempts stay on one thread, so the span under way is that thread's current one: log lines carry its
//! ids, and whoever has something to add says so through [`current`] without being handed anything. Without a tracer a
//! span is nothing, and costs nothing.

pub mod current;
mod headers;
pub mod names;

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{
    SpanBuilder, SpanKind, Status, TraceContextExt, Tracer as _, get_active_span,
};
use opentelemetry::{Context, ContextGuard, KeyValue};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracer;

use headers::Incoming;

pub use opentelemetry::KeyValue as Attribute;

/// Bytes of a text that comes from elsewhere.
const LONGEST_TEXT: usize = 1024;

/// Methods of RFC 9110 and PATCH; span names and attributes hold no other.
const METHODS: [&str; 9] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
];

/// Makes the spans of requests.
#[derive(Clone, Debug, Default)]
pub struct Tracer {
    tracer: Option<SdkTracer>,
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
    pub server: Option<(&'a str, u16)>,
    pub stream: bool,
}

impl Tracer {
    /// `None` makes no spans.
    pub fn new(tracer: Option<SdkTracer>) -> Self {
        Self { tracer }
    }

    /// Begins the span of a request, inside the client's trace if it names one. Where no spans are made, the client's
    /// trace is remembered if it is to be `passed_on`.
    pub fn request(&self, asked: &Asked<'_>, passed_on: bool) -> RequestSpan {
        if self.tracer.is_none() && !passed_on {
            return RequestSpan(None);
        }
        let incoming = Incoming(asked.header);
        let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &incoming);
        let Some(tracer) = &self.tracer else {
            let is_there = parent.has_active_span();
            return RequestSpan(is_there.then(|| Under::attach(parent, None)));
        };
        let started = SystemTime::now().checked_sub(asked.age);
        let known = METHODS.contains(&asked.method);
        let method = if known { asked.method } else { "HTTP" };
        let span_name = match asked.template {
            Some(template) => format!("{method} {template}"),
            None => method.to_owned(),
        };
        let builder = SpanBuilder::from_name(span_name)
            .with_kind(SpanKind::Server)
            .with_start_time(started.unwrap_or_else(SystemTime::now))
            .with_attributes(attributes_of(asked, known));
        let span = tracer.build_with_context(builder, &parent);
        let context = parent.with_span(span);
        RequestSpan(Some(Under::attach(context, Some(tracer.clone()))))
    }
}

/// The span of a request. Until it is dropped, it is the current one of its thread.
pub struct RequestSpan(Option<Under>);

impl RequestSpan {
    /// No span.
    pub fn none() -> Self {
        Self(None)
    }

    /// Begins the span of an attempt, described only if there is one.
    pub fn attempt<'t>(&self, tried: impl FnOnce() -> Tried<'t>) -> AttemptSpan {
        let Some(Under {
            context,
            tracer: Some(tracer),
            ..
        }) = &self.0
        else {
            return AttemptSpan(None);
        };
        let tried = tried();
        let builder = SpanBuilder::from_name(format!("{} {}", names::CHAT, tried.model))
            .with_kind(SpanKind::Client)
            .with_attributes(attributes_of_attempt(&tried));
        let span = tracer.build_with_context(builder, context);
        AttemptSpan(Some(Under::attach(
            context.with_span(span),
            Some(tracer.clone()),
        )))
    }

    /// Something happened between two attempts.
    pub fn event(&self, name: &'static str, attributes: impl FnOnce() -> Vec<Attribute>) {
        if let Some(under) = &self.0 {
            let span = under.context.span();
            if span.is_recording() {
                span.add_event(name, attributes());
            }
        }
    }

    pub fn end(self, answered: &Answered<'_>) {
        let Some(under) = &self.0 else { return };
        let span = under.context.span();
        if !span.is_recording() {
            return;
        }
        span.set_attribute(KeyValue::new(
            names::HTTP_STATUS,
            i64::from(answered.status),
        ));
        if let Some(client) = answered.client {
            span.set_attribute(KeyValue::new(names::CLIENT, client.to_owned()));
        }
        if let Some(route) = answered.route {
            // Nothing of `gen_ai` here: whoever adds up tokens or calls would count them twice.
            span.set_attributes([
                KeyValue::new(names::ROUTE, route.to_owned()),
                KeyValue::new(names::STREAM, answered.stream),
                KeyValue::new(names::FALLBACKS, count(answered.fallbacks)),
            ]);
        }
        if let Some(via) = answered.served_by {
            span.set_attribute(KeyValue::new(names::SERVED_BY, via.to_owned()));
        }
        if let Some(error) = answered.error {
            span.set_attribute(KeyValue::new(names::ERROR_TYPE, error));
        }
        // A 4xx is no error of the server's (HTTP conventions); a stream that broke after its 200 is.
        let client_gone = answered.status == 499;
        let broken = answered.status < 400 && answered.error.is_some();
        if (answered.status >= 500 || broken) && !client_gone {
            span.set_status(Status::error(""));
        }
    }
}

/// The span of an attempt. Until it is dropped, it is the current one of its thread.
pub struct AttemptSpan(Option<Under>);

impl AttemptSpan {
    /// No span.
    pub fn none() -> Self {
        Self(None)
    }

    /// The attempt gave the client its answer. What else is known of it came through [`current`].
    pub fn answered(self, input_tokens: Option<u64>, output_tokens: Option<u64>) {
        if self.0.is_some() {
            current::tokens(input_tokens, output_tokens);
        }
    }

    /// The attempt came to nothing. No key may be in the message.
    pub fn failed(self, class: &'static str, message: impl FnOnce() -> String) {
        if self.0.is_some() && current::is_recorded() {
            get_active_span(|span| {
                span.set_attribute(KeyValue::new(names::ERROR_TYPE, class));
                span.set_status(Status::error(cut(&message()).to_owned()));
            });
        }
    }
}

/// A span while it is the current one of its thread.
struct Under {
    context: Context,
    /// `None` when the span is somebody else's, and only passed on.
    tracer: Option<SdkTracer>,
    _current: ContextGuard,
}

impl Under {
    fn attach(context: Context, tracer: Option<SdkTracer>) -> Self {
        Self {
            _current: context.clone().attach(),
            context,
            tracer,
        }
    }
}

impl Drop for Under {
    /// A handler that panicked has no more to say; its span still tells that it did.
    fn drop(&mut self) {
        if self.tracer.is_none() {
            return;
        }
        let span = self.context.span();
        if std::thread::panicking() {
            span.set_attribute(KeyValue::new(names::ERROR_TYPE, "panic"));
            span.set_status(Status::error("the handler panicked"));
        }
        span.end();
    }
}

fn attributes_of(asked: &Asked<'_>, known: bool) -> Vec<KeyValue> {
    let method = if known { asked.method } else { "_OTHER" };
    let mut attributes = vec![
        KeyValue::new(names::HTTP_METHOD, method.to_owned()),
        KeyValue::new(names::URL_PATH, cut(asked.path).to_owned()),
        KeyValue::new(names::URL_SCHEME, "http"),
        KeyValue::new(names::CLIENT_ADDRESS, asked.client.to_string()),
        KeyValue::new(names::REQUEST_ID, asked.request_id.to_owned()),
    ];
    let mut put = |name: &'static str, value: Option<&str>| {
        attributes.extend(value.map(|value| KeyValue::new(name, cut(value).to_owned())));
    };
    put(names::HTTP_ROUTE, asked.template);
    put(
        names::HTTP_METHOD_ORIGINAL,
        (!known).then_some(asked.method),
    );
    put(names::USER_AGENT, (asked.header)("user-agent"));
    attributes
}

fn attributes_of_attempt(tried: &Tried<'_>) -> Vec<KeyValue> {
    let mut attributes = vec![
        KeyValue::new(names::OPERATION, names::CHAT),
        KeyValue::new(names::PROVIDER, tried.provider.to_owned()),
        KeyValue::new(names::REQUEST_MODEL, tried.model.to_owned()),
        KeyValue::new(names::HTTP_METHOD, "POST"),
        KeyValue::new(names::ROUTE, tried.route.to_owned()),
        KeyValue::new(names::STEP, count(tried.step)),
        KeyValue::new(names::STREAM, tried.stream),
    ];
    if let Some(index) = tried.key_index {
        attributes.push(KeyValue::new(names::KEY_INDEX, count(index)));
    }
    if let Some((host, port)) = tried.server {
        attributes.push(KeyValue::new(names::SERVER_ADDRESS, host.to_owned()));
        attributes.push(KeyValue::new(names::SERVER_PORT, i64::from(port)));
    }
    attributes
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(LONGEST_TEXT))
        .unwrap_or(text)
}
