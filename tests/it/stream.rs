//! Streams: each event when it comes, whole to the end or with an error in the end, and nobody kept who has no listener.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::client::{End, Response};
use crate::support::gateway::chat;
use crate::support::{Config, Gateway, Script, Signal, Step, Upstream, openai};

fn start(a: &Upstream, b: &Upstream) -> Gateway {
    Config::new()
        .provider("a", a)
        .provider("b", b)
        .route(
            "r",
            [
                Step::new("a", "model-a")
                    .with("timeout: 400ms")
                    .with("stall_timeout: 300ms"),
                Step::new("b", "model-b"),
            ],
        )
        .start()
}

fn words(response: &Response) -> String {
    let events = response.events();
    let json = events
        .iter()
        .filter_map(|event| serde_json::from_str::<Value>(event).ok());
    json.map(|event| openai::content(&event)).collect()
}

/// A user reads along. An event that waits for the next one, or for a buffer to fill, makes that impossible.
#[test]
fn each_event_arrives_before_the_next_is_sent() {
    let signals: Vec<Signal> = (0..5).map(|_| Signal::new()).collect();
    let script = signals
        .iter()
        .enumerate()
        .fold(Script::stream(), |script, (number, signal)| {
            script
                .event(&openai::text(&number.to_string()))
                .await_signal(signal)
        });
    let a = Upstream::always(script.event(&openai::stop()).done());
    let gateway = Config::new()
        .provider("a", &a)
        .route("r", [("a", "m")])
        .start();
    let mut connection = gateway.connect();
    connection.send(chat(&openai::request("r", true)));
    let mut stream = connection.stream();
    for (number, signal) in signals.iter().enumerate() {
        let event = stream.event().expect("an event");
        assert_eq!(openai::content(&event.json()), number.to_string());
        signal.give();
    }
    assert_eq!(
        stream.event().unwrap().json()["choices"][0]["finish_reason"],
        "stop"
    );
    assert_eq!(stream.event().unwrap().data, "[DONE]");
    assert!(stream.event().is_none());
    assert_eq!(stream.end, Some(End::Complete));
}

/// Proxies between gateway and browser collect events unless told not to.
#[test]
fn a_stream_says_that_it_is_one() {
    let a = Upstream::saying("fine");
    let gateway = start(&a, &a);
    let response = gateway.ask("r", true);
    assert!(
        response
            .header("content-type")
            .unwrap()
            .starts_with("text/event-stream")
    );
    assert_eq!(response.header("cache-control"), Some("no-cache"));
    assert_eq!(response.header("x-accel-buffering"), Some("no"));
    assert_eq!(response.header("transfer-encoding"), Some("chunked"));
    assert_eq!(response.header("content-length"), None);
}

#[test]
fn the_summary_is_in_the_first_event_only() {
    let a = Upstream::always(Script::json(500, "{}"));
    let b = Upstream::always(Script::events(openai::events(&["one", "two"])));
    let gateway = start(&a, &b);
    let response = gateway.ask("r", true);
    let events = response.events();
    let steps = response.steps();
    assert_eq!(steps.len(), 2, "{response}");
    assert_eq!(steps[0]["class"], "server_error");
    assert_eq!(steps[1]["success"], true);
    for event in &events[1..] {
        assert!(!event.contains("routing_summary"), "{event}");
    }
    assert_eq!(words(&response), "onetwo");
}

/// Until there is content nothing is sent, so that the next step can still answer.
#[test]
fn a_stream_without_content_yet_can_still_fail_over() {
    let comment = Script::stream().chunk(": OPENROUTER PROCESSING\n\n");
    for prelude in [
        Script::stream(),
        comment.clone(),
        comment
            .event(&openai::role())
            .event(&openai::chunk(json!({}))),
    ] {
        let (a, b) = (
            Upstream::always(prelude.silence()),
            Upstream::saying("from b"),
        );
        let gateway = start(&a, &b);
        let response = gateway.ask("r", true);
        assert_eq!(response.status, 200, "{response}");
        assert_eq!(words(&response), "from b");
        assert_eq!(response.steps()[0]["class"], "timeout", "{response}");
        assert!(!response.text().contains("PROCESSING"), "{response}");
        assert!(response.spent < Duration::from_millis(900), "{response}");
    }
}

/// What was held back is not lost: the role belongs to the answer.
#[test]
fn the_prelude_arrives_with_the_first_content() {
    let go = Signal::new();
    let script = Script::stream().event(&openai::role()).await_signal(&go);
    let a = Upstream::always(
        script
            .event(&openai::text("one"))
            .event(&openai::stop())
            .done(),
    );
    let gateway = Config::new()
        .provider("a", &a)
        .route("r", [("a", "m")])
        .start();
    let mut connection = gateway.connect();
    connection.send(chat(&openai::request("r", true)));
    a.wait_for_requests(1);
    go.give();
    let response = connection.response();
    let events = response.events();
    let first: Value = serde_json::from_str(&events[0]).unwrap();
    assert_eq!(
        first["choices"][0]["delta"]["role"], "assistant",
        "{response}"
    );
    assert_eq!(events.len(), 4, "{response}");
}

/// Text is not the only thing worth sending: each of these is what the client waits for.
#[test]
fn reasoning_tool_calls_and_refusals_are_content() {
    for delta in [
        json!({"reasoning_content": "hm"}),
        json!({"reasoning": "hm"}),
        json!({"refusal": "no"}),
        json!({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": ""}}]}),
    ] {
        let go = Signal::new();
        let script = Script::stream()
            .event(&openai::chunk(delta.clone()))
            .await_signal(&go);
        let a = Upstream::always(script.event(&openai::stop()).done());
        let gateway = Config::new()
            .provider("a", &a)
            .route("r", [("a", "m")])
            .start();
        let mut connection = gateway.connect();
        connection.send(chat(&openai::request("r", true)));
        let mut stream = connection.stream();
        let event = stream.event().expect("at once");
        // A first delta without a role gets one (DESIGN section 4, repairs).
        let mut expected = delta;
        expected["role"] = json!("assistant");
        assert_eq!(event.json()["choices"][0]["delta"], expected);
        go.give();
    }
}

/// A stream that goes on is not out of time, however long it takes in all.
#[test]
fn a_slow_but_steady_stream_is_left_alone() {
    let word = openai::text("x");
    let script = (0..8).fold(Script::stream(), |script, _| {
        script.event(&word).pause(Duration::from_millis(100))
    });
    let (a, b) = (
        Upstream::always(script.event(&openai::stop()).done()),
        Upstream::saying("from b"),
    );
    let gateway = start(&a, &b);
    let response = gateway.ask("r", true);
    assert_eq!(words(&response), "x".repeat(8), "{response}");
    assert_eq!(response.events().last().unwrap(), "[DONE]");
    assert!(
        response.took > Duration::from_millis(700),
        "the stream was shorter than the timeout it is to outlast"
    );
}

/// Nobody pays for an answer that nobody reads: when the client goes, the provider's connection goes at once.
#[test]
fn a_client_that_leaves_takes_the_provider_along() {
    let silent = Script::default().silence();
    let headers_only = Script::stream().silence();
    let started = Script::stream().event(&openai::text("one")).silence();
    for (stream, script, commit) in [
        (false, silent.clone(), false),
        (true, silent, false),
        (true, headers_only, false),
        (true, started, true),
    ] {
        let (a, b) = (Upstream::always(script), Upstream::saying("from b"));
        let gateway = Config::new()
            .provider("a", &a)
            .provider("b", &b)
            .route("r", [("a", "m"), ("b", "m")])
            .start();
        let mut connection = gateway.connect();
        connection.send(chat(&openai::request("r", stream)));
        a.wait_for_requests(1);
        if commit {
            assert!(connection.stream().event().is_some());
        }
        let left = Instant::now();
        drop(connection);
        let noticed = a.wait_for_abandonment(0).duration_since(left);
        assert!(noticed < Duration::from_secs(1), "{noticed:?}");
        let line = gateway.wait_for_log(|line| line["msg"] == "request");
        assert_eq!(line["status"], 499, "{line}");
        assert_eq!(b.requests().len(), 0, "a step was tried for nobody");
    }
}

/// A client that stops reading holds a worker no longer than `write_timeout`.
#[test]
fn a_client_that_does_not_read_is_given_up() {
    let event = openai::text(&"x".repeat(64 * 1024));
    let chunk = format!("{:x}\r\ndata: {event}\n\n\r\n", event.len() + 8);
    let a = Upstream::always(Script::stream().flood(chunk, 2000));
    let gateway = Config::new()
        .server("write_timeout: 300ms")
        .provider("a", &a)
        .route("r", [("a", "m")])
        .start();
    let mut connection = gateway.connect();
    connection.send(chat(&openai::request("r", true)));
    a.wait_for_abandonment(0);
    assert!(gateway.is_healthy());
}
