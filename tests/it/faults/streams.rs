//! Streams that fail before they have said anything.

use super::*;

fn events(events: &[&str]) -> Script {
    events
        .iter()
        .fold(Script::stream(), |script, event| script.event(event))
}

fn ended(list: &[&str]) -> Upstream {
    Upstream::always(events(list).last_chunk())
}

fn done(list: &[&str]) -> Upstream {
    Upstream::always(events(list).done())
}

fn comments() -> Script {
    (0..3).fold(Script::stream(), |script, _| {
        script.chunk(": keep-alive\n\n")
    })
}

faults_of! { true;
    the_first_event_is_an_error: "server_error", done(&[r#"{"error":{"message":"failed"}}"#]);
    the_first_event_is_a_rate_limit: "rate_limited", done(&[r#"{"error":{"message":"slow down","code":429}}"#]);
    an_error_after_the_role: "server_error", done(&[&openai::role(), r#"{"error":{"message":"failed","code":502}}"#]);
    an_error_with_choices: "server_error", done(&[
        r#"{"id":"x","choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}],"error":{"message":"failed","code":502}}"#]);
    an_error_named_as_event: "server_error", Upstream::always(
        Script::stream().chunk("event: error\ndata: {\"error\":{\"message\":\"failed\"}}\n\n").last_chunk());
    ends_at_once: "bad_response", ended(&[]);
    ends_after_comments: "bad_response", Upstream::always(comments().last_chunk());
    ends_after_the_role: "bad_response", ended(&[&openai::role()]);
    ends_after_empty_deltas: "bad_response", ended(&[&openai::role(), &openai::text(""), &openai::chunk(json!({}))]);
    is_done_at_once: "empty_answer", done(&[]);
    is_done_after_the_role: "empty_answer", done(&[&openai::role()]);
    is_done_after_a_reason_only: "empty_answer", done(&[&openai::role(), &openai::stop()]);
    has_only_usage: "empty_answer", done(&[&openai::role(), r#"{"choices":[],"usage":{"prompt_tokens":1}}"#]);
    an_event_that_is_no_json: "bad_response", done(&["hello"]);
    an_event_cut_in_its_json: "bad_response", done(&[&openai::text("from a")[..50]]);
    no_events_at_all: "bad_response", Upstream::always(
        Script::body(200, &[("Content-Type", "text/event-stream")], "hello\n\nhello\n\n"));
    /// The last event has no blank line after it and is no JSON either.
    ends_within_an_event: "bad_response", Upstream::always(
        Script::stream().chunk(&format!("data: {}", openai::text("from a"))[..60]).last_chunk());
    html_for_events: "bad_response", Upstream::always(
        Script::body(200, &[("Content-Type", "text/html")], "<!doctype html>"));
    json_without_content_for_events: "empty_answer", Upstream::always(
        Script::json(200, r#"{"id":"x","object":"chat.completion","choices":[]}"#));
    json_error_for_events: "rate_limited", Upstream::always(
        Script::json(200, r#"{"error":{"message":"slow down","code":429}}"#));
}

faults_of! { false;
    events_with_an_error_for_json: "server_error", done(&[r#"{"error":{"message":"failed"}}"#]);
    events_cut_for_json: "bad_response", ended(&[&openai::role(), &openai::text("from a")]);
    events_without_content_for_json: "empty_answer", done(&[&openai::role(), &openai::stop()]);
    /// Assembled, this answer would be a truncated one.
    events_with_an_error_in_the_middle_for_json: "server_error",
        done(&[&openai::text("from a"), r#"{"error":{"message":"failed","code":502}}"#]);
}
