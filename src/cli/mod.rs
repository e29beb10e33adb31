//! The command line: arguments to an exit code.

mod check;
pub mod commands;
mod completions;
mod ending;
mod help;
mod manual;
pub mod options;
mod parse;
mod selftest;

use std::ffi::OsString;
use std::process::ExitCode;

use ending::{say, wrong_usage};
use options::Arguments;
use parse::{Invocation, Misunderstood};

use crate::app::Process;

/// Runs the command that the arguments, without the program's name, ask for. `process` is what
/// the gateway has of its own.
pub fn run(arguments: impl Iterator<Item = OsString>, process: Process) -> ExitCode {
    let misunderstood = match parse::parse(lexopt::Parser::from_args(arguments)) {
        Ok(Invocation::Version) => {
            return say(concat!("ai-gateway ", env!("CARGO_PKG_VERSION"), "\n"));
        }
        Ok(Invocation::Help(None)) => return say(&help::usage()),
        Ok(Invocation::Help(Some(command))) => return say(&help::help(command)),
        Ok(Invocation::Run(command, arguments)) => {
            match (command.run)(Arguments {
                process,
                ..arguments
            }) {
                Ok(code) => return code,
                Err(problem) => Misunderstood {
                    problem,
                    command: Some(command.name),
                },
            }
        }
        Err(misunderstood) => misunderstood,
    };
    let help = match misunderstood.command {
        Some(command) => format!("ai-gateway {command} --help"),
        None => "ai-gateway --help".to_owned(),
    };
    wrong_usage(&misunderstood.problem, &help)
}
