//! Ended spans on their way to the collector.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{Event, SpanId, SpanKind, Status};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

use super::queue::Queue;
use super::wire::{self, Value};

/// Bytes that most spans fit into.
const USUAL: usize = 1024;

/// Bits of a span's flags: whether its parent is on another machine is known, and it is (OTLP's `SpanFlags`).
const REMOTE_KNOWN: u32 = 0x100;
const REMOTE: u32 = 0x200;

/// Encodes each span where it ends, which is cheaper than handing it to another thread.
#[derive(Debug)]
pub struct Spans(pub Arc<Queue>);

impl SpanProcessor for Spans {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        let mut bytes = Vec::with_capacity(USUAL);
        write(&mut bytes, &span);
        self.0.push(&bytes);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Nanoseconds since 1970.
pub fn nanoseconds(time: SystemTime) -> u64 {
    let since_1970 = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX)
}

/// A `Span`.
fn write(out: &mut Vec<u8>, span: &SpanData) {
    let context = &span.span_context;
    wire::bytes(out, 1, &context.trace_id().to_bytes());
    wire::bytes(out, 2, &context.span_id().to_bytes());
    wire::text(out, 3, &context.trace_state().header());
    if span.parent_span_id != SpanId::INVALID {
        wire::bytes(out, 4, &span.parent_span_id.to_bytes());
    }
    wire::text(out, 5, &span.name);
    wire::number(out, 6, kind(&span.span_kind));
    wire::fixed64(out, 7, nanoseconds(span.start_time));
    wire::fixed64(out, 8, nanoseconds(span.end_time));
    write_attributes(out, 9, &span.attributes);
    wire::number(out, 10, span.dropped_attributes_count);
    for event in span.events.iter() {
        write_event(out, event);
    }
    wire::number(out, 12, span.events.dropped_count);
    write_status(out, &span.status);
    let remote = if span.parent_span_is_remote {
        REMOTE
    } else {
        0
    };
    let flags = u32::from(context.trace_flags().to_u8());
    wire::fixed32(out, 16, flags | REMOTE_KNOWN | remote);
}

fn kind(kind: &SpanKind) -> u32 {
    match kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    }
}

fn write_event(out: &mut Vec<u8>, event: &Event) {
    let attributes = event.attributes.iter();
    let attributes = attributes.filter_map(|one| {
        let value = plain(&one.value)?;
        Some(wire::framed_size(wire::attribute_size(
            one.key.as_str(),
            value,
        )))
    });
    let size = 9 + wire::framed_size(event.name.len()) + attributes.sum::<usize>();
    wire::begin(out, 11, size);
    wire::fixed64(out, 1, nanoseconds(event.timestamp));
    wire::bytes(out, 2, event.name.as_bytes());
    write_attributes(out, 3, &event.attributes);
}

fn write_status(out: &mut Vec<u8>, status: &Status) {
    match status {
        Status::Unset => {}
        Status::Ok => {
            wire::begin(out, 15, 2);
            wire::number(out, 3, 1);
        }
        Status::Error { description } => {
            wire::begin(out, 15, wire::framed_size(description.len()) + 2);
            wire::bytes(out, 2, description.as_bytes());
            wire::number(out, 3, 2);
        }
    }
}

fn write_attributes(out: &mut Vec<u8>, field: u8, attributes: &[KeyValue]) {
    for attribute in attributes {
        if let Some(value) = plain(&attribute.value) {
            wire::attribute(out, field, attribute.key.as_str(), value);
        }
    }
}

/// There are no lists among the attributes of this gateway's spans.
fn plain(value: &opentelemetry::Value) -> Option<Value<'_>> {
    match value {
        opentelemetry::Value::Bool(flag) => Some(Value::Flag(*flag)),
        opentelemetry::Value::I64(whole) => Some(Value::Whole(*whole)),
        opentelemetry::Value::F64(real) => Some(Value::Real(*real)),
        opentelemetry::Value::String(text) => Some(Value::Text(text.as_str())),
        _ => None,
    }
}
