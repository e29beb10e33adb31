//! Heads that are none.

use std::time::{Duration, Instant};

use super::{Target, ends, is_refusal, refusals};
use crate::support::gateway::request;
use crate::support::standstill::spent_since;

fn get(fields: &str) -> String {
    format!("GET /v1/models HTTP/1.1\r\nHost: g\r\n{fields}\r\n")
}

fn line(first: &str) -> String {
    format!("{first}\r\nHost: g\r\n\r\n")
}

refusals! { refused_and_closed;
    a_folded_field: get("X-A: 1\r\n 2\r\n") => 400 "INVALID_REQUEST";
    a_folded_field_with_a_tab: get("X-A: 1\r\n\t2\r\n") => 400 "INVALID_REQUEST";
    two_hosts: get("Host: h\r\n") => 400 "INVALID_REQUEST";
    no_host: "GET /v1/models HTTP/1.1\r\n\r\n" => 400 "INVALID_REQUEST";
    a_host_with_a_space: "GET /v1/models HTTP/1.1\r\nHost: a b\r\n\r\n" => 400 "INVALID_REQUEST";
    a_space_before_the_colon: get("X-A : 1\r\n") => 400 "INVALID_REQUEST";
    a_field_without_a_colon: get("X-A\r\n") => 400 "INVALID_REQUEST";
    a_field_without_a_name: get(": 1\r\n") => 400 "INVALID_REQUEST";
    zero_in_a_field: get("X-A: a\0b\r\n") => 400 "INVALID_REQUEST";
    a_lone_lf: get("X-A: 1\nX-B: 2\r\n") => 400 "INVALID_REQUEST";
    a_lone_cr: get("X-A: 1\rX-B: 2\r\n") => 400 "INVALID_REQUEST";
    lines_that_end_with_lf: "GET /v1/models HTTP/1.1\nHost: g\n\n" => 400 "INVALID_REQUEST";
    no_method: line(" /v1/models HTTP/1.1") => 400 "INVALID_REQUEST";
    two_spaces: line("GET  /v1/models HTTP/1.1") => 400 "INVALID_REQUEST";
    no_version: line("GET /v1/models") => 400 "INVALID_REQUEST";
    a_space_in_the_target: line("GET /v1/mo dels HTTP/1.1") => 400 "INVALID_REQUEST";
    a_target_without_a_slash: line("GET v1/models HTTP/1.1") => 400 "INVALID_REQUEST";
    an_http_0_9_line: "GET /\r\n" => 400 "INVALID_REQUEST";
    endless_blank_lines: "\r\n".repeat(9 << 10) => 400 "INVALID_REQUEST";
    no_http_at_all: "\x16\x03\x01\x02\0\x01\0\x01\x7c\x03\x03hello, TLS?\r\n\r\n" => 400 "INVALID_REQUEST";
    http_2_preface: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" => 505 "VERSION_NOT_SUPPORTED";
    http_3: line("GET /v1/models HTTP/3.0") => 505 "VERSION_NOT_SUPPORTED";
    a_head_over_32_kib: get(&format!("X-A: {}\r\n", "a".repeat(33 * 1024))) => 431 "HEAD_TOO_LARGE";
    two_hundred_fields: get(&"X-A: 1\r\n".repeat(200)) => 431 "HEAD_TOO_LARGE";
    a_target_over_8_kib: line(&format!("GET /{} HTTP/1.1", "a".repeat(9 * 1024))) => 414 "TARGET_TOO_LONG";
    an_endless_first_line: "A".repeat(64 * 1024) => 414 "TARGET_TOO_LONG";
}

/// RFC 9110 section 10.1.1: nothing but `100-continue` is known, and waiting for it would hang the client.
#[test]
fn an_unknown_expectation() {
    let sent = request(
        "POST",
        "/v1/chat/completions",
        &[("Expect", "miracles")],
        "{}",
    );
    super::refused(sent, 417, "EXPECTATION_FAILED");
}

/// The deadline counts from the first byte, so that a byte now and then does not move it: the "slow loris".
#[test]
fn a_head_that_drips() {
    let target = Target::new();
    let mut connection = target.gateway.connect();
    let begun = Instant::now();
    let head = get("X-A: 1\r\n");
    for byte in head.bytes().take(head.len() - 1) {
        if connection.try_send([byte]).is_err() || begun.elapsed() > Duration::from_millis(600) {
            break;
        }
        // This client is slow, that is the point.
        std::thread::sleep(Duration::from_millis(40));
    }
    is_refusal(&connection.response(), 408, "REQUEST_TIMEOUT");
    assert!(connection.is_closed());
    assert!(
        spent_since(begun) < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
    target.is_unharmed();
}

#[test]
fn a_head_that_ends_early() {
    for sent in ["", "G", "GET /v1/models HTTP/1.1\r\nHost:"] {
        let target = Target::new();
        let mut connection = target.gateway.connect();
        connection.send(sent);
        connection.half_close();
        ends(&mut connection);
        target.is_unharmed();
    }
}
