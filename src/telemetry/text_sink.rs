//! Lines for people: simplelog's terminal format, or what systemd's journal makes the most of.

use std::fmt::Write as _;
use std::io::Write as _;

use log::kv::{self, VisitSource};
use log::{Level, LevelFilter, Log, Metadata, Record};
use simplelog::{ColorChoice, Config, ConfigBuilder, SharedLogger, TermLogger, TerminalMode};

use super::levels::Levels;
use super::trace::current;

/// Bytes of one line; what is longer is cut.
const LONGEST_LINE: usize = 8192;

/// simplelog prints only the message, so the fields are put behind it first.
pub struct TextSink {
    levels: Levels,
    /// `None` when the journal reads along.
    terminal: Option<Box<TermLogger>>,
}

impl TextSink {
    /// `journal`: systemd's journal is at the other end. It has the time itself, and takes the level from a number in
    /// front of each line (sd-daemon(3)).
    pub fn new(levels: Levels, journal: bool) -> Box<Self> {
        let config = ConfigBuilder::new().set_time_format_rfc3339().build();
        let terminal = (!journal).then(|| {
            TermLogger::new(
                levels.most(),
                config,
                TerminalMode::Stdout,
                ColorChoice::Auto,
            )
        });
        Box::new(Self { levels, terminal })
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
                // A full or closed standard output must not end the service; there is nowhere to say so.
                let _ = std::io::stdout().lock().write_all(line.as_bytes());
            }
        }
    }

    fn flush(&self) {
        let _ = std::io::stdout().lock().flush();
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

/// syslog's number for a level, RFC 5424 section 6.2.1.
fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

/// The message and `key=value` pairs on one line: control characters are escaped, as a client may have sent them.
fn line(record: &Record<'_>) -> String {
    let mut text = record.args().to_string();
    if let Some((trace, span)) = current::ids() {
        let _ = write!(text, " trace_id={trace} span_id={span}");
    }
    let _ = record.key_values().visit(&mut Fields(&mut text));
    let end = text.floor_char_boundary(LONGEST_LINE);
    let mut line = String::with_capacity(end);
    for character in text.get(..end).unwrap_or(&text).chars() {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

struct Fields<'a>(&'a mut String);

impl<'kvs> VisitSource<'kvs> for Fields<'_> {
    fn visit_pair(&mut self, key: kv::Key<'kvs>, value: kv::Value<'kvs>) -> Result<(), kv::Error> {
        write!(self.0, " {key}={value}").map_err(kv::Error::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
