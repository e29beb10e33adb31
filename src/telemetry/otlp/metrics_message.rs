//! Metrics as OTLP has them: cumulative since the start of the process.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, Sum,
    metric::Data, number_data_point,
};
use opentelemetry_proto::tonic::metrics::v1::{ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use prost::Message;

use crate::telemetry::metrics::{Distribution, Family, FamilyKind, Series, SeriesValue, Unit};

/// The producer of the metrics, the same in every message.
#[derive(Debug)]
pub struct Origin {
    resource: Resource,
    scope: InstrumentationScope,
}

impl Origin {
    pub fn new(resource: &opentelemetry_sdk::Resource, scope: &str, version: &str) -> Self {
        Self {
            resource: Resource {
                attributes: ResourceAttributesWithSchema::from(resource).attributes.0,
                ..Resource::default()
            },
            scope: InstrumentationScope {
                name: scope.to_owned(),
                version: version.to_owned(),
                ..InstrumentationScope::default()
            },
        }
    }
}

/// The time that was counted over, from the start of the process (nanoseconds since 1970).
#[derive(Clone, Copy, Debug)]
pub struct Interval {
    pub start: u64,
    pub now: u64,
}

/// The message for all families that have any series, and the number of their points.
pub fn encode(families: &[Family], interval: Interval, origin: &Origin) -> (usize, Vec<u8>) {
    let families = families.iter().filter(|family| !family.series.is_empty());
    let count = families.clone().map(|family| family.series.len()).sum();
    let message = ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(origin.resource.clone()),
            scope_metrics: vec![ScopeMetrics {
                scope: Some(origin.scope.clone()),
                metrics: families.map(|family| metric(family, interval)).collect(),
                ..ScopeMetrics::default()
            }],
            ..ResourceMetrics::default()
        }],
    };
    (count, message.encode_to_vec())
}

/// Names stay as they are: collectors make `_total` and the unit's suffix of kind and unit, which leads to the names of
/// `/metrics`. What is counted has no unit: "1" would become `_ratio` there.
fn metric(family: &Family, interval: Interval) -> Metric {
    let unit = match family.unit {
        Unit::Things => "",
        Unit::Seconds => "s",
        Unit::Bytes => "By",
    };
    let cumulative = AggregationTemporality::Cumulative.into();
    let data = match family.kind {
        FamilyKind::Counter => Data::Sum(Sum {
            data_points: numbers(family, interval),
            aggregation_temporality: cumulative,
            is_monotonic: true,
        }),
        FamilyKind::Gauge => Data::Gauge(Gauge {
            data_points: numbers(family, interval),
        }),
        FamilyKind::Histogram => Data::Histogram(Histogram {
            data_points: distributions(family, interval),
            aggregation_temporality: cumulative,
        }),
    };
    Metric {
        name: family.name.to_owned(),
        description: family.help.to_owned(),
        unit: unit.to_owned(),
        data: Some(data),
        ..Metric::default()
    }
}

fn numbers(family: &Family, interval: Interval) -> Vec<NumberDataPoint> {
    let points = family.series.iter().filter_map(|series| {
        let value = match &series.value {
            SeriesValue::Count(count) => {
                number_data_point::Value::AsInt(i64::try_from(*count).unwrap_or(i64::MAX))
            }
            SeriesValue::Level(level) => number_data_point::Value::AsDouble(*level),
            SeriesValue::Distribution(_) => return None,
        };
        Some(NumberDataPoint {
            attributes: attributes(series),
            start_time_unix_nano: interval.start,
            time_unix_nano: interval.now,
            value: Some(value),
            ..NumberDataPoint::default()
        })
    });
    points.collect()
}

fn distributions(family: &Family, interval: Interval) -> Vec<HistogramDataPoint> {
    let points = family.series.iter().filter_map(|series| {
        let SeriesValue::Distribution(distribution) = &series.value else {
            return None;
        };
        Some(distribution_point(series, distribution, interval))
    });
    points.collect()
}

fn distribution_point(
    series: &Series,
    of: &Distribution,
    interval: Interval,
) -> HistogramDataPoint {
    HistogramDataPoint {
        attributes: attributes(series),
        start_time_unix_nano: interval.start,
        time_unix_nano: interval.now,
        count: of.total(),
        sum: Some(of.sum()),
        bucket_counts: of.counts().to_vec(),
        explicit_bounds: of.bounds().collect(),
        ..HistogramDataPoint::default()
    }
}

fn attributes(series: &Series) -> Vec<KeyValue> {
    let labels = series.labels.iter();
    let attributes = labels.map(|(key, value)| KeyValue {
        key: (*key).to_owned(),
        value: Some(AnyValue {
            value: Some(any_value::Value::StringValue(value.clone())),
        }),
        ..KeyValue::default()
    });
    attributes.collect()
}
