//! Measures the gateway beside nginx: `./ops.sh bench`.

mod answer;
mod clock;
mod criteria;
mod crowd;
mod exports;
mod growth;
mod instructions;
mod load;
mod process;
mod readiness;
mod report;
mod rounds;
mod servers;
mod soak;
mod streams;
mod upstream;

use std::path::PathBuf;
use std::process::ExitCode;

use criteria::Effort;

const USAGE: &str = "\
usage: ./ops.sh bench [--quick]       the criteria beside nginx, about 4 minutes, or 1
       ./ops.sh bench --memory        of these only memory, start and a crowd that waits
       ./ops.sh bench --growth        a table of what more connections, routes, bytes and streams cost
       ./ops.sh bench --soak          memory over a million requests and 100,000 connections
       ./ops.sh bench --instructions  instructions of one plain request, also while telemetry is
                                      exported, and of one event, by valgrind;
                                      with a directory behind it its profiles are kept there
       ./ops.sh bench --readers       criterion benches of the readers of bytes
";

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(binary) = arguments.next().map(PathBuf::from) else {
        eprint!("{USAGE}");
        return ExitCode::from(64);
    };
    let mode = arguments.next().unwrap_or_default();
    let result = process::raise_descriptor_limit().and_then(|()| match mode.to_str() {
        Some("") => criteria::measure(&binary, Some(Effort::FULL)),
        Some("--quick") => criteria::measure(&binary, Some(Effort::QUICK)),
        Some("--memory") => criteria::measure(&binary, None),
        Some("--growth") => growth::measure(&binary).map(|()| true),
        Some("--soak") => soak::measure(&binary),
        Some("--instructions") => {
            let profiles = arguments.next().map(PathBuf::from);
            instructions::measure(&binary, profiles.as_deref()).map(|()| true)
        }
        _ => Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, USAGE)),
    });
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::from(2)
        }
    }
}
