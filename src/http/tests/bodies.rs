//! Request bodies: read, refused, or left.

use std::io::Write;
use std::time::{Duration, Instant};

use super::{Running, status};

#[test]
fn a_chunked_body_arrives_whole_and_the_next_request_after_it() {
    let server = Running::start(|_| {});
    let mut client = server.connect();
    let head = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    client.send(format!("{head}5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 1\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_eq!(client.answer().1, "hello world");
    assert_eq!(client.answer().1, "/next -");
    // The same in pieces, as Node sends it.
    for piece in [head, "5\r\n", "hello\r", "\n0\r\n", "\r\n"] {
        client.send(piece);
        std::thread::yield_now();
    }
    assert_eq!(client.answer().1, "hello");
}

#[test]
fn a_large_body_is_echoed_byte_for_byte() {
    let server = Running::start(|_| {});
    let body: String = (0..3_000_000)
        .map(|index| char::from(b'a' + (index % 23) as u8))
        .collect();
    let mut client = server.connect();
    let mut sender = client.socket.try_clone().unwrap();
    let sent = body.clone();
    let sending = std::thread::spawn(move || {
        let head = format!(
            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
            sent.len()
        );
        sender.write_all(head.as_bytes()).unwrap();
        sender.write_all(sent.as_bytes()).unwrap();
    });
    assert!(client.answer().1 == body);
    sending.join().unwrap();
    client.get("/next");
    assert_eq!(client.answer().1, "/next -");
}

#[test]
fn a_client_that_expects_100_continue_gets_it_once_and_only_if_it_waits() {
    let server = Running::start(|_| {});
    let mut client = server.connect();
    let head =
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
    client.send(head);
    let interim = client.until(|bytes| (bytes.len() >= 25).then_some(25));
    assert_eq!(interim, "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("ok");
    assert_eq!(client.answer().1, "ok");
    client.send(format!("{head}go"));
    let (head, body) = client.answer();
    assert_eq!((status(&head), body.as_str()), (200, "go"));
}

#[test]
fn a_body_that_is_refused_is_not_asked_for() {
    let server = Running::start(|limits| limits.max_body = 10);
    let answer = server
        .say("POST /deny HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(status(&answer), 401);
    assert!(answer.contains("Connection: close\r\n"), "{answer}");
    let answer = server.say(
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n",
    );
    assert!(answer.contains("too large"), "{answer}");
}

#[test]
fn bodies_that_cannot_be_read_are_told_apart() {
    let server = Running::start(|limits| {
        limits.max_body = 10;
        limits.body_timeout = Duration::from_millis(100);
    });
    let length = |length: &str| {
        format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n")
    };
    let chunked = |body: &str| {
        format!("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}")
    };
    for (request, end, reason) in [
        (length("100000000000"), false, "too large"),
        (length("9223372036854775807"), false, "too large"),
        (length("18446744073709551615"), false, "too large"),
        (chunked("b\r\n"), false, "too large"),
        (chunked("5\r\nabcde\r\n6\r\n"), false, "too large"),
        (chunked("x\r\n"), false, "chunk size"),
        (length("5") + "ab", true, "ends before"),
        (chunked("5\r\nab"), true, "ends before"),
        (length("5") + "ab", false, "too long"),
        (chunked("5\r\nab"), false, "too long"),
    ] {
        let mut client = server.connect();
        client.send(&request);
        if end {
            client.end();
        }
        let answer = client.rest();
        assert!(
            answer.contains(reason) && answer.contains("Connection: close"),
            "{request:?}: {answer}"
        );
    }
    server.assert_alive();
}

/// A less strict reader may take the bytes behind it for the next request.
#[test]
fn a_malformed_chunk_is_refused_whoever_answers_and_whatever_follows() {
    let server = Running::start(|_| {});
    let next = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    for path in ["/echo", "/deny", "/x", "/health"] {
        for body in [
            "5\r\nhello",
            "5\r\nhello0\r\n\r\n",
            "5\r\nhello\n0\r\n\r\n",
            "5\r\nhello\rX0\r\n\r\n",
            "0\r\n",
            "0\r\nX-Sum\r\n\r\n",
            "0\r\nX-Sum : 1\r\n\r\n",
            "0\r\nX-Sum: 1\n\r\n",
            "0\r\nX-Sum: \0\r\n\r\n",
            "0\r\n : 1\r\n\r\n",
        ] {
            let answer = server.say(format!(
                "POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}{next}"
            ));
            assert_eq!(status(&answer), 400, "{path} {body:?}: {answer}");
            assert!(answer.contains("Connection: close\r\n"), "{answer}");
            assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
        }
    }
    server.assert_alive();
}

#[test]
fn a_small_body_that_nobody_reads_does_not_cost_the_connection() {
    let server = Running::start(|_| {});
    let mut client = server.connect();
    for _ in 0..3 {
        client.post("/deny", "hello");
        let (head, _) = client.answer();
        assert_eq!(status(&head), 401);
        assert!(!head.contains("Connection: close"), "{head}");
    }
    client.send("POST /deny HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(status(&client.answer().0), 401);
    assert_eq!(client.answer().1, "/a -");
}

#[test]
fn an_endless_sender_is_cut_off() {
    let server = Running::start(|limits| limits.linger_timeout = Duration::from_millis(300));
    let mut client = server.connect();
    client.send("POST /deny HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n");
    client
        .socket
        .set_write_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let started = Instant::now();
    let chunk = vec![b'x'; 1 << 20];
    let failed = (0..100_000).find_map(|_| client.socket.write_all(&chunk).err());
    assert!(
        failed.is_some() && started.elapsed() < Duration::from_secs(9),
        "{failed:?}"
    );
    server.assert_alive();
}
