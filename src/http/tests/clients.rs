//! The limits of one client.

use crate::config;

use super::{Client, Running, status};

/// Limits for each client, where this machine is a proxy.
fn behind_a_proxy(max: usize) -> impl FnOnce(&mut config::EdgeLimits) {
    move |limits| {
        limits.max_connections_per_ip = Some(max);
        limits.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    }
}

fn ask(client: &mut Client, path: &str, address: &str) {
    client.send(format!(
        "GET {path} HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.9, {address}\r\n\r\n"
    ));
}

#[test]
fn a_client_with_all_its_connections_is_refused_another_until_one_ends() {
    let server = Running::start(|limits| limits.max_connections_per_ip = Some(2));
    let mut held: Vec<Client> = (0..2).map(|_| server.connect()).collect();
    for client in &mut held {
        client.get("/x");
        client.answer();
    }
    let answer = server.connect().rest();
    assert!(
        status(&answer) == 503 && answer.contains("Overload"),
        "{answer}"
    );
    for _ in 0..20 {
        let mut client = held.remove(0);
        client.send("GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        assert!(client.rest().ends_with("/x -"));
        let mut next = server.connect();
        next.get("/x");
        assert_eq!(status(&next.answer().0), 200);
        held.push(next);
    }
}

#[test]
fn behind_a_proxy_the_requests_of_each_client_are_counted() {
    let server = Running::start(behind_a_proxy(1));
    let mut clients: Vec<Client> = (0..5).map(|_| server.connect()).collect();
    let [first, other, again, unknown, health] = &mut clients[..] else {
        unreachable!();
    };
    ask(first, "/hold", "198.51.100.7");
    server.site.until(|gate| gate.held == 1);
    ask(other, "/x", "198.51.100.8");
    assert_eq!(status(&other.answer().0), 200);
    for _ in 0..3 {
        ask(again, "/x", "198.51.100.7");
        let (head, _) = again.answer();
        assert!(
            status(&head) == 503 && head.contains("Retry-After: 1\r\n"),
            "{head}"
        );
    }
    unknown.get("/x");
    assert_eq!(status(&unknown.answer().0), 200, "the proxy itself");
    ask(health, "/health", "198.51.100.7");
    assert_eq!(status(&health.answer().0), 200);
    server.open_gate();
    assert_eq!(first.answer().1, "held");
    ask(again, "/x", "198.51.100.7");
    assert_eq!(status(&again.answer().0), 200);
}

/// The connection stays, and a proxy may use it for the same client's next request before the handler has returned.
#[test]
fn behind_a_proxy_a_client_with_its_answer_may_ask_again() {
    let server = Running::start(behind_a_proxy(1));
    let (mut first, mut second) = (server.connect(), server.connect());
    ask(&mut first, "/late", "198.51.100.7");
    assert_eq!(first.answer().1, "early");
    ask(&mut second, "/x", "198.51.100.7");
    assert_eq!(status(&second.answer().0), 200);
    server.open_gate();
}

#[test]
fn the_handler_learns_who_asks() {
    let server = Running::start(behind_a_proxy(1));
    let mut client = server.connect();
    ask(&mut client, "/who", "198.51.100.7");
    assert_eq!(client.answer().1, "198.51.100.7");
    let server = Running::start(|_| {});
    let mut client = server.connect();
    ask(&mut client, "/who", "198.51.100.7");
    assert_eq!(client.answer().1, "127.0.0.1");
}
