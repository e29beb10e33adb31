//! Many clients at once.

use std::time::{Duration, Instant};

use super::config;
use crate::support::gateway::{chat, request};
use crate::support::process::raise_descriptor_limit;
use crate::support::{Connection, Gateway, Script, Signal, Upstream, openai};

/// The median of some polls, each on a connection of its own as monitors do it.
fn health_latency(gateway: &Gateway) -> Duration {
    let mut times: Vec<Duration> = (0..9)
        .map(|_| {
            let begun = Instant::now();
            assert!(gateway.is_healthy());
            begun.elapsed()
        })
        .collect();
    times.sort();
    times[4]
}

/// All fifty are with the provider at once, so none waited for another one's answer.
#[test]
fn a_burst_of_50_connections_gets_50_answers() {
    let go = Signal::new();
    let upstream = Upstream::always(answer().after_signal(&go));
    let gateway = config(&upstream).start();
    let mut connections: Vec<Connection> = (0..50).map(|_| gateway.connect()).collect();
    for connection in &mut connections {
        connection.send(chat(&openai::request("r", false)));
    }
    upstream.wait_for_requests(50);
    go.give();
    for connection in &mut connections {
        let response = connection.response();
        assert_eq!(response.status, 200, "{response}");
    }
}

fn answer() -> Script {
    Script::json(200, &openai::answer("fine"))
}

#[test]
fn a_thousand_idle_connections_do_not_delay_a_monitor() {
    raise_descriptor_limit();
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream).start();
    let mut connections: Vec<Connection> = (0..1000).map(|_| gateway.connect()).collect();
    let latency = health_latency(&gateway);
    assert!(latency < Duration::from_millis(100), "{latency:?}");
    for connection in [0, 500, 999] {
        connections[connection].send(request("GET", "/v1/models", &[], ""));
        assert_eq!(connections[connection].response().status, 200);
    }
}

/// Clients that stop in the middle of a head hold no worker.
#[test]
fn half_heads_do_not_keep_others_from_their_answers() {
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream)
        .server("max_concurrent_requests: 2")
        .start();
    let mut slow: Vec<Connection> = (0..100).map(|_| gateway.connect()).collect();
    for connection in &mut slow {
        connection.send("POST /v1/chat/completions HTTP/1.1\r\nHost:");
    }
    let response = gateway.ask("r", false);
    assert_eq!(response.status, 200, "{response}");
}

/// At the limit a client is told at once to come back, and the monitor sees a gateway that lives.
#[test]
fn above_the_limit_clients_are_sent_away_and_monitors_are_not() {
    let go = Signal::new();
    let upstream = Upstream::always(answer().after_signal(&go));
    let gateway = config(&upstream)
        .server("max_concurrent_requests: 2")
        .start();
    let mut busy: Vec<Connection> = (0..2).map(|_| gateway.connect()).collect();
    for connection in &mut busy {
        connection.send(chat(&openai::request("r", false)));
    }
    upstream.wait_for_requests(2);
    let refused = gateway.ask("r", false);
    assert_eq!(refused.status, 503, "{refused}");
    assert_eq!(refused.json()["error"]["code"], "OVERLOADED");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert!(refused.header("x-request-id").is_some());
    assert!(refused.spent < Duration::from_secs(1), "{refused}");
    assert!(gateway.is_healthy());
    go.give();
    for connection in &mut busy {
        assert_eq!(connection.response().status, 200);
    }
}

/// A client that has its answer is no longer there: its next request, on a new connection, is within the limit again.
#[test]
fn a_single_client_never_meets_the_limit() {
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream)
        .server("max_concurrent_requests: 1")
        .start();
    for number in 0..300 {
        let response = gateway.ask("r", number % 2 == 0);
        assert_eq!(response.status, 200, "request {number}: {response}");
    }
}

/// A client that never closes must not shut out the next one.
#[test]
fn above_the_connection_limit_the_oldest_idle_one_makes_room() {
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream).server("max_connections: 4").start();
    let mut connections: Vec<Connection> = Vec::new();
    for _ in 0..4 {
        let mut connection = gateway.connect();
        // Not a request for a worker, which may keep its connection for a moment after the answer.
        connection.send(request("GET", "/health", &[], ""));
        assert_eq!(connection.response().status, 200);
        connections.push(connection);
    }
    let mut next = gateway.connect();
    next.send(request("GET", "/v1/models", &[], ""));
    assert_eq!(next.response().status, 200);
    assert!(connections[0].is_closed(), "the oldest is still open");
    connections[3].send(request("GET", "/v1/models", &[], ""));
    assert_eq!(connections[3].response().status, 200);
}
