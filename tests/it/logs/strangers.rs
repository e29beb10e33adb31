//! What strangers may write into the log: 26 bytes of a request made 359 of log, 93 MB in two seconds.

use rustix::process::Signal;
use serde_json::Value;

use crate::support::config::CLIENT_KEY;
use crate::support::gateway::{anonymous, request};
use crate::support::{Config, Exposition, Gateway, Upstream};

fn gateway(lines: &[&str]) -> Gateway {
    let upstream = Upstream::saying("fine");
    let mut config = Config::new()
        .provider("a", &upstream)
        .route("r", [("a", "model-a")]);
    for line in lines {
        config = config.server(line);
    }
    config.start()
}

/// Everything that was logged until the end of the process, which writes the last summary.
fn all_lines(gateway: &mut Gateway) -> Vec<Value> {
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.wait(), Some(0));
    let text = gateway.output.text();
    text.lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect()
}

fn summary_of(lines: &[Value]) -> &Value {
    let mut summaries = lines
        .iter()
        .filter(|line| line["msg"] == "more of strangers, without a line each");
    let summary = summaries.next().expect("a summary");
    assert!(summaries.next().is_none(), "more than one");
    summary
}

#[test]
fn a_flood_without_a_key_is_ten_lines_and_a_summary() {
    let mut gateway = gateway(&[]);
    let kinds = [
        anonymous("GET", "/a", &[], ""),
        anonymous("POST", "/metrics", &[], ""),
        anonymous("GET", "/v1/diagnostics/upstream-models", &[], ""),
    ];
    let mut connection = gateway.connect();
    for kind in &kinds {
        for _ in 0..100 {
            connection.send(kind);
            connection.response();
        }
    }
    // Those with a key have a line each, however many they are.
    for _ in 0..50 {
        assert_eq!(
            gateway
                .exchange(request("GET", "/v1/nowhere", &[], ""))
                .status,
            404
        );
    }
    // The metrics count on.
    let read = Exposition::of(&gateway);
    assert!(
        read.sum("ai_gateway_requests_total", &["status=\"401\""]) >= 100.0,
        "{read}"
    );
    let lines = all_lines(&mut gateway);
    let requests = |client: bool| {
        let lines = lines.iter().filter(|line| line["msg"] == "request");
        lines
            .filter(|line| line["client"].is_string() == client)
            .count()
    };
    assert_eq!(requests(false), 10);
    assert_eq!(requests(true), 50);
    let summary = summary_of(&lines);
    assert_eq!(summary["answers"], 290, "{summary}");
    assert_eq!(
        summary["statuses"], "401: 90, 405: 100, 503: 100",
        "{summary}"
    );
    assert_eq!(summary["busiest"], "127.0.0.1: 300", "{summary}");
}

#[test]
fn a_flood_of_malformed_requests_is_ten_lines_and_a_summary() {
    let mut gateway = gateway(&[]);
    for _ in 0..40 {
        assert_eq!(gateway.exchange("nonsense\r\n\r\n").status, 400);
    }
    let lines = all_lines(&mut gateway);
    let refused = lines.iter().filter(|line| line["msg"] == "refused");
    let refused: Vec<&Value> = refused.collect();
    assert_eq!(refused.len(), 10);
    assert_eq!(refused[0]["address"], "127.0.0.1");
    assert_eq!(refused[0]["status"], 400);
    assert!(refused[0]["reason"].is_string());
    assert_eq!(summary_of(&lines)["statuses"], "400: 30");
}

#[test]
fn a_flood_of_connections_over_the_limit_is_ten_lines_and_a_summary() {
    let mut gateway = gateway(&["max_connections_per_ip: 1"]);
    let mut held = gateway.connect();
    held.send(anonymous("GET", "/health", &[], ""));
    assert_eq!(held.response().status, 200);
    for _ in 0..40 {
        assert_eq!(gateway.connect().response().status, 503);
    }
    let lines = all_lines(&mut gateway);
    let refused = lines.iter().filter(|line| line["msg"] == "refused");
    assert_eq!(refused.count(), 10);
    assert_eq!(summary_of(&lines)["statuses"], "503: 30");
}

/// Controls act on the terminal that shows the log, or on the order in which it is read.
#[test]
fn controls_of_terminals_and_of_text_direction_are_escaped() {
    let gateway = gateway(&[]);
    let path = "/\u{9b}31m\u{202e}\u{2066}end";
    gateway.exchange(anonymous("GET", path, &[], ""));
    let line = gateway.wait_for_log(|line| line["msg"] == "request");
    assert_eq!(line["path"], path);
    let text = gateway.output.text();
    for control in ['\u{9b}', '\u{202e}', '\u{2066}'] {
        assert!(!text.contains(control), "{control:?} in {text}");
    }
}

/// A client has its key in a variable too many.
#[test]
fn a_key_as_method_path_or_id_is_masked() {
    let gateway = gateway(&[]);
    let escaped = CLIENT_KEY.replace('-', "%2D");
    gateway.exchange(request(CLIENT_KEY, "/", &[], ""));
    gateway.exchange(anonymous("GET", &format!("/v1/models/{escaped}"), &[], ""));
    let path = format!("/v1/{CLIENT_KEY}");
    gateway.exchange(request("GET", &path, &[("X-Request-Id", CLIENT_KEY)], ""));
    let line = gateway.wait_for_log(|line| line["request_id"] == "***");
    assert_eq!(line["path"], "/v1/***");
    gateway.wait_for_log(|line| line["path"] == "/v1/models/***");
    let line = gateway.wait_for_log(|line| line["method"] == "_OTHER");
    assert_eq!(line["path"], "/");
    let text = gateway.output.text();
    assert!(
        !text.contains(CLIENT_KEY) && !text.contains(&escaped),
        "{text}"
    );
}
