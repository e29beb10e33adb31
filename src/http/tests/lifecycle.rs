//! Panics, and the end of a server.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::{Client, Drained, Running, status};

#[test]
fn a_handler_that_panics_or_forgets_costs_one_answer() {
    let server = Running::start(|limits| limits.max_concurrent_requests = 1);
    let mut client = server.connect();
    for path in ["/panic", "/forget", "/instant-panic", "/panic"] {
        client.get(path);
        let (head, body) = client.answer();
        assert_eq!(status(&head), 500, "{path}");
        assert!(
            body.contains("Panic") && head.contains("X-Request-Id"),
            "{head}{body}"
        );
    }
    client.get("/x");
    assert_eq!(client.answer().1, "/x -");
}

#[test]
fn a_handler_that_panics_at_a_refusal_costs_its_shape() {
    let server = Running::start(|limits| limits.max_concurrent_requests = 1);
    server.site.change(|gate| gate.broken = true);
    let answer = server.say("GET / HTTP/1.1\r\n\r\n");
    assert_eq!(status(&answer), 400);
    assert!(answer.ends_with("\r\n\r\nThe Host header field is missing."));
    let mut held = server.connect();
    held.get("/hold");
    server.site.until(|gate| gate.held == 1);
    let mut other = server.connect();
    other.get("/x");
    let (head, _) = other.answer();
    assert!(
        status(&head) == 503 && head.contains("Retry-After: 1\r\n"),
        "{head}"
    );
    server.open_gate();
    assert_eq!(held.answer().1, "held");
    held.get("/panic");
    assert_eq!(status(&held.answer().0), 500);
    server.assert_alive();
}

#[test]
fn a_stop_closes_idle_connections_and_finishes_what_is_in_flight() {
    let server = Running::start(|_| {});
    let (mut idle, mut fresh, mut held) = (server.connect(), server.connect(), server.connect());
    idle.get("/health");
    idle.answer();
    held.get("/hold");
    server.site.until(|gate| gate.held == 1);
    server.stopper.stop();
    assert_eq!((idle.rest(), fresh.rest()), (String::new(), String::new()));
    assert!(TcpStream::connect(server.address).is_err());
    server.open_gate();
    let (head, body) = held.answer();
    assert_eq!(body, "held");
    assert!(head.contains("Connection: close\r\n"), "{head}");
    assert_eq!(held.rest(), "");
    assert_eq!(server.stop(), Drained { unfinished: 0 });
}

#[test]
fn a_request_sent_before_the_stop_is_answered() {
    for _ in 0..20 {
        let server = Running::start(|_| {});
        let mut client = server.connect();
        client.get("/x");
        server.stopper.stop();
        assert_eq!(client.answer().1, "/x -");
        assert_eq!(server.stop(), Drained { unfinished: 0 });
    }
}

#[test]
fn a_crowd_that_asked_before_the_stop_is_answered() {
    let server = Running::start(|limits| limits.max_concurrent_requests = 1000);
    let mut clients: Vec<Client> = (0..400).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.get("/x");
    }
    server.stopper.stop();
    for client in &mut clients {
        assert_eq!(client.answer().1, "/x -");
    }
    assert_eq!(server.stop(), Drained { unfinished: 0 });
}

#[test]
fn a_stop_does_not_wait_for_ever() {
    let server = Running::start(|limits| limits.shutdown_timeout = Duration::from_millis(100));
    let mut held = server.connect();
    held.get("/hold");
    server.site.until(|gate| gate.held == 1);
    let site = std::sync::Arc::clone(&server.site);
    let started = Instant::now();
    assert_eq!(server.stop(), Drained { unfinished: 1 });
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(held.rest(), "");
    site.change(|gate| gate.open = true);
}

/// Whether a stop that ends what is not finished need not wait for its timeout. What is ended has said so then.
fn ends_before_its_timeout() -> bool {
    let timeout = Duration::from_secs(3);
    let server = Running::start(|limits| limits.shutdown_timeout = timeout);
    let (mut watching, mut sending) = (server.connect(), server.connect());
    watching.get("/watch");
    server.site.until(|gate| gate.held == 1);
    sending.send(
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
    );
    sending.until(|bytes| bytes.ends_with(b"\r\n\r\n").then_some(bytes.len()));
    let started = Instant::now();
    assert_eq!(server.stop(), Drained { unfinished: 2 });
    if started.elapsed() >= timeout {
        return false;
    }
    assert_eq!(watching.answer().1, "late");
    assert!(sending.answer().1.contains("the gateway is stopping"));
    true
}

#[test]
fn what_does_not_finish_in_time_can_still_say_so() {
    // A machine may stand still in the 300 ms that there are; it does not do so three times.
    assert!((0..3).any(|_| ends_before_its_timeout()));
}

#[test]
fn a_stop_by_several_hands_or_before_the_start_is_one_stop() {
    let server = Running::start(|_| {});
    for _ in 0..3 {
        server.stopper.clone().stop();
    }
    assert_eq!(server.stop(), Drained { unfinished: 0 });
}
