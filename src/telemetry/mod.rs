//! What happened, for operators: records of the `log` facade, fanned out to sinks.

mod json_sink;
mod levels;
pub mod metrics;
mod text_sink;

use log::SetLoggerError;
use simplelog::{CombinedLogger, SharedLogger};

pub use levels::Levels;

/// How records are written to standard output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    #[default]
    Json,
    /// simplelog's terminal format with the fields behind the message.
    Text,
}

impl Format {
    /// The value of `LOG_FORMAT`; `None` for one that is unknown.
    pub fn named(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "" | "json" => Some(Self::Json),
            "text" => Some(Self::Text),
            _ => None,
        }
    }
}

/// Starts logging for the whole process.
///
/// # Errors
/// When a logger is already there.
pub fn start(format: Format, levels: Levels) -> Result<(), SetLoggerError> {
    let sink: Box<dyn SharedLogger> = match format {
        Format::Json => json_sink::JsonSink::new(levels),
        Format::Text => text_sink::TextSink::new(levels),
    };
    CombinedLogger::init(vec![sink])
}
