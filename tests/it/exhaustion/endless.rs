//! Requests without an end.

use std::time::{Duration, Instant};

use super::{config, costs_little, serves};
use crate::support::config::CLIENT_KEY;
use crate::support::standstill::spent_since;
use crate::support::{Gateway, Response, Upstream};

/// Far more than any limit.
const LONG: usize = 16 << 20;
/// A refused client is read for a second at most here, however fast it sends.
const TIRED: Duration = Duration::from_secs(10);

/// Sends the beginning and then this piece over and over: so much that the refusal can be read behind it, and then until
/// the gateway has had enough.
fn endless(gateway: &Gateway, beginning: &str, piece: &str) -> Response {
    let mut connection = gateway.connect();
    connection.send(beginning);
    let pieces = piece.repeat((64 << 10) / piece.len());
    for _ in 0..LONG / pieces.len() {
        connection.send(&pieces);
    }
    let response = connection.response();
    let started = Instant::now();
    while connection.try_send(&pieces).is_ok() {
        assert!(spent_since(started) < TIRED, "it takes everything");
    }
    response
}

fn is_refused(beginning: &str, piece: &str, status: u16) {
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream).server("linger_timeout: 1s").start();
    let response = costs_little(&gateway, || endless(&gateway, beginning, piece));
    assert_eq!(response.status, status, "{response}");
    serves(&gateway);
}

fn post(rest: &str) -> String {
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nX-Api-Key: {CLIENT_KEY}\r\n\
         Transfer-Encoding: chunked\r\n\r\n{rest}"
    )
}

#[test]
fn an_endless_method() {
    is_refused("", "A", 414);
}

#[test]
fn an_endless_target() {
    is_refused("GET /", "a", 414);
}

#[test]
fn an_endless_header() {
    is_refused("GET / HTTP/1.1\r\nHost: g\r\nX: ", "x", 431);
}

#[test]
fn endless_headers() {
    is_refused("GET / HTTP/1.1\r\nHost: g\r\n", "X: y\r\n", 431);
}

#[test]
fn an_endless_chunk_size() {
    is_refused(&post(""), "0", 400);
}

#[test]
fn an_endless_chunk_extension() {
    is_refused(&post("1;"), "x", 400);
}

#[test]
fn endless_chunk_extensions() {
    is_refused(&post(""), "1;x=y\r\n{\r\n", 400);
}

#[test]
fn an_endless_trailer() {
    is_refused(&post("0\r\nX: "), "x", 400);
}

#[test]
fn endless_trailers() {
    is_refused(&post("0\r\n"), "X: y\r\n", 400);
}

/// Blank lines before a request are skipped, which is no reason to keep them.
#[test]
fn endless_blank_lines() {
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream)
        .server("head_timeout: 300ms")
        .server("linger_timeout: 300ms")
        .start();
    costs_little(&gateway, || {
        let mut connection = gateway.connect();
        let lines = "\r\n".repeat(32 << 10);
        let started = Instant::now();
        while connection.try_send(&lines).is_ok() {
            assert!(spent_since(started) < TIRED, "it is never tired of them");
        }
    });
    serves(&gateway);
}
