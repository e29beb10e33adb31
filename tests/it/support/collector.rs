//! A collector on a raw socket: it keeps what it is sent, and decodes it with OTLP's own messages.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::{Metric, ResourceMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{Span, span::Event};
use prost::Message;

use super::upstream::Request;
use super::{Config, Script, Upstream};

pub struct Collector {
    pub upstream: Upstream,
}

impl Collector {
    /// Takes everything.
    pub fn new() -> Self {
        Self::doing(|_| Self::taken())
    }

    pub fn doing(script: impl Fn(&Request) -> Script + Send + Sync + 'static) -> Self {
        Self {
            upstream: Upstream::answering(script),
        }
    }

    /// The answer to an export without fault.
    pub fn taken() -> Script {
        Script::body(200, &[("Content-Type", "application/x-protobuf")], "")
    }

    /// `host:port`.
    pub fn address(&self) -> String {
        self.upstream.address.to_string()
    }

    /// Exports to this collector, soon after anything happens.
    pub fn configure(&self, config: Config) -> Config {
        config
            .environment("OTLP_ENDPOINT", &self.address())
            .environment("OTEL_BSP_SCHEDULE_DELAY", "20")
            .environment("OTEL_BLRP_SCHEDULE_DELAY", "20")
            .environment("OTEL_METRIC_EXPORT_INTERVAL", "20")
    }

    /// Waits for a span of this name.
    pub fn wait_for_span(&self, name: &str) -> Span {
        self.upstream.wait_for(&format!("the span {name}"), |sent| {
            spans(sent).into_iter().find(|span| span.name == name)
        })
    }

    /// Waits for a log record with this text.
    pub fn wait_for_record(&self, text: &str) -> LogRecord {
        self.upstream
            .wait_for(&format!("the record {text}"), |sent| {
                records(sent)
                    .into_iter()
                    .find(|record| body(record) == text)
            })
    }

    pub fn spans(&self) -> Vec<Span> {
        spans(&self.upstream.requests())
    }

    /// Waits until the spans so far hold what is wanted.
    pub fn wait_for_spans<T>(&self, what: &str, find: impl Fn(Vec<Span>) -> Option<T>) -> T {
        self.upstream.wait_for(what, |sent| find(spans(sent)))
    }

    /// The spans inside this one, in the order of their beginning.
    pub fn children(&self, parent: &Span) -> Vec<Span> {
        let mut children = self.spans();
        children.retain(|span| span.parent_span_id == parent.span_id);
        children.sort_by_key(|span| span.start_time_unix_nano);
        children
    }

    pub fn records(&self) -> Vec<LogRecord> {
        records(&self.upstream.requests())
    }

    /// Waits until an export of metrics holds what is wanted. Each export has all of them.
    pub fn wait_for_metrics<T>(&self, what: &str, find: impl Fn(&[Metric]) -> Option<T>) -> T {
        self.upstream.wait_for(what, |sent| {
            let exports = metrics(sent).into_iter().rev();
            exports.map(metrics_of).find_map(|export| find(&export))
        })
    }

    /// The last export of metrics.
    pub fn last_metrics(&self) -> Vec<Metric> {
        let last = metrics(&self.upstream.requests()).pop();
        last.map(metrics_of).expect("an export of metrics")
    }

    /// The resources that all exports named.
    pub fn resources(&self) -> Vec<Resource> {
        let requests = self.upstream.requests();
        let of_spans = traces(&requests).into_iter().filter_map(|one| one.resource);
        let of_records = logs(&requests).into_iter().filter_map(|one| one.resource);
        let of_metrics = metrics(&requests)
            .into_iter()
            .filter_map(|one| one.resource);
        of_spans.chain(of_records).chain(of_metrics).collect()
    }

    /// Heads and bodies of everything sent here, as far as it is text.
    pub fn everything(&self) -> String {
        let requests = self.upstream.requests();
        let texts = requests.iter().map(|request| {
            let head = String::from_utf8_lossy(&request.head.raw);
            format!("{head}{}", String::from_utf8_lossy(&request.body))
        });
        texts.collect()
    }
}

fn sent_to<M: Message + Default>(requests: &[Request], path: &str) -> Vec<M> {
    requests
        .iter()
        .filter(|request| {
            request
                .head
                .first_line
                .starts_with(&format!("POST {path} "))
        })
        .map(|request| M::decode(request.body.as_slice()).expect("an OTLP message"))
        .collect()
}

fn traces(requests: &[Request]) -> Vec<opentelemetry_proto::tonic::trace::v1::ResourceSpans> {
    let sent: Vec<ExportTraceServiceRequest> = sent_to(requests, "/v1/traces");
    sent.into_iter()
        .flat_map(|one| one.resource_spans)
        .collect()
}

fn logs(requests: &[Request]) -> Vec<opentelemetry_proto::tonic::logs::v1::ResourceLogs> {
    let sent: Vec<ExportLogsServiceRequest> = sent_to(requests, "/v1/logs");
    sent.into_iter().flat_map(|one| one.resource_logs).collect()
}

fn metrics(requests: &[Request]) -> Vec<ResourceMetrics> {
    let sent: Vec<ExportMetricsServiceRequest> = sent_to(requests, "/v1/metrics");
    sent.into_iter()
        .flat_map(|one| one.resource_metrics)
        .collect()
}

fn metrics_of(export: ResourceMetrics) -> Vec<Metric> {
    let scopes = export.scope_metrics.into_iter();
    scopes.flat_map(|scope| scope.metrics).collect()
}

fn spans(requests: &[Request]) -> Vec<Span> {
    let scopes = traces(requests).into_iter().flat_map(|one| one.scope_spans);
    scopes.flat_map(|scope| scope.spans).collect()
}

fn records(requests: &[Request]) -> Vec<LogRecord> {
    let scopes = logs(requests).into_iter().flat_map(|one| one.scope_logs);
    scopes.flat_map(|scope| scope.log_records).collect()
}

/// The text of a record.
pub fn body(record: &LogRecord) -> String {
    shown(record.body.as_ref())
}

/// An attribute as text; empty if it is not there.
pub fn attribute(attributes: &[KeyValue], key: &str) -> String {
    let mut found = attributes.iter().filter(|attribute| attribute.key == key);
    let value = found.next().and_then(|attribute| attribute.value.as_ref());
    assert!(found.next().is_none(), "{key} is there twice");
    shown(value)
}

/// An event of a span.
pub fn event<'s>(span: &'s Span, name: &str) -> &'s Event {
    let found = span.events.iter().find(|event| event.name == name);
    found.unwrap_or_else(|| panic!("no event {name} in {:?}", span.events))
}

fn shown(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(any_value::Value::StringValue(text)) => text.clone(),
        Some(any_value::Value::BoolValue(flag)) => flag.to_string(),
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        Some(any_value::Value::DoubleValue(number)) => number.to_string(),
        Some(other) => format!("{other:?}"),
        None => String::new(),
    }
}

/// An id as it stands in headers and log lines.
pub fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}
