//! The end of a command: what it prints, and its exit code.

use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

use crate::app::WRONG_CONFIGURATION;

/// `EX_USAGE` of sysexits.h.
const WRONG_USAGE: u8 = 64;

/// A problem of the command line.
#[derive(Debug)]
pub struct Problem(pub String);

impl From<lexopt::Error> for Problem {
    fn from(error: lexopt::Error) -> Self {
        Self(error.to_string())
    }
}

/// Prints the problem of a command line, and the command whose help tells more. The help itself would push the problem
/// off the screen.
pub fn wrong_usage(problem: &Problem, help: &str) -> ExitCode {
    complain(&format_args!("{}\n{help} tells more", problem.0));
    ExitCode::from(WRONG_USAGE)
}

pub fn wrong_configuration(problem: &dyn Display) -> ExitCode {
    complain(problem);
    ExitCode::from(WRONG_CONFIGURATION)
}

pub fn ended(result: Result<String, impl Display>) -> ExitCode {
    match result {
        Ok(text) => say(&text),
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

/// Prints a text. A reader that has gone (`ai-gateway --help | head -1`) is no failure.
pub fn say(text: &str) -> ExitCode {
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

pub fn complain(problem: &dyn Display) {
    let _ = writeln!(std::io::stderr(), "ai-gateway: {problem}");
}
