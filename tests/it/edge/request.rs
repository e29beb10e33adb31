//! The many correct ways to send a request.

use super::config;
use crate::support::config::CLIENT_KEY;
use crate::support::gateway::{chat, head, request};
use crate::support::{Upstream, openai};

/// curl sends this with every larger body and waits a second if it is ignored.
#[test]
fn a_client_that_asks_first_is_told_to_go_on() {
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream).start();
    let body = openai::request("r", false);
    let length = body.len().to_string();
    let fields = [
        ("Content-Length", length.as_str()),
        ("Expect", "100-continue"),
    ];
    let mut connection = gateway.connect();
    connection.send(head("POST", "/v1/chat/completions", &fields));
    assert_eq!(connection.response().status, 100);
    connection.send(body);
    let response = connection.response();
    assert_eq!(response.status, 200, "{response}");
}

/// A refusal instead of `100 Continue` spares the client the upload.
#[test]
fn a_client_that_asks_first_is_refused_without_its_body() {
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream).server("max_body: 1KiB").start();
    let fields = [("Content-Length", "100000"), ("Expect", "100-continue")];
    let response = gateway.exchange(head("POST", "/v1/chat/completions", &fields));
    assert_eq!(response.status, 413, "{response}");
    let sent = "POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n";
    let response = gateway.exchange(sent);
    assert_eq!(response.status, 401, "{response}");
}

/// Monitors poll with HEAD. Its answer has GET's fields and no body, and the next answer is read from the right place.
#[test]
fn head_is_get_without_the_body() {
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream).start();
    let mut connection = gateway.connect();
    for path in ["/health", "/v1/models", "/v1/models/r"] {
        connection.send(request("GET", path, &[], ""));
        let get = connection.response();
        connection.send(request("HEAD", path, &[], ""));
        let head = connection.response_to_head();
        assert_eq!((get.status, head.status), (200, 200), "{path}");
        for field in ["content-length", "content-type"] {
            assert!(get.header(field).is_some(), "{path} {field}");
            assert_eq!(get.header(field), head.header(field), "{path} {field}");
        }
    }
}

#[test]
fn a_chunked_body_is_put_together() {
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream).start();
    let body = openai::request("r", false);
    let fields = [("Transfer-Encoding", "Chunked")];
    let mut sent = String::from_utf8(head("POST", "/v1/chat/completions", &fields)).unwrap();
    for byte in body.chars() {
        sent.push_str(&format!("01;name=\"value\"\r\n{byte}\r\n"));
    }
    sent.push_str("000\r\nX-Trailer: dropped\r\n\r\n");
    let mut connection = gateway.connect();
    // What follows the last chunk belongs to the next request.
    connection.send(sent.repeat(2));
    for _ in 0..2 {
        assert_eq!(connection.response().status, 200);
    }
    for request in upstream.requests() {
        assert_eq!(request.text(), body.replace(r#""r""#, r#""model-a""#));
        assert_eq!(request.head.get("x-trailer"), None);
    }
}

/// A request may arrive in any pieces.
#[test]
fn a_request_in_single_bytes() {
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream).start();
    let mut connection = gateway.connect();
    for byte in chat(&openai::request("r", false)) {
        connection.send([byte]);
    }
    assert_eq!(connection.response().status, 200);
}

/// RFC 9112 section 2.2: old clients send an empty line after a body.
#[test]
fn an_empty_line_before_a_request_is_ignored() {
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream).start();
    let sent = [b"\r\n".as_slice(), &request("GET", "/v1/models", &[], "")].concat();
    assert_eq!(gateway.exchange(sent).status, 200);
}

/// Clients behind a forward proxy send the whole address (RFC 9112 section 3.2.2).
#[test]
fn a_target_in_absolute_form() {
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream).start();
    assert_eq!(gateway.get("http://gateway.test/v1/models").status, 200);
}

/// `netcat`-like clients close their half after the request and still want the answer.
#[test]
fn a_half_closing_client_gets_its_answer() {
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream).start();
    for stream in [false, true] {
        let mut connection = gateway.connect();
        connection.send_and_half_close(chat(&openai::request("r", stream)));
        let response = connection.response();
        assert_eq!(response.status, 200, "{response}");
    }
}

/// A client's own id is kept, so that both logs can be laid side by side; one that could forge a log line or a field is not.
#[test]
fn request_ids() {
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream).start();
    let id_of = |sent: &str| {
        let fields = [("X-Request-Id", sent)];
        let response = gateway.exchange(request("GET", "/v1/models", &fields, ""));
        assert_eq!(response.status, 200, "{response}");
        response
            .header("x-request-id")
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(id_of("trace-1.a_B"), "trace-1.a_B");
    for strange in ["", "a b", "\"},{\"", "a\tb", &"x".repeat(1000)] {
        let id = id_of(strange);
        assert!(!id.is_empty() && id != strange, "{strange:?} -> {id:?}");
    }
    assert_ne!(id_of(""), id_of(""), "new ones differ");
}

/// Both ways to send the key are in use: SDKs send a bearer token, curl users the short field.
#[test]
fn a_key_in_either_field_and_in_any_case() {
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream).start();
    for field in [
        format!("Authorization: Bearer {CLIENT_KEY}"),
        format!("authorization: bearer {CLIENT_KEY}"),
        format!("X-Api-Key: {CLIENT_KEY}"),
        format!("X-API-KEY:{CLIENT_KEY}"),
    ] {
        let sent = format!("GET /v1/models HTTP/1.1\r\nHost: g\r\n{field}\r\n\r\n");
        let response = gateway.exchange(sent);
        assert_eq!(response.status, 200, "{field}: {response}");
    }
}
