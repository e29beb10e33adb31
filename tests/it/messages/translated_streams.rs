//! Messages on steps that speak chat: what their streams become, to the last event.

use super::*;
use crate::support::{openai, strict_chat};

/// A route whose only step speaks chat, and answers with these chunks, or with the whole answer.
fn chat(chunks: Vec<String>, whole: String) -> (Upstream, Gateway) {
    let upstream = strict_chat::upstream(move |request| {
        if request.asks_for_a_stream() {
            Script::events(chunks.clone())
        } else {
            Script::json(200, &whole)
        }
    });
    let gateway = Config::new()
        .provider("a", &upstream)
        .route("r", [("a", "model-a")])
        .start();
    (upstream, gateway)
}

/// The final message of a stream, put together as the libraries do: a delta needs its block to be open.
fn final_message(events: &[Value]) -> Value {
    let mut message = events[0]["message"].clone();
    let mut inputs: Vec<String> = Vec::new();
    let mut open = None;
    for event in &events[1..] {
        let index = event["index"].as_u64().unwrap_or_default() as usize;
        match event["type"].as_str().unwrap() {
            "content_block_start" => {
                assert_eq!(open.replace(index), None);
                let content = message["content"].as_array_mut().unwrap();
                assert_eq!(content.len(), index);
                content.push(event["content_block"].clone());
                inputs.push(String::new());
            }
            "content_block_delta" => {
                assert_eq!(open, Some(index));
                let delta = &event["delta"];
                let block = &mut message["content"][index];
                for member in ["text", "thinking", "signature"] {
                    if let Some(text) = delta[member].as_str() {
                        let longer = block[member].as_str().unwrap().to_owned() + text;
                        block[member] = json!(longer);
                    }
                }
                inputs[index] += delta["partial_json"].as_str().unwrap_or_default();
            }
            "content_block_stop" => {
                assert_eq!(open.take(), Some(index));
                if !inputs[index].is_empty() {
                    message["content"][index]["input"] =
                        serde_json::from_str(&inputs[index]).unwrap();
                }
            }
            "message_delta" => {
                for member in ["stop_reason", "stop_sequence"] {
                    message[member] = event["delta"][member].clone();
                }
                for (key, value) in event["usage"].as_object().unwrap() {
                    message["usage"][key] = value.clone();
                }
            }
            "message_stop" | "ping" => {}
            other => panic!("{other}"),
        }
    }
    message
}

fn without_ids(mut message: Value) -> Value {
    let members = message.as_object_mut().unwrap();
    members.remove("routing_summary");
    message
}

/// A client must not see whether it was answered in pieces.
#[test]
fn plain_and_streamed_answers_say_the_same() {
    let call = |id: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": arguments}});
    let thinking = json!({"type": "adaptive"});
    for (chunks, whole, content, stop_reason) in [
        (
            [
                openai::events(&["Hel", "lo \"x\"\n"]),
                vec![strict_chat::usage()],
            ]
            .concat(),
            (
                json!({"role": "assistant", "content": "Hello \"x\"\n"}),
                "stop",
            ),
            json!([{"type": "text", "text": "Hello \"x\"\n"}]),
            "end_turn",
        ),
        (
            vec![
                openai::role(),
                openai::chunk(json!({"reasoning_content": "hm"})),
                openai::text("a"),
                strict_chat::ended("length"),
                strict_chat::usage(),
            ],
            (
                json!({"role": "assistant", "content": "a", "reasoning_content": "hm"}),
                "length",
            ),
            json!([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "a"}]),
            "max_tokens",
        ),
        (
            strict_chat::calling(&[("call_1", "f", r#"{"a":1}"#), ("call_2", "f", "{}")]),
            (
                json!({"role": "assistant", "content": null,
                    "tool_calls": [call("call_1", r#"{"a":1}"#), call("call_2", "{}")]}),
                "tool_calls",
            ),
            json!([
                {"type": "tool_use", "id": "call_1", "name": "f", "input": {"a": 1}},
                {"type": "tool_use", "id": "call_2", "name": "f", "input": {}}
            ]),
            "tool_use",
        ),
        (
            vec![
                openai::role(),
                openai::chunk(json!({"refusal": "no"})),
                openai::stop(),
                strict_chat::usage(),
            ],
            (
                json!({"role": "assistant", "content": null, "refusal": "no"}),
                "stop",
            ),
            json!([{"type": "text", "text": "no"}]),
            "refusal",
        ),
    ] {
        let (_upstream, gateway) = chat(chunks, strict_chat::whole(&whole.0, whole.1));
        let asked = |stream: bool| {
            let body = json!({"model": "r", "max_tokens": 99, "stream": stream, "thinking": thinking,
                "messages": [{"role": "user", "content": "hi"}]});
            post(&gateway, &body.to_string())
        };
        let plain = asked(false);
        assert_eq!(plain.status, 200, "{plain}");
        let streamed = asked(true);
        assert_eq!(
            (streamed.status, &streamed.end),
            (200, &End::Complete),
            "{streamed}"
        );
        let events = events(&streamed);
        // The estimate, for Claude Code's meter; the real counts come at the end.
        assert_eq!(
            events[0]["message"]["usage"],
            json!({"input_tokens": 9, "output_tokens": 0})
        );
        assert_eq!(events[0]["message"]["routing_summary"]["route_name"], "r");
        let mut message = without_ids(final_message(&events));
        assert_eq!(message, without_ids(plain.json()));
        assert_eq!(message["model"], "r");
        assert_eq!(message["id"], "msg_1");
        assert_eq!(message["stop_reason"], stop_reason);
        assert_eq!(
            message["usage"],
            json!({
            "input_tokens": 3, "cache_read_input_tokens": 10, "cache_creation_input_tokens": 0, "output_tokens": 5})
        );
        if let Some(signature) = message["content"][0]
            .as_object_mut()
            .unwrap()
            .remove("signature")
        {
            assert!(
                signature.as_str().unwrap().starts_with("aigw:"),
                "{signature}"
            );
        }
        assert_eq!(message["content"], content);
    }
}

/// Claude Code asks for everything a second time, without a stream, where `message_start` or the names of events are
/// missing. A provider that answers whole though a stream was asked for makes the same events.
#[test]
fn streams_have_what_claude_code_asks_twice_without() {
    let message = json!({"role": "assistant", "content": "hi", "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}}]});
    let whole = strict_chat::whole(&message, "tool_calls");
    let content = json!([{"type": "text", "text": "hi"},
        {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}}]);
    let native = messages::message(content.clone(), "tool_use").to_string();
    for (kind, provider) in [
        (
            "kind: openai",
            strict_chat::answering(message, "tool_calls"),
        ),
        ("kind: openai", Upstream::always(Script::json(200, &whole))),
        (KIND, Upstream::always(Script::json(200, &native))),
    ] {
        let gateway = Config::new()
            .provider_with("a", &provider, &[kind])
            .route("r", [("a", "m")])
            .start();
        let response = ask(&gateway, true);
        let events = events(&response);
        assert_eq!(events[0]["type"], "message_start", "{response}");
        let usage = &events[0]["message"]["usage"];
        assert!(usage["input_tokens"].is_u64() && usage["output_tokens"].is_u64());
        assert_eq!(final_message(&events)["content"], content, "{response}");
        let text = response.text();
        let blocks = text.split("\n\n").filter(|block| !block.is_empty());
        assert!(
            blocks.clone().all(|block| block.starts_with("event: ")),
            "{text}"
        );
        assert_eq!(provider.requests().len(), 1);
    }
}

/// Claude Code drops a call whose id it knows, and asks again without an end; Gemini and llama.cpp repeat ids.
#[test]
fn ids_that_repeat_are_made_new() {
    let (_upstream, gateway) = chat(
        strict_chat::calling(&[
            ("call_0", "f", "{}"),
            ("call.x", "f", "{}"),
            ("call_1", "f", "{}"),
        ]),
        String::new(),
    );
    let body = json!({"model": "r", "max_tokens": 99, "stream": true, "messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "call_0", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_0", "content": "x"}]},
    ]});
    let response = post(&gateway, &body.to_string());
    let message = final_message(&events(&response));
    let ids: Vec<_> = (0..3)
        .map(|index| message["content"][index]["id"].as_str().unwrap())
        .collect();
    assert!(
        ids[0].starts_with("toolu_") && ids[1].starts_with("toolu_"),
        "{ids:?}"
    );
    assert_ne!(ids[0], ids[1]);
    assert_eq!(ids[2], "call_1");
}

/// A client that did not ask for thinking takes the first block for the answer.
#[test]
fn reasoning_that_nobody_asked_for_is_a_ping() {
    let (_upstream, gateway) = chat(
        vec![
            openai::role(),
            openai::chunk(json!({"reasoning_content": "hm"})),
            openai::text("a"),
            openai::stop(),
        ],
        String::new(),
    );
    let response = ask(&gateway, true);
    let events = events(&response);
    assert_eq!(
        kinds(&events),
        [
            "message_start",
            "ping",
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop"
        ]
    );
}

/// Comments of the provider are no events; pings that stand for them come a while apart.
#[test]
fn signs_of_life_are_no_events_of_another_kind() {
    let upstream = Upstream::always(
        Script::stream()
            .event(&openai::text("a"))
            .chunk(": still there\n\n")
            .event(&openai::text("b"))
            .event(&openai::stop())
            .done(),
    );
    let gateway = Config::new()
        .provider("a", &upstream)
        .route("r", [("a", "m")])
        .start();
    let response = ask(&gateway, true);
    let found = events(&response);
    assert!(!response.text().contains("still there"), "{response}");
    assert_eq!(final_message(&found)["content"][0]["text"], "ab");
}

/// Both libraries take a bare end for a whole message.
#[test]
fn a_stream_that_breaks_ends_with_an_error_event() {
    for ending in [
        Script::default().close(),
        Script::default().last_chunk(),
        Script::default().silence(),
        Script::default()
            .event(&openai::error("it went wrong", "server_error"))
            .last_chunk(),
    ] {
        let begun = Script::stream()
            .event(&openai::role())
            .event(&openai::text("one"))
            .pause(std::time::Duration::from_millis(50));
        let a = Upstream::always(Script {
            actions: [begun.actions, ending.actions].concat(),
        });
        let b = saying("from b");
        let gateway = Config::new()
            .provider("a", &a)
            .provider_with("b", &b, &[KIND])
            .route(
                "r",
                [
                    Step::new("a", "m").with("stall_timeout: 300ms"),
                    Step::new("b", "m"),
                ],
            )
            .start();
        let response = ask(&gateway, true);
        assert_eq!(
            (response.status, &response.end),
            (200, &End::Complete),
            "{response}"
        );
        let events = events(&response);
        assert_eq!(
            kinds(&events)[..3],
            [
                "message_start",
                "content_block_start",
                "content_block_delta"
            ]
        );
        let error = events.last().unwrap();
        assert_eq!(
            (&error["type"], &error["error"]["type"]),
            (&json!("error"), &json!("api_error"))
        );
        assert_eq!(error["request_id"].as_str(), response.header("request-id"));
        assert_eq!(b.requests().len(), 0, "a second answer was begun");
    }
}

/// The start of a call is the commit point of a stream; a plain answer can still come from another step.
#[test]
fn half_a_call_is_no_call() {
    let call =
        json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": "{\"a\":"}});
    let chunks = vec![
        openai::role(),
        openai::chunk(
            json!({"tool_calls": [{"index": 0, "id": "c", "type": "function",
            "function": {"name": "f", "arguments": "{\"a\":"}}]}),
        ),
        strict_chat::ended("tool_calls"),
    ];
    let whole = strict_chat::whole(
        &json!({"role": "assistant", "content": null, "tool_calls": [call]}),
        "tool_calls",
    );
    let a = strict_chat::upstream(move |request| {
        if request.asks_for_a_stream() {
            Script::events(chunks.clone())
        } else {
            Script::json(200, &whole)
        }
    });
    let b = saying("from b");
    let gateway = Config::new()
        .provider("a", &a)
        .provider_with("b", &b, &[KIND])
        .route("r", [("a", "m"), ("b", "m")])
        .start();
    let plain = ask(&gateway, false);
    assert_eq!(plain.header("x-routed-via"), Some("b/m"), "{plain}");
    assert_eq!(
        plain.json()["routing_summary"]["steps"][0]["class"],
        "bad_response"
    );
    let streamed = Config::new()
        .provider("a", &a)
        .route("r", [("a", "m")])
        .start();
    let response = ask(&streamed, true);
    assert_eq!(
        events(&response).last().unwrap()["type"],
        "error",
        "{response}"
    );
}

/// llama-cpp-python ends this way. To Anthropic's packages an end without an event is a whole message.
#[test]
fn a_call_that_is_half_at_an_end_without_a_reason_is_told_as_broken() {
    let a = Upstream::always(
        Script::events([
            openai::role(),
            openai::chunk(
                json!({"tool_calls": [{"index": 0, "id": "c", "type": "function",
                "function": {"name": "f", "arguments": "{\"a\":"}}]}),
            ),
        ])
        .done(),
    );
    let gateway = Config::new()
        .provider("a", &a)
        .route("r", [("a", "m")])
        .start();
    let response = ask(&gateway, true);
    assert_eq!(
        events(&response).last().unwrap()["type"],
        "error",
        "{response}"
    );
}

/// A picture cannot be said in Messages: another step may say it in words.
#[test]
fn an_answer_that_cannot_be_said_goes_to_the_next_step() {
    let picture = json!({"role": "assistant", "content": "", "images": [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]});
    let a = Upstream::always(Script::json(200, &strict_chat::whole(&picture, "stop")));
    let b = saying("in words");
    let gateway = Config::new()
        .provider("a", &a)
        .provider_with("b", &b, &[KIND])
        .route("r", [("a", "m"), ("b", "m")])
        .start();
    let response = ask(&gateway, false);
    assert_eq!(response.header("x-routed-via"), Some("b/m"), "{response}");
    let steps = &response.json()["routing_summary"]["steps"];
    assert_eq!(steps[0]["class"], "empty_answer", "{response}");
}
