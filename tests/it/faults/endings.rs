//! Where an answer ends: no half one passes for whole, and no whole one waits for a better end.

use super::*;
use crate::support::exposition::Exposition;

/// The only step's answer, streamed.
fn alone(a: &Upstream) -> (Gateway, Response) {
    let gateway = Config::new()
        .provider("a", a)
        .route("r", [Step::new("a", "m").with("timeout: 10s")])
        .start();
    let response = gateway.ask("r", true);
    (gateway, response)
}

/// The words in front of a break that the client is told of, without an end mark.
fn is_told(response: &Response) {
    assert_eq!(response.status, 200, "{response}");
    let events = response.events();
    let (last, before) = events.split_last().expect("events");
    let error: Value = serde_json::from_str(last).expect("JSON");
    let message = error["error"]["message"].as_str().expect("an error");
    assert!(
        message.starts_with("server error: the stream broke: "),
        "{message}"
    );
    assert!(!before.is_empty(), "{response}");
    assert!(!response.text().contains("[DONE]"), "{response}");
}

fn is_whole(response: &Response) {
    let events = response.events();
    assert_eq!(
        events.last().map(String::as_str),
        Some("[DONE]"),
        "{response}"
    );
    assert!(!response.text().contains("\"error\""), "{response}");
    assert_eq!(response.end, End::Complete, "{response}");
}

fn half() -> Script {
    Script::stream()
        .event(&openai::role())
        .event(&openai::text("from a"))
}

fn ending(reason: &str) -> String {
    openai::chunk_of(json!([{"index": 0, "delta": {}, "finish_reason": reason}]))
}

#[test]
fn a_break_is_told_however_politely_the_stream_ends() {
    for broken in [
        half().event(&ending("timeout")),
        half().event(&ending("internal_server_error")),
        half().event(&ending("CANCELLED")),
        half().event(&ending("aborted")),
        half().event(&ending("insufficient_system_resource")),
        half().event(&ending("error")),
        half().chunk("event: error\ndata: slot failed\n\n"),
        half().chunk("event: error\n\n"),
        half().chunk("event: internalServerException\ndata: {}\n\n"),
        half().chunk("error: {\"code\":500,\"message\":\"slot failed\"}\n\n"),
        half().chunk("error: slot failed\n\n"),
        half().chunk("{\"error\":{\"message\":\"slot failed\"}}\n\n"),
        half().chunk("{\n  \"error\": {\n    \"message\": \"slot failed\"\n  }\n}\n\n"),
        half().chunk("proxy error: Failed to read connection\n\n"),
        half().event(r#"{"object":"error","message":"slot failed","code":500}"#),
        half().event(r#"{"detail":"slot failed"}"#),
        half().event(r#"{"choices":[{"index":0,"delta":{},"error":{"message":"slot failed"}}]}"#),
        half().event(r#"{"choices":[{"index":0,"delta":{"error":{"message":"slot failed"}}}]}"#),
        half().event(r#"[{"error":{"message":"slot failed"}}]"#),
        // A chunk that stands outside of any event would be left out.
        half().chunk(format!(" data: {}\n\n", openai::text(" and more"))),
    ] {
        let (_gateway, response) = alone(&Upstream::always(broken.event(&openai::stop()).done()));
        is_told(&response);
    }
}

#[test]
fn a_break_before_content_is_the_next_steps_chance() {
    for (broken, class) in [
        (
            "error: {\"code\":429,\"message\":\"slow down\"}\n\n",
            "rate_limited",
        ),
        ("event: error\ndata: slot failed\n\n", "server_error"),
        ("proxy error: Failed to read connection\n\n", "server_error"),
    ] {
        let script = Script::stream().chunk(broken).done();
        falls_back(&Upstream::always(script), true, class);
    }
}

#[test]
fn a_reason_that_says_nothing_is_no_end() {
    for reason in ["", "null", "None", "unspecified"] {
        let script = half().event(&ending(reason)).last_chunk();
        let (_gateway, response) = alone(&Upstream::always(script));
        is_told(&response);
    }
}

/// llama-cpp-python interrupts a stream in this way when the next request comes.
#[test]
fn an_end_mark_alone_is_an_end_only_for_those_that_name_no_reason() {
    let a = Upstream::always(half().done());
    let (gateway, response) = alone(&a);
    is_whole(&response);
    a.then(half().event(&openai::stop()).done());
    is_whole(&gateway.ask("r", true));
    is_told(&gateway.ask("r", true));

    // The body ends in its middle.
    let cut = Upstream::always(half().event("[DONE]").close());
    is_told(&alone(&cut).1);
    // One of two choices has named its reason.
    let two =
        r#"{"choices":[{"index":0,"delta":{"content":"a"}},{"index":1,"delta":{"content":"b"}}]}"#;
    let one_ends = Script::stream().event(two).event(&openai::stop()).done();
    is_told(&alone(&Upstream::always(one_ends)).1);
}

#[test]
fn what_is_said_behind_an_end_mark_that_is_held_back_counts() {
    let script = half()
        .event("[DONE]")
        .event(r#"{"error":{"message":"slot failed"}}"#);
    is_told(&alone(&Upstream::always(script.last_chunk())).1);
}

#[test]
fn an_open_connection_behind_the_end_is_left_in_time() {
    let beat = |script: Script, piece: &str| {
        (0..40).fold(script, |script, _| {
            script.pause(Duration::from_millis(200)).chunk(piece)
        })
    };
    let finished = || half().event(&openai::stop());
    let usage = r#"{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#;
    for script in [
        finished().silence(),
        finished().event(usage).silence(),
        beat(finished(), ": beat\n\n"),
        beat(finished(), "data:\n\n"),
        beat(finished(), "event: ping\ndata: null\n\n"),
        half().event("[DONE]").silence(),
    ] {
        let (_gateway, response) = alone(&Upstream::always(script));
        is_whole(&response);
        assert!(response.spent < Duration::from_secs(6), "{response}");
    }
}

/// A plain request that a stream answers must not wait for a close that never comes either.
#[test]
fn a_stream_that_never_closes_answers_a_plain_request() {
    let script = half().event(&openai::stop()).silence();
    let a = Upstream::always(script);
    let gateway = Config::new()
        .provider("a", &a)
        .route("r", [Step::new("a", "m").with("timeout: 10s")])
        .start();
    let response = gateway.ask("r", false);
    assert_eq!(
        response.json()["choices"][0]["message"]["content"],
        "from a",
        "{response}"
    );
    let of_content_type = "ai_gateway_repairs_total{provider=\"a\",kind=\"content_type\"}";
    assert_eq!(Exposition::of(&gateway).get(of_content_type), None);
}
