//! Several requests on one connection.

use std::time::{Duration, Instant};

use super::config;
use crate::support::gateway::{chat, request};
use crate::support::{Upstream, openai};

fn models(id: &str) -> Vec<u8> {
    request("GET", "/v1/models", &[("X-Request-Id", id)], "")
}

/// Clients keep their connections; a gateway that closes each costs them a handshake a request.
#[test]
fn one_connection_serves_request_after_request() {
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream).start();
    let mut connection = gateway.connect();
    for stream in [false, true, false, true] {
        connection.send(chat(&openai::request("r", stream)));
        let response = connection.response();
        assert_eq!(response.status, 200, "{response}");
    }
    for path in ["/health", "/v1/models", "/nowhere"] {
        connection.send(request("GET", path, &[], ""));
        let response = connection.response();
        assert_ne!(response.header("connection"), Some("close"), "{response}");
    }
    assert_eq!(
        upstream.connections(),
        1,
        "the provider's connection is kept, too"
    );
}

#[test]
fn a_hundred_pipelined_requests_are_answered_in_order() {
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream).start();
    let mut connection = gateway.connect();
    let ids: Vec<String> = (0..100).map(|number| format!("id-{number}")).collect();
    connection.send(ids.iter().flat_map(|id| models(id)).collect::<Vec<u8>>());
    for id in &ids {
        let response = connection.response();
        assert_eq!(
            (response.status, response.header("x-request-id")),
            (200, Some(id.as_str()))
        );
    }
    assert!(gateway.is_healthy());
}

/// Requests with bodies, requests the front answers by itself and refusals, all written at once.
#[test]
fn pipelined_requests_of_every_kind_keep_their_order() {
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream).start();
    let mut connection = gateway.connect();
    let kinds = [
        (chat(&openai::request("r", false)), 200),
        (request("GET", "/health", &[], ""), 200),
        (request("GET", "/nowhere", &[], ""), 404),
        (chat(&openai::request("r", true)), 200),
        (chat("{}"), 400),
        (request("GET", "/health", &[], ""), 200),
        (models("last"), 200),
    ];
    connection.send(
        kinds
            .iter()
            .flat_map(|(sent, _)| sent.clone())
            .collect::<Vec<u8>>(),
    );
    for (position, (_, status)) in kinds.iter().enumerate() {
        let response = connection.response();
        assert_eq!(response.status, *status, "answer {position}: {response}");
    }
}

#[test]
fn a_client_that_wants_to_close_is_obeyed() {
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream).start();
    for path in ["/health", "/v1/models"] {
        let mut connection = gateway.connect();
        connection.send(request("GET", path, &[("Connection", "close")], ""));
        let response = connection.response();
        assert_eq!(
            (response.status, response.header("connection")),
            (200, Some("close"))
        );
        assert!(connection.is_closed());
    }
}

/// HTTP/1.0 closes unless asked not to (RFC 9112 section 9.3).
#[test]
fn http_1_0_closes_unless_asked_to_stay() {
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream).start();
    let old = |sent: Vec<u8>| {
        String::from_utf8(sent)
            .unwrap()
            .replacen("HTTP/1.1", "HTTP/1.0", 1)
    };
    for path in ["/health", "/v1/models"] {
        let mut connection = gateway.connect();
        connection.send(old(request("GET", path, &[], "")));
        assert_eq!(connection.response().status, 200);
        assert!(connection.is_closed(), "{path}");
        let mut connection = gateway.connect();
        for _ in 0..2 {
            connection.send(old(request(
                "GET",
                path,
                &[("Connection", "keep-alive")],
                "",
            )));
            let response = connection.response();
            assert_eq!(
                (response.status, response.header("connection")),
                (200, Some("keep-alive"))
            );
        }
    }
}

/// HTTP/1.0 knows no chunks: its stream ends with the connection.
#[test]
fn a_stream_to_http_1_0_is_not_chunked() {
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream).start();
    let sent = chat(&openai::request("r", true));
    let sent = String::from_utf8(sent)
        .unwrap()
        .replacen("HTTP/1.1", "HTTP/1.0", 1);
    let response = gateway.exchange(sent);
    assert_eq!(response.header("transfer-encoding"), None, "{response}");
    assert_eq!(response.events().last().map(String::as_str), Some("[DONE]"));
}

/// An idle connection is given back after `keep_alive`, without a word that the client's next request could take for its answer.
#[test]
fn an_idle_connection_ends_in_silence() {
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream).server("keep_alive: 200ms").start();
    let mut connection = gateway.connect();
    connection.send(models("a"));
    assert_eq!(connection.response().status, 200);
    let begun = Instant::now();
    assert!(connection.is_closed());
    let idle = begun.elapsed();
    assert!(
        idle > Duration::from_millis(100) && idle < Duration::from_secs(3),
        "{idle:?}"
    );
}
