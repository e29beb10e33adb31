//! Requests whose end two readers could see in different places: the matter of request smuggling (RFC 9112 section 11.2).

use super::{Target, refusals};
use crate::support::config::CLIENT_KEY;

/// A request that is valid, behind one that is not.
const NEXT: &str = "GET /v1/models HTTP/1.1\r\nHost: g\r\n\r\n";

/// A chat request with these fields between the usual ones and this body.
fn post(fields: &str, body: &str) -> String {
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nX-Api-Key: {CLIENT_KEY}\r\n{fields}\r\n{body}"
    )
}

refusals! { refused_and_closed;
    length_twice_in_one_field: post("Content-Length: 5, 5\r\n", "12345") => 400 "INVALID_REQUEST";
    length_with_a_plus: post("Content-Length: +5\r\n", "12345") => 400 "INVALID_REQUEST";
    negative_length: post("Content-Length: -1\r\n", "") => 400 "INVALID_REQUEST";
    length_in_letters: post("Content-Length: abc\r\n", "") => 400 "INVALID_REQUEST";
    hexadecimal_length: post("Content-Length: 0x5\r\n", "12345") => 400 "INVALID_REQUEST";
    empty_length: post("Content-Length: \r\n", "") => 400 "INVALID_REQUEST";
    length_over_64_bits: post("Content-Length: 99999999999999999999\r\n", "") => 400 "INVALID_REQUEST";
    /// tiny_http allocated what was announced: one request ended the process.
    length_of_100_gigabytes: post("Content-Length: 100000000000\r\n", "") => 413 "BODY_TOO_LARGE";
    length_of_2_to_63: post("Content-Length: 9223372036854775807\r\n", "") => 413 "BODY_TOO_LARGE";
    length_repeated: post("Content-Length: 5\r\nContent-Length: 5\r\n", "12345") => 400 "INVALID_REQUEST";
    length_contradicted: post("Content-Length: 5\r\nContent-Length: 6\r\n", "123456") => 400 "INVALID_REQUEST";
    length_and_chunked: post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n") => 400 "INVALID_REQUEST";
    chunked_and_length: post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n") => 400 "INVALID_REQUEST";
    chunked_not_last: post("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n") => 400 "INVALID_REQUEST";
    chunked_twice: post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n") => 400 "INVALID_REQUEST";
    chunked_behind_a_vertical_tab: post("Transfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n") => 400 "INVALID_REQUEST";
    chunk_size_no_number: post("Transfer-Encoding: chunked\r\n", "xyz\r\n\r\n") => 400 "INVALID_REQUEST";
    /// RFC 9112 section 7.1: of this one, one reader sees 0x2 and another 0x25.
    chunk_size_with_more_behind_a_space: post("Transfer-Encoding: chunked\r\n", "2 5\r\n{}\r\n0\r\n\r\n") => 400 "INVALID_REQUEST";
    chunk_size_negative: post("Transfer-Encoding: chunked\r\n", "-1\r\n\r\n") => 400 "INVALID_REQUEST";
    chunk_size_over_64_bits: post("Transfer-Encoding: chunked\r\n", "10000000000000000\r\n\r\n") => 400 "INVALID_REQUEST";
    chunk_longer_than_it_says: post("Transfer-Encoding: chunked\r\n", "2\r\n{}}\r\n0\r\n\r\n") => 400 "INVALID_REQUEST";
    chunk_data_before_a_request: post("Transfer-Encoding: chunked\r\n", &format!("2\r\n{{}}{NEXT}")) => 400 "INVALID_REQUEST";
    chunk_data_before_the_last_chunk: post("Transfer-Encoding: chunked\r\n", &format!("2\r\n{{}}0\r\n\r\n{NEXT}")) => 400 "INVALID_REQUEST";
    trailer_without_a_colon: post("Transfer-Encoding: chunked\r\n", "0\r\nX-Sum\r\n\r\n") => 400 "INVALID_REQUEST";
    trailer_with_a_space_before_the_colon: post("Transfer-Encoding: chunked\r\n", "0\r\nX-Sum : 1\r\n\r\n") => 400 "INVALID_REQUEST";
    trailer_that_ends_with_lf: post("Transfer-Encoding: chunked\r\n", "0\r\nX-Sum: 1\n\r\n") => 400 "INVALID_REQUEST";
    trailer_with_a_zero: post("Transfer-Encoding: chunked\r\n", "0\r\nX-Sum: \0\r\n\r\n") => 400 "INVALID_REQUEST";
    trailer_that_is_a_request: post("Transfer-Encoding: chunked\r\n", &format!("0\r\n{NEXT}")) => 400 "INVALID_REQUEST";
    chunk_lines_end_with_lf: post("Transfer-Encoding: chunked\r\n", "2\n{}\n0\n\n") => 400 "INVALID_REQUEST";
}

/// RFC 9112 section 6.1: a transfer coding the server does not know is answered 501.
#[test]
fn an_unknown_transfer_coding() {
    super::refused_and_closed(
        post("Transfer-Encoding: gzip\r\n", ""),
        501,
        "NOT_IMPLEMENTED",
    );
}

/// RFC 9112 section 6.1: a 1.0 message with Transfer-Encoding has faulty framing.
#[test]
fn chunked_in_http_1_0() {
    let sent = post("Transfer-Encoding: chunked\r\n", "0\r\n\r\n").replacen("1.1", "1.0", 1);
    super::refused_and_closed(sent, 400, "INVALID_REQUEST");
}

/// A second request hidden behind a refused one must not be served.
#[test]
fn nothing_is_served_after_a_refused_request() {
    let target = Target::new();
    let mut connection = target.gateway.connect();
    let hidden = format!("GET /v1/models HTTP/1.1\r\nHost: g\r\nX-Api-Key: {CLIENT_KEY}\r\n\r\n");
    let both = post(
        "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
        "0\r\n\r\n",
    ) + &hidden;
    connection.send(both);
    assert_eq!(connection.response().status, 400);
    assert!(connection.is_closed(), "the hidden request was served");
    target.is_unharmed();
}
