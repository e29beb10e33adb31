//! How many instructions one plain request takes, and one event of a stream: the same on a busy machine and on a quiet
//! one.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use crate::exports::{EXPORTS, Export};
use crate::load::{End, Load};
use crate::servers::{self, Directory, Setup, request};
use crate::streams::Streams;
use crate::upstream;

const FEW: u64 = 200;
const MANY: u64 = 1200;
/// Events, of one stream.
const SHORT: u32 = 50;
const LONG: u32 = 550;

/// Large copies by moves of vectors: glibc makes them with one instruction that valgrind counts once for every byte.
const WITHOUT_REP: &str = "GLIBC_TUNABLES=glibc.cpu.x86_rep_movsb_threshold=1073741824:\
                           glibc.cpu.x86_rep_stosb_threshold=1073741824";

/// `profiles` is a directory to leave valgrind's profiles in, for `callgrind_annotate`.
pub fn measure(binary: &Path, profiles: Option<&Path>) -> io::Result<()> {
    let directory = Directory::new()?;
    let setup = Setup {
        binary,
        directory: directory.path(),
        upstream: upstream::start()?,
        streams: &[SHORT, LONG],
        more_routes: 0,
    };
    let profiles = profiles.unwrap_or(directory.path());
    println!("instructions of one plain request, in user mode, on one connection:");
    let mut alone = None;
    for export in &EXPORTS {
        let few = of_requests(&setup, profiles, export, FEW)?;
        let many = of_requests(&setup, profiles, export, MANY)?;
        // What start and end take is in both.
        let each = many.saturating_sub(few) / (MANY - FEW);
        let ratio = each as f64 / *alone.get_or_insert(each) as f64;
        println!("{:<34}{each:>8}  {ratio:.3}", export.name);
        println!("  ({FEW} requests: {few}, {MANY} requests: {many})");
    }
    let short = of_stream(&setup, profiles, SHORT)?;
    let long = of_stream(&setup, profiles, LONG)?;
    let each = long.saturating_sub(short) / u64::from(LONG - SHORT);
    println!("instructions of one event of a stream: {each}");
    println!("({SHORT} events: {short}, {LONG} events: {long}; each arrives alone)");
    Ok(())
}

fn of_requests(
    setup: &Setup<'_>,
    profiles: &Path,
    export: &Export,
    requests: u64,
) -> io::Result<u64> {
    let file = profiles.join(format!("callgrind-{requests}{}", export.suffix));
    instructions(setup, export, &file, &|address| {
        let load = Load {
            address,
            request: &request("", "plain", 300, false),
            connections: 1,
            end: End::Answers(requests),
        };
        Ok(load.run()?.answers == requests)
    })
}

fn of_stream(setup: &Setup<'_>, profiles: &Path, events: u32) -> io::Result<u64> {
    let file = profiles.join(format!("callgrind-stream-{events}"));
    let [nothing, ..] = &EXPORTS;
    instructions(setup, nothing, &file, &|address| {
        let streams = Streams {
            address,
            request: &request("", &format!("stream-{events}"), 300, true),
            count: 1,
            begin_within: Duration::ZERO,
            events,
        };
        Ok(streams.run()?.errors == 0)
    })
}

/// What the gateway executes from its start to its end while `run` has it at work, and tells whether all was answered.
fn instructions(
    setup: &Setup<'_>,
    export: &Export,
    file: &Path,
    run: &dyn Fn(SocketAddr) -> io::Result<bool>,
) -> io::Result<u64> {
    let out = format!("--callgrind-out-file={}", file.display());
    let mut wrapper = export.wrapper(setup.upstream);
    wrapper.extend([WITHOUT_REP, "valgrind", "--tool=callgrind", &out].map(str::to_owned));
    let gateway = servers::gateway(setup, &wrapper)?;
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
