//! Metrics as OTLP has them: cumulative since the start of the process.

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, Sum,
    metric::Data, number_data_point,
};
use prost::Message;

use crate::telemetry::metrics::{Distribution, Family, Kind, Series, Unit, Value};
use crate::telemetry::queue::ITEM;
use crate::telemetry::wire;

/// From when to when was counted, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub start: u64,
    pub now: u64,
}

/// All families that have any series, as they stand in their scope's message, and the number of their points.
pub fn encode(families: &[Family], span: Span) -> (usize, Vec<u8>) {
    let mut items = Vec::new();
    let mut count = 0;
    for family in families.iter().filter(|family| !family.series.is_empty()) {
        count += family.series.len();
        wire::bytes(&mut items, ITEM, &metric(family, span).encode_to_vec());
    }
    (count, items)
}

/// Names stay as they are: collectors make `_total` and the unit's suffix of kind and unit, which leads to the names of
/// `/metrics`. What is counted has no unit: "1" would become `_ratio` there.
fn metric(family: &Family, span: Span) -> Metric {
    let unit = match family.unit {
        Unit::Things => "",
        Unit::Seconds => "s",
        Unit::Bytes => "By",
    };
    let cumulative = AggregationTemporality::Cumulative.into();
    let data = match family.kind {
        Kind::Counter => Data::Sum(Sum {
            data_points: numbers(family, span),
            aggregation_temporality: cumulative,
            is_monotonic: true,
        }),
        Kind::Gauge => Data::Gauge(Gauge {
            data_points: numbers(family, span),
        }),
        Kind::Histogram => Data::Histogram(Histogram {
            data_points: distributions(family, span),
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

fn numbers(family: &Family, span: Span) -> Vec<NumberDataPoint> {
    let points = family.series.iter().filter_map(|series| {
        let value = match &series.value {
            Value::Count(count) => {
                number_data_point::Value::AsInt(i64::try_from(*count).unwrap_or(i64::MAX))
            }
            Value::Level(level) => number_data_point::Value::AsDouble(*level),
            Value::Distribution(_) => return None,
        };
        Some(NumberDataPoint {
            attributes: attributes(series),
            start_time_unix_nano: span.start,
            time_unix_nano: span.now,
            value: Some(value),
            ..NumberDataPoint::default()
        })
    });
    points.collect()
}

fn distributions(family: &Family, span: Span) -> Vec<HistogramDataPoint> {
    let points = family.series.iter().filter_map(|series| {
        let Value::Distribution(distribution) = &series.value else {
            return None;
        };
        Some(distribution_point(series, distribution, span))
    });
    points.collect()
}

fn distribution_point(series: &Series, of: &Distribution, span: Span) -> HistogramDataPoint {
    HistogramDataPoint {
        attributes: attributes(series),
        start_time_unix_nano: span.start,
        time_unix_nano: span.now,
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
