//! Log records on their way to the collector, beside standard output.

use log::kv::{self, Key, Source, Value, VisitSource, VisitValue};
use log::{LevelFilter, Log, Metadata, Record};
use opentelemetry_appender_log::OpenTelemetryLogBridge;
use opentelemetry_sdk::logs::{SdkLogger, SdkLoggerProvider};
use simplelog::{Config, SharedLogger};

use crate::telemetry::levels::Levels;

/// Bytes of one text value; what is longer is cut.
const LONGEST_VALUE: usize = 4096;

/// Fields of a record.
const MOST_FIELDS: usize = 64;

/// OpenTelemetry's bridge, behind the same levels as the other sinks.
pub struct LogSink {
    levels: Levels,
    bridge: OpenTelemetryLogBridge<SdkLoggerProvider, SdkLogger>,
}

impl LogSink {
    pub fn new(levels: Levels, provider: &SdkLoggerProvider) -> Box<Self> {
        Box::new(Self {
            levels,
            bridge: OpenTelemetryLogBridge::new(provider),
        })
    }
}

impl Log for LogSink {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.levels.admit(metadata) && self.bridge.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let fields = Bounded(record.key_values());
            self.bridge
                .log(&record.to_builder().key_values(&fields).build());
        }
    }

    fn flush(&self) {
        self.bridge.flush();
    }
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

/// The fields that have a value, cut: the bridge writes an absent one as the text `None`, and long ones whole.
struct Bounded<'a>(&'a dyn Source);

impl Source for Bounded<'_> {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn VisitSource<'kvs>) -> Result<(), kv::Error> {
        self.0.visit(&mut Filter {
            next: visitor,
            left: MOST_FIELDS,
        })
    }
}

struct Filter<'a, 'kvs> {
    next: &'a mut dyn VisitSource<'kvs>,
    left: usize,
}

impl<'kvs> VisitSource<'kvs> for Filter<'_, 'kvs> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
        let mut absence = Absence(false);
        value.visit(&mut absence)?;
        if absence.0 || self.left == 0 {
            return Ok(());
        }
        self.left -= 1;
        let cut = value.to_borrowed_str().and_then(|text| {
            let end = text.floor_char_boundary(LONGEST_VALUE);
            text.get(..end)
        });
        self.next.visit_pair(key, cut.map_or(value, Value::from))
    }
}

struct Absence(bool);

impl<'v> VisitValue<'v> for Absence {
    fn visit_any(&mut self, _: Value<'_>) -> Result<(), kv::Error> {
        Ok(())
    }

    fn visit_null(&mut self) -> Result<(), kv::Error> {
        self.0 = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use log::kv::ToValue;

    #[test]
    fn absent_fields_are_left_out_and_long_ones_cut() {
        let long = "ä".repeat(10_000);
        let absent: Option<u64> = None;
        let fields = [
            ("absent", absent.to_value()),
            ("long", Value::from(long.as_str())),
            ("number", Value::from(7)),
        ];
        struct Kept(Vec<(String, usize)>);
        impl<'kvs> VisitSource<'kvs> for Kept {
            fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
                self.0.push((key.to_string(), value.to_string().len()));
                Ok(())
            }
        }
        let mut kept = Kept(Vec::new());
        Bounded(&fields).visit(&mut kept).unwrap();
        let expected = [("long", LONGEST_VALUE), ("number", 1)];
        assert_eq!(kept.0, expected.map(|(key, size)| (key.to_owned(), size)));
    }
}
