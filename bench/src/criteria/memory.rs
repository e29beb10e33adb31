//! Memory, the start, and a crowd of requests that all wait. Each case has a gateway of its own: what an earlier one
//! left behind would be counted otherwise.

use std::io;
use std::time::Duration;

use crate::crowd::{self, Crowd};
use crate::report::{Report, Target};
use crate::rounds::{Wrong, median, microseconds, quantile};
use crate::servers::{self, Setup};
use crate::upstream::SLOW;

const STARTS: usize = 9;
/// From the first answer of a gateway to the look at its memory.
const SETTLING: Duration = Duration::from_millis(50);

pub fn measure(setups: &[Setup<'_>], report: &mut Report) -> io::Result<()> {
    start(setups, report)?;
    in_flight(setups, 256, 12.0, report)?;
    let crowds = in_flight(setups, 1000, 32.0, report)?;
    report.line(
        "1,000 in flight for 2 s: slowest answer",
        " s",
        Target::AtMost(2.2),
        &crowds,
        |crowd| {
            let slowest = crowd.latencies.iter().max().copied();
            slowest.unwrap_or_default().as_secs_f64()
        },
        |_| "from the request's first byte; two waves on the same connections",
    );
    let health =
        |crowd: &Crowd, share| microseconds(quantile(&mut crowd.health.clone(), share)) / 1e3;
    report.line(
        "1,000 in flight: /health at p99",
        " ms",
        Target::AtMost(5.0),
        &crowds,
        |crowd| health(crowd, 0.99),
        |crowd| {
            let (count, slowest) = (crowd.health.len(), health(crowd, 1.0));
            format!("of {count}, slowest {slowest:.1} ms")
        },
    );
    idle(setups, report)
}

fn start(setups: &[Setup<'_>], report: &mut Report) -> io::Result<()> {
    let mut starts = vec![(Vec::new(), Vec::new()); setups.len()];
    for _ in 0..STARTS {
        for (setup, (times, sizes)) in setups.iter().zip(&mut starts) {
            let gateway = servers::gateway(setup, &[])?;
            times.push(gateway.started_in.as_secs_f64() * 1e3);
            std::thread::sleep(SETTLING);
            sizes.push(megabytes(gateway.process.size().resident_kb));
            gateway.process.stop(Duration::from_secs(5))?;
        }
    }
    let how = format!("median of {STARTS}");
    report.line(
        "start to the first 200",
        " ms",
        Target::AtMost(20.0),
        &starts,
        |(times, _)| median(times.clone()),
        |_| &how,
    );
    report.line(
        "memory, idle",
        " MB",
        Target::AtMost(4.0),
        &starts,
        |(_, sizes)| median(sizes.clone()),
        |_| &how,
    );
    Ok(())
}

fn in_flight(
    setups: &[Setup<'_>],
    count: usize,
    most: f64,
    report: &mut Report,
) -> io::Result<Vec<Crowd>> {
    let crowds = servers::of_each(setups, |setup| {
        crowd::run(&servers::gateway(setup, &[])?, count, 2, SLOW)
    })?;
    let wrong = |crowd: &Crowd| Wrong {
        errors: crowd.errors,
        starved: crowd.starved,
    };
    report.went_wrong(&[], crowds.iter().map(wrong));
    report.line(
        &format!("memory, {count} in flight"),
        " MB",
        Target::AtMost(most),
        &crowds,
        |crowd| megabytes(crowd.size.resident_kb),
        |crowd| format!("at its most; {} threads", crowd.size.threads),
    );
    Ok(crowds)
}

fn idle(setups: &[Setup<'_>], report: &mut Report) -> io::Result<()> {
    const COUNT: usize = 5000;
    let sizes = servers::of_each(setups, |setup| {
        let gateway = servers::gateway(setup, &[])?;
        let connections = crowd::idle(gateway.address, COUNT)?;
        std::thread::sleep(Duration::from_millis(200));
        let size = gateway.process.size();
        drop(connections);
        Ok(size)
    })?;
    report.line(
        "memory, 5,000 idle connections",
        " MB",
        Target::AtMost(12.0),
        &sizes,
        |size| megabytes(size.resident_kb),
        |_| "each has had one answer",
    );
    Ok(())
}

/// As the kernel counts them: 2^20 bytes.
fn megabytes(kilobytes: u64) -> f64 {
    kilobytes as f64 / 1024.0
}
