//! Log lines as JSON objects on standard output.

use std::cell::Cell;
use std::fmt::Display;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use log::kv::{self, VisitSource, VisitValue};
use log::{Level, LevelFilter, Log, Metadata, Record};
use simplelog::{Config, SharedLogger};
use time::OffsetDateTime;

use crate::json_line::JsonLine;
use crate::text;

use super::levels::Levels;
use super::log_writer::LogWriter;
use super::trace::current;

/// Bound of one string in a line (bytes).
const LONGEST_VALUE: usize = 4096;

/// Fields of a line.
const MAX_FIELDS: usize = 64;

/// The sink of `LOG_FORMAT=json`.
pub struct JsonSink {
    levels: Levels,
    writer: LogWriter,
}

impl JsonSink {
    pub fn new(levels: Levels, writer: LogWriter) -> Box<Self> {
        Box::new(Self { levels, writer })
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
        let mut line = JsonLine::default();
        put_record(&mut line, record, SystemTime::now());
        self.writer.push(line.as_bytes());
    }

    fn flush(&self) {
        self.writer.flush();
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

fn put_record(line: &mut JsonLine, record: &Record<'_>, now: SystemTime) {
    line.push(b"{\"ts\":\"");
    put_time(line, now);
    line.push(up_to_target(record.level()));
    // A target is the path of a module, or stands in the source as keys do: nothing in it is to be escaped.
    line.push(record.target().as_bytes());
    line.push(b"\",\"msg\":");
    match record.args().as_str() {
        Some(message) => line.put_text(cut(message)),
        None => line.put_text(cut(&record.args().to_string())),
    }
    if let Some((trace, span)) = current::ids() {
        put_hex(line, "trace_id", &trace);
        put_hex(line, "span_id", &span);
    }
    let left = MAX_FIELDS;
    // An error here means a field could not be written; the line still says what it can.
    let _ = record.key_values().visit(&mut FieldsOfLine { line, left });
    line.push(b"}\n");
}

/// The text of a line between its time and its target.
fn up_to_target(level: Level) -> &'static [u8] {
    match level {
        Level::Error => b"\",\"level\":\"error\",\"target\":\"",
        Level::Warn => b"\",\"level\":\"warn\",\"target\":\"",
        Level::Info => b"\",\"level\":\"info\",\"target\":\"",
        Level::Debug => b"\",\"level\":\"debug\",\"target\":\"",
        Level::Trace => b"\",\"level\":\"trace\",\"target\":\"",
    }
}

fn cut(text: &str) -> &str {
    text::cut(text, LONGEST_VALUE)
}

/// The length of `0000-00-00T00:00:00`.
const SECOND: usize = 19;

/// The length of a time to the nanosecond, with its `Z`.
const LONGEST_TIME: usize = SECOND + ".000000000Z".len();

/// A time in UTC as in RFC 3339, with as many digits of a second as are not zero. The text of a second is that of many
/// lines, so each thread keeps the last one.
fn put_time(line: &mut JsonLine, now: SystemTime) {
    thread_local! {
        static LAST: Cell<(u64, [u8; SECOND])> = const { Cell::new((u64::MAX, [0; SECOND])) };
    }
    let since_1970 = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (mut second, mut text) = LAST.get();
    if second != since_1970.as_secs() {
        second = since_1970.as_secs();
        text = text_of(second);
        LAST.set((second, text));
    }
    let mut time = [b'.'; LONGEST_TIME];
    let (of_second, fraction) = time.split_at_mut(SECOND);
    of_second.copy_from_slice(&text);
    let digits = fraction.get_mut(1..fraction.len() - 1).unwrap_or_default();
    set_digits(digits, since_1970.subsec_nanos());
    let last = fraction.iter().rposition(|digit| !b"0.".contains(digit));
    let shown = last.map_or(0, |last| last + 1);
    if let Some(end) = fraction.get_mut(shown) {
        *end = b'Z';
    }
    line.push(time.get(..=SECOND + shown).unwrap_or_default());
}

/// A second since 1970 as in RFC 3339, without an offset.
fn text_of(second: u64) -> [u8; SECOND] {
    let time = OffsetDateTime::from(UNIX_EPOCH + Duration::from_secs(second));
    let mut text = *b"0000-00-00T00:00:00";
    let year = u32::try_from(time.year()).unwrap_or_default();
    for (number, place) in [
        (year, 0..4),
        (u8::from(time.month()).into(), 5..7),
        (time.day().into(), 8..10),
        (time.hour().into(), 11..13),
        (time.minute().into(), 14..16),
        (time.second().into(), 17..19),
    ] {
        set_digits(text.get_mut(place).unwrap_or_default(), number);
    }
    text
}

/// A number in as many digits as there is room for.
fn set_digits(place: &mut [u8], number: u32) {
    let mut left = number;
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (left % 10) as u8;
        left /= 10;
    }
}

/// The digits of an id, among which nothing has to be escaped.
fn put_hex(line: &mut JsonLine, key: &str, id: &current::Hex) {
    line.put_key(key);
    line.push(b"\"");
    line.push(id.as_str().as_bytes());
    line.push(b"\"");
}

struct FieldsOfLine<'a> {
    line: &'a mut JsonLine,
    left: usize,
}

impl<'kvs> VisitSource<'kvs> for FieldsOfLine<'_> {
    fn visit_pair(&mut self, key: kv::Key<'kvs>, value: kv::Value<'kvs>) -> Result<(), kv::Error> {
        if self.left == 0 {
            return Ok(());
        }
        self.left -= 1;
        self.line.put_key(key.as_str());
        value.visit(&mut FieldValue(self.line))
    }
}

/// The value behind a key.
struct FieldValue<'a>(&'a mut JsonLine);

impl<'v> VisitValue<'v> for FieldValue<'_> {
    fn visit_any(&mut self, value: kv::Value<'_>) -> Result<(), kv::Error> {
        self.visit_str(&(&value as &dyn Display).to_string())
    }

    fn visit_null(&mut self) -> Result<(), kv::Error> {
        self.0.push(b"null");
        Ok(())
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), kv::Error> {
        self.0.put_number(value);
        Ok(())
    }

    fn visit_i64(&mut self, value: i64) -> Result<(), kv::Error> {
        if value < 0 {
            self.0.push(b"-");
        }
        self.visit_u64(value.unsigned_abs())
    }

    fn visit_f64(&mut self, value: f64) -> Result<(), kv::Error> {
        let number = serde_json::to_string(&value);
        self.0
            .push(number.as_deref().map_or(&b"null"[..], str::as_bytes));
        Ok(())
    }

    fn visit_bool(&mut self, value: bool) -> Result<(), kv::Error> {
        self.0.push(if value { b"true" } else { b"false" });
        Ok(())
    }

    fn visit_str(&mut self, value: &str) -> Result<(), kv::Error> {
        self.0.put_text(cut(value));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use time::format_description::well_known::Rfc3339;

    use super::*;

    fn written(message: &str, fields: &[(&str, kv::Value<'_>)]) -> String {
        let mut line = JsonLine::default();
        let mut put = |args: std::fmt::Arguments<'_>| {
            let mut builder = Record::builder();
            let builder = builder.args(args).target("ai_gateway").key_values(&fields);
            put_record(&mut line, &builder.build(), UNIX_EPOCH);
        };
        put(format_args!("{message}"));
        String::from_utf8(line.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn fields_keep_their_types() {
        let absent: Option<u64> = None;
        let fields = [
            ("status", kv::Value::from(200_u16)),
            ("stream", kv::Value::from(true)),
            ("route", kv::Value::from("a \"b\"\n")),
            ("tokens", kv::ToValue::to_value(&absent)),
            ("offset", kv::Value::from(i64::MIN)),
            ("share", kv::Value::from(0.5)),
            ("ratio", kv::Value::from(f64::NAN)),
        ];
        assert_eq!(
            written("request", &fields),
            "{\"ts\":\"1970-01-01T00:00:00Z\",\"level\":\"info\",\"target\":\"ai_gateway\",\"msg\":\"request\",\
             \"status\":200,\"stream\":true,\"route\":\"a \\\"b\\\"\\n\",\"tokens\":null,\
             \"offset\":-9223372036854775808,\"share\":0.5,\"ratio\":null}\n"
        );
    }

    #[test]
    fn times_are_written_as_rfc_3339_says() {
        for nanoseconds in [
            0,
            1,
            100_000_000,
            951_782_400_123_456_789,
            1_795_359_792_000_001_000,
            253_402_300_799_999_999_999,
        ] {
            let time = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).unwrap();
            // The second time, the text of its second is there.
            for _ in 0..2 {
                let mut line = JsonLine::default();
                put_time(&mut line, time.into());
                let line = String::from_utf8(line.as_bytes().to_vec()).unwrap();
                assert_eq!(line, time.format(&Rfc3339).unwrap());
            }
        }
    }

    #[test]
    fn a_line_is_bounded() {
        let long = "ä".repeat(100_000);
        let line = written(&long, &[("error", kv::Value::from(long.as_str()))]);
        assert!(line.len() < 3 * LONGEST_VALUE, "{}", line.len());
        assert!(line.ends_with("\"}\n"));
    }
}
