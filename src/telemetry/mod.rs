//! Records of the `log` facade, fanned out to sinks; metrics; spans; and the export of all three.

mod json_sink;
mod levels;
mod log_writer;
mod masking;
pub mod metrics;
pub mod otlp;
mod text_sink;
pub mod trace;

use std::io::{self, IsTerminal};

use simplelog::{CombinedLogger, SharedLogger};

pub use levels::Levels;
pub use log_writer::lines_lost;
pub use masking::Masking;
pub use trace::Tracer;

use log_writer::LogWriter;
use otlp::Otlp;

/// The form of records on standard output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// A JSON object a line.
    #[default]
    Json,
    /// simplelog's terminal format with the fields behind the message.
    Text,
}

impl LogFormat {
    /// The format that a value of `LOG_FORMAT` names; without one, text on a terminal and JSON elsewhere. `None` for an
    /// unknown name.
    pub fn named(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "" if io::stdout().is_terminal() => Some(Self::Text),
            "" | "json" => Some(Self::Json),
            "text" => Some(Self::Text),
            _ => None,
        }
    }
}

/// Starts logging for the whole process: to standard output, and to a collector if there is one.
///
/// # Errors
/// When a logger is already there, or the thread that writes cannot be started.
pub fn start(format: LogFormat, levels: Levels, otlp: Option<&Otlp>) -> io::Result<()> {
    let writer = LogWriter::start()?;
    let exported = otlp.and_then(|otlp| otlp.log_sink(levels.clone()));
    let printed: Box<dyn SharedLogger> = match format {
        LogFormat::Json => json_sink::JsonSink::new(levels, writer),
        LogFormat::Text => text_sink::TextSink::new(levels, writer, reads_journal()),
    };
    let sinks = [Some(printed), exported].into_iter().flatten();
    CombinedLogger::init(sinks.collect()).map_err(io::Error::other)
}

/// True if systemd has connected standard output with its journal (systemd.exec(5)).
fn reads_journal() -> bool {
    std::env::var_os("JOURNAL_STREAM").is_some_and(|stream| !stream.is_empty())
}
