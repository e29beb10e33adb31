//! Log records on their way to the collector, beside standard output.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::SystemTime;

use log::kv::{self, Key, VisitSource, VisitValue};
use log::{Level, LevelFilter, Log, Metadata, Record};
use opentelemetry::Context;
use simplelog::{Config, SharedLogger};

use crate::secret::Redactor;
use crate::telemetry::levels::Levels;
use crate::telemetry::masking::Masking;
use crate::telemetry::queue::Queue;
use crate::telemetry::trace::current;
use crate::telemetry::wire::{self, Value, nanoseconds};
use crate::text::cut;

/// Bytes of one text value; what is longer is cut.
const LONGEST_VALUE: usize = 4096;

/// Fields of a record.
const MOST_FIELDS: usize = 64;

/// Bytes that most records fit into.
const USUAL: usize = 512;

/// Writes each record where it is logged, behind the same levels as the other sinks.
pub struct LogSink {
    levels: Levels,
    queue: Arc<Queue>,
    masking: Masking,
}

impl LogSink {
    pub fn new(levels: Levels, queue: Arc<Queue>, masking: Masking) -> Box<Self> {
        Box::new(Self {
            levels,
            queue,
            masking,
        })
    }
}

impl Log for LogSink {
    /// Not for what the exporting threads say: that would be exported, and said again.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.levels.admit(metadata) && !Context::is_current_telemetry_suppressed()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let mut bytes = Vec::with_capacity(USUAL);
            let redactor = self.masking.redactor();
            write(&mut bytes, record, SystemTime::now(), &redactor);
            self.queue.push(&bytes);
        }
    }

    fn flush(&self) {}
}

impl SharedLogger for LogSink {
    fn level(&self) -> LevelFilter {
        self.levels.most()
    }

    fn config(&self) -> Option<&Config> {
        None
    }

    fn as_log(self: Box<Self>) -> Box<dyn Log> {
        self
    }
}

/// A `LogRecord`.
fn write(out: &mut Vec<u8>, record: &Record<'_>, now: SystemTime, redactor: &Redactor) {
    let now = nanoseconds(now);
    wire::fixed64(out, 1, now);
    wire::number(out, 2, severity(record.level()));
    wire::text(out, 3, record.level().as_str());
    let mut scratch = String::new();
    let message = match record.args().as_str() {
        Some(message) => message,
        None => {
            // Writing to a string does not fail.
            let _ = write!(scratch, "{}", record.args());
            &scratch
        }
    };
    let message = redactor.mask(message);
    wire::value(out, 5, Value::Text(cut(&message, LONGEST_VALUE)));
    wire::attribute(out, ATTRIBUTE, "target", Value::Text(record.target()));
    let mut fields = Fields {
        out,
        left: MOST_FIELDS,
        redactor,
    };
    // An error here means a field could not be read; the record still says what it can.
    let _ = record.key_values().visit(&mut fields);
    current::context(|span| {
        wire::fixed32(out, 8, span.trace_flags().to_u8().into());
        wire::bytes(out, 9, &span.trace_id().to_bytes());
        wire::bytes(out, 10, &span.span_id().to_bytes());
    });
    wire::fixed64(out, 11, now);
}

/// The field of a record's attributes.
const ATTRIBUTE: u8 = 6;

/// OTLP's `SeverityNumber`.
fn severity(level: Level) -> u32 {
    match level {
        Level::Trace => 1,
        Level::Debug => 5,
        Level::Info => 9,
        Level::Warn => 13,
        Level::Error => 17,
    }
}

struct Fields<'a> {
    out: &'a mut Vec<u8>,
    left: usize,
    redactor: &'a Redactor,
}

impl<'kvs> VisitSource<'kvs> for Fields<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: kv::Value<'kvs>) -> Result<(), kv::Error> {
        if self.left == 0 {
            return Ok(());
        }
        self.left -= 1;
        value.visit(Field {
            out: self.out,
            key: key.as_str(),
            redactor: self.redactor,
        })
    }
}

struct Field<'a> {
    out: &'a mut Vec<u8>,
    key: &'a str,
    redactor: &'a Redactor,
}

impl Field<'_> {
    fn put(&mut self, value: Value<'_>) -> Result<(), kv::Error> {
        wire::attribute(self.out, ATTRIBUTE, self.key, value);
        Ok(())
    }
}

impl VisitValue<'_> for Field<'_> {
    fn visit_any(&mut self, value: kv::Value<'_>) -> Result<(), kv::Error> {
        self.visit_str(&value.to_string())
    }

    /// An attribute without a value is none.
    fn visit_null(&mut self) -> Result<(), kv::Error> {
        Ok(())
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), kv::Error> {
        self.put(Value::Whole(i64::try_from(value).unwrap_or(i64::MAX)))
    }

    fn visit_i64(&mut self, value: i64) -> Result<(), kv::Error> {
        self.put(Value::Whole(value))
    }

    fn visit_f64(&mut self, value: f64) -> Result<(), kv::Error> {
        self.put(Value::Real(value))
    }

    fn visit_bool(&mut self, value: bool) -> Result<(), kv::Error> {
        self.put(Value::Flag(value))
    }

    fn visit_str(&mut self, value: &str) -> Result<(), kv::Error> {
        let masked = self.redactor.mask(value);
        self.put(Value::Text(cut(&masked, LONGEST_VALUE)))
    }
}

#[cfg(test)]
mod tests {
    use log::kv::ToValue;
    use opentelemetry_proto::tonic::common::v1::any_value::Value as Read;
    use opentelemetry_proto::tonic::logs::v1::LogRecord;
    use prost::Message;

    use super::*;

    #[test]
    fn a_record_is_what_was_logged() {
        let long = "ä".repeat(10_000);
        let absent: Option<u64> = None;
        let shown = std::net::Ipv4Addr::LOCALHOST;
        let fields = [
            ("absent", absent.to_value()),
            ("long", kv::Value::from(long.as_str())),
            ("number", kv::Value::from(7_u16)),
            ("flag", kv::Value::from(true)),
            ("shown", kv::Value::from_display(&shown)),
        ];
        let mut bytes = Vec::new();
        let mut record = Record::builder();
        record.level(Level::Warn).target("t").key_values(&fields);
        write(
            &mut bytes,
            &record.args(format_args!("{}{}", "a", 1)).build(),
            SystemTime::UNIX_EPOCH + std::time::Duration::from_nanos(5),
            &Redactor::default(),
        );
        let record = LogRecord::decode(bytes.as_slice()).unwrap();
        assert_eq!(
            (record.time_unix_nano, record.observed_time_unix_nano),
            (5, 5)
        );
        assert_eq!(
            (record.severity_number, &*record.severity_text),
            (13, "WARN")
        );
        let value = record.body.unwrap().value.unwrap();
        assert_eq!(value, Read::StringValue("a1".to_owned()));
        let attributes = record.attributes.into_iter();
        let attributes: Vec<(String, Read)> = attributes
            .map(|one| (one.key, one.value.unwrap().value.unwrap()))
            .collect();
        let text = |text: &str| Read::StringValue(text.to_owned());
        let expected = [
            ("target", text("t")),
            ("long", text(&"ä".repeat(LONGEST_VALUE / 2))),
            ("number", Read::IntValue(7)),
            ("flag", Read::BoolValue(true)),
            ("shown", text("127.0.0.1")),
        ];
        assert_eq!(
            attributes,
            expected.map(|(key, value)| (key.to_owned(), value))
        );
    }
}
