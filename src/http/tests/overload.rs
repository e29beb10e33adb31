//! More clients than there is room for.

use std::io::{ErrorKind, Write};
use std::time::{Duration, Instant};

use super::{Client, Running, status};

#[test]
fn a_burst_of_connections_is_answered_whole() {
    let server = Running::start(|_| {});
    let mut clients: Vec<Client> = (0..50).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.get("/hold");
    }
    server.site.until(|gate| gate.held == 50);
    server.open_gate();
    for client in &mut clients {
        assert_eq!(client.answer().1, "held");
    }
}

#[test]
fn requests_above_the_cap_are_told_to_come_back_and_health_is_answered() {
    let server = Running::start(|limits| limits.max_concurrent_requests = 2);
    let mut held: Vec<Client> = (0..2).map(|_| server.connect()).collect();
    for client in &mut held {
        client.get("/hold");
    }
    server.site.until(|gate| gate.held == 2);
    let mut client = server.connect();
    for _ in 0..2 {
        // Without a body the connection is kept.
        client.get("/x");
        let (head, body) = client.answer();
        assert_eq!(status(&head), 503);
        assert!(
            head.contains("Retry-After: 1\r\n") && body.contains("Overload"),
            "{head}{body}"
        );
    }
    client.get("/health");
    assert_eq!(status(&client.answer().0), 200);
    client.post("/echo", "x");
    let (head, _) = client.answer();
    assert!(
        status(&head) == 503 && head.contains("Connection: close"),
        "{head}"
    );
    server.open_gate();
    for client in &mut held {
        assert_eq!(status(&client.answer().0), 200);
    }
}

#[test]
fn one_worker_serves_many_connections_in_turn() {
    let server = Running::start(|limits| limits.max_concurrent_requests = 1);
    let mut clients: Vec<Client> = (0..4).map(|_| server.connect()).collect();
    for round in 0..200 {
        let count = clients.len();
        let client = &mut clients[round % count];
        // The worker may still be on its way out of the last handler; it is free all the same.
        client.get("/x");
        assert_eq!(status(&client.answer().0), 200, "round {round}");
    }
}

/// A client alone must never be told that there are too many.
#[test]
fn a_worker_whose_client_has_its_answer_is_free_for_the_next() {
    let server = Running::start(|limits| limits.max_concurrent_requests = 1);
    for (path, end) in [("/late", "early"), ("/late-stream", "0\r\n\r\n")] {
        let mut first = server.connect();
        first.get(path);
        first.until(|bytes| bytes.ends_with(end.as_bytes()).then_some(bytes.len()));
        // Its handler has not returned and will not before this client waits, too.
        let mut second = server.connect();
        second.get("/x");
        let mut third = server.connect();
        third.get("/x");
        assert_eq!(status(&third.answer().0), 503, "{path}: but for one only");
        server.open_gate();
        assert_eq!(second.answer().1, "/x -", "{path}");
        server.site.change(|gate| gate.open = false);
    }
}

#[test]
fn a_thousand_idle_connections_do_not_delay_health() {
    let server = Running::start(|_| {});
    let idle: Vec<Client> = (0..1000).map(|_| server.connect()).collect();
    // The best of some: the machine may be busy with other things, the server may not.
    let times = (0..5).map(|_| {
        let started = Instant::now();
        server.assert_alive();
        started.elapsed()
    });
    let best = times.min().unwrap();
    assert!(best < Duration::from_millis(100), "{best:?}");
    drop(idle);
    server.assert_alive();
}

#[test]
fn the_oldest_idle_connection_makes_room() {
    let server = Running::start(|limits| limits.max_connections = 3);
    let mut clients: Vec<Client> = (0..3)
        .map(|_| {
            let mut client = server.connect();
            client.get("/health");
            client.answer();
            client
        })
        .collect();
    let mut newcomer = server.connect();
    newcomer.get("/health");
    assert_eq!(status(&newcomer.answer().0), 200);
    assert_eq!(clients[0].rest(), "");
    clients[1].get("/health");
    assert_eq!(status(&clients[1].answer().0), 200);
}

#[test]
fn without_an_idle_connection_the_newcomer_is_refused() {
    let server = Running::start(|limits| limits.max_connections = 2);
    let mut held: Vec<Client> = (0..2).map(|_| server.connect()).collect();
    for client in &mut held {
        client.get("/hold");
    }
    server.site.until(|gate| gate.held == 2);
    let answer = server.connect().rest();
    assert_eq!(status(&answer), 503);
    server.open_gate();
    for client in &mut held {
        assert_eq!(client.answer().1, "held");
    }
}

#[test]
fn many_clients_at_once_each_get_their_own_answers() {
    let server = Running::start(|limits| limits.max_concurrent_requests = 64);
    std::thread::scope(|scope| {
        for thread in 0..16 {
            let server = &server;
            scope.spawn(move || {
                let mut client = server.connect();
                for round in 0..100 {
                    let body = format!("{thread}/{round}");
                    if round % 10 == 9 {
                        client = server.connect();
                    }
                    client.post("/echo", &body);
                    assert_eq!(client.answer().1, body);
                }
            });
        }
    });
}

#[test]
fn connections_that_are_reset_at_once_do_no_harm() {
    let server = Running::start(|_| {});
    for _ in 0..200 {
        let client = server.connect();
        rustix::net::sockopt::set_socket_linger(&client.socket, Some(Duration::ZERO)).unwrap();
    }
    let mut client = server.connect();
    client.socket.set_nonblocking(true).unwrap();
    let unasked = std::io::Read::read(&mut client.socket, &mut [0]).unwrap_err();
    assert_eq!(unasked.kind(), ErrorKind::WouldBlock);
    server.assert_alive();
}

#[test]
fn half_heads_on_all_connections_do_not_fill_the_memory() {
    let server = Running::start(|_| {});
    let half = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "x".repeat(31 << 10));
    let mut clients: Vec<Client> = (0..800).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send(&half);
    }
    // 16 MiB are room for about 500 of them; the others are told.
    let mut answers = Vec::new();
    for client in &mut clients {
        let _ = client.socket.write_all(b"\r\n\r\n");
        answers.push(status(&client.answer().0));
    }
    let refused = answers.iter().filter(|status| **status == 503).count();
    assert!((250..400).contains(&refused), "{refused}");
    assert!(
        answers.iter().all(|status| [200, 503].contains(status)),
        "{answers:?}"
    );
    server.assert_alive();
}
