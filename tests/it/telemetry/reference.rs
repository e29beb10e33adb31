//! The gateway writes spans itself; here OpenTelemetry's own exporter writes the same ones.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{
    Event, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue as WireKeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::{Span, span, status::StatusCode};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};
use prost::Message;
use rustix::process::Signal;

use super::failover;
use crate::support::gateway::request;
use crate::support::{Collector, openai};

/// Collectors are tried with the exporters of OpenTelemetry's own libraries; whatever these would have written otherwise
/// is what one of them may not understand.
#[test]
fn opentelemetrys_exporter_writes_the_same_spans() {
    let collector = Collector::new();
    let (config, _upstreams) = failover(&collector);
    let mut gateway = config.start();
    let parent = (
        "traceparent",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    );
    let state = ("tracestate", "vendor=1,other=2");
    for headers in [vec![], vec![parent], vec![parent, state]] {
        let body = openai::request("r", false);
        let bytes = request("POST", "/v1/chat/completions", &headers, &body);
        assert_eq!(gateway.exchange(bytes).status, 200);
    }
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.wait(), Some(0));

    let spans = collector.spans();
    // The first request fails over, the others skip the step that failed.
    assert_eq!(spans.len(), 3 + 2 + 1 + 1, "{spans:?}");
    for mut span in spans {
        // A status that is not there is one that is not set.
        span.status.get_or_insert_default();
        assert_eq!(by_opentelemetry(&span), span);
    }
}

/// OTLP's `SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK`.
const PARENT_IS_REMOTE: u32 = 0x200;

fn by_opentelemetry(span: &Span) -> Span {
    let sent = Sent::default();
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(sent.clone())
        .with_endpoint("http://127.0.0.1:1/v1/traces")
        .build()
        .unwrap();
    at_once(exporter.export(vec![data(span)])).unwrap();
    let body = sent.0.lock().unwrap().take().unwrap();
    let message = ExportTraceServiceRequest::decode(body).unwrap();
    let [resource] = <[_; 1]>::try_from(message.resource_spans).unwrap();
    let [scope] = <[_; 1]>::try_from(resource.scope_spans).unwrap();
    let [span] = <[_; 1]>::try_from(scope.spans).unwrap();
    span
}

/// What a span tells, in the SDK's types.
fn data(span: &Span) -> SpanData {
    let mut events = SpanEvents::default();
    events.events = span.events.iter().map(event).collect();
    events.dropped_count = span.dropped_events_count;
    let parent: Option<[u8; 8]> = span.parent_span_id.as_slice().try_into().ok();
    let status = span.status.clone().unwrap_or_default();
    SpanData {
        span_context: SpanContext::new(
            TraceId::from_bytes(span.trace_id.as_slice().try_into().unwrap()),
            SpanId::from_bytes(span.span_id.as_slice().try_into().unwrap()),
            TraceFlags::new(span.flags as u8),
            false,
            TraceState::from_str(&span.trace_state).unwrap(),
        ),
        parent_span_id: parent.map_or(SpanId::INVALID, SpanId::from_bytes),
        parent_span_is_remote: span.flags & PARENT_IS_REMOTE != 0,
        span_kind: match span.kind() {
            span::SpanKind::Server => SpanKind::Server,
            span::SpanKind::Client => SpanKind::Client,
            other => panic!("{other:?}"),
        },
        name: Cow::Owned(span.name.clone()),
        start_time: time(span.start_time_unix_nano),
        end_time: time(span.end_time_unix_nano),
        attributes: span.attributes.iter().map(attribute).collect(),
        dropped_attributes_count: span.dropped_attributes_count,
        events,
        links: SpanLinks::default(),
        status: match status.code() {
            StatusCode::Unset => Status::Unset,
            StatusCode::Ok => Status::Ok,
            StatusCode::Error => Status::error(status.message),
        },
        instrumentation_scope: InstrumentationScope::builder("any").build(),
    }
}

fn event(event: &span::Event) -> Event {
    let attributes = event.attributes.iter().map(attribute).collect();
    let time = time(event.time_unix_nano);
    let dropped = event.dropped_attributes_count;
    Event::new(event.name.clone(), time, attributes, dropped)
}

fn attribute(attribute: &WireKeyValue) -> KeyValue {
    let value = attribute
        .value
        .as_ref()
        .and_then(|value| value.value.as_ref());
    let value = match value.expect("a value") {
        any_value::Value::StringValue(text) => Value::from(text.clone()),
        any_value::Value::BoolValue(flag) => Value::from(*flag),
        any_value::Value::IntValue(whole) => Value::from(*whole),
        any_value::Value::DoubleValue(real) => Value::from(*real),
        other => panic!("{other:?}"),
    };
    KeyValue::new(attribute.key.clone(), value)
}

fn time(nanoseconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(nanoseconds)
}

/// The body of the last export.
#[derive(Clone, Default)]
struct Sent(Arc<Mutex<Option<Bytes>>>);

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sent")
    }
}

impl HttpClient for Sent {
    fn send_bytes<'c, 'f>(
        &'c self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'f>>
    where
        'c: 'f,
        Self: 'f,
    {
        *self.0.lock().unwrap() = Some(request.into_body());
        Box::pin(async { Ok(Response::new(Bytes::new())) })
    }
}

/// The result of a future that waits for nothing.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("it waits"),
    }
}
