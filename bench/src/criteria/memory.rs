//! Memory, the start, and a crowd of requests that all wait. Each case has a gateway of its own: what an earlier one
//! left behind would be counted otherwise.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use crate::crowd::{self, Crowd};
use crate::report::{Report, Target};
use crate::rounds::{Wrong, median, microseconds, quantile};
use crate::servers::{self, Server, Setup};
use crate::upstream::SLOW;

const STARTS: usize = 9;

pub fn measure(
    binary: &Path,
    directory: &Path,
    upstream: SocketAddr,
    report: &mut Report,
) -> io::Result<()> {
    let setup = Setup {
        binary,
        directory,
        upstream,
        streams: &[],
        more_routes: 0,
    };
    start(&setup, report)?;
    in_flight(&setup, 256, 12.0, report)?;
    let crowd = in_flight(&setup, 1000, 32.0, report)?;
    let slowest = crowd.latencies.iter().max().copied().unwrap_or_default();
    report.line(
        "1,000 in flight for 2 s: slowest answer",
        slowest.as_secs_f64(),
        " s",
        Target::AtMost(2.2),
        "from the request's first byte; two waves on the same connections",
    );
    let mut health = crowd.health;
    report.line(
        "1,000 in flight: /health at p99",
        microseconds(quantile(&mut health, 0.99)) / 1e3,
        " ms",
        Target::AtMost(5.0),
        &format!(
            "of {}, slowest {:.1} ms",
            health.len(),
            microseconds(quantile(&mut health, 1.0)) / 1e3
        ),
    );
    idle(&setup, report)
}

fn start(setup: &Setup<'_>, report: &mut Report) -> io::Result<()> {
    let (mut times, mut sizes) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let gateway = servers::gateway(setup, &[])?;
        times.push(gateway.started_in.as_secs_f64() * 1e3);
        std::thread::sleep(Duration::from_millis(50));
        sizes.push(megabytes(gateway.process.size().resident_kb));
        gateway.process.stop(Duration::from_secs(5))?;
    }
    let how = format!("median of {STARTS}");
    report.line(
        "start to the first 200",
        median(times),
        " ms",
        Target::AtMost(20.0),
        &how,
    );
    report.line(
        "memory, idle",
        median(sizes),
        " MB",
        Target::AtMost(4.0),
        &how,
    );
    Ok(())
}

fn in_flight(setup: &Setup<'_>, count: usize, most: f64, report: &mut Report) -> io::Result<Crowd> {
    let gateway = servers::gateway(setup, &[])?;
    let crowd = crowd::run(&gateway, count, 2, SLOW)?;
    report.went_wrong([Wrong {
        errors: crowd.errors,
        starved: crowd.starved,
    }]);
    report.line(
        &format!("memory, {count} in flight"),
        megabytes(crowd.size.resident_kb),
        " MB",
        Target::AtMost(most),
        &format!("at its most; {} threads", crowd.size.threads),
    );
    Ok(crowd)
}

fn idle(setup: &Setup<'_>, report: &mut Report) -> io::Result<()> {
    const COUNT: usize = 5000;
    let gateway: Server = servers::gateway(setup, &[])?;
    let connections = crowd::idle(gateway.address, COUNT)?;
    std::thread::sleep(Duration::from_millis(200));
    report.line(
        "memory, 5,000 idle connections",
        megabytes(gateway.process.size().resident_kb),
        " MB",
        Target::AtMost(12.0),
        "each has had one answer",
    );
    drop(connections);
    Ok(())
}

/// As the kernel counts them: 2^20 bytes.
fn megabytes(kilobytes: u64) -> f64 {
    kilobytes as f64 / 1024.0
}
