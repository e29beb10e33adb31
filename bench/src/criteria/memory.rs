//! Memory, the start, and a crowd of requests that all wait. Each case has a gateway of its own: what an earlier case
//! left behind would be counted otherwise.

use std::io;
use std::net::TcpStream;
use std::time::Duration;

use crate::crowd::{self, Crowd};
use crate::load::{End, Load};
use crate::process::Size;
use crate::report::{Report, Target};
use crate::rounds::{Wrong, median, microseconds, quantile};
use crate::servers::{self, Server, Setup, request, request_of_responses};
use crate::streams;
use crate::upstream::{OPEN_EVENTS, SLOW};

const STARTS: usize = 9;
/// Time from the first answer of a gateway to the look at its memory.
const SETTLING: Duration = Duration::from_millis(50);

pub fn measure(setups: &[Setup<'_>], report: &mut Report) -> io::Result<()> {
    start(setups, report)?;
    in_flight(setups, 256, 12.0, report)?;
    let crowds = in_flight(setups, 1000, 28.0, report)?;
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
    live_streams(setups, report)?;
    translated_streams(setups, report)?;
    large_request(setups, report)?;
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

fn live_streams(setups: &[Setup<'_>], report: &mut Report) -> io::Result<()> {
    let request = request("", "open", 300, true);
    let sizes = servers::of_each(setups, |setup| {
        let gateway = servers::gateway(setup, &[])?;
        let streams = streams::open(gateway.address, &request, 1000, OPEN_EVENTS)?;
        Ok(size_with(&gateway, streams))
    })?;
    report.line(
        "memory, 1,000 live streams",
        " MB",
        Target::AtMost(40.0),
        &sizes,
        |size| megabytes(size.resident_kb),
        |size| {
            let peak = megabytes(size.peak_kb);
            format!("each has had {OPEN_EVENTS} events and stays open; peak {peak:.1} MB")
        },
    );
    Ok(())
}

/// What is kept for the last frames of translated streams is memory, too.
fn translated_streams(setups: &[Setup<'_>], report: &mut Report) -> io::Result<()> {
    let request = request_of_responses("open", 300);
    let sizes = servers::of_each(setups, |setup| {
        let gateway = servers::gateway(setup, &[])?;
        let streams = streams::open(gateway.address, &request, 200, OPEN_EVENTS)?;
        Ok(size_with(&gateway, streams))
    })?;
    report.line(
        "memory, 200 translated streams",
        " MB",
        Target::Open,
        &sizes,
        |size| megabytes(size.resident_kb),
        |_| format!("each has had {OPEN_EVENTS} events and stays open"),
    );
    Ok(())
}

/// Peak of one large request above the memory of the idle gateway before it.
fn large_request(setups: &[Setup<'_>], report: &mut Report) -> io::Result<()> {
    let request = request("", "plain", 20 << 20, false);
    let results = servers::of_each(setups, |setup| {
        let gateway = servers::gateway(setup, &[])?;
        std::thread::sleep(SETTLING);
        let idle = gateway.process.size().resident_kb;
        let load = Load {
            address: gateway.address,
            request: &request,
            connections: 1,
            end: End::Answers(1),
        };
        let outcome = load.run()?;
        Ok((idle, gateway.process.size().peak_kb, Wrong::of(&outcome)))
    })?;
    report.went_wrong(&[], results.iter().map(|(.., wrong)| *wrong));
    report.line(
        "memory, one request of 20 MiB: above idle",
        " MB",
        Target::AtMost(26.0),
        &results,
        |(idle, peak, _)| megabytes(peak.saturating_sub(*idle)),
        |(idle, peak, _)| {
            let (idle, peak) = (megabytes(*idle), megabytes(*peak));
            format!("peak {peak:.1} MB, idle {idle:.2} MB")
        },
    );
    Ok(())
}

fn idle(setups: &[Setup<'_>], report: &mut Report) -> io::Result<()> {
    let sizes = servers::of_each(setups, |setup| {
        let gateway = servers::gateway(setup, &[])?;
        let connections = crowd::idle(gateway.address, 5000)?;
        Ok(size_with(&gateway, connections))
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

/// Size of a gateway at rest, whose connections are closed only then.
fn size_with(gateway: &Server, connections: Vec<TcpStream>) -> Size {
    std::thread::sleep(Duration::from_millis(200));
    let size = gateway.process.size();
    drop(connections);
    size
}

/// Megabytes as the kernel counts them (2^20 bytes).
fn megabytes(kilobytes: u64) -> f64 {
    kilobytes as f64 / 1024.0
}
