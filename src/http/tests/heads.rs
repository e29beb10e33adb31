//! Heads that are taken, and the refusals of the others.

use std::net::{TcpListener, TcpStream};

use proptest::prelude::*;

use super::{Running, status};
use crate::config;
use crate::http::connection::Connection;
use crate::http::framing::{Framing, Version};
use crate::http::head::Head;
use crate::http::strict::head_length;

/// The parsed head, or the status that it is refused with.
fn parse(head: &[u8]) -> Result<Head, u16> {
    let limits = config::EdgeLimits::default();
    let length = head_length(head, 0).map_err(|refusal| refusal.status())?;
    let head = &head[..length.expect("a whole head")];
    Head::parse(head, &limits).map_err(|refusal| refusal.status())
}

fn request(fields: &str) -> Vec<u8> {
    format!("POST /v1/x HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n").into_bytes()
}

#[test]
fn request_lines_that_mean_two_things_are_refused() {
    for (line, expected) in [
        ("GET / HTTP/1.1\r\nX: 1", 400),
        ("GET  / HTTP/1.1\r\nHost: a", 400),
        ("GET /  HTTP/1.1\r\nHost: a", 400),
        ("GET /a b HTTP/1.1\r\nHost: a", 400),
        ("GET /\tHTTP/1.1\r\nHost: a", 400),
        ("GET / HTTP/1.1 \r\nHost: a", 400),
        ("GET /\r\nHost: a", 400),
        ("GET / FTP/1.1\r\nHost: a", 400),
        ("GET / http/1.1\r\nHost: a", 400),
        ("GET / HTTP/1\r\nHost: a", 400),
        ("GET / HTTP/1.2\r\nHost: a", 505),
        ("GET / HTTP/0.9\r\nHost: a", 505),
        ("GET / HTTP/2.0\r\nHost: a", 505),
        ("PRI * HTTP/2.0", 505),
        ("GET * HTTP/1.1\r\nHost: a", 400),
        ("GET v1/models HTTP/1.1\r\nHost: a", 400),
        ("GET a:80 HTTP/1.1\r\nHost: a", 400),
        ("GET ftp://a/ HTTP/1.1\r\nHost: a", 400),
        ("CONNECT a:443 HTTP/1.1\r\nHost: a", 501),
        ("G(T / HTTP/1.1\r\nHost: a", 400),
        ("GET /\x7f HTTP/1.1\r\nHost: a", 400),
        ("GET /\0 HTTP/1.1\r\nHost: a", 400),
        ("GET /\r HTTP/1.1\r\nHost: a", 400),
    ] {
        let head = format!("{line}\r\n\r\n");
        assert_eq!(parse(head.as_bytes()).err(), Some(expected), "{line:?}");
    }
}

#[test]
fn fields_that_mean_two_things_are_refused() {
    for (fields, expected) in [
        ("Host: b", 400),
        ("Content-Length: 5\r\nContent-Length: 5", 400),
        ("Content-Length: 5\r\ncontent-length: 6", 400),
        ("Content-Length: 5, 5", 400),
        ("Content-Length: +5", 400),
        ("Content-Length: -1", 400),
        ("Content-Length: abc", 400),
        ("Content-Length: 0x5", 400),
        ("Content-Length: 5 5", 400),
        ("Content-Length: 5.", 400),
        ("Content-Length:", 400),
        ("Content-Length: 18446744073709551616", 400),
        ("Content-Length: 100000000000000000000", 400),
        ("Content-Length: 5\r\nTransfer-Encoding: chunked", 400),
        ("Transfer-Encoding: chunked\r\nContent-Length: 0", 400),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            400,
        ),
        ("Transfer-Encoding: chunked, chunked", 400),
        ("Transfer-Encoding: chunked, gzip", 400),
        ("Transfer-Encoding: chunked , Identity", 400),
        ("Transfer-Encoding: chunked,", 400),
        ("Transfer-Encoding: ,chunked", 501),
        ("Transfer-Encoding: chunked;q=1", 501),
        ("Transfer-Encoding: gzip", 501),
        ("Transfer-Encoding: gzip, chunked", 501),
        ("Transfer-Encoding: identity", 501),
        ("Transfer-Encoding: xchunked", 501),
        ("Transfer-Encoding: \"chunked\"", 501),
        ("Transfer-Encoding:", 501),
        ("Transfer-Encoding: \x0bchunked", 400),
        ("Transfer-Encoding : chunked", 400),
        ("Content-Length\t: 5", 400),
        ("X: a\r\n b", 400),
        ("X: a\r\n\tb", 400),
        ("X: a\rb", 400),
        ("X: a\nY: b", 400),
        ("X: a\0b", 400),
        ("X: a\x01b", 400),
        ("X\0: a", 400),
        ("X Y: a", 400),
        ("X", 400),
        (": a", 400),
        ("Expect: 200-ok", 417),
        ("Expect: 100-continue\r\nExpect: x", 417),
    ] {
        assert_eq!(parse(&request(fields)).err(), Some(expected), "{fields:?}");
    }
    for first in [" Folded: x", "\tFolded: x"] {
        let head = format!("GET / HTTP/1.1\r\n{first}\r\nHost: a\r\n\r\n");
        assert_eq!(parse(head.as_bytes()).err(), Some(400), "{first:?}");
    }
    for (host, expected) in [
        ("a b", Some(400)),
        ("a,b", Some(400)),
        ("a/b", Some(400)),
        ("user@a", Some(400)),
        ("é", Some(400)),
        ("", None),
        ("a:8080", None),
        ("[::1]:8080", None),
    ] {
        let head = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(parse(head.as_bytes()).err(), expected, "{host:?}");
    }
}

proptest! {
    /// A damaged head is refused or accepted without a panic; and an accepted one has no byte that another reader could
    /// take for the end of a line.
    #[test]
    fn no_damage_to_a_head_confuses_the_parser(
        changes in prop::collection::vec((0..90usize, prop::sample::select(b"\r\n\0\t :,;5aZ/?*\x7f\xff".as_slice())), 0..4),
    ) {
        let mut head = *b"POST /v1/x?y HTTP/1.1\r\nHost: a:80\r\nContent-Length: 12\r\nX-Long-Name: some value 1234\r\n\r\n";
        for (place, byte) in changes {
            if let Some(old) = head.get_mut(place) {
                *old = byte;
            }
        }
        let (usual, careful) = both_ways(&head);
        prop_assert_eq!(usual.as_ref().map(told), careful.as_ref().map(told));
        if let Some((parsed, _)) = careful {
            for (name, value) in parsed.fields() {
                prop_assert!(name.bytes().chain(value.iter().copied()).all(|byte| !b"\r\n\0".contains(&byte)));
            }
        }
    }
}

/// A head and its length; `None` where it is not taken.
type Read = Option<(Head, usize)>;

/// A head as the one pass reads it, and as those that look closer do.
fn both_ways(head: &[u8]) -> (Read, Read) {
    let limits = config::EdgeLimits::default();
    let careful = head_length(head, 0).ok().flatten().and_then(|length| {
        let head = Head::parse(&head[..length], &limits).ok()?;
        Some((head, length))
    });
    (Head::usual(head, &limits), careful)
}

/// All that a head tells, but for an id that is made up.
fn told((head, length): &(Head, usize)) -> String {
    let fields: Vec<_> = head.fields().collect();
    let framing = (head.framing, head.keep_alive, head.expects_continue);
    let target = (head.method(), head.path(), head.query(), head.version());
    format!("{target:?} {framing:?} {fields:?} {length}")
}

/// Two ways to read a head that see different requests are how one is smuggled.
#[test]
fn the_usual_way_to_read_a_head_takes_what_the_careful_one_takes() {
    let whole = b"POST /v1/x?y HTTP/1.1\r\nHost: a:80\r\nX:\r\nContent-Length: 12\r\n\r\n{\r\n\r\n";
    let check = |head: &[u8]| {
        let (usual, careful) = both_ways(head);
        let (usual, careful) = (usual.as_ref().map(told), careful.as_ref().map(told));
        assert_eq!(usual, careful, "{}", head.escape_ascii());
        usual.is_some()
    };
    let mut taken = 0;
    for place in 0..whole.len() {
        check(&whole[..place]);
        let (before, behind) = whole.split_at(place);
        for new in [
            &b"\r"[..],
            b"\n",
            b"\r\n",
            b"\r\r",
            b"\n\r",
            b"\r\n\r",
            b" ",
            b"\t",
            b":",
            b"\0",
            b"0",
            b"\xff",
        ] {
            for behind in [behind, &behind[1..], behind.get(2..).unwrap_or_default()] {
                taken += usize::from(check(&[before, new, behind].concat()));
            }
        }
    }
    assert!(check(whole) && taken > 400, "{taken}");
}

/// Some old clients send a line end behind a body. In which packets it comes must not matter.
#[test]
fn blank_lines_before_a_request_are_skipped_however_they_come() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = listener.local_addr().unwrap();
    let bytes = b"\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n";
    for split in 0..bytes.len() {
        let socket = TcpStream::connect(peer).unwrap();
        let mut connection = Connection::new(0, socket, peer);
        let limits = config::EdgeLimits::default();
        connection.buffer.extend_from_slice(&bytes[..split]);
        assert!(matches!(connection.next_head(&limits), Ok(None)), "{split}");
        connection.buffer.extend_from_slice(&bytes[split..]);
        let head = connection.next_head(&limits);
        let head = head.unwrap_or_else(|_| panic!("{split}")).unwrap();
        assert_eq!((head.path(), connection.buffer.len()), ("/x", 0));
    }
}

/// A body that has arrived with its head is not copied, unless it would keep much more room than it fills.
#[test]
fn a_buffer_is_given_away_where_it_is_all_that_was_asked_for() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = listener.local_addr().unwrap();
    let mut connection = Connection::new(0, TcpStream::connect(peer).unwrap(), peer);
    for (room, bytes, is_given_away) in [(100, 4, true), (100, 3, false), (5000, 4, false)] {
        connection.buffer = Vec::with_capacity(room);
        connection.buffer.extend_from_slice(b"body");
        assert_eq!(connection.take(5), None);
        let taken = connection.take(bytes).unwrap();
        assert_eq!(taken, &b"body"[..bytes]);
        assert_eq!(taken.capacity() == room, is_given_away, "{room} {bytes}");
        assert_eq!(connection.buffer, &b"body"[bytes..]);
    }
}

/// HTTP/0.9 has no head and so no blank line to wait for.
#[test]
fn a_request_line_without_a_version_is_refused_at_once() {
    let server = Running::start(|_| {});
    for split in 0..7 {
        let mut client = server.connect();
        let (first, last) = "GET /\r\n".split_at(split);
        client.send(first);
        client.send(last);
        assert_eq!(status(&client.rest()), 400, "{split}");
    }
}

#[test]
fn blank_lines_before_a_request_are_bounded() {
    let server = Running::start(|_| {});
    let get = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut client = server.connect();
    for _ in 0..3 {
        client.send("\r\n".repeat(8 << 10) + get);
        assert_eq!(client.answer().1, "/x -", "each request has its own");
    }
    client.send("\r\n".repeat((8 << 10) + 1));
    assert_eq!(status(&client.rest()), 400);
}

#[test]
fn a_1_0_request_has_its_own_rules() {
    let parse = |fields: &str| parse(format!("GET / HTTP/1.0\r\n{fields}\r\n").as_bytes());
    let plain = parse("").unwrap();
    assert_eq!(
        (plain.version(), plain.keep_alive),
        (Version::Http10, false)
    );
    assert!(parse("Connection: Keep-Alive\r\n").unwrap().keep_alive);
    assert!(
        !parse("Connection: keep-alive, close\r\n")
            .unwrap()
            .keep_alive
    );
    assert!(!parse("Expect: 100-continue\r\n").unwrap().expects_continue);
    assert_eq!(parse("Transfer-Encoding: chunked\r\n").err(), Some(400));
    assert_eq!(parse("Host: a\r\nHost: b\r\n").err(), Some(400));
}

#[test]
fn what_a_head_says_is_understood() {
    let head = parse(
        b"POST /v1/models/a%2Fb?x=1?2 HTTP/1.1\r\nhost: a\r\nX-Api-Key: \t k \t\r\nx-latin: \xe9\r\n\
          X-Request-Id: abc-1\r\nTransfer-Encoding: Chunked\r\nConnection: x, Close\r\nexpect: 100-Continue\r\n\r\n",
    )
    .unwrap();
    assert_eq!(
        (head.method(), head.path(), head.query()),
        ("POST", "/v1/models/a%2Fb", Some("x=1?2"))
    );
    assert_eq!(head.header("x-api-key"), Some("k"));
    assert_eq!(head.header("X-Latin"), None);
    assert_eq!(head.fields().nth(2), Some(("x-latin", &b"\xe9"[..])));
    assert_eq!(&**head.request_id(), "abc-1");
    assert_eq!(head.framing, Framing::Chunked);
    assert!(head.expects_continue && !head.keep_alive && head.has_body());

    let head = parse(&request("Content-Length: 007\r\nX-Request-Id: a b")).unwrap();
    assert_eq!(head.framing, Framing::Length(7));
    assert_ne!(&**head.request_id(), "a b");
    assert!(head.keep_alive && !head.expects_continue);
    assert!(!parse(&request("Content-Length: 0")).unwrap().has_body());
}

#[test]
fn the_forms_of_a_target_come_to_one_path() {
    for (target, path, query) in [
        ("/", "/", None),
        ("//v1/models/?", "//v1/models/", Some("")),
        ("http://a:80/v1/x?y", "/v1/x", Some("y")),
        ("HTTPS://a", "/", None),
        ("http://a?y", "/", Some("y")),
        ("/x?u=http://b/", "/x", Some("u=http://b/")),
    ] {
        let head = parse(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).unwrap();
        assert_eq!((head.path(), head.query()), (path, query), "{target}");
    }
    let head = parse(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!(head.path(), "*");
}

#[test]
fn a_head_over_a_limit_is_told_which() {
    let server = Running::start(|_| {});
    let fields = |count: usize| "X: 1\r\n".repeat(count - 1);
    let long = |length: usize| "x".repeat(length);
    for (name, head, expected) in [
        (
            "100 fields",
            format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", fields(100)),
            200,
        ),
        (
            "101 fields",
            format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", fields(101)),
            431,
        ),
        (
            "a head of 33 KiB",
            format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", long(33 << 10)),
            431,
        ),
        (
            "a head without end",
            format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", long(64 << 10)),
            431,
        ),
        (
            "a target of 8 KiB",
            format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", long((8 << 10) - 1)),
            200,
        ),
        (
            "a longer one",
            format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", long(8 << 10)),
            414,
        ),
        (
            "a target without end",
            format!("GET /{}", long(64 << 10)),
            414,
        ),
    ] {
        let mut client = server.connect();
        client.send(head);
        client.end();
        assert_eq!(status(&client.rest()), expected, "{name}");
    }
    server.assert_alive();
}

#[test]
fn a_refused_request_gets_an_error_body_and_its_connection_closes() {
    let server = Running::start(|_| {});
    for (bytes, expected, reason) in [
        (&b"\x16\x03\x01\x02\x00"[..], 400, "Malformed"),
        (b"GET / HTTP/1.1\n", 400, "Malformed"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "Malformed"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "UnknownVersion"),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
            400,
            "Malformed",
        ),
    ] {
        let answer = server.say(bytes);
        assert_eq!(status(&answer), expected, "{answer}");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        for field in ["Connection: close", "X-Request-Id: req-", "Date: ", "Content-Type: application/json"] {
            assert!(head.contains(field), "{field} in {head}");
        }
        let body: serde_json::Value = serde_json::from_str(body).expect("one answer and nothing behind it");
        assert_eq!(body["reason"], reason);
        assert!(!body["message"].as_str().unwrap().is_empty());
    }
    server.assert_alive();
}
