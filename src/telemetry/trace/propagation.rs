//! `traceparent` and `tracestate`, W3C Trace Context.

use std::borrow::Cow;

use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{SpanContext, TraceContextExt};
use opentelemetry_sdk::propagation::TraceContextPropagator;

use crate::secret::Redactor;

const PARENT: &str = "traceparent";
const STATE: &str = "tracestate";

/// Bound of a `tracestate` that is kept (bytes): more than the 512 that section 3.3.1.5 asks for, and far less than a
/// head can hold; every span would keep a copy.
const LONGEST_STATE: usize = 1024;

/// A request's headers, as the propagator reads them.
struct Incoming<'a, 'r> {
    header: &'a dyn Fn(&str) -> Option<&'a str>,
    redactor: &'r Redactor,
}

impl Extractor for Incoming<'_, '_> {
    /// A header with a key in it is as good as none: it would go to the collector, and on to a provider.
    fn get(&self, key: &str) -> Option<&str> {
        (self.header)(key).filter(|value| {
            value.len() <= LONGEST_STATE && matches!(self.redactor.mask(value), Cow::Borrowed(_))
        })
    }

    fn keys(&self) -> Vec<&str> {
        vec![PARENT, STATE]
    }
}

/// The context of the client's span; `None` if the request names none.
pub fn incoming<'a>(
    header: &'a dyn Fn(&str) -> Option<&'a str>,
    redactor: &Redactor,
) -> Option<SpanContext> {
    // Most clients name none.
    header(PARENT)?;
    let incoming = Incoming { header, redactor };
    let extracted = TraceContextPropagator::new().extract_with_context(&Context::new(), &incoming);
    let span = extracted.span();
    span.span_context()
        .is_valid()
        .then(|| span.span_context().clone())
}

/// The headers for a context.
pub fn outgoing(context: &Context) -> Vec<(&'static str, String)> {
    let mut outgoing = Outgoing(Vec::new());
    TraceContextPropagator::new().inject_context(context, &mut outgoing);
    outgoing.0
}

struct Outgoing(Vec<(&'static str, String)>);

impl Injector for Outgoing {
    fn set(&mut self, key: &str, value: String) {
        let known = [PARENT, STATE].into_iter().find(|name| *name == key);
        if let Some(name) = known.filter(|_| !value.is_empty()) {
            self.0.push((name, value));
        }
    }
}
