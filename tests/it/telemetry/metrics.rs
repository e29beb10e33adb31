//! Metrics as a collector receives them, beside what `/metrics` says.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Metric, NumberDataPoint, metric::Data, number_data_point,
};
use rustix::process::Signal;

use super::failover;
use crate::support::Collector;
use crate::support::collector::attribute;
use crate::support::exposition::Exposition;

/// What a request changes, and neither time nor looking at it does.
const COUNTED: [&str; 6] = [
    "ai_gateway_requests_total",
    "ai_gateway_request_duration_seconds",
    "ai_gateway_attempts_total",
    "ai_gateway_fallbacks_total",
    "gen_ai_client_operation_duration_seconds",
    "gen_ai_client_token_usage",
];

fn find<'m>(metrics: &'m [Metric], name: &str) -> Option<&'m Metric> {
    metrics.iter().find(|metric| metric.name == name)
}

fn numbers(metric: &Metric) -> &[NumberDataPoint] {
    match metric.data.as_ref() {
        Some(Data::Sum(sum)) => &sum.data_points,
        Some(Data::Gauge(gauge)) => &gauge.data_points,
        other => panic!("no numbers: {other:?}"),
    }
}

fn number(point: &NumberDataPoint) -> f64 {
    match point.value {
        Some(number_data_point::Value::AsInt(whole)) => whole as f64,
        Some(number_data_point::Value::AsDouble(real)) => real,
        None => panic!("no value"),
    }
}

/// The requests that were answered with 200 in a plain way.
fn answered(metrics: &[Metric]) -> Option<f64> {
    let points = numbers(find(metrics, "ai_gateway.requests")?).iter();
    let answered = points.filter(|point| {
        attribute(&point.attributes, "status") == "200"
            && attribute(&point.attributes, "stream") == "false"
    });
    Some(answered.map(number).sum())
}

/// As a collector that speaks to Prometheus translates it (OpenTelemetry's compatibility specification).
fn translated(metrics: &[Metric]) -> BTreeMap<String, f64> {
    let mut series = BTreeMap::new();
    for metric in metrics {
        let unit = match metric.unit.as_str() {
            "" => "",
            "s" => "_seconds",
            "By" => "_bytes",
            other => panic!("{other}"),
        };
        let name = format!("{}{unit}", metric.name.replace('.', "_"));
        match metric.data.as_ref().unwrap() {
            Data::Histogram(histogram) => {
                for point in &histogram.data_points {
                    let labels = labels(&point.attributes);
                    let mut up_to = 0;
                    let bounds = point.explicit_bounds.iter().map(f64::to_string);
                    let bounds: Vec<String> = bounds.chain(["+Inf".to_owned()]).collect();
                    assert_eq!(bounds.len(), point.bucket_counts.len());
                    for (bound, count) in bounds.iter().zip(&point.bucket_counts) {
                        up_to += count;
                        let labels = format!("{labels},le=\"{bound}\"");
                        series.insert(format!("{name}_bucket{{{labels}}}"), up_to as f64);
                    }
                    assert_eq!(up_to, point.count);
                    series.insert(format!("{name}_count{{{labels}}}"), point.count as f64);
                    series.insert(format!("{name}_sum{{{labels}}}"), point.sum.unwrap());
                }
            }
            Data::Sum(_) => {
                for point in numbers(metric) {
                    let labels = labels(&point.attributes);
                    series.insert(format!("{name}_total{{{labels}}}"), number(point));
                }
            }
            _ => {}
        }
    }
    series
}

fn labels(attributes: &[opentelemetry_proto::tonic::common::v1::KeyValue]) -> String {
    let labels = attributes.iter().map(|one| {
        let value = attribute(attributes, &one.key);
        format!("{}=\"{value}\"", one.key.replace('.', "_"))
    });
    labels.collect::<Vec<_>>().join(",")
}

#[test]
fn a_collector_is_told_what_the_page_says() {
    let collector = Collector::new();
    let (config, _upstreams) = failover(&collector);
    let gateway = config.start();
    for _ in 0..3 {
        gateway.ask("r", false);
    }
    gateway.ask("nobody", false);
    let page = Exposition::once(&gateway, |page| {
        page.sum("ai_gateway_requests_total", &[]) >= 4.0
    });
    let metrics = collector.wait_for_metrics("the requests", |metrics| {
        (answered(metrics)? >= 3.0 && translated(metrics).len() > 10).then(|| metrics.to_vec())
    });
    let is_counted = |name: &str| COUNTED.iter().any(|counted| name.starts_with(counted));
    let mut exported = translated(&metrics);
    // The answer to nobody's route is counted a moment after the others.
    if exported
        .iter()
        .filter(|(name, _)| name.contains("404"))
        .count()
        == 0
    {
        exported = collector.wait_for_metrics("the refusal", |metrics| {
            let exported = translated(metrics);
            exported
                .keys()
                .any(|name| name.contains("404"))
                .then_some(exported)
        });
    }
    exported.retain(|name, _| is_counted(name));
    let shown: BTreeMap<String, f64> = page
        .names()
        .filter(|name| is_counted(name))
        .map(|name| (name.to_owned(), page.value(name)))
        .collect();
    assert!(shown.len() > 60, "{shown:?}");
    assert_eq!(exported, shown);
}

#[test]
fn points_say_what_they_count_and_since_when() {
    let before = now();
    let collector = Collector::new();
    let (config, _upstreams) = failover(&collector);
    let gateway = config.start();
    gateway.ask("r", false);
    let metrics = collector.wait_for_metrics("the request", |metrics| {
        (answered(metrics)? >= 1.0).then(|| metrics.to_vec())
    });
    let cumulative = AggregationTemporality::Cumulative;
    let Some(Data::Sum(requests)) = &find(&metrics, "ai_gateway.requests").unwrap().data else {
        panic!("a counter is no sum");
    };
    assert_eq!(requests.aggregation_temporality(), cumulative);
    assert!(requests.is_monotonic);
    let duration = find(&metrics, "gen_ai.client.operation.duration").unwrap();
    let Some(Data::Histogram(durations)) = &duration.data else {
        panic!("a distribution is no histogram");
    };
    assert_eq!(durations.aggregation_temporality(), cumulative);
    assert_eq!(duration.unit, "s");
    assert!(!duration.description.is_empty());
    let memory = find(&metrics, "ai_gateway.process.resident_memory").unwrap();
    assert!(matches!(memory.data, Some(Data::Gauge(_))), "{memory:?}");
    assert_eq!(memory.unit, "By");
    let start = requests.data_points[0].start_time_unix_nano;
    for point in &durations.data_points {
        assert_eq!(point.start_time_unix_nano, start);
        assert!(before <= start && start < point.time_unix_nano);
        assert!(point.time_unix_nano <= now());
    }
    // The next ones go on from there.
    gateway.ask("r", false);
    let later = collector.wait_for_metrics("another request", |metrics| {
        (answered(metrics)? >= 2.0).then(|| metrics.to_vec())
    });
    let point = &numbers(find(&later, "ai_gateway.requests").unwrap())[0];
    assert_eq!(point.start_time_unix_nano, start);
    assert!(point.time_unix_nano > requests.data_points[0].time_unix_nano);
}

fn now() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since_1970.as_nanos() as u64
}

/// A reload puts another gateway in place; its numbers are what is exported then.
#[test]
fn what_was_counted_until_the_end_arrives() {
    let collector = Collector::new();
    let (config, _upstreams) = failover(&collector);
    let mut gateway = config
        .environment("OTEL_METRIC_EXPORT_INTERVAL", "600000")
        .start();
    for _ in 0..5 {
        gateway.ask("r", false);
    }
    gateway.signal(Signal::HUP);
    gateway.wait_for_log(|line| line["msg"] == "reloaded");
    gateway.ask("r", false);
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.wait(), Some(0));
    assert_eq!(answered(&collector.last_metrics()), Some(6.0));
}
