//! Log records for the collector, beside standard output.

use std::sync::Arc;
use std::time::SystemTime;

use log::kv::{self, VisitSource, VisitValue};
use log::{Level, LevelFilter, Log, Metadata, Record};
use opentelemetry::logs::{AnyValue, LogRecord as _, Logger as _, Severity};
use opentelemetry::{Context, Key};
use opentelemetry_sdk::logs::{SdkLogRecord, SdkLogger};
use simplelog::{Config, SharedLogger};

use crate::secret::Redactor;
use crate::telemetry::levels::Levels;
use crate::telemetry::masking::Masking;
use crate::telemetry::trace::current;
use crate::text::cut;

/// Bound of one text value (bytes).
const LONGEST_VALUE: usize = 4096;

/// Fields of a record.
const MAX_FIELDS: usize = 64;

/// Names of the fields of a request's records, in their order there; others are as good, and take memory of their own.
const FIELDS: [&str; 18] = [
    "request_id",
    "client",
    "method",
    "path",
    "route",
    "stream",
    "status",
    "duration_ms",
    "steps",
    "fallbacks",
    "served_by",
    "prompt_tokens",
    "completion_tokens",
    "error",
    "step",
    "provider",
    "model",
    "class",
];

/// The sink that hands records to the SDK's logger, behind the same levels as the other sinks.
pub struct LogSink {
    levels: Levels,
    logger: SdkLogger,
    masking: Masking,
}

impl LogSink {
    pub fn new(levels: Levels, logger: SdkLogger, masking: Masking) -> Box<Self> {
        Box::new(Self {
            levels,
            logger,
            masking,
        })
    }
}

impl Log for LogSink {
    /// Records of the exporting threads are left out: they would be exported, and cause others.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.levels.admit(metadata) && !Context::is_current_telemetry_suppressed()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let mut exported = self.logger.create_log_record();
            fill(&mut exported, record, &self.masking.redactor());
            self.logger.emit(exported);
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

fn fill(exported: &mut SdkLogRecord, record: &Record<'_>, redactor: &Redactor) {
    let now = SystemTime::now();
    exported.set_timestamp(now);
    exported.set_observed_timestamp(now);
    exported.set_severity_number(severity(record.level()));
    exported.set_severity_text(record.level().as_str());
    exported.set_body(match record.args().as_str() {
        Some(constant) => AnyValue::from(constant),
        None => masked(&record.args().to_string(), redactor),
    });
    let target = record.module_path_static();
    exported.add_attribute(
        "target",
        match target.filter(|target| *target == record.target()) {
            Some(target) => AnyValue::from(target),
            None => AnyValue::from(record.target().to_owned()),
        },
    );
    let mut attributes = Attributes {
        exported,
        left: MAX_FIELDS,
        redactor,
        next_field: 0,
    };
    // An error here means a field could not be read; the record still says what it can.
    let _ = record.key_values().visit(&mut attributes);
    current::context(|span| {
        let flags = Some(span.trace_flags());
        exported.set_trace_context(span.trace_id(), span.span_id(), flags);
    });
}

fn masked(text: &str, redactor: &Redactor) -> AnyValue {
    let masked = redactor.mask(text);
    AnyValue::String(shared(cut(&masked, LONGEST_VALUE)).into())
}

/// A text that takes no copy when the SDK clones the record on its way.
fn shared(text: &str) -> Arc<str> {
    Arc::from(text)
}

fn severity(level: Level) -> Severity {
    match level {
        Level::Trace => Severity::Trace,
        Level::Debug => Severity::Debug,
        Level::Info => Severity::Info,
        Level::Warn => Severity::Warn,
        Level::Error => Severity::Error,
    }
}

/// Writes a record's fields as attributes.
struct Attributes<'a> {
    exported: &'a mut SdkLogRecord,
    left: usize,
    redactor: &'a Redactor,
    /// The place in [`FIELDS`] behind the last field that was found there.
    next_field: usize,
}

impl Attributes<'_> {
    /// The name as an attribute's key, without memory of its own if it is a usual one.
    fn key(&mut self, name: &str) -> Key {
        let (before, behind) = FIELDS.split_at_checked(self.next_field).unwrap_or_default();
        let found = |fields: &[&'static str]| fields.iter().position(|known| *known == name);
        let place = match found(behind) {
            Some(place) => Some(before.len() + place),
            None => found(before),
        };
        match place.and_then(|place| Some((place, FIELDS.get(place)?))) {
            Some((place, known)) => {
                self.next_field = place + 1;
                Key::from_static_str(known)
            }
            None => Key::from(shared(name)),
        }
    }
}

impl<'kvs> VisitSource<'kvs> for Attributes<'_> {
    fn visit_pair(&mut self, key: kv::Key<'kvs>, value: kv::Value<'kvs>) -> Result<(), kv::Error> {
        if self.left == 0 {
            return Ok(());
        }
        self.left -= 1;
        let mut attribute = AttributeValue {
            value: None,
            redactor: self.redactor,
        };
        value.visit(&mut attribute)?;
        if let Some(value) = attribute.value {
            let key = self.key(key.as_str());
            self.exported.add_attribute(key, value);
        }
        Ok(())
    }
}

/// A field's value as that of an attribute; none for an absent one.
struct AttributeValue<'a> {
    value: Option<AnyValue>,
    redactor: &'a Redactor,
}

impl AttributeValue<'_> {
    fn put(&mut self, value: impl Into<AnyValue>) -> Result<(), kv::Error> {
        self.value = Some(value.into());
        Ok(())
    }
}

impl VisitValue<'_> for &mut AttributeValue<'_> {
    fn visit_any(&mut self, value: kv::Value<'_>) -> Result<(), kv::Error> {
        self.visit_str(&value.to_string())
    }

    /// An attribute without a value is none.
    fn visit_null(&mut self) -> Result<(), kv::Error> {
        Ok(())
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), kv::Error> {
        self.put(i64::try_from(value).unwrap_or(i64::MAX))
    }

    fn visit_i64(&mut self, value: i64) -> Result<(), kv::Error> {
        self.put(value)
    }

    fn visit_f64(&mut self, value: f64) -> Result<(), kv::Error> {
        self.put(value)
    }

    fn visit_bool(&mut self, value: bool) -> Result<(), kv::Error> {
        self.put(value)
    }

    fn visit_str(&mut self, value: &str) -> Result<(), kv::Error> {
        self.put(masked(value, self.redactor))
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use log::kv::ToValue;
    use opentelemetry::logs::LoggerProvider as _;
    use opentelemetry_sdk::logs::SdkLoggerProvider;

    use super::*;
    use crate::secret::Secret;

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
            ("path", kv::Value::from("/v1/sk-12345678")),
        ];
        let mut record = Record::builder();
        record.level(Level::Warn).target("t").key_values(&fields);
        let redactor = Redactor::new([Secret::new("sk-12345678")]);
        let mut exported = SdkLoggerProvider::builder()
            .build()
            .logger("test")
            .create_log_record();
        fill(
            &mut exported,
            &record.args(format_args!("{}{}", "a", 1)).build(),
            &redactor,
        );
        assert!(exported.timestamp() > Some(UNIX_EPOCH));
        assert_eq!(exported.timestamp(), exported.observed_timestamp());
        assert_eq!(exported.severity_number(), Some(Severity::Warn));
        assert_eq!(exported.severity_text(), Some("WARN"));
        assert_eq!(exported.body(), Some(&AnyValue::from("a1")));
        let attributes: Vec<(&str, &AnyValue)> = exported
            .attributes_iter()
            .map(|(key, value)| (key.as_str(), value))
            .collect();
        let expected = [
            ("target", AnyValue::from("t")),
            ("long", AnyValue::from("ä".repeat(LONGEST_VALUE / 2))),
            ("number", AnyValue::from(7)),
            ("flag", AnyValue::from(true)),
            ("shown", AnyValue::from("127.0.0.1")),
            ("path", AnyValue::from("/v1/***")),
        ];
        let expected: Vec<_> = expected.iter().map(|(key, value)| (*key, value)).collect();
        assert_eq!(attributes, expected);
    }
}
