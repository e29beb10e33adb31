//! Turns [`ai_gateway::cli::run`] into an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    ai_gateway::cli::run(std::env::args_os().skip(1))
}
