//! `traceparent` and `tracestate`, W3C Trace Context.

use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry_sdk::propagation::TraceContextPropagator;

const PARENT: &str = "traceparent";
const STATE: &str = "tracestate";

/// Bytes of a `tracestate` that is kept: more than the 512 that section 3.3.1.5 asks for, and far less than a head can
/// hold; every span would keep a copy.
const LONGEST_STATE: usize = 1024;

/// A request's headers, as the propagator reads them.
pub struct Incoming<'a>(pub &'a dyn Fn(&str) -> Option<&'a str>);

impl Extractor for Incoming<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (self.0)(key).filter(|value| value.len() <= LONGEST_STATE)
    }

    fn keys(&self) -> Vec<&str> {
        vec![PARENT, STATE]
    }
}

/// The headers for the context of this thread.
pub fn outgoing() -> Vec<(&'static str, String)> {
    let mut outgoing = Outgoing(Vec::new());
    Context::map_current(|context| {
        TraceContextPropagator::new().inject_context(context, &mut outgoing);
    });
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
