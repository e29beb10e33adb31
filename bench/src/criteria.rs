//! The criteria that the gateway is held to, at equal work with nginx in the same run.

mod memory;
mod speed;
mod telemetry;

use std::io;
use std::path::Path;
use std::time::Duration;

use crate::report::{Report, Target};
use crate::servers::{Directory, Setup};
use crate::upstream;

/// Bound of the binary's size, that of the work under way: 4.8 is what everything planned may come to, and a step on the
/// way there must not spend it at once (10^6 bytes).
const BINARY: f64 = 4.0;

/// How thorough.
#[derive(Clone, Copy)]
pub struct Effort {
    pub rounds: u32,
    pub duration: Duration,
    pub events: u32,
}

impl Effort {
    pub const FULL: Self = Self {
        rounds: 7,
        duration: Duration::from_secs(3),
        events: 250,
    };
    pub const QUICK: Self = Self {
        rounds: 3,
        duration: Duration::from_secs(1),
        events: 100,
    };
}

/// Measures and prints; without an effort only what takes none: memory, start and the waiting crowd. Whether
/// everything was met.
pub fn measure(binary: &Path, effort: Option<Effort>) -> io::Result<bool> {
    let directory = Directory::new()?;
    let upstream = upstream::start()?;
    let mut report = Report::default();
    report.head();
    if let Some(effort) = effort {
        let setup = Setup {
            binary,
            directory: directory.path(),
            upstream,
            streams: &[effort.events],
            more_routes: 0,
        };
        speed::measure(&setup, effort, &mut report)?;
        telemetry::measure(&setup, effort, &mut report)?;
    }
    memory::measure(binary, directory.path(), upstream, &mut report)?;
    let size = std::fs::metadata(binary)?.len() as f64 / 1e6;
    report.line(
        "size of the binary",
        size,
        " MB",
        Target::AtMost(BINARY),
        "10^6 bytes",
    );
    let wrong = report.wrong;
    report.line(
        "errors, in all of the above",
        wrong.errors as f64,
        "",
        Target::AtMost(0.0),
        "",
    );
    report.line(
        "connections without any answer",
        wrong.starved as f64,
        "",
        Target::AtMost(0.0),
        "",
    );
    match report.missed {
        0 => println!("\nall criteria are met"),
        missed => println!("\n{missed} criteria are missed"),
    }
    Ok(report.missed == 0)
}
