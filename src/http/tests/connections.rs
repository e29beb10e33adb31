//! Connections that are kept, shared by several requests, half-closed or given up.

use std::io::{Read, Write};
use std::net::{Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use rustix::net::sockopt::set_socket_linger;

use super::{PATIENCE, Running, status};
use crate::config;
use crate::http::Server;

#[test]
fn a_kept_connection_serves_request_after_request() {
    let server = Running::start(|_| {});
    let mut client = server.connect();
    for round in 0..20 {
        // Both ways to the next request: the worker that lingers, and the front.
        if round % 2 == 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
        client.post("/echo", &format!("round {round}"));
        let (head, body) = client.answer();
        assert_eq!(body, format!("round {round}"));
        let idle = "Connection: keep-alive\r\nKeep-Alive: timeout=129\r\n";
        assert!(head.contains(idle), "{head}");
        client.get("/health");
        assert_eq!(client.answer().1, r#"{"status":"healthy"}"#);
    }
}

#[test]
fn a_hundred_pipelined_requests_are_answered_in_order() {
    let server = Running::start(|_| {});
    let mut client = server.connect();
    let requests: String = (0..100)
        .map(|index| match index % 3 {
            0 => format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n{index:03}"),
            1 => "GET /health HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
            _ => format!("\r\nGET /{index} HTTP/1.1\r\nHost: a\r\n\r\n"),
        })
        .collect();
    client.send(requests);
    for index in 0..100 {
        let expected = match index % 3 {
            0 => format!("{index:03}"),
            1 => r#"{"status":"healthy"}"#.to_owned(),
            _ => format!("/{index} -"),
        };
        assert_eq!(client.answer().1, expected);
    }
}

#[test]
fn a_thousand_pipelined_health_checks_are_all_answered() {
    let server = Running::start(|_| {});
    let mut client = server.connect();
    client.send("GET /health HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1000));
    for _ in 0..1000 {
        assert_eq!(status(&client.answer().0), 200);
    }
}

#[test]
fn a_client_says_whether_the_connection_is_kept() {
    let server = Running::start(|_| {});
    for path in ["/x", "/health"] {
        for (fields, connection) in [
            ("HTTP/1.1\r\nHost: a\r\nConnection: close\r\n", "close"),
            ("HTTP/1.0\r\n", "close"),
        ] {
            let answer = server.say(format!("GET {path} {fields}\r\n"));
            assert!(
                answer.contains(&format!("Connection: {connection}\r\n")),
                "{answer}"
            );
        }
        let mut client = server.connect();
        for _ in 0..2 {
            client.send(format!(
                "GET {path} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
            ));
            assert!(client.answer().0.contains("Connection: keep-alive\r\n"));
        }
    }
}

#[test]
fn head_gets_the_length_and_no_body() {
    let server = Running::start(|_| {});
    for path in ["/x", "/health"] {
        let request = format!("HEAD {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let answer = server.say(request);
        assert!(
            answer.ends_with("\r\n\r\n") && !answer.contains("Content-Length: 0"),
            "{answer}"
        );
    }
}

#[test]
fn the_request_id_of_a_client_comes_back() {
    let server = Running::start(|_| {});
    for path in ["/x", "/health", "/panic"] {
        let fields = "Host: a\r\nConnection: close\r\nX-Request-Id: mine-1\r\n";
        let answer = server.say(format!("GET {path} HTTP/1.1\r\n{fields}\r\n"));
        assert!(answer.contains("X-Request-Id: mine-1\r\n"), "{answer}");
    }
}

#[test]
fn a_client_that_half_closes_gets_its_answer() {
    let server = Running::start(|_| {});
    for reset in [false, true] {
        server.site.change(|gate| gate.open = false);
        let held = server.site.gate.lock().unwrap().held;
        let mut client = server.connect();
        client.get("/half");
        server.site.until(|gate| gate.held == held + 1);
        client.end();
        // On loopback the end has arrived when this returns, so the watch begins after it.
        server.open_gate();
        if reset {
            server.site.until(|gate| gate.held == held + 2);
            set_socket_linger(&client.socket, Some(Duration::ZERO)).unwrap();
            drop(client);
            server.site.until(|gate| gate.gone == [false, true]);
        } else {
            assert!(client.rest().ends_with("late"));
            assert_eq!(server.site.gate.lock().unwrap().gone, [false]);
        }
    }
}

/// The worker that waits for the next request sees its end come with it, and so needs no look of its own.
#[test]
fn a_client_that_half_closes_a_kept_connection_gets_its_answer() {
    let server = Running::start(|_| {});
    let mut client = server.connect();
    client.get("/hold");
    server.site.until(|gate| gate.held == 1);
    client.get("/half");
    client.end();
    server.open_gate();
    assert!(client.rest().ends_with("late"));
    assert_eq!(server.site.gate.lock().unwrap().gone, [false]);
}

#[test]
fn a_client_that_goes_while_it_waits_is_noticed() {
    let server = Running::start(|_| {});
    for (round, reset) in [false, true].into_iter().enumerate() {
        let mut client = server.connect();
        client.post("/gone", "x");
        server.site.until(|gate| gate.held == round + 1);
        if reset {
            set_socket_linger(&client.socket, Some(Duration::ZERO)).unwrap();
        }
        drop(client);
        server.site.until(|gate| gate.gone.len() == round + 1);
        assert_eq!(
            server.site.gate.lock().unwrap().gone.last(),
            Some(&true),
            "reset: {reset}"
        );
    }
    server.assert_alive();
}

#[test]
fn a_head_that_is_never_whole_is_answered_and_one_that_never_begins_is_not() {
    let server = Running::start(|limits| limits.head_timeout = Duration::from_millis(150));
    assert_eq!(server.say(""), "");
    assert_eq!(status(&server.say("GET / HT")), 408);
    let mut client = server.connect();
    let mut received = Vec::new();
    client
        .socket
        .set_read_timeout(Some(Duration::from_millis(20)))
        .unwrap();
    // A byte at a time does not buy more time.
    let dripped = b"GET /a-long-target"
        .iter()
        .cycle()
        .take(200)
        .position(|byte| {
            client.send([*byte]);
            client.socket.read_to_end(&mut received).is_ok()
        });
    assert!(dripped.is_some_and(|bytes| bytes < 50), "{dripped:?}");
    assert_eq!(status(std::str::from_utf8(&received).unwrap()), 408);
}

#[test]
fn an_idle_connection_is_closed_silently() {
    let server = Running::start(|limits| limits.keep_alive = Duration::from_millis(50));
    let mut client = server.connect();
    client.get("/x");
    client.answer();
    assert_eq!(client.rest(), "");
}

#[test]
fn an_end_within_the_head_is_told_so() {
    let server = Running::start(|_| {});
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHos");
    client.end();
    assert_eq!(status(&client.rest()), 400);
}

#[test]
fn the_unspecified_ipv6_address_takes_ipv4_too() {
    let server = Server::bind(
        &[SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))],
        config::EdgeLimits::default(),
    )
    .unwrap();
    let port = server.local_addrs()[0].port();
    std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
}

/// Clients write all of a request before they read: an SDK that is told nothing but a reset asks again for ever.
#[test]
fn a_refusal_reaches_a_client_that_writes_all_before_it_reads() {
    let server = Running::start(|limits| limits.max_body = 1024);
    let body = vec![b'x'; 40 << 20];
    for (path, refused) in [("/deny", 401), ("/echo", 400)] {
        let mut client = server.connect();
        let length = body.len();
        client.send(format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"
        ));
        client.send(&body);
        client.end();
        assert_eq!(status(&client.rest()), refused, "{path}");
    }
}

/// Waiting for clients that were refused is a favour, for a quarter of all connections at most.
#[test]
fn as_many_refused_clients_as_may_linger_are_heard_out() {
    let server = Running::start(|limits| limits.max_connections = 8);
    let refused = || {
        let mut client = server.connect();
        client.send("POST /deny HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n");
        assert_eq!(client.answer().1, "no");
        client
    };
    let mut clients = vec![refused(), refused(), refused()];
    let piece = vec![b'x'; 1 << 14];
    let started = Instant::now();
    // The one that was silent for the longest time goes; which one that is, is for the scheduler to say.
    while clients.len() == 3 {
        assert!(started.elapsed() < PATIENCE, "all three are still heard");
        clients.retain_mut(|client| client.socket.write_all(&piece).is_ok());
    }
    for client in &mut clients {
        for _ in 0..100 {
            client.send(&piece);
        }
    }
}
