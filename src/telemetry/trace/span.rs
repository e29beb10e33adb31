//! A span under way: written as OTLP's `Span` while it lasts, so that at its end there is nothing left to convert.

use std::sync::Arc;
use std::time::SystemTime;

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanContext, SpanId};

use super::super::queue::Queue;
use super::super::wire::{self, Value, nanoseconds};
use crate::secret::Redactor;
use crate::text::cut;

/// Bytes that most spans fit into.
const USUAL: usize = 1024;

/// Bound of a text that comes from elsewhere (bytes).
const LONGEST_TEXT: usize = 1024;

/// Events of one span; further ones are only counted (the specification's `OTEL_SPAN_EVENT_COUNT_LIMIT`).
const MOST_EVENTS: u32 = 128;

/// Bits of a span's flags: whether its parent is on another machine is known, and it is (OTLP's `SpanFlags`).
const REMOTE_KNOWN: u32 = 0x100;
const REMOTE: u32 = 0x200;

/// Fields of a `Span`.
const ATTRIBUTE: u8 = 9;
const EVENT: u8 = 11;
const STATUS: u8 = 15;

/// Its numbers are OTLP's `SpanKind`.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Server = 2,
    Client = 3,
}

/// A span of this process, or one of a client that is only passed on.
pub struct Span {
    pub context: SpanContext,
    pub is_ours: bool,
    record: Option<Record>,
}

struct Record {
    bytes: Vec<u8>,
    events: u32,
    /// What went wrong, for its status.
    problem: Option<String>,
    parent_is_remote: bool,
    queue: Arc<Queue>,
    redactor: Arc<Redactor>,
}

/// How a span begins. Its name is the two parts with a space between them.
pub struct Beginning<'a> {
    pub parent: Option<&'a SpanContext>,
    pub name: (&'a str, Option<&'a str>),
    pub kind: Kind,
    pub started: SystemTime,
}

impl Span {
    pub fn of_client(context: SpanContext) -> Self {
        Self {
            context,
            is_ours: false,
            record: None,
        }
    }

    /// One that has ids for others to refer to, but is not kept.
    pub fn unsampled(context: SpanContext) -> Self {
        Self {
            is_ours: true,
            ..Self::of_client(context)
        }
    }

    /// One that goes into a queue when it ends.
    pub fn sampled(
        context: SpanContext,
        beginning: &Beginning<'_>,
        queue: Arc<Queue>,
        redactor: Arc<Redactor>,
    ) -> Self {
        let mut bytes = Vec::with_capacity(USUAL);
        write_beginning(&mut bytes, &context, beginning);
        Self {
            context,
            is_ours: true,
            record: Some(Record {
                bytes,
                events: 0,
                problem: None,
                parent_is_remote: beginning.parent.is_some_and(SpanContext::is_remote),
                queue,
                redactor,
            }),
        }
    }

    pub fn is_recorded(&self) -> bool {
        self.record.is_some()
    }

    /// The queue and the redactor, also for the spans inside this one; none if it is not kept.
    pub fn way_out(&self) -> Option<(Arc<Queue>, Arc<Redactor>)> {
        let record = self.record.as_ref()?;
        Some((Arc::clone(&record.queue), Arc::clone(&record.redactor)))
    }

    /// A text that clients or providers wrote: keys are masked, and then it is cut.
    pub fn foreign_text(&mut self, name: &'static str, text: &str) {
        self.masked_text(name, text, LONGEST_TEXT);
    }

    /// The same for a text that has bounds of its own.
    pub fn bounded_text(&mut self, name: &'static str, text: &str) {
        self.masked_text(name, text, usize::MAX);
    }

    fn masked_text(&mut self, name: &'static str, text: &str, max_bytes: usize) {
        if let Some(record) = &mut self.record {
            let masked = record.redactor.mask(text);
            let text = Value::Text(cut(&masked, max_bytes));
            wire::attribute(&mut record.bytes, ATTRIBUTE, name, text);
        }
    }

    pub fn text(&mut self, name: &'static str, text: &str) {
        self.put(name, Value::Text(text));
    }

    pub fn put(&mut self, name: &'static str, value: Value<'_>) {
        if let Some(record) = &mut self.record {
            wire::attribute(&mut record.bytes, ATTRIBUTE, name, value);
        }
    }

    /// Something happened now.
    pub fn event(&mut self, name: &str, attributes: &[KeyValue]) {
        if let Some(record) = &mut self.record {
            record.events += 1;
            if record.events <= MOST_EVENTS {
                write_event(&mut record.bytes, name, attributes);
            }
        }
    }

    /// It is an error, with a message if there is one.
    pub fn fail(&mut self, message: &str) {
        if let Some(record) = &mut self.record {
            let masked = record.redactor.mask(message);
            record.problem = Some(cut(&masked, LONGEST_TEXT).to_owned());
        }
    }

    pub fn end(self) {
        let Some(record) = self.record else { return };
        let mut out = record.bytes;
        wire::fixed64(&mut out, 8, nanoseconds(SystemTime::now()));
        wire::number(&mut out, 12, record.events.saturating_sub(MOST_EVENTS));
        if let Some(problem) = &record.problem {
            let size = wire::framed_size(problem.len()) + 2;
            wire::begin(&mut out, STATUS, size);
            wire::bytes(&mut out, 2, problem.as_bytes());
            wire::number(&mut out, 3, 2);
        }
        let remote = if record.parent_is_remote { REMOTE } else { 0 };
        let flags = u32::from(self.context.trace_flags().to_u8());
        wire::fixed32(&mut out, 16, flags | REMOTE_KNOWN | remote);
        record.queue.push(&out);
    }
}

fn write_beginning(out: &mut Vec<u8>, context: &SpanContext, beginning: &Beginning<'_>) {
    wire::bytes(out, 1, &context.trace_id().to_bytes());
    wire::bytes(out, 2, &context.span_id().to_bytes());
    wire::text(out, 3, &context.trace_state().header());
    let parent = beginning.parent.map(SpanContext::span_id);
    if let Some(parent) = parent.filter(|parent| *parent != SpanId::INVALID) {
        wire::bytes(out, 4, &parent.to_bytes());
    }
    let (first, second) = beginning.name;
    let behind = second.map_or(0, |second| 1 + second.len());
    wire::begin(out, 5, first.len() + behind);
    out.extend_from_slice(first.as_bytes());
    if let Some(second) = second {
        out.push(b' ');
        out.extend_from_slice(second.as_bytes());
    }
    wire::number(out, 6, beginning.kind as u32);
    wire::fixed64(out, 7, nanoseconds(beginning.started));
}

fn write_event(out: &mut Vec<u8>, name: &str, attributes: &[KeyValue]) {
    let plain = || {
        let attributes = attributes.iter();
        attributes.filter_map(|one| Some((one.key.as_str(), plain(&one.value)?)))
    };
    let sizes = plain().map(|(key, value)| wire::framed_size(wire::attribute_size(key, value)));
    let size = 9 + wire::framed_size(name.len()) + sizes.sum::<usize>();
    wire::begin(out, EVENT, size);
    wire::fixed64(out, 1, nanoseconds(SystemTime::now()));
    wire::bytes(out, 2, name.as_bytes());
    for (key, value) in plain() {
        wire::attribute(out, 3, key, value);
    }
}

/// There are no lists among the attributes of this gateway's events.
fn plain(value: &opentelemetry::Value) -> Option<Value<'_>> {
    match value {
        opentelemetry::Value::Bool(flag) => Some(Value::Flag(*flag)),
        opentelemetry::Value::I64(whole) => Some(Value::Whole(*whole)),
        opentelemetry::Value::F64(real) => Some(Value::Real(*real)),
        opentelemetry::Value::String(text) => Some(Value::Text(text.as_str())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use opentelemetry::trace::{TraceFlags, TraceId, TraceState};
    use opentelemetry_proto::tonic::trace::v1::{ScopeSpans, Span as Read, status::StatusCode};
    use prost::Message;

    use super::*;

    fn context(span: u64, is_remote: bool) -> SpanContext {
        let state = TraceState::from_key_value([("a", "b")]).unwrap();
        let (trace, span) = (TraceId::from(7), SpanId::from(span));
        SpanContext::new(trace, span, TraceFlags::SAMPLED, is_remote, state)
    }

    fn ended(parent: Option<&SpanContext>, during: impl FnOnce(&mut Span)) -> Read {
        let queue = Arc::new(Queue::default());
        let beginning = Beginning {
            parent,
            name: ("GET", Some("/x")),
            kind: Kind::Client,
            started: UNIX_EPOCH + Duration::from_nanos(11),
        };
        let context = context(2, false);
        let mut span = Span::sampled(context, &beginning, Arc::clone(&queue), Arc::default());
        during(&mut span);
        span.end();
        let batch = queue.take(Duration::ZERO).unwrap();
        let mut scope = ScopeSpans::decode(batch.items.as_slice()).unwrap();
        scope.spans.remove(0)
    }

    #[test]
    fn a_span_is_what_was_told_of_it() {
        let span = ended(Some(&context(1, true)), |span| {
            span.text("text", "ä");
            span.put("number", Value::Whole(-3));
            span.event("commit", &[]);
            span.event("next", &[KeyValue::new("x", 0.5), KeyValue::new("y", "z")]);
            span.fail("broken");
        });
        assert_eq!(span.trace_id, TraceId::from(7).to_bytes());
        assert_eq!(span.span_id, SpanId::from(2).to_bytes());
        assert_eq!(span.parent_span_id, SpanId::from(1).to_bytes());
        assert_eq!((&*span.name, &*span.trace_state), ("GET /x", "a=b"));
        assert_eq!((span.kind, span.start_time_unix_nano), (3, 11));
        assert!(span.end_time_unix_nano > 11);
        assert_eq!(span.attributes.len(), 2);
        assert_eq!(span.events.len(), 2);
        assert_eq!(span.events[1].attributes.len(), 2);
        assert_eq!(span.flags, 1 | REMOTE_KNOWN | REMOTE);
        let status = span.status.unwrap();
        assert_eq!(
            (status.code(), &*status.message),
            (StatusCode::Error, "broken")
        );
    }

    #[test]
    fn events_are_bounded() {
        let span = ended(None, |span| {
            for _ in 0..MOST_EVENTS + 5 {
                span.event("again", &[]);
            }
        });
        assert_eq!(span.events.len(), MOST_EVENTS as usize);
        assert_eq!(span.dropped_events_count, 5);
        assert_eq!(
            (span.parent_span_id.len(), span.flags),
            (0, 1 | REMOTE_KNOWN)
        );
    }
}
