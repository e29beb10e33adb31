//! simplelog's terminal format, for a person at a terminal.

use std::fmt::Write;

use log::kv::{self, VisitSource};
use log::{LevelFilter, Log, Metadata, Record};
use simplelog::{ColorChoice, Config, ConfigBuilder, SharedLogger, TermLogger, TerminalMode};

use super::levels::Levels;

/// Bytes of one line; what is longer is cut.
const LONGEST_LINE: usize = 8192;

/// simplelog prints only the message, so the fields are put behind it first.
pub struct TextSink {
    levels: Levels,
    terminal: Box<TermLogger>,
}

impl TextSink {
    pub fn new(levels: Levels) -> Box<Self> {
        let config = ConfigBuilder::new().set_time_format_rfc3339().build();
        let terminal = TermLogger::new(
            levels.most(),
            config,
            TerminalMode::Stdout,
            ColorChoice::Auto,
        );
        Box::new(Self { levels, terminal })
    }
}

impl Log for TextSink {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.levels.admit(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let line = line(record);
            self.terminal
                .log(&record.to_builder().args(format_args!("{line}")).build());
        }
    }

    fn flush(&self) {
        self.terminal.flush();
    }
}

impl SharedLogger for TextSink {
    fn level(&self) -> LevelFilter {
        self.levels.most()
    }

    fn config(&self) -> Option<&Config> {
        self.terminal.config()
    }

    fn as_log(self: Box<Self>) -> Box<dyn Log> {
        self
    }
}

/// The message and `key=value` pairs on one line: control characters are escaped, as a client may have sent them.
fn line(record: &Record<'_>) -> String {
    let mut text = record.args().to_string();
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
