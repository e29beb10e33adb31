//! The problems of a configuration, as an operator reads them.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// The problems of a configuration. `Display` prints one problem per line, without a newline at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errors {
    file: String,
    problems: Vec<Problem>,
}

/// A problem of a configuration. `Display` prints `routes[1].steps[0].provider (route "r", step
/// 1): unknown provider "x"`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problem {
    /// The path in the tree, as `routes[1].steps[0].provider`; empty for the file as a whole.
    pub path: String,
    /// The place by its names, as `route "chat", step 1`; empty where the path says it all.
    pub place: String,
    /// The line, counted from 1; `None` for a problem without a place, such as a missing section.
    pub line: Option<usize>,
    pub message: String,
}

impl Errors {
    pub(super) fn new(problems: Vec<Problem>) -> Self {
        Self {
            file: "config.yaml".to_owned(),
            problems,
        }
    }

    /// These problems under another file name than `config.yaml`.
    #[must_use]
    pub fn in_file(self, file: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            ..self
        }
    }

    /// The problems, at least one, in the order of their lines.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            match problem.line {
                Some(line) => write!(f, "{}:{line}: {problem}", self.file)?,
                None => write!(f, "{}: {problem}", self.file)?,
            }
        }
        Ok(())
    }
}

impl Error for Errors {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            f.write_str(&self.path)?;
            if !self.place.is_empty() {
                write!(f, " ({})", self.place)?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.message)
    }
}

/// The reason why a file gave no configuration. `Display` names the file.
#[derive(Debug)]
pub enum LoadError {
    Read {
        file: PathBuf,
        error: io::Error,
    },
    /// The file is longer than 4 MiB.
    TooLarge {
        file: PathBuf,
    },
    NotUtf8 {
        file: PathBuf,
    },
    /// The problems of `.env`, and those of the configuration.
    Invalid(Vec<Errors>),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { file, error } => write!(f, "{}: cannot be read: {error}", file.display()),
            Self::TooLarge { file } => write!(f, "{}: is longer than 4 MiB", file.display()),
            Self::NotUtf8 { file } => write!(f, "{}: is not UTF-8 text", file.display()),
            Self::Invalid(errors) => {
                let texts: Vec<String> = errors.iter().map(Errors::to_string).collect();
                f.write_str(&texts.join("\n"))
            }
        }
    }
}

impl Error for LoadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Read { error, .. } => Some(error),
            Self::TooLarge { .. } | Self::NotUtf8 { .. } | Self::Invalid(_) => None,
        }
    }
}

/// The lack of a configuration file at all of the usual places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindError {
    pub looked_at: Vec<PathBuf>,
}

impl fmt::Display for FindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no configuration found: looked for")?;
        for (index, place) in self.looked_at.iter().enumerate() {
            let separator = if index == 0 { "" } else { " and" };
            write!(f, "{separator} {}", place.display())?;
        }
        f.write_str("; name another file with --config FILE, or let `ai-gateway init` write one")
    }
}

impl Error for FindError {}
