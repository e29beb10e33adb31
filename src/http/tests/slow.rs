//! Clients that send or read slowly, or not at all.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use super::{Client, PATIENCE, Running, status};

const LARGE: usize = 64 << 20;

/// Waits until so many connections are in a state (`busy`: the end of one that is not read is seen by nobody but the
/// server; `reading`: the front has seen the beginning of a request).
fn await_count(server: &Running, state: &str, count: u64) {
    let began = Instant::now();
    while !server.stats.read().connections.contains(&(state, count)) {
        assert!(began.elapsed() < PATIENCE, "never {count} are {state}");
        // Its counts are taken when it looks for events.
        server.assert_alive();
    }
}

fn half_a_body(client: &mut Client) {
    client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx");
}

/// The worker waited for such a client, for up to `write_timeout`, and others were told to come back.
#[test]
fn a_client_that_reads_nothing_holds_no_worker_and_gets_its_answer_when_it_reads() {
    let server = Running::start(|limits| limits.max_concurrent_requests = 1);
    let mut deaf: Vec<Client> = (0..3).map(|_| server.connect()).collect();
    for (index, client) in deaf.iter_mut().enumerate() {
        client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n");
        server.site.until(|gate| gate.deliveries.len() == index + 1);
    }
    for _ in 0..20 {
        let mut client = server.connect();
        client.get("/x");
        assert_eq!(client.answer().1, "/x -");
    }
    // A delivery is noted behind its answer, which its client may have by then.
    server.site.until(|gate| gate.deliveries.len() >= 23);
    let before = server.site.gate.lock().unwrap().deliveries.len();
    assert_eq!(before, 23, "what was asked behind the unread answer waits");
    for client in &mut deaf {
        let (_, body) = client.answer();
        assert!(body.len() == LARGE && body.ends_with("xxx"));
        assert_eq!(client.answer().1, "/next -");
    }
}

#[test]
fn a_client_that_takes_nothing_is_given_up() {
    let server = Running::start(|limits| limits.write_timeout = Duration::from_millis(100));
    let mut client = server.connect();
    client.get("/large");
    server.site.until(|gate| gate.deliveries.len() == 1);
    await_count(&server, "busy", 0);
    let mut taken = Vec::new();
    let _ = client.socket.read_to_end(&mut taken);
    assert!(taken.len() < LARGE, "{}", taken.len());
    server.assert_alive();
}

/// The connection was closed when its client had left megabytes of answers unread, or kept for as long as it liked.
#[test]
fn a_flood_whose_answers_are_read_late_is_answered_whole() {
    let server = Running::start(|_| {});
    let mut client = server.connect();
    let mut writer = client.socket.try_clone().unwrap();
    let writing = std::thread::spawn(move || {
        let flood = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n".repeat(50_000);
        writer.write_all(flood.as_bytes()).unwrap();
    });
    // Others are served while it does not read.
    for _ in 0..20 {
        server.assert_alive();
    }
    for _ in 0..50_000 {
        assert_eq!(status(&client.answer().0), 200);
    }
    writing.join().unwrap();
}

/// A client with a key for one route had all workers with 130 bytes for each, for up to `body_timeout`.
#[test]
fn half_bodies_hold_no_worker_and_are_answered_when_they_are_whole() {
    let server = Running::start(|limits| limits.max_concurrent_requests = 1);
    let mut halves: Vec<Client> = (0..50).map(|_| server.connect()).collect();
    halves.iter_mut().for_each(half_a_body);
    // One that came while a request holds the only permit would be told to come back.
    await_count(&server, "reading", 50);
    for _ in 0..20 {
        // The permit of the one before comes back behind its answer.
        await_count(&server, "busy", 0);
        let mut client = server.connect();
        client.post("/echo", "hello");
        assert_eq!(client.answer().1, "hello");
    }
    for client in &mut halves {
        await_count(&server, "busy", 0);
        client.send("12345678");
        assert_eq!(client.answer().1, "x12345678");
    }
}

/// The same on connections that a worker has lingered on.
#[test]
fn half_bodies_on_kept_connections_hold_no_worker() {
    // One for the request that is answered, the others to spare: at the limit a body that is not whole is refused by its
    // head, and permits come back behind their answers.
    let server = Running::start(|limits| limits.max_concurrent_requests = 8);
    let mut halves: Vec<Client> = (0..20).map(|_| server.connect()).collect();
    for client in &mut halves {
        client.get("/x");
        client.answer();
        half_a_body(client);
    }
    let mut other = server.connect();
    other.get("/x");
    assert_eq!(other.answer().1, "/x -");
    for client in &mut halves {
        client.send("12345678GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.answer().1, "x12345678");
        assert_eq!(client.answer().1, "/next -");
    }
}

#[test]
fn a_body_that_finds_the_memory_spent_waits_for_it_and_is_told_when_there_is_none() {
    let server = Running::start(|limits| limits.body_memory = Some(100_000));
    let head = |length: usize| {
        format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n")
    };
    let answer = server.say(head(100_001));
    assert!(answer.contains("too large"), "it can never fit: {answer}");
    let mut large = server.connect();
    large.send(head(90_000) + &"x".repeat(89_999));
    let (mut late, mut small) = (server.connect(), server.connect());
    let (began, body) = (Instant::now(), "y".repeat(50_000));
    late.send(head(body.len()) + &body);
    let answer = late.rest();
    assert!(answer.contains("all the memory"), "{answer}");
    assert!(began.elapsed() >= Duration::from_secs(1), "it has waited");
    small.post("/echo", &"z".repeat(8 << 10));
    assert_eq!(status(&small.answer().0), 200, "small ones need none");
    // This one has begun to wait when the memory comes back.
    let mut waiting = server.connect();
    waiting.send(head(body.len()) + &body);
    large.send("x");
    assert_eq!(large.answer().1.len(), 90_000);
    assert!(waiting.answer().1 == body);
}

/// 4,200 connections with a byte each kept everybody else out.
#[test]
fn half_heads_make_room_after_a_second() {
    let server = Running::start(|limits| limits.max_connections = 4);
    let mut halves: Vec<Client> = (0..4).map(|_| server.connect()).collect();
    halves.iter_mut().for_each(|client| client.send("G"));
    let mut newcomer = server.connect();
    assert_eq!(status(&newcomer.rest()), 503, "theirs may be on its way");
    server.await_room();
    assert_eq!(halves[0].rest(), "");
    halves[1].send("ET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(halves[1].answer().1, "/x -");
}

/// Those who read nothing could have all connections for `write_timeout`.
#[test]
fn answers_that_are_not_read_make_room_after_a_second() {
    let server = Running::start(|limits| limits.max_connections = 2);
    let mut deaf: Vec<Client> = (0..2).map(|_| server.connect()).collect();
    deaf.iter_mut().for_each(|client| client.get("/large"));
    server.site.until(|gate| gate.deliveries.len() == 2);
    await_count(&server, "busy", 2);
    server.await_room();
    await_count(&server, "busy", 1);
}

/// The oldest connection made room, whosever it was: a crowd pushed everybody else out.
#[test]
fn the_connections_of_the_largest_crowd_go_before_those_of_others() {
    let server = Running::start(|limits| limits.max_connections = 4);
    let idle = |mut client: Client| {
        client.get("/health");
        client.answer();
        client
    };
    let mut modest = idle(server.connect_from(2));
    let mut crowd: Vec<Client> = (0..3).map(|_| idle(server.connect())).collect();
    for round in 0..3 {
        let mut newcomer = server.connect();
        newcomer.get("/health");
        assert_eq!(status(&newcomer.answer().0), 200);
        assert_eq!(crowd[round].rest(), "");
        crowd.push(newcomer);
    }
    modest.get("/health");
    assert_eq!(status(&modest.answer().0), 200);
}

/// A stream has to wait for its client, but not with the worker that others need.
#[test]
fn streams_that_one_client_does_not_read_leave_half_of_the_workers_to_others() {
    let server = Running::start(|limits| limits.max_concurrent_requests = 4);
    let mut deaf: Vec<Client> = (0..3).map(|_| server.connect()).collect();
    deaf.iter_mut().for_each(|client| client.get("/flood"));
    let cut = || {
        let gate = server.site.gate.lock().unwrap();
        let cut = gate.deliveries.iter().filter(|delivery| !delivery.complete);
        cut.count()
    };
    let began = Instant::now();
    while cut() == 0 {
        assert!(began.elapsed() < PATIENCE, "no stream makes room");
        let mut client = server.connect_from(2);
        client.get("/x");
        assert_eq!(client.answer().1, "/x -");
    }
    for _ in 0..20 {
        let mut client = server.connect_from(2);
        client.get("/x");
        assert_eq!(client.answer().1, "/x -");
    }
    assert_eq!(cut(), 1, "its share is its own");
}
