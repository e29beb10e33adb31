//! How many instructions one plain request takes: the same on a busy machine and on a quiet one.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::load::{End, Load};
use crate::servers::{self, Directory, Setup, request};
use crate::upstream;

const FEW: u64 = 200;
const MANY: u64 = 1200;

/// `profiles` is a directory to leave valgrind's profiles in, for `callgrind_annotate`.
pub fn measure(binary: &Path, profiles: Option<&Path>) -> io::Result<()> {
    let directory = Directory::new()?;
    let setup = Setup {
        binary,
        directory: directory.path(),
        upstream: upstream::start()?,
        streams: &[],
        more_routes: 0,
    };
    let profiles = profiles.unwrap_or(directory.path());
    let few = instructions(&setup, profiles, FEW)?;
    let many = instructions(&setup, profiles, MANY)?;
    // What start and end take is in both.
    let each = many.saturating_sub(few) / (MANY - FEW);
    println!("instructions of one plain request: {each}");
    println!("({FEW} requests: {few}, {MANY} requests: {many}; in user mode, one connection)");
    Ok(())
}

fn instructions(setup: &Setup<'_>, profiles: &Path, requests: u64) -> io::Result<u64> {
    let file = profiles.join(format!("callgrind-{requests}"));
    let out = format!("--callgrind-out-file={}", file.display());
    let wrapper = ["valgrind", "--tool=callgrind", &out].map(str::to_owned);
    let gateway = servers::gateway(setup, &wrapper)?;
    let load = Load {
        address: gateway.address,
        request: &request("", "plain", 300, false),
        connections: 1,
        end: End::Answers(requests),
    };
    let outcome = load.run()?;
    gateway.process.stop(Duration::from_secs(60))?;
    if outcome.answers != requests {
        return Err(io::Error::other("not every request was answered"));
    }
    let profile = fs::read_to_string(&file)?;
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
