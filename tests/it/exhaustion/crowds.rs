//! Very many connections.

use std::time::{Duration, Instant};

use super::{config, connections, health, models, serves};
use crate::support::gateway::chat;
use crate::support::process::raise_descriptor_limit;
use crate::support::standstill::spent_since;
use crate::support::{Upstream, openai};

/// DESIGN section 10 allows 12 MB for the whole process with these.
#[test]
fn five_thousand_idle_connections_cost_little() {
    raise_descriptor_limit();
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream).server("max_connections: 6000").start();
    serves(&gateway);
    let (before, _) = gateway.memory_and_threads();
    let mut idle = connections(&gateway, 5000);
    // Half of them have asked before.
    for connection in idle.iter_mut().step_by(2) {
        connection.send(health());
        assert_eq!(connection.response().status, 200);
    }
    serves(&gateway);
    let (after, threads) = gateway.memory_and_threads();
    let grown = after.saturating_sub(before);
    println!("grown by {} KiB, {threads} threads", grown >> 10);
    assert!(grown < 8 << 20, "grown by {grown} bytes");
    assert!(threads < 10, "{threads} threads");
    for place in [0, 1, 4998, 4999] {
        idle[place].send(models());
        assert_eq!(idle[place].response().status, 200);
    }
}

#[test]
fn every_connection_of_a_burst_is_answered_within_a_second() {
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream).start();
    let mut held = Vec::new();
    for _ in 0..4 {
        let begun = Instant::now();
        let mut burst = connections(&gateway, 64);
        for connection in &mut burst {
            connection.send(chat(&openai::request("r", false)));
        }
        for connection in &mut burst {
            assert_eq!(connection.response().status, 200);
        }
        let took = spent_since(begun);
        assert!(took < Duration::from_secs(1), "{took:?}");
        held.extend(burst);
        serves(&gateway);
    }
}

#[test]
fn a_thousand_connections_that_are_reset_leave_nothing_behind() {
    let upstream = Upstream::saying("fine");
    // Every worker costs its stack. How many there are at once is up to the machine's speed, and not the matter here.
    let gateway = config(&upstream)
        .server("max_concurrent_requests: 32")
        .start();
    super::costs_little(&gateway, || {
        for number in 0..1000 {
            let mut connection = gateway.connect();
            match number % 4 {
                0 => {}
                1 => connection.send("GET"),
                2 => connection.send(models()),
                _ => connection.send("POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 9\r\n\r\n"),
            }
            connection.reset();
        }
    });
    serves(&gateway);
}
