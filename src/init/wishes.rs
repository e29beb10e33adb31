//! The flags of `init`, and the reasons for which it writes nothing.

use std::fmt;
use std::path::PathBuf;

/// The flags, as far as they were given.
#[derive(Debug, Default)]
pub struct Wishes {
    /// Names of the catalogue or URLs, each perhaps with a model behind `=`; in the order of the steps.
    pub providers: Vec<String>,
    pub route: Option<String>,
    pub port: Option<u16>,
    pub directory: Option<PathBuf>,
    /// Keys that are not in the environment are left for `.env` to be filled in.
    pub keys_later: bool,
}

/// The reason why nothing was written.
#[derive(Debug)]
pub enum Unwritten {
    /// The flags are wrong, or not enough where nobody can be asked.
    Usage(String),
    Other(String),
}

impl fmt::Display for Unwritten {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Usage(text) | Self::Other(text)) = self;
        formatter.write_str(text)
    }
}
