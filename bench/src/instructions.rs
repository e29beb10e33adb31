//! Instructions of one plain request, of a failover before it, and of one event of a stream: the same on a busy machine and
//! on a quiet one.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::exports::{EXPORTS, Export, MOST_TIMES};
use crate::load::{End, Load};
use crate::report::{Report, Target};
use crate::servers::{self, Directory, Setup, request};
use crate::streams::Streams;
use crate::upstream;

const FEW: u64 = 200;
const MANY: u64 = 1200;
/// Events of the shorter of two streams.
const SHORT: u32 = 50;
const LONG: u32 = 550;

/// Setting of glibc for large copies by moves of vectors: else they are made with one instruction that valgrind counts
/// once for every byte.
const WITHOUT_REP: &str = "GLIBC_TUNABLES=glibc.cpu.x86_rep_movsb_threshold=1073741824:\
                           glibc.cpu.x86_rep_stosb_threshold=1073741824";

/// Bounds, with nothing exported, of a plain request, of a step that fails before the one that answers it, and of an event
/// (instructions in user mode).
const MOST_OF_A_REQUEST: f64 = 62_000.0;
const MOST_OF_A_FAILOVER: f64 = 30_000.0;
const MOST_OF_AN_EVENT: f64 = 8_500.0;

/// Instructions are counted and printed; `profiles` is a directory to leave valgrind's profiles in, for
/// `callgrind_annotate`, those of a second binary in `against` there. `true` if the first binary missed no criterion.
pub fn measure(binaries: &[PathBuf], profiles: Option<&Path>) -> io::Result<bool> {
    let directory = Directory::new()?;
    let setups = servers::setups(binaries, &directory, upstream::start()?, &[SHORT, LONG]);
    let profiles = profiles.unwrap_or(directory.path());
    let folders = [profiles.to_owned(), profiles.join("against")];
    let gateways: Vec<Gateway<'_>> = setups
        .into_iter()
        .zip(folders)
        .map(|(setup, profiles)| Gateway { setup, profiles })
        .collect();
    for gateway in &gateways {
        fs::create_dir_all(&gateway.profiles)?;
    }
    let mut report = Report::of(gateways.len());
    let [nothing, exporting @ ..] = &EXPORTS;
    let alone = servers::of_each(&gateways, |gateway| gateway.a_request("plain", nothing))?;
    report.line(
        "a plain request: instructions",
        "",
        Target::AtMost(MOST_OF_A_REQUEST),
        &alone,
        |cost| cost.each,
        |cost| cost.how.clone(),
    );
    for export in exporting {
        let costs = servers::of_each(&gateways, |gateway| gateway.a_request("plain", export))?;
        let pairs: Vec<(&Cost, Cost)> = alone.iter().zip(costs).collect();
        report.line(
            &format!("{}: of that", export.name),
            "",
            Target::AtMost(MOST_TIMES),
            &pairs,
            |(alone, exporting)| exporting.each / alone.each,
            |(_, exporting)| format!("{:.0}; {}", exporting.each, exporting.how),
        );
    }
    let failovers = servers::of_each(&gateways, |gateway| {
        gateway.a_request("failing-first", nothing)
    })?;
    let pairs: Vec<(&Cost, Cost)> = alone.iter().zip(failovers).collect();
    report.line(
        "a failover's extra step: instructions",
        "",
        Target::AtMost(MOST_OF_A_FAILOVER),
        &pairs,
        |(alone, failover)| failover.each - alone.each,
        |(_, failover)| format!("{:.0} with it; {}", failover.each, failover.how),
    );
    let events = servers::of_each(&gateways, Gateway::an_event)?;
    report.line(
        "an event of a stream: instructions",
        "",
        Target::AtMost(MOST_OF_AN_EVENT),
        &events,
        |cost| cost.each,
        |cost| format!("{}; each arrives alone", cost.how),
    );
    Ok(report.end())
}

struct Gateway<'g> {
    setup: Setup<'g>,
    /// Directory of its profiles.
    profiles: PathBuf,
}

/// Instructions of one request or event, as the difference of a long and a short run: start and end are in both.
struct Cost {
    each: f64,
    how: String,
}

impl Cost {
    fn of(few: u64, many: u64, run: impl Fn(u64) -> io::Result<u64>) -> io::Result<Self> {
        let (low, high) = (run(few)?, run(many)?);
        Ok(Self {
            each: high.saturating_sub(low) as f64 / (many - few) as f64,
            how: format!("{few}: {low}, {many}: {high}"),
        })
    }
}

impl Gateway<'_> {
    /// Cost of a request for a route on one connection.
    fn a_request(&self, route: &str, export: &Export) -> io::Result<Cost> {
        let of_route = match route {
            "plain" => String::new(),
            other => format!("-{other}"),
        };
        Cost::of(FEW, MANY, |requests| {
            let file = format!("callgrind-{requests}{of_route}{}", export.suffix);
            self.instructions(export, &file, |address| {
                let load = Load {
                    address,
                    request: &request("", route, 300, false),
                    connections: 1,
                    end: End::Answers(requests),
                };
                Ok(load.run()?.answers == requests)
            })
        })
    }

    /// Cost of an event of one stream.
    fn an_event(&self) -> io::Result<Cost> {
        let [nothing, ..] = &EXPORTS;
        Cost::of(SHORT.into(), LONG.into(), |events| {
            let file = format!("callgrind-stream-{events}");
            self.instructions(nothing, &file, |address| {
                let streams = Streams {
                    address,
                    request: &request("", &format!("stream-{events}"), 300, true),
                    count: 1,
                    begin_within: Duration::ZERO,
                    events: events as u32,
                };
                Ok(streams.run()?.errors == 0)
            })
        })
    }

    /// Instructions in user mode from the gateway's start to its end. `run` has it at work, and tells whether all was
    /// answered.
    fn instructions(
        &self,
        export: &Export,
        file: &str,
        run: impl Fn(SocketAddr) -> io::Result<bool>,
    ) -> io::Result<u64> {
        let file = self.profiles.join(file);
        let out = format!("--callgrind-out-file={}", file.display());
        let mut wrapper = export.wrapper(self.setup.upstream);
        wrapper.extend([WITHOUT_REP, "valgrind", "--tool=callgrind", &out].map(str::to_owned));
        let gateway = servers::gateway(&self.setup, &wrapper)?;
        let is_whole = run(gateway.address)?;
        gateway.process.stop(Duration::from_secs(60))?;
        if !is_whole {
            return Err(io::Error::other("not everything was answered"));
        }
        let profile = fs::read_to_string(file)?;
        // The callgrind format: a line `totals: N`, older versions `summary: N`.
        let mut totals = profile.lines().filter_map(|line| {
            line.strip_prefix("totals: ")
                .or_else(|| line.strip_prefix("summary: "))
        });
        let total = totals
            .next_back()
            .and_then(|total| total.trim().parse().ok());
        total.ok_or_else(|| io::Error::other("callgrind left no total"))
    }
}
