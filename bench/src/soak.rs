//! Memory must not grow with time: two million requests, then 100,000 connections of one request each.

use std::io;
use std::path::PathBuf;

use crate::load::{End, Load};
use crate::servers::{self, Directory, Server, request};
use crate::upstream;

const CONNECTIONS_AT_ONCE: usize = 32;
/// Growth over the later half that is no leak: a few bursts more have met in one of the allocator's arenas, each of which
/// keeps up to 128 KiB of what it had at its most (M_TRIM_THRESHOLD of mallopt(3); KiB).
const SETTLING_KB: u64 = 512;

/// Memory is printed after each tenth, of one binary after the other. `true` if that of the first binary did not grow
/// in the later half, when the allocator has settled.
pub fn measure(binaries: &[PathBuf]) -> io::Result<bool> {
    let directory = Directory::new()?;
    let setups = servers::setups(binaries, &directory, upstream::start()?, &[]);
    let is_met = servers::of_each(&setups, |setup| {
        println!("{}", setup.binary.display());
        let gateway = servers::gateway(setup, &[])?;
        let requests = tenths(&gateway, "200,000 requests", |load| {
            load(End::Answers(200_000 / CONNECTIONS_AT_ONCE as u64))
        })?;
        let connections = tenths(&gateway, "10,000 connections", |load| {
            (0..10_000 / CONNECTIONS_AT_ONCE).try_for_each(|_| load(End::Answers(1)))
        })?;
        Ok(requests && connections)
    })?;
    Ok(is_met.first().copied().unwrap_or_default())
}

fn tenths(
    gateway: &Server,
    of_what: &str,
    run: impl Fn(&dyn Fn(End) -> io::Result<()>) -> io::Result<()>,
) -> io::Result<bool> {
    let request = request("", "plain", 300, false);
    let load = |end| {
        let load = Load {
            address: gateway.address,
            request: &request,
            connections: CONNECTIONS_AT_ONCE,
            end,
        };
        match load.run()?.errors {
            0 => Ok(()),
            errors => Err(io::Error::other(format!("{errors} errors"))),
        }
    };
    let mut sizes = Vec::new();
    for tenth in 1..=10 {
        run(&load)?;
        let size = gateway.process.size();
        println!(
            "{tenth:>2} x {of_what}: {} KiB, {} threads",
            size.resident_kb, size.threads
        );
        sizes.push(size.resident_kb);
    }
    let settled = sizes.get(sizes.len() / 2 - 1).copied().unwrap_or_default();
    let last = sizes.last().copied().unwrap_or_default();
    let grew = last > settled + SETTLING_KB;
    println!(
        "{}",
        if grew {
            "MISSED: it grows"
        } else {
            "ok: it does not grow"
        }
    );
    Ok(!grew)
}
