//! One JSON object a line on standard output.

use std::fmt::Display;
use std::io::Write;

use log::kv::{self, VisitSource, VisitValue};
use log::{LevelFilter, Log, Metadata, Record};
use serde::ser::{SerializeMap, Serializer as _};
use simplelog::{Config, SharedLogger};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::levels::Levels;
use super::trace::current;

/// Bytes of one string in a line; what is longer is cut.
const LONGEST_VALUE: usize = 4096;

/// Numbers of fields a line keeps.
const MOST_FIELDS: usize = 64;

pub struct JsonSink {
    levels: Levels,
}

impl JsonSink {
    pub fn new(levels: Levels) -> Box<Self> {
        Box::new(Self { levels })
    }
}

impl Log for JsonSink {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.levels.admit(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let Ok(line) = line(record, OffsetDateTime::now_utc()) else {
            return;
        };
        // A full or closed standard output must not end the service; there is nowhere to say so.
        let _ = std::io::stdout().lock().write_all(&line);
    }

    fn flush(&self) {
        let _ = std::io::stdout().lock().flush();
    }
}

impl SharedLogger for JsonSink {
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

fn line(record: &Record<'_>, now: OffsetDateTime) -> serde_json::Result<Vec<u8>> {
    let mut line = Vec::with_capacity(256);
    let mut serializer = serde_json::Serializer::new(&mut line);
    let mut map = serializer.serialize_map(None)?;
    map.serialize_entry("ts", &now.format(&Rfc3339).unwrap_or_default())?;
    map.serialize_entry("level", &record.level().as_str().to_ascii_lowercase())?;
    map.serialize_entry("target", record.target())?;
    map.serialize_entry("msg", cut(&record.args().to_string()))?;
    if let Some((trace, span)) = current::ids() {
        map.serialize_entry("trace_id", trace.as_str())?;
        map.serialize_entry("span_id", span.as_str())?;
    }
    let mut fields = Fields {
        map: &mut map,
        left: MOST_FIELDS,
    };
    // An error here means a field could not be written; the line still says what it can.
    let _ = record.key_values().visit(&mut fields);
    map.end()?;
    line.push(b'\n');
    Ok(line)
}

/// The longest beginning of the text that is within the bound and whole characters.
fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(LONGEST_VALUE))
        .unwrap_or(text)
}

struct Fields<'a, M> {
    map: &'a mut M,
    left: usize,
}

impl<'kvs, M: SerializeMap> VisitSource<'kvs> for Fields<'_, M> {
    fn visit_pair(&mut self, key: kv::Key<'kvs>, value: kv::Value<'kvs>) -> Result<(), kv::Error> {
        if self.left == 0 {
            return Ok(());
        }
        self.left -= 1;
        let mut field = Field {
            map: self.map,
            key: key.as_str(),
        };
        value.visit(&mut field)
    }
}

struct Field<'a, M> {
    map: &'a mut M,
    key: &'a str,
}

impl<M: SerializeMap> Field<'_, M> {
    fn put(&mut self, value: &(impl serde::Serialize + ?Sized)) -> Result<(), kv::Error> {
        self.map
            .serialize_entry(self.key, value)
            .map_err(|_| kv::Error::msg("a field could not be written"))
    }
}

impl<'v, M: SerializeMap> VisitValue<'v> for Field<'_, M> {
    fn visit_any(&mut self, value: kv::Value<'_>) -> Result<(), kv::Error> {
        self.put(cut(&(&value as &dyn Display).to_string()))
    }

    fn visit_null(&mut self) -> Result<(), kv::Error> {
        self.put(&())
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), kv::Error> {
        self.put(&value)
    }

    fn visit_i64(&mut self, value: i64) -> Result<(), kv::Error> {
        self.put(&value)
    }

    fn visit_f64(&mut self, value: f64) -> Result<(), kv::Error> {
        self.put(&value)
    }

    fn visit_bool(&mut self, value: bool) -> Result<(), kv::Error> {
        self.put(&value)
    }

    fn visit_str(&mut self, value: &str) -> Result<(), kv::Error> {
        self.put(cut(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(message: &str, fields: &[(&str, kv::Value<'_>)]) -> String {
        let record = |args: std::fmt::Arguments<'_>| {
            let mut builder = Record::builder();
            let builder = builder.args(args).target("ai_gateway").key_values(&fields);
            line(&builder.build(), OffsetDateTime::UNIX_EPOCH).unwrap()
        };
        String::from_utf8(record(format_args!("{message}"))).unwrap()
    }

    #[test]
    fn fields_keep_their_types() {
        let absent: Option<u64> = None;
        let fields = [
            ("status", kv::Value::from(200_u16)),
            ("stream", kv::Value::from(true)),
            ("route", kv::Value::from("a \"b\"\n")),
            ("tokens", kv::ToValue::to_value(&absent)),
        ];
        assert_eq!(
            written("request", &fields),
            "{\"ts\":\"1970-01-01T00:00:00Z\",\"level\":\"info\",\"target\":\"ai_gateway\",\"msg\":\"request\",\
             \"status\":200,\"stream\":true,\"route\":\"a \\\"b\\\"\\n\",\"tokens\":null}\n"
        );
    }

    #[test]
    fn a_line_is_bounded() {
        let long = "ä".repeat(100_000);
        let line = written(&long, &[("error", kv::Value::from(long.as_str()))]);
        assert!(line.len() < 3 * LONGEST_VALUE, "{}", line.len());
        assert!(line.ends_with("\"}\n"));
    }
}
