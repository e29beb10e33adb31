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

/// Large copies by moves of vectors: glibc makes them with one instruction that valgrind counts once for every byte.
const WITHOUT_REP: &str = "GLIBC_TUNABLES=glibc.cpu.x86_rep_movsb_threshold=1073741824:\
                           glibc.cpu.x86_rep_stosb_threshold=1073741824";

/// What is exported meanwhile, and the variables that say so besides the collector's address. What the exporting
/// threads do counts as well.
const EXPORTS: [(&str, Option<&[&str]>); 3] = [
    ("nothing exported", None),
    (
        "logs exported",
        Some(&["OTEL_TRACES_EXPORTER=none", "OTEL_METRICS_EXPORTER=none"]),
    ),
    ("traces, logs and metrics exported", Some(&[])),
];

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
    println!("instructions of one plain request, in user mode, on one connection:");
    let mut alone = None;
    for (number, (name, export)) in EXPORTS.into_iter().enumerate() {
        let suffix = ["", "-logs", "-all"].get(number).copied().unwrap_or("");
        let environment = environment(&setup, export);
        let profile = |requests| profiles.join(format!("callgrind-{requests}{suffix}"));
        let few = instructions(&setup, &environment, &profile(FEW), FEW)?;
        let many = instructions(&setup, &environment, &profile(MANY), MANY)?;
        // What start and end take is in both.
        let each = many.saturating_sub(few) / (MANY - FEW);
        let alone = *alone.get_or_insert(each);
        let ratio = each as f64 / alone as f64;
        println!(
            "{name:<34} {each:>8}  {ratio:.3}  ({FEW} requests: {few}, {MANY} requests: {many})"
        );
    }
    Ok(())
}

/// Assignments for `env`. What the caller's own environment exports does not count.
fn environment(setup: &Setup<'_>, export: Option<&[&str]>) -> Vec<String> {
    let Some(variables) = export else {
        return vec!["OTEL_SDK_DISABLED=true".to_owned()];
    };
    let endpoint = format!("OTEL_EXPORTER_OTLP_ENDPOINT=http://{}/otlp", setup.upstream);
    let variables = variables.iter().map(|&variable| variable.to_owned());
    std::iter::once(endpoint).chain(variables).collect()
}

fn instructions(
    setup: &Setup<'_>,
    environment: &[String],
    file: &Path,
    requests: u64,
) -> io::Result<u64> {
    let out = format!("--callgrind-out-file={}", file.display());
    let mut wrapper = vec!["env".to_owned(), WITHOUT_REP.to_owned()];
    wrapper.extend_from_slice(environment);
    wrapper.extend(["valgrind", "--tool=callgrind", &out].map(str::to_owned));
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
