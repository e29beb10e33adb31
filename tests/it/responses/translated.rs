//! Answers of providers that speak chat alone, as responses.

use super::*;
use crate::support::{Signal, openai, strict_chat};

/// A route over one provider of chat.
pub fn chat_route(provider: &Upstream) -> Gateway {
    Config::new()
        .provider("a", provider)
        .route("r", [("a", "model-a")])
        .start()
}

/// The response to a request with some members, be it plain or the frame at the end of a stream.
pub fn response_to(gateway: &Gateway, mut members: Value, stream: bool) -> (Value, Response) {
    members["model"] = json!("r");
    members["stream"] = json!(stream);
    let response = post(gateway, &members.to_string());
    assert_eq!(
        (response.status, &response.end),
        (200, &End::Complete),
        "{response}"
    );
    let frame = if stream {
        events(&response).pop().unwrap()["response"].take()
    } else {
        response.json()
    };
    (frame, response)
}

/// The output without its ids, which are random.
pub fn without_ids(output: &Value) -> Value {
    let mut output = output.clone();
    for item in output.as_array_mut().unwrap() {
        let id = item.as_object_mut().unwrap().remove("id").unwrap();
        let id = id.as_str().unwrap();
        assert!(id.contains("_agw") && id.len() <= 64, "{id}");
    }
    output
}

fn text(text: &str) -> Value {
    json!({"type": "message", "role": "assistant", "status": "completed",
        "content": [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}]})
}

fn call(id: &str, arguments: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": "f", "arguments": arguments}})
}

#[test]
fn every_kind_of_answer_becomes_items() {
    let said = |id: &str, arguments: &str| json!({"type": "function_call", "status": "completed", "call_id": id, "name": "f", "arguments": arguments});
    for (message, reason, expected) in [
        (
            json!({"content": "hello there"}),
            "stop",
            json!([text("hello there")]),
        ),
        (
            json!({"content": null, "tool_calls": [call("c", "{\"a\": 1}"), call("d", "")]}),
            "tool_calls",
            json!([said("c", "{\"a\": 1}"), said("d", "{}")]),
        ),
        (
            json!({"content": null, "refusal": "I will not."}),
            "stop",
            json!([{"type": "message", "role": "assistant", "status": "completed", "content": [{"type": "refusal", "refusal": "I will not."}]}]),
        ),
    ] {
        let message = with_role(message);
        let a = strict_chat::answering(message, reason);
        let gateway = chat_route(&a);
        for stream in [false, true] {
            let (frame, response) = response_to(&gateway, json!({"input": "hi"}), stream);
            assert_eq!(without_ids(&frame["output"]), expected, "{response}");
            assert_eq!(frame["status"], "completed");
            assert_eq!(frame["model"], "r");
            let usage = json!({"input_tokens": 13, "input_tokens_details": {"cached_tokens": 10, "cache_write_tokens": 0},
                "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 18});
            assert_eq!(frame["usage"], usage);
        }
        assert_eq!(
            a.requests()[0].head.first_line,
            "POST /v1/chat/completions HTTP/1.1"
        );
    }
}

fn with_role(mut message: Value) -> Value {
    message["role"] = json!("assistant");
    message
}

#[test]
fn the_summary_says_what_was_done() {
    let a = strict_chat::answering(json!({"role": "assistant", "content": "hi"}), "stop");
    let gateway = chat_route(&a);
    let tools = json!([{"type": "web_search"}]);
    for stream in [false, true] {
        let (_, response) = response_to(&gateway, json!({"input": "hi", "tools": tools}), stream);
        assert_eq!(response.header("x-routed-via"), Some("a/model-a"));
        let body = if stream {
            events(&response).remove(0)
        } else {
            response.json()
        };
        let text = response.text();
        let first = text.lines().take(2).last().filter(|_| stream);
        let (_, last) = first
            .unwrap_or(&text)
            .rsplit_once("\"routing_summary\":")
            .unwrap();
        let last = last.trim_end().strip_suffix('}').unwrap();
        let last: Value = serde_json::from_str(last).expect("the last member");
        assert_eq!(last, body["routing_summary"]);
        let step = &body["routing_summary"]["steps"][0];
        assert_eq!(
            (&step["translated"], &step["dropped"]),
            (&json!(true), &json!(["tools.web_search"])),
            "{response}"
        );
        assert_eq!(body["response"].get("routing_summary"), None);
    }
}

#[test]
fn an_answer_that_was_cut_is_incomplete() {
    for (reason, details) in [
        ("length", "max_output_tokens"),
        ("content_filter", "content_filter"),
    ] {
        let a = strict_chat::answering(json!({"role": "assistant", "content": "half an"}), reason);
        let gateway = chat_route(&a);
        for stream in [false, true] {
            let (frame, response) = response_to(&gateway, json!({"input": "hi"}), stream);
            assert_eq!(frame["status"], "incomplete", "{response}");
            assert_eq!(frame["incomplete_details"]["reason"], details);
            assert_eq!(frame["output"][0]["status"], "incomplete");
            if stream {
                assert_eq!(
                    events(&response).last().unwrap()["type"],
                    "response.incomplete"
                );
            }
        }
    }
}

#[test]
fn the_model_is_the_providers_where_the_configuration_says_so() {
    let a = strict_chat::answering(json!({"role": "assistant", "content": "hi"}), "stop");
    let gateway = Config::new()
        .with("response_model: upstream")
        .provider("a", &a)
        .route("r", [("a", "model-a")])
        .start();
    for stream in [false, true] {
        let (frame, response) = response_to(&gateway, json!({"input": "hi"}), stream);
        assert_eq!(frame["model"], openai::UPSTREAM_MODEL, "{response}");
    }
}

/// A person waits in front of it.
#[test]
fn pieces_arrive_as_they_are_made() {
    let more = Signal::new();
    let script = Script::stream()
        .event(&openai::role())
        .event(&openai::text("one"))
        .await_signal(&more)
        .event(&openai::text("two"))
        .event(&openai::stop())
        .done();
    let a = Upstream::always(script);
    let gateway = chat_route(&a);
    let body = responses::request("r", true);
    let mut connection = gateway.connect();
    connection.send(request("POST", "/v1/responses", &[], &body));
    let mut stream = connection.stream();
    assert_eq!(stream.status(), 200);
    let mut arrived = String::new();
    let mut until = |wanted: &str| {
        while !arrived.contains(wanted) {
            let piece = stream.piece().expect("more of the stream");
            arrived.push_str(&String::from_utf8_lossy(&piece));
        }
    };
    until("\"delta\":\"one\"");
    more.give();
    until("\"delta\":\"two\"");
    until("event: response.completed");
}

#[test]
fn limits_and_quirks_of_a_provider_are_kept() {
    let answers = |_: &crate::support::upstream::Request| Script::json(200, &openai::answer("hi"));
    let a = Upstream::answering(answers);
    let gateway = Config::new()
        .provider_with(
            "a",
            &a,
            &["output_limit: max_completion_tokens", "stream_usage: false"],
        )
        .route("r", [("a", "model-a")])
        .start();
    post(
        &gateway,
        r#"{"model":"r","input":"hi","max_output_tokens":7,"stream":true}"#,
    );
    let sent = a.request().json();
    assert_eq!(sent["max_completion_tokens"], 7);
    assert_eq!(sent.get("max_tokens"), None);
    assert_eq!(sent.get("stream_options"), None);
}
