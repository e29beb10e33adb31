//! The faults of a text that is to be an object, in words: serde_json finds them once it is known that there is one.

use std::error::Error;
use std::fmt;

use serde::Deserializer as _;
use serde::de::IgnoredAny;

use super::raw;

/// The most members of an object. A request has about forty; the bound keeps the index of an object of empty
/// members, which no budget is charged for, below half a megabyte.
pub const MAX_MEMBERS: usize = 1 << 14;

/// The longest part of a repeated key that is shown in the error (bytes).
pub const MAX_SHOWN_KEY: usize = 128;

/// The reason why a text is no object to work with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectError {
    /// `line` and `column` count from one; `message` does not repeat them.
    NotJson {
        line: usize,
        column: usize,
        message: String,
    },
    /// The text is valid JSON of another type.
    NotAnObject,
    /// A key is repeated; its text (at most [`MAX_SHOWN_KEY`] bytes).
    DuplicateKey(String),
    /// The text has more members than [`MAX_MEMBERS`], or more than 4 GiB.
    TooLarge,
}

impl ObjectError {
    /// The reason why [`Reader`](super::reader::Reader) does not take this text for an object.
    pub fn of(source: &str) -> Self {
        let is_object = source
            .trim_start_matches([' ', '\t', '\r', '\n'])
            .starts_with('{');
        let mut reader = serde_json::Deserializer::from_str(source);
        let read = if is_object {
            // Not as any value: then keys would not be read as text.
            reader.deserialize_map(IgnoredAny)
        } else {
            reader.deserialize_ignored_any(IgnoredAny)
        };
        match read.and_then(|_| reader.end()) {
            Err(error) => error.into(),
            Ok(()) => Self::NotAnObject,
        }
    }
}

impl From<serde_json::Error> for ObjectError {
    fn from(error: serde_json::Error) -> Self {
        let position = format!(" at line {} column {}", error.line(), error.column());
        let message = error.to_string();
        Self::NotJson {
            line: error.line(),
            column: error.column(),
            message: message
                .strip_suffix(&position)
                .map(str::to_owned)
                .unwrap_or(message),
        }
    }
}

impl fmt::Display for ObjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson {
                line,
                column,
                message,
            } => write!(f, "{message} at line {line} column {column}"),
            Self::NotAnObject => f.write_str("not a JSON object"),
            Self::DuplicateKey(key) => write!(f, "the key {} is repeated", raw::quoted(key)),
            Self::TooLarge => write!(f, "more than {MAX_MEMBERS} members"),
        }
    }
}

impl Error for ObjectError {}
