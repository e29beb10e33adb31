//! Log lines as JSON objects on standard output.

use std::fmt::Display;

use log::kv::{self, VisitSource, VisitValue};
use log::{Level, LevelFilter, Log, Metadata, Record};
use simplelog::{Config, SharedLogger};
use time::OffsetDateTime;

use crate::text::{self, is_deceptive};

use super::levels::Levels;
use super::log_writer::LogWriter;
use super::trace::current;

/// Bound of one string in a line (bytes).
const LONGEST_VALUE: usize = 4096;

/// Room for a request's line (bytes).
const USUAL_LINE: usize = 512;

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
        self.writer.push(&line(record, OffsetDateTime::now_utc()));
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

fn line(record: &Record<'_>, now: OffsetDateTime) -> Vec<u8> {
    let mut line = Vec::with_capacity(USUAL_LINE);
    line.extend_from_slice(b"{\"ts\":\"");
    put_time(&mut line, now);
    line.push(b'"');
    put_field(&mut line, "level", label(record.level()));
    put_field(&mut line, "target", record.target());
    match record.args().as_str() {
        Some(message) => put_field(&mut line, "msg", cut(message)),
        None => put_field(&mut line, "msg", cut(&record.args().to_string())),
    }
    if let Some((trace, span)) = current::ids() {
        put_hex(&mut line, "trace_id", &trace);
        put_hex(&mut line, "span_id", &span);
    }
    let mut fields = FieldsOfLine {
        line: &mut line,
        left: MAX_FIELDS,
    };
    // An error here means a field could not be written; the line still says what it can.
    let _ = record.key_values().visit(&mut fields);
    line.extend_from_slice(b"}\n");
    line
}

fn label(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    }
}

fn cut(text: &str) -> &str {
    text::cut(text, LONGEST_VALUE)
}

/// A time in UTC as in RFC 3339, with as many digits of a second as are not zero.
fn put_time(line: &mut Vec<u8>, time: OffsetDateTime) {
    let mut text = *b"0000-00-00T00:00:00.000000000";
    let year = u32::try_from(time.year()).unwrap_or_default();
    for (number, place) in [
        (year, 0..4),
        (u8::from(time.month()).into(), 5..7),
        (time.day().into(), 8..10),
        (time.hour().into(), 11..13),
        (time.minute().into(), 14..16),
        (time.second().into(), 17..19),
        (time.nanosecond(), 20..29),
    ] {
        set_digits(text.get_mut(place).unwrap_or_default(), number);
    }
    let mut shown = text.as_slice();
    if time.nanosecond() == 0 {
        shown = shown.get(..19).unwrap_or(shown);
    }
    while time.nanosecond() > 0
        && let Some((b'0', before)) = shown.split_last()
    {
        shown = before;
    }
    line.extend_from_slice(shown);
    line.push(b'Z');
}

/// A number in as many digits as there is room for.
fn set_digits(place: &mut [u8], number: u32) {
    let mut left = number;
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (left % 10) as u8;
        left /= 10;
    }
}

fn put_field(line: &mut Vec<u8>, key: &str, text: &str) {
    put_key(line, key);
    put_text(line, text);
}

/// The digits of an id, among which nothing has to be escaped.
fn put_hex(line: &mut Vec<u8>, key: &str, id: &current::Hex) {
    put_key(line, key);
    line.push(b'"');
    line.extend_from_slice(id.as_str().as_bytes());
    line.push(b'"');
}

/// Names are those of the source: nothing in them is to be escaped.
/// A key with what stands around it, in one piece where it is short: each piece costs more than its bytes, and a line has
/// twenty keys.
fn put_key(line: &mut Vec<u8>, key: &str) {
    let mut text = *b",\"                        ";
    match text.get_mut(2..) {
        Some(room) if key.len() + 2 <= room.len() => {
            let (name, behind) = room.split_at_mut(key.len());
            name.copy_from_slice(key.as_bytes());
            if let [quote, colon, ..] = behind {
                (*quote, *colon) = (b'"', b':');
            }
            line.extend_from_slice(text.get(..key.len() + 4).unwrap_or_default());
        }
        _ => {
            for piece in [",\"", key, "\":"] {
                line.extend_from_slice(piece.as_bytes());
            }
        }
    }
}

/// A JSON string (RFC 8259 section 7), in which controls of terminals and of text direction are escaped as well. By hand,
/// as a serializer took a fifteenth of all that a request costs.
fn put_text(line: &mut Vec<u8>, text: &str) {
    line.push(b'"');
    let mut left = text;
    while let Some(plain) = first_to_escape(left.as_bytes())
        && let Some((plain, behind)) = left.split_at_checked(plain)
    {
        line.extend_from_slice(plain.as_bytes());
        let mut behind = behind.chars();
        match behind.next() {
            Some(character) if character.is_ascii() => put_escaped(line, character as u8),
            Some(character) if is_deceptive(character) => {
                line.extend_from_slice(format!("\\u{:04x}", u32::from(character)).as_bytes());
            }
            Some(character) => {
                line.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes())
            }
            None => {}
        }
        left = behind.as_str();
    }
    line.extend_from_slice(left.as_bytes());
    line.push(b'"');
}

/// The offset of the first byte that may need an escape; `None` where there is none.
fn first_to_escape(text: &[u8]) -> Option<usize> {
    const WORD: usize = size_of::<u64>();
    let words = text.chunks_exact(WORD);
    let words = words.map(|word| word.try_into().map_or(0, u64::from_le_bytes));
    let plain = WORD * words.take_while(|word| !any_to_escape(*word)).count();
    let rest = text.get(plain..)?.iter();
    Some(plain + rest.copied().position(may_need_escape)?)
}

/// Whether one of eight bytes may need an escape. All at once, as every byte of every line comes by (Anderson, *Bit
/// Twiddling Hacks*: "Determine if a word has a byte less than n").
fn any_to_escape(word: u64) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let below = |word: u64, bound: u64| word.wrapping_sub(ONES * bound) & !word;
    let equal = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    let found = word | below(word, 0x20) | equal(b'"') | equal(b'\\') | equal(0x7f);
    found & (ONES << 7) != 0
}

/// A byte that is escaped, or one of a character that may be: any beyond printable ASCII.
fn may_need_escape(byte: u8) -> bool {
    byte.wrapping_sub(b' ') >= 0x7f - b' ' || byte == b'"' || byte == b'\\'
}

fn put_escaped(line: &mut Vec<u8>, byte: u8) {
    match byte {
        b'"' | b'\\' => line.extend_from_slice(&[b'\\', byte]),
        b'\n' => line.extend_from_slice(b"\\n"),
        b'\r' => line.extend_from_slice(b"\\r"),
        b'\t' => line.extend_from_slice(b"\\t"),
        0x08 => line.extend_from_slice(b"\\b"),
        0x0c => line.extend_from_slice(b"\\f"),
        _ => line.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
    }
}

struct FieldsOfLine<'a> {
    line: &'a mut Vec<u8>,
    left: usize,
}

impl<'kvs> VisitSource<'kvs> for FieldsOfLine<'_> {
    fn visit_pair(&mut self, key: kv::Key<'kvs>, value: kv::Value<'kvs>) -> Result<(), kv::Error> {
        if self.left == 0 {
            return Ok(());
        }
        self.left -= 1;
        put_key(self.line, key.as_str());
        value.visit(&mut FieldValue(self.line))
    }
}

/// The value behind a key.
struct FieldValue<'a>(&'a mut Vec<u8>);

impl FieldValue<'_> {
    fn put(&mut self, number: impl serde::Serialize) -> Result<(), kv::Error> {
        serde_json::to_writer(&mut *self.0, &number)
            .map_err(|_| kv::Error::msg("a field could not be written"))
    }
}

impl<'v> VisitValue<'v> for FieldValue<'_> {
    fn visit_any(&mut self, value: kv::Value<'_>) -> Result<(), kv::Error> {
        self.visit_str(&(&value as &dyn Display).to_string())
    }

    fn visit_null(&mut self) -> Result<(), kv::Error> {
        self.0.extend_from_slice(b"null");
        Ok(())
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), kv::Error> {
        self.put(value)
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
        put_text(self.0, cut(value));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use time::format_description::well_known::Rfc3339;

    use super::*;

    fn written(message: &str, fields: &[(&str, kv::Value<'_>)]) -> String {
        let record = |args: std::fmt::Arguments<'_>| {
            let mut builder = Record::builder();
            let builder = builder.args(args).target("ai_gateway").key_values(&fields);
            line(&builder.build(), OffsetDateTime::UNIX_EPOCH)
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

    /// A client's text must not end its string.
    #[test]
    fn strings_are_escaped_as_serde_does() {
        let every: String = ('\0'..'\u{7f}')
            .chain('\u{a0}'..='\u{ff}')
            .chain("\u{2028}ä\u{1f600}".chars())
            .collect();
        let at_each_place = (0..20).map(|place| "x".repeat(place) + "\"" + &"y".repeat(20 - place));
        let at_each_place: String = at_each_place.collect();
        for text in ["", "plain", "\"", "a\\", "\n\n", &every, &at_each_place] {
            let mut line = Vec::new();
            put_text(&mut line, text);
            let line = String::from_utf8(line).unwrap();
            assert_eq!(line, serde_json::to_string(text).unwrap());
        }
    }

    /// Controls would act on the terminal that shows the log, or on the order in which it is read.
    #[test]
    fn no_control_of_terminals_or_text_direction_stands_raw() {
        let every: String = ('\u{7f}'..='\u{9f}')
            .chain('\u{202a}'..='\u{202e}')
            .chain('\u{2066}'..='\u{2069}')
            .collect();
        let mut line = Vec::new();
        put_text(&mut line, &every);
        assert!(line.is_ascii(), "{}", line.escape_ascii());
        assert_eq!(serde_json::from_slice::<String>(&line).unwrap(), every);
    }

    #[test]
    fn eight_bytes_are_judged_as_each_of_them() {
        for byte in 0..=u8::MAX {
            for place in 0..8 {
                let mut word = *b"plain - ";
                word[place] = byte;
                let any = word.iter().copied().any(may_need_escape);
                assert_eq!(
                    any_to_escape(u64::from_le_bytes(word)),
                    any,
                    "{byte} {place}"
                );
            }
        }
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
            let mut line = Vec::new();
            put_time(&mut line, time);
            let line = String::from_utf8(line).unwrap();
            assert_eq!(line, time.format(&Rfc3339).unwrap());
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
