//! Streamed answers, whole and cut.

use std::io::{ErrorKind, Read};

use super::{Running, status};

#[test]
fn a_stream_is_chunked_and_the_connection_goes_on() {
    let server = Running::start(|_| {});
    let mut client = server.connect();
    client.get("/stream");
    let answer = client.until(|bytes| {
        bytes
            .windows(5)
            .position(|end| end == b"0\r\n\r\n")
            .map(|at| at + 5)
    });
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    for field in [
        "Transfer-Encoding: chunked",
        "Cache-Control: no-cache",
        "X-Accel-Buffering: no",
        "X-Request-Id: ",
        "X-Test: 1",
    ] {
        assert!(head.contains(field), "{field} in {head}");
    }
    assert!(
        !head.contains("Content-Length") && !head.contains("Connection: close"),
        "{head}"
    );
    assert_eq!(
        body,
        "9\r\ndata: 1\n\n\r\ne\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
    );
    client.get("/next");
    assert_eq!(client.answer().1, "/next -");
    server.site.until(|gate| gate.deliveries.len() == 2);
    let delivery = server.site.gate.lock().unwrap().deliveries[0];
    assert_eq!(
        (delivery.status, delivery.complete, delivery.bytes),
        (200, true, 23)
    );
}

#[test]
fn an_event_arrives_while_the_stream_goes_on() {
    let server = Running::start(|_| {});
    let mut client = server.connect();
    client.get("/panic-late");
    // The handler never ends this stream, so what arrives was not held back for its end.
    let answer = client.until(|bytes| {
        bytes
            .ends_with(b"9\r\ndata: 1\n\n\r\n")
            .then_some(bytes.len())
    });
    assert_eq!(status(&answer), 200);
}

#[test]
fn a_1_0_client_gets_a_stream_without_framing() {
    let server = Running::start(|_| {});
    for fields in ["", "Connection: keep-alive\r\n"] {
        let answer = server.say(format!("GET /stream HTTP/1.0\r\n{fields}\r\n"));
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(
            !head.contains("chunked") && head.contains("Connection: close"),
            "{head}"
        );
        assert_eq!(body, "data: 1\n\ndata: [DONE]\n\n");
    }
}

#[test]
fn a_stream_asked_for_by_head_has_no_body() {
    let server = Running::start(|_| {});
    let mut client = server.connect();
    client.send("HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n");
    let head = client.until(|bytes| {
        bytes
            .windows(4)
            .position(|end| end == b"\r\n\r\n")
            .map(|at| at + 4)
    });
    assert!(head.contains("chunked"), "{head}");
    assert_eq!(client.answer().1, "/next -");
}

#[test]
fn a_stream_without_a_byte_is_whole() {
    let server = Running::start(|_| {});
    let mut client = server.connect();
    client.get("/empty-stream");
    let answer = client.until(|bytes| bytes.ends_with(b"0\r\n\r\n").then_some(bytes.len()));
    assert!(answer.ends_with("\r\n\r\n0\r\n\r\n"), "{answer}");
}

#[test]
fn a_cut_stream_never_looks_whole() {
    let server = Running::start(|_| {});
    for path in ["/cut", "/panic-late"] {
        let answer = server.say(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert!(answer.ends_with("9\r\ndata: 1\n\n\r\n"), "{answer}");
        // Without chunks, only a reset tells a cut from the end.
        let mut client = server.connect();
        client.send(format!("GET {path} HTTP/1.0\r\n\r\n"));
        let error = client.socket.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{path}");
    }
    server.assert_alive();
}
