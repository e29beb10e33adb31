//! The spans of an exchange as text: in the order of their beginning, attributes by their names.

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::{Span, status::StatusCode};

use super::mask::Mask;
use crate::support::collector::{attribute, hex};

/// The attribute that names a request.
pub const REQUEST_ID: &str = "gateway.request_id";

/// Attributes with a value of this run: all of them, or those of events that tell of a wait under way.
const PORT: &str = "server.port";
const COOLDOWN: &str = "gateway.cooldown_seconds";
const SKIPPED: &str = "step skipped";

/// The request that a span belongs to, if it is a request's own.
pub fn request_id(span: &Span) -> String {
    attribute(&span.attributes, REQUEST_ID)
}

/// Names the spans by their place, and their trace, unless the client has named it: `sent` is what it said.
pub fn hide_ids(mask: &mut Mask, spans: &mut [Span], sent: &str) {
    spans.sort_by_key(|span| span.start_time_unix_nano);
    for (place, span) in spans.iter().enumerate() {
        let trace = hex(&span.trace_id);
        if !sent.contains(&trace) {
            mask.hide(&trace, "<trace-id>");
        }
        mask.hide(&hex(&span.span_id), &format!("<span-{}>", place + 1));
    }
}

pub fn told(spans: &[Span], mask: &Mask) -> String {
    let told = spans.iter().map(|span| mask.text(&of(span)));
    told.collect::<Vec<_>>().join("\n")
}

fn of(span: &Span) -> String {
    let mut lines = vec![
        format!("{} {}", hex(&span.span_id), span.name),
        format!("  kind: {:?}", span.kind()),
        format!("  trace: {}", hex(&span.trace_id)),
        format!("  parent: {}", parent(span)),
        format!("  flags: {:#x}", span.flags),
    ];
    if !span.trace_state.is_empty() {
        lines.push(format!("  trace state: {}", span.trace_state));
    }
    lines.extend(attributes("  ", &span.attributes, false));
    for event in &span.events {
        lines.push(format!("  event: {}", event.name));
        lines.extend(attributes("    ", &event.attributes, event.name == SKIPPED));
    }
    let status = span.status.clone().unwrap_or_default();
    lines.push(match status.code() {
        StatusCode::Unset => "  status: unset".to_owned(),
        code => format!("  status: {code:?} {}", quoted(&status.message)),
    });
    lines.join("\n")
}

fn parent(span: &Span) -> String {
    if span.parent_span_id.is_empty() {
        "none".to_owned()
    } else {
        hex(&span.parent_span_id)
    }
}

fn attributes(indent: &str, attributes: &[KeyValue], runs_down: bool) -> Vec<String> {
    let mut lines: Vec<String> = attributes
        .iter()
        .map(|KeyValue { key, value, .. }| {
            let value = match key.as_str() {
                PORT => "<port>".to_owned(),
                COOLDOWN if runs_down => "<s>".to_owned(),
                _ => shown(value.as_ref()),
            };
            format!("{indent}{key}: {value}")
        })
        .collect();
    lines.sort();
    lines
}

fn shown(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(any_value::Value::StringValue(text)) => quoted(text),
        Some(any_value::Value::BoolValue(flag)) => flag.to_string(),
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        // With its point: a whole number of seconds is still no integer.
        Some(any_value::Value::DoubleValue(number)) => format!("{number:?}"),
        other => format!("{other:?}"),
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
