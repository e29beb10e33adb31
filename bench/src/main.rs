//! The gateway measured beside nginx: `./ops.sh bench`.

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
mod training;
mod upstream;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use criteria::Effort;

const USAGE: &str = "\
usage: ./ops.sh bench [MODE] [--against BINARY]

       no mode, or --quick            the criteria beside nginx, about 6 minutes, or 2
       --memory                       of these only memory, start and a crowd that waits
       --growth                       a table of what more connections, routes, bytes and streams cost
       --soak                         memory over two million requests and 100,000 connections
       --instructions [DIRECTORY]     instructions of one plain request, also while telemetry is
                                      exported, of a failover, and of one event, by valgrind, whose
                                      profiles are kept in the directory
       --training                     only the work that a build after a profile is trained with, nothing measured
       --readers                      criterion benches of the readers of bytes

With --against all but --readers measures BINARY as well, in the same rounds where there are rounds, else directly
after the gateway, and shows its figures beside the gateway's. Only the gateway's own can miss a criterion; the exit
code is 1 then.
";

fn main() -> ExitCode {
    let result = binaries_and_mode(std::env::args_os().skip(1)).map(|(binaries, mode)| {
        process::raise_descriptor_limit()?;
        measure(&binaries, &mode)
    });
    match result {
        Some(Ok(Some(true))) => ExitCode::SUCCESS,
        Some(Ok(Some(false))) => ExitCode::FAILURE,
        Some(Err(error)) => {
            eprintln!("bench: {error}");
            ExitCode::from(2)
        }
        None | Some(Ok(None)) => {
            eprint!("{USAGE}");
            ExitCode::from(64)
        }
    }
}

/// Binaries (the gateway's, and that of `--against`) and the other arguments. `None` if one is missing.
fn binaries_and_mode(
    mut arguments: impl Iterator<Item = OsString>,
) -> Option<(Vec<PathBuf>, Vec<OsString>)> {
    let (mut binaries, mut mode) = (vec![arguments.next()?.into()], Vec::new());
    while let Some(argument) = arguments.next() {
        if argument == "--against" && binaries.len() == 1 {
            binaries.push(arguments.next()?.into());
        } else {
            mode.push(argument);
        }
    }
    Some((binaries, mode))
}

/// Outcome of a mode: `false` if a criterion was missed, `None` if there is no such mode.
fn measure(binaries: &[PathBuf], mode: &[OsString]) -> io::Result<Option<bool>> {
    if let Some(missing) = binaries.iter().find(|binary| !binary.is_file()) {
        let what = format!("there is no {}", missing.display());
        return Err(io::Error::new(io::ErrorKind::NotFound, what));
    }
    let (mode, directory) = match mode {
        [] => ("", None),
        [mode] => (mode.to_str().unwrap_or("-"), None),
        [mode, directory] if mode == "--instructions" => ("--instructions", Some(directory)),
        _ => return Ok(None),
    };
    let is_met = match mode {
        "" => criteria::measure(binaries, Some(Effort::FULL))?,
        "--quick" => criteria::measure(binaries, Some(Effort::QUICK))?,
        "--memory" => criteria::measure(binaries, None)?,
        "--growth" => growth::measure(binaries).map(|()| true)?,
        "--soak" => soak::measure(binaries)?,
        "--training" => training::run(binaries).map(|()| true)?,
        "--instructions" => instructions::measure(binaries, directory.map(Path::new))?,
        _ => return Ok(None),
    };
    Ok(Some(is_met))
}
