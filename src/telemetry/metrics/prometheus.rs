//! The Prometheus text format, version 0.0.4.
//!
//! Names follow from OpenTelemetry's by the rules of its compatibility specification: dots become underscores, the unit
//! is a suffix, and counters end with `_total`.

use std::fmt::{self, Display, Write};

use super::family::{Family, FamilyKind, Series, SeriesValue, Unit};
use super::histogram::Distribution;

/// The media type of [`text`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The text of all families that have any series.
pub fn text(families: &[Family]) -> String {
    let mut out = String::new();
    for family in families.iter().filter(|family| !family.series.is_empty()) {
        // Writing to a string does not fail.
        let _ = write_family(&mut out, family);
    }
    out
}

fn write_family(out: &mut String, family: &Family) -> fmt::Result {
    let name = name_of(family);
    let kind = match family.kind {
        FamilyKind::Counter => "counter",
        FamilyKind::Gauge => "gauge",
        FamilyKind::Histogram => "histogram",
    };
    writeln!(out, "# HELP {name} {}", family.help)?;
    writeln!(out, "# TYPE {name} {kind}")?;
    for Series { labels, value } in &family.series {
        match value {
            SeriesValue::Count(count) => write_sample(out, &name, "", labels, None, count)?,
            SeriesValue::Level(level) => write_sample(out, &name, "", labels, None, level)?,
            SeriesValue::Distribution(distribution) => {
                write_buckets(out, &name, labels, distribution)?
            }
        }
    }
    Ok(())
}

fn name_of(family: &Family) -> String {
    let mut name = family.name.replace('.', "_");
    name.push_str(match family.unit {
        Unit::Things => "",
        Unit::Seconds => "_seconds",
        Unit::Bytes => "_bytes",
    });
    if family.kind == FamilyKind::Counter {
        name.push_str("_total");
    }
    name
}

type Labels = [(&'static str, String)];

/// Each bucket counts everything up to its bound; the last one and `_count` are the same number.
fn write_buckets(out: &mut String, name: &str, labels: &Labels, of: &Distribution) -> fmt::Result {
    let bounds = of.bounds().map(|bound| bound.to_string());
    let bounds = bounds.chain(std::iter::once("+Inf".to_owned()));
    let mut up_to = 0;
    for (bound, count) in bounds.zip(of.counts()) {
        up_to += count;
        write_sample(out, name, "_bucket", labels, Some(&bound), up_to)?;
    }
    write_sample(out, name, "_sum", labels, None, of.sum())?;
    write_sample(out, name, "_count", labels, None, up_to)
}

fn write_sample(
    out: &mut String,
    name: &str,
    suffix: &str,
    labels: &Labels,
    bound: Option<&str>,
    value: impl Display,
) -> fmt::Result {
    write!(out, "{name}{suffix}")?;
    let labels = labels.iter().map(|(name, value)| (*name, value.as_str()));
    let mut separator = '{';
    for (label, value) in labels.chain(bound.map(|bound| ("le", bound))) {
        write!(out, "{separator}{}=\"", label.replace('.', "_"))?;
        for letter in value.chars() {
            match letter {
                '\\' => out.push_str("\\\\"),
                '"' => out.push_str("\\\""),
                '\n' => out.push_str("\\n"),
                letter => out.push(letter),
            }
        }
        out.push('"');
        separator = ',';
    }
    if separator == ',' {
        out.push('}');
    }
    writeln!(out, " {value}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::histogram::{DURATIONS, Histogram};
    use super::*;

    /// Names come from a file that people write: a quote in one must not end the label.
    #[test]
    fn a_label_holds_whatever_a_name_holds() {
        let mut family = Family::new(
            "ai_gateway.requests",
            FamilyKind::Counter,
            Unit::Things,
            "Help.",
        );
        let labels = [("gateway.route", "a\"b\\c\nd{é}"), ("status", "200")];
        family.push(&labels, SeriesValue::Count(3));
        assert_eq!(
            text(&[family]),
            "# HELP ai_gateway_requests_total Help.\n\
             # TYPE ai_gateway_requests_total counter\n\
             ai_gateway_requests_total{gateway_route=\"a\\\"b\\\\c\\nd{é}\",status=\"200\"} 3\n"
        );
    }

    #[test]
    fn buckets_count_everything_up_to_their_bound() {
        let histogram = Histogram::new(&DURATIONS);
        for milliseconds in [5, 30, 400_000] {
            histogram.time(Duration::from_millis(milliseconds));
        }
        let read = SeriesValue::Distribution(Box::new(histogram.read()));
        let family = Family::single(
            "a.wait",
            FamilyKind::Histogram,
            Unit::Seconds,
            "Help.",
            read,
        );
        let text = text(&[family]);
        for line in [
            "a_wait_seconds_bucket{le=\"0.01\"} 1\n",
            "a_wait_seconds_bucket{le=\"0.025\"} 1\n",
            "a_wait_seconds_bucket{le=\"0.05\"} 2\n",
            "a_wait_seconds_bucket{le=\"300\"} 2\n",
            "a_wait_seconds_bucket{le=\"+Inf\"} 3\n",
            "a_wait_seconds_sum 400.035\n",
            "a_wait_seconds_count 3\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
    }

    #[test]
    fn a_family_without_series_is_left_out() {
        let family = Family::new("a.b", FamilyKind::Gauge, Unit::Bytes, "Help.");
        assert_eq!(text(&[family]), "");
    }
}
