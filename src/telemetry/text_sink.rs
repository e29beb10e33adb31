//! Lines for people: simplelog's terminal format, or a form that systemd's journal makes the most of.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

use log::kv::{self, VisitSource, VisitValue};
use log::{Level, LevelFilter, Log, Metadata, Record};
use simplelog::{Config, ConfigBuilder, SharedLogger, WriteLogger, format_description};

use super::levels::Levels;
use super::log_writer::LogWriter;
use super::trace::current;
use crate::text::{cut, is_deceptive};

/// Bound of one line (bytes).
const LONGEST_LINE: usize = 8192;

/// The sink of `LOG_FORMAT=text`. simplelog prints only the message, so the fields are put behind it first.
pub struct TextSink {
    levels: Levels,
    writer: LogWriter,
    /// simplelog's part in front of the writer; `None` for the journal.
    terminal: Option<Box<WriteLogger<Terminal>>>,
}

impl TextSink {
    /// The sink for a terminal or a file, or for systemd's `journal`, which has the time itself, and takes the level
    /// from a number in front of each line (sd-daemon(3)).
    pub fn new(levels: Levels, writer: LogWriter, journal: bool) -> Box<Self> {
        let terminal = (!journal).then(|| {
            let mut config = ConfigBuilder::new();
            // People who look at a terminal know the day.
            config.set_time_format_custom(if io::stdout().is_terminal() {
                format_description!("[hour]:[minute]:[second].[subsecond digits:3]Z")
            } else {
                format_description!(
                    "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
                )
            });
            let config = config.build();
            let lines = Terminal {
                line: Vec::new(),
                in_colours: shows_colours(),
                writer: writer.clone(),
            };
            WriteLogger::new(levels.most(), config, lines)
        });
        Box::new(Self {
            levels,
            writer,
            terminal,
        })
    }
}

impl Log for TextSink {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.levels.admit(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let line = line(record);
        match &self.terminal {
            Some(terminal) => {
                terminal.log(&record.to_builder().args(format_args!("{line}")).build());
            }
            None => {
                let line = format!("<{}>{line}\n", priority(record.level()));
                self.writer.push(line.as_bytes());
            }
        }
    }

    /// Waits without simplelog's lock, so that other threads can log meanwhile.
    fn flush(&self) {
        self.writer.flush();
    }
}

impl SharedLogger for TextSink {
    fn level(&self) -> LevelFilter {
        self.levels.most()
    }

    fn config(&self) -> Option<&Config> {
        self.terminal
            .as_ref()
            .and_then(|terminal| terminal.config())
    }

    fn as_log(self: Box<Self>) -> Box<dyn Log> {
        self
    }
}

/// Gathers the pieces that simplelog writes of a line, and hands whole lines over.
struct Terminal {
    line: Vec<u8>,
    in_colours: bool,
    writer: LogWriter,
}

impl Write for Terminal {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(piece);
        // There is no other line feed in a line: control characters of the message are escaped.
        if piece.ends_with(b"\n") {
            if self.in_colours {
                colour_level(&mut self.line);
            }
            self.writer.push(&self.line);
            self.line.clear();
        }
        Ok(piece.len())
    }

    /// Does nothing: whole lines are handed over at once.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// True for a terminal, unless `TERM` or `NO_COLOR` says otherwise.
fn shows_colours() -> bool {
    let able = std::env::var_os("TERM").is_some_and(|terminal| terminal != "dumb");
    able && std::env::var_os("NO_COLOR").is_none() && io::stdout().is_terminal()
}

/// Colours the level, the first text in square brackets, with simplelog's own choice of colours.
fn colour_level(line: &mut Vec<u8>) {
    let bracket = |wanted| line.iter().position(|byte| *byte == wanted);
    let (Some(start), Some(end)) = (bracket(b'['), bracket(b']')) else {
        return;
    };
    let colour: &[u8] = match line.get(start + 1) {
        Some(b'E') => b"\x1b[31m",
        Some(b'W') => b"\x1b[33m",
        Some(b'I') => b"\x1b[34m",
        Some(b'D') => b"\x1b[36m",
        _ => b"\x1b[37m",
    };
    line.splice(end + 1..end + 1, *b"\x1b[0m");
    line.splice(start..start, colour.iter().copied());
}

/// syslog's number for a level, RFC 5424 section 6.2.1.
fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

/// The message and `key=value` pairs on one line: controls are escaped, those of text direction too, as a client may have sent them.
fn line(record: &Record<'_>) -> String {
    let mut fields = Fields(Vec::new());
    let _ = record.key_values().visit(&mut fields);
    let mut text = match request_line(record, &mut fields) {
        Some(text) => text,
        None => record.args().to_string(),
    };
    for (key, value) in &fields.0 {
        // Writing into a String cannot fail.
        let _ = write!(text, " {key}={value}");
    }
    if let Some((trace, span)) = current::ids() {
        let _ = write!(text, " trace_id={trace} span_id={span}");
    }
    let text = cut(&text, LONGEST_LINE);
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if is_deceptive(character) {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

/// The line of a request as people read it, `200 POST /v1/chat/completions r -> provider/model 12 ms`, so that an ordinary
/// one fits a terminal of 160 columns. It takes the fields that it shows, and those that say nothing but the usual.
fn request_line(record: &Record<'_>, fields: &mut Fields) -> Option<String> {
    if record.args().as_str() != Some("request") {
        return None;
    }
    let mut text = format!(
        "{} {} {}",
        fields.take("status")?,
        fields.take("method")?,
        fields.take("path")?
    );
    for (key, before, behind) in [
        ("route", " ", ""),
        ("served_by", " -> ", ""),
        ("duration_ms", " ", " ms"),
        ("prompt_tokens", " ", " in"),
        ("completion_tokens", " ", " out"),
        ("request_id", " ", ""),
    ] {
        if let Some(value) = fields.take(key) {
            let _ = write!(text, "{before}{value}{behind}");
        }
    }
    let usual = [
        ("client", "default"),
        ("stream", "false"),
        ("steps", "0"),
        ("steps", "1"),
        ("fallbacks", "0"),
    ];
    fields
        .0
        .retain(|(key, value)| !usual.contains(&(key.as_str(), value.as_str())));
    Some(text)
}

/// The fields of a record that have a value.
struct Fields(Vec<(String, String)>);

impl Fields {
    fn take(&mut self, key: &str) -> Option<String> {
        let place = self.0.iter().position(|(other, _)| other == key)?;
        Some(self.0.remove(place).1)
    }
}

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: kv::Key<'kvs>, value: kv::Value<'kvs>) -> Result<(), kv::Error> {
        /// Whether there is a value at all.
        struct IsThere(bool);
        impl VisitValue<'_> for IsThere {
            fn visit_any(&mut self, _: kv::Value<'_>) -> Result<(), kv::Error> {
                Ok(())
            }

            fn visit_null(&mut self) -> Result<(), kv::Error> {
                self.0 = false;
                Ok(())
            }
        }
        let mut is_there = IsThere(true);
        value.visit(&mut is_there)?;
        if is_there.0 {
            self.0.push((key.to_string(), value.to_string()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value_of<T: kv::ToValue>(value: &T) -> kv::Value<'_> {
        value.to_value()
    }

    #[test]
    fn a_client_cannot_forge_a_line() {
        let fields = [("route", "x\n2026 [ERROR] \u{1b}[31mforged")];
        let record = Record::builder()
            .args(format_args!("request"))
            .key_values(&fields)
            .build();
        let line = line(&record);
        assert_eq!(line, r"request route=x\n2026 [ERROR] \u{1b}[31mforged");
    }

    #[test]
    fn no_control_of_terminals_or_text_direction_stands_raw() {
        for control in ('\u{7f}'..='\u{9f}')
            .chain('\u{202a}'..='\u{202e}')
            .chain('\u{2066}'..='\u{2069}')
        {
            let text = format!("a{control}b");
            let line = line(&Record::builder().args(format_args!("{text}")).build());
            assert_eq!(line, format!("a\\u{{{:x}}}b", u32::from(control)));
        }
    }

    /// Words for what is not there, and for what is always so, push the rest off the screen.
    #[test]
    fn an_ordinary_request_fits_a_terminal() {
        let (none, tokens): (Option<u64>, _) = (None, Some(1234));
        let line = |status: u16, stream: bool, error: Option<&str>, served_by: Option<&str>| {
            let fields: [(&str, kv::Value<'_>); 14] = [
                ("request_id", kv::Value::from("req-9f3d8adc17af2755-12345")),
                ("client", kv::Value::from("default")),
                ("method", kv::Value::from("POST")),
                ("path", kv::Value::from("/v1/chat/completions")),
                ("route", kv::Value::from("dynamic/n8n")),
                ("stream", kv::Value::from(stream)),
                ("status", kv::Value::from(status)),
                ("duration_ms", kv::Value::from(12_345)),
                ("steps", kv::Value::from(1)),
                ("fallbacks", kv::Value::from(0)),
                ("served_by", value_of(&served_by)),
                ("prompt_tokens", value_of(&tokens)),
                ("completion_tokens", value_of(&none)),
                ("error", value_of(&error)),
            ];
            line(
                &Record::builder()
                    .args(format_args!("request"))
                    .key_values(&fields)
                    .build(),
            )
        };
        let plain = line(200, false, None, Some("cerebras/gpt-oss-120b"));
        assert_eq!(
            plain,
            "200 POST /v1/chat/completions dynamic/n8n -> cerebras/gpt-oss-120b 12345 ms 1234 in req-9f3d8adc17af2755-12345"
        );
        assert!("2026-01-01T00:00:00.000Z [INFO] ".len() + plain.len() <= 160);
        assert_eq!(
            line(502, true, Some("ROUTE_EXECUTION_FAILED"), None),
            "502 POST /v1/chat/completions dynamic/n8n 12345 ms 1234 in req-9f3d8adc17af2755-12345 stream=true \
             error=ROUTE_EXECUTION_FAILED"
        );
    }

    #[test]
    fn the_level_is_coloured() {
        let mut line = b"2026-01-01T00:00:00Z [WARN] [a] b\n".to_vec();
        colour_level(&mut line);
        let expected = "2026-01-01T00:00:00Z \u{1b}[33m[WARN]\u{1b}[0m [a] b\n";
        assert_eq!(String::from_utf8(line).unwrap(), expected);
    }
}
