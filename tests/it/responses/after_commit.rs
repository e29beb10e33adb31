//! Streams that fail after they have begun to speak: the client is told in the dialect's own words.

use super::*;

/// A stream that has said a word, and more to come.
fn begun() -> Vec<Value> {
    let mut events = responses::events(&["one"]);
    events.truncate(5);
    events
}

fn breaks_off(script: Script) -> (Vec<Value>, Response) {
    let a = Upstream::always(script);
    let b = saying("from b");
    let gateway = route(&a, &b);
    let response = ask(&gateway, true);
    assert_eq!(
        (response.status, &response.end),
        (200, &End::Complete),
        "{response}"
    );
    assert_eq!(b.requests().len(), 0, "a second answer was begun");
    let line = gateway.wait_for_log(|line| line["msg"] == "request");
    assert!(
        line["error"].is_string(),
        "it passes for a whole answer: {line}"
    );
    (events(&response), response)
}

fn told_by_the_gateway(script: Script) {
    let (events, response) = breaks_off(script);
    assert_eq!(
        kinds(&events)[5..],
        ["response.failed", "error"],
        "{response}"
    );
    let failed = &events[5]["response"];
    assert_eq!(
        (&failed["id"], &failed["status"]),
        (&json!("resp_1"), &json!("failed"))
    );
    assert_eq!(
        (&failed["model"], &failed["output"]),
        (&json!("r"), &json!([]))
    );
    let message = failed["error"]["message"].as_str().unwrap();
    assert!(message.contains("the stream broke"), "{message}");
    assert_eq!(events[6]["error"]["message"], message);
    assert_eq!(events[6]["code"], "server_error");
}

fn pausing() -> Script {
    responses::begun(&begun()).pause(std::time::Duration::from_millis(50))
}

#[test]
fn a_cut() {
    told_by_the_gateway(pausing().close());
}

#[test]
fn an_end_without_the_last_event() {
    told_by_the_gateway(pausing().last_chunk());
}

#[test]
fn a_mark_without_the_last_event() {
    told_by_the_gateway(pausing().done());
}

#[test]
fn a_stall() {
    told_by_the_gateway(responses::begun(&begun()).silence());
}

#[test]
fn an_event_that_is_cut() {
    told_by_the_gateway(pausing().chunk("data: {\"type\":\"respo\n\n").last_chunk());
}

fn numbered(mut event: Value) -> Value {
    event["sequence_number"] = json!(5);
    event
}

/// Codex shows the message of `response.failed`, OpenAI's libraries raise at an `error` object: both are to be there, once.
#[test]
fn a_providers_own_word_passes_and_is_completed() {
    let mut frame = responses::frame("failed", json!([]));
    frame["error"] = json!({"code": "server_error", "message": "overheated"});
    for (last, after) in [
        (
            json!({"type": "response.failed", "response": frame}),
            &["response.failed", "error"][..],
        ),
        (
            json!({"type": "error", "code": "x", "message": "overheated", "param": null}),
            &["error", "error"],
        ),
        (
            json!({"type": "error", "error": {"type": "server_error", "message": "overheated"}}),
            &["error"],
        ),
    ] {
        let mut sent = begun();
        sent.push(numbered(last));
        let (events, response) = breaks_off(responses::stream(&sent));
        assert_eq!(kinds(&events)[5..], *after, "{response}");
        assert!(events[5].to_string().contains("overheated"), "{response}");
        assert!(
            events.last().unwrap()["error"]["message"].is_string(),
            "{response}"
        );
        assert_ne!(events[5]["response"]["model"], responses::UPSTREAM_MODEL);
    }
}

/// A client with a proxy of little patience has its 200 before anybody has answered.
#[test]
fn a_failure_behind_signs_of_life_is_told_the_same_way() {
    let a = Upstream::always(Script::default().silence());
    let gateway = Config::new()
        .provider_with("a", &a, &["responses: true"])
        .route_with(
            "r",
            &["stream_keepalive: 50ms"],
            [Step::new("a", "m").with("timeout: 200ms")],
        )
        .start();
    let response = ask(&gateway, true);
    assert_eq!(response.status, 200);
    let events = events(&response);
    assert_eq!(kinds(&events), ["response.failed", "error"], "{response}");
    assert!(events[0]["response"]["id"].is_string());
}
