//! Criteria that the gateway is held to, at equal work with nginx in the same run.

mod endpoints;
mod memory;
mod speed;
mod telemetry;

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::report::{Report, Target};
use crate::servers::{self, Directory};
use crate::upstream;

/// Bound of the binary's size with everything that is planned in it (MB of 10^6 bytes).
const BINARY_MB: f64 = 4.8;

/// Thoroughness of a run.
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

/// Criteria are measured and printed; without an effort only memory, start and the waiting crowd. `true` if the first
/// binary missed none.
pub fn measure(binaries: &[PathBuf], effort: Option<Effort>) -> io::Result<bool> {
    let directory = Directory::new()?;
    let upstream = upstream::start()?;
    let mut report = Report::of(binaries.len());
    if let Some(effort) = effort {
        let streams = [effort.events];
        let setups = servers::setups(binaries, &directory, upstream, &streams);
        speed::measure(&setups, effort, &mut report)?;
        endpoints::speed(&setups, effort, &mut report)?;
        telemetry::measure(&setups, effort, &mut report)?;
    }
    let setups = servers::setups(binaries, &directory, upstream, &[]);
    memory::measure(&setups, &mut report)?;
    endpoints::memory(&setups, &mut report)?;
    let lengths = servers::of_each(&setups, |setup| Ok(fs::metadata(setup.binary)?.len()))?;
    report.line(
        "size of the binary",
        " MB",
        Target::AtMost(BINARY_MB),
        &lengths,
        |length| *length as f64 / 1e6,
        |_| "10^6 bytes",
    );
    report.errors();
    Ok(report.end())
}
