//! What can be added to the span under way on this thread. Without one, nothing is even computed.

use opentelemetry::trace::{SpanId, TraceContextExt, TraceFlags, TraceId, get_active_span};
use opentelemetry::{Context, KeyValue};

use super::{Attribute, count, cut, names};

/// The ids of the trace and of the span under way, for log lines.
pub fn ids() -> Option<(TraceId, SpanId)> {
    ids_and_flags().map(|(trace, span, _)| (trace, span))
}

/// The same with whether the trace is kept.
pub fn ids_and_flags() -> Option<(TraceId, SpanId, TraceFlags)> {
    Context::map_current(|context| {
        context.has_active_span().then(|| {
            let span = context.span();
            let ids = span.span_context();
            (ids.trace_id(), ids.span_id(), ids.trace_flags())
        })
    })
}

/// Whether somebody will see what is added. For what is costly to find out.
pub fn is_recorded() -> bool {
    get_active_span(|span| span.is_recording())
}

/// Something happened now.
pub fn event(name: &'static str, attributes: impl FnOnce() -> Vec<Attribute>) {
    get_active_span(|span| {
        if span.is_recording() {
            span.add_event(name, attributes());
        }
    });
}

/// The HTTP status that a provider answered.
pub fn status(status: u16) {
    get_active_span(|span| {
        if span.is_recording() {
            span.set_attribute(KeyValue::new(names::HTTP_STATUS, i64::from(status)));
        }
    });
}

/// The model that a provider says has answered.
pub fn model(model: &str) {
    get_active_span(|span| {
        span.set_attribute(KeyValue::new(names::RESPONSE_MODEL, cut(model).to_owned()));
    });
}

/// What was asked and answered, in the conventions' JSON. Only where the configuration allows it.
pub fn content(input: Option<String>, output: Option<String>) {
    get_active_span(|span| {
        let input = input.map(|text| KeyValue::new(names::INPUT_MESSAGES, text));
        let output = output.map(|text| KeyValue::new(names::OUTPUT_MESSAGES, text));
        span.set_attributes(input.into_iter().chain(output));
    });
}

pub(super) fn tokens(input: Option<u64>, output: Option<u64>) {
    let whole = |tokens: u64| count(usize::try_from(tokens).unwrap_or(usize::MAX));
    get_active_span(|span| {
        let input = input.map(|tokens| KeyValue::new(names::INPUT_TOKENS, whole(tokens)));
        let output = output.map(|tokens| KeyValue::new(names::OUTPUT_TOKENS, whole(tokens)));
        span.set_attributes(input.into_iter().chain(output));
    });
}

/// The headers that continue this trace elsewhere (W3C Trace Context); none outside of a trace.
pub fn outgoing() -> Vec<(&'static str, String)> {
    super::headers::outgoing()
}
