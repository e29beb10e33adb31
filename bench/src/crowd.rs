//! Crowds of clients that wait at the same time, and what that does to everybody else.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::load::{End, Load};
use crate::process::{Process, Size};
use crate::servers::{Server, health_request, request};

pub struct Crowd {
    pub latencies: Vec<Duration>,
    pub errors: u64,
    pub starved: usize,
    /// Largest memory and most threads that were seen.
    pub size: Size,
    /// Times that `/health` took meanwhile.
    pub health: Vec<Duration>,
}

/// Crowd of `count` requests at once to the slow route, `waves` times.
pub fn run(server: &Server, count: usize, waves: u64, each_takes: Duration) -> io::Result<Crowd> {
    let request = request("", "slow", 300, false);
    let load = Load {
        address: server.address,
        request: &request,
        connections: count,
        end: End::Answers(waves),
    };
    let is_over = AtomicBool::new(false);
    let (outcome, size, health) = std::thread::scope(|scope| {
        let size = scope.spawn(|| watch_size(&server.process, &is_over));
        let health = scope.spawn(|| watch_health(server.address, &is_over));
        let outcome = load.run();
        is_over.store(true, Ordering::SeqCst);
        (outcome, size.join(), health.join())
    });
    let gone = |_| io::Error::other("a watching thread panicked");
    let (outcome, size, health) = (outcome?, size.map_err(gone)?, health.map_err(gone)??);
    let too_early = outcome
        .latencies
        .iter()
        .filter(|latency| **latency < each_takes);
    Ok(Crowd {
        errors: outcome.errors + too_early.count() as u64,
        starved: outcome.starved,
        latencies: outcome.latencies,
        size,
        health,
    })
}

/// Idle connections, each of which has had an answer.
pub fn idle(address: SocketAddr, count: usize) -> io::Result<Vec<TcpStream>> {
    let mut connections = Vec::with_capacity(count);
    for _ in 0..count {
        let mut connection = TcpStream::connect(address)?;
        ask_health(&mut connection)?;
        connections.push(connection);
    }
    Ok(connections)
}

/// Largest size of the process until `is_over` (looked at ten times a second).
pub fn watch_size(process: &Process, is_over: &AtomicBool) -> Size {
    let mut most = Size::default();
    while !is_over.load(Ordering::SeqCst) {
        let size = process.size();
        most = Size {
            resident_kb: most.resident_kb.max(size.resident_kb),
            peak_kb: most.peak_kb.max(size.peak_kb),
            threads: most.threads.max(size.threads),
        };
        std::thread::sleep(Duration::from_millis(100));
    }
    most
}

fn watch_health(address: SocketAddr, is_over: &AtomicBool) -> io::Result<Vec<Duration>> {
    let mut connection = TcpStream::connect(address)?;
    let mut latencies = Vec::new();
    while !is_over.load(Ordering::SeqCst) {
        latencies.push(ask_health(&mut connection)?);
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(latencies)
}

fn ask_health(connection: &mut TcpStream) -> io::Result<Duration> {
    connection.set_read_timeout(Some(Duration::from_secs(10)))?;
    let begun = Instant::now();
    connection.write_all(health_request())?;
    let mut answer = [0; 4096];
    let mut length = 0;
    while !answer[..length].ends_with(b"}") {
        match connection.read(&mut answer[length..])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => length += count,
        }
    }
    Ok(begun.elapsed())
}
