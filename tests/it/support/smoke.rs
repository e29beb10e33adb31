//! The support tried on itself: without this a broken script would pass for a broken gateway.

use std::time::Duration;

use super::config::Reachable;
use super::gateway::chat;
use super::mock::Mock;
use super::*;

fn connect(upstream: &Upstream) -> Connection {
    Connection::open(upstream.address)
}

#[test]
fn an_upstream_keeps_the_exact_bytes_it_was_sent() {
    let upstream = Upstream::saying("hello");
    let mut connection = connect(&upstream);
    let sent = chat(r#"{"model" : "m"}"#);
    connection.send(&sent);
    let response = connection.response();
    assert_eq!(openai::content(&response.json()), "hello");
    let request = upstream.request();
    assert_eq!([request.head.raw, request.body].concat(), sent);
}

#[test]
fn scripts_are_used_up_before_the_standing_answer_on_one_connection() {
    let upstream = Upstream::saying("standing");
    upstream.then(Script::json(503, "{}"));
    let mut connection = connect(&upstream);
    for status in [503, 200, 200] {
        connection.send(chat("{}"));
        assert_eq!(connection.response().status, status);
    }
    assert_eq!(upstream.connections(), 1);
    assert_eq!(upstream.requests().len(), 3);
}

#[test]
fn events_arrive_one_by_one_with_their_times() {
    let go = Signal::new();
    let upstream = Upstream::always(
        Script::stream()
            .event("1")
            .await_signal(&go)
            .event("2")
            .done(),
    );
    let mut connection = connect(&upstream);
    connection.send(chat("{}"));
    let mut stream = connection.stream();
    assert_eq!(stream.event().unwrap().data, "1");
    go.give();
    assert_eq!(stream.event().unwrap().data, "2");
    assert_eq!(stream.event().unwrap().data, "[DONE]");
    assert!(stream.event().is_none());
    assert_eq!(stream.end, Some(End::Complete));
}

#[test]
fn a_cut_is_no_complete_end() {
    let whole = Script::json(200, "0123456789");
    let size = whole.len();
    let cuts = [
        whole.clone().cut_after(size - 1),
        whole.clone().reset_after(size - 1),
        Script::stream().event("1").close(),
    ];
    for cut in cuts {
        let upstream = Upstream::always(cut);
        let mut connection = connect(&upstream);
        connection.send(chat("{}"));
        let response = connection.response();
        assert!(matches!(response.end, End::Cut(_)), "{response}");
    }
}

#[test]
fn a_reset_is_one() {
    let upstream = Upstream::resetting_on_accept();
    let mut connection = connect(&upstream);
    assert!(connection.is_closed());
    let upstream = Upstream::always(
        Script::head(200, &[("Connection", "close")])
            .send("abc")
            .reset(),
    );
    let mut connection = connect(&upstream);
    connection.send(chat("{}"));
    let response = connection.response();
    let End::Cut(how) = &response.end else {
        panic!("{response}");
    };
    assert!(how.contains("reset"), "{how}");
}

#[test]
fn an_abandoned_request_is_noticed() {
    let upstream = Upstream::always(Script::default().silence());
    let mut connection = connect(&upstream);
    connection.send(chat("{}"));
    upstream.wait_for_requests(1);
    drop(connection);
    upstream.wait_for_abandonment(0);
}

#[test]
fn a_drip_takes_its_time() {
    let upstream = Upstream::always(
        Script::head(200, &[("Content-Length", "5")]).drip("12345", Duration::from_millis(20)),
    );
    let mut connection = connect(&upstream);
    connection.send(chat("{}"));
    let response = connection.response();
    assert_eq!(response.text(), "12345");
    assert!(response.took >= Duration::from_millis(80), "{response}");
}

#[test]
fn a_closed_port_refuses() {
    let port = ClosedPort::new();
    let error = std::net::TcpStream::connect(port.address).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[test]
fn the_mock_answers_in_chunks_and_the_client_reads_them() {
    let mock = Mock::saying("hello");
    let url = mock.base_url();
    let address = url.trim_start_matches("http://").trim_end_matches("/v1");
    let mut connection = Connection::open(address.parse().unwrap());
    connection.send(chat(&openai::request("m", true)));
    let response = connection.response();
    assert_eq!(response.header("transfer-encoding"), Some("chunked"));
    assert_eq!(response.events().last().unwrap(), "[DONE]");
}

#[test]
fn a_configuration_reads_like_a_hand_written_one() {
    let config = Config::new()
        .with("response_model: upstream")
        .server("max_body: 1KiB")
        .provider("a", "http://a.test/v1")
        .route_with(
            "r",
            &["timeout: 1s"],
            [Step::new("a", "m").with("timeout: 300ms")],
        );
    assert_eq!(
        config.text(),
        "listen: 127.0.0.1:0
response_model: upstream
api_key: client-key-4f9a1c77
server:
  max_body: 1KiB
providers:
  - name: a
    base_url: http://a.test/v1
    api_key: provider-key-a-8d2e7b
routes:
  - name: r
    timeout: 1s
    steps:
      - provider: a
        model: m
        timeout: 300ms
"
    );
}
