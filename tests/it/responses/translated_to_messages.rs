//! Responses on steps that speak Messages: thinking goes back with its signature, byte for byte.

use super::translated::without_ids;
use super::*;
use crate::support::messages;

const SIGNATURE: &str = "EqQBCkYIBxgCKkDk+/w==";

/// A provider of Messages that thinks, calls a tool, and says what it told.
fn claude() -> Upstream {
    Upstream::answering(|request| {
        assert_eq!(request.head.first_line, "POST /v1/messages HTTP/1.1");
        let body = request.json();
        let turns = body["messages"].as_array().unwrap();
        let content = if turns
            .iter()
            .any(|turn| turn["content"][0]["type"] == "tool_result")
        {
            json!([{"type": "text", "text": "It rains."}])
        } else {
            json!([
                {"type": "thinking", "thinking": "Which city?", "signature": SIGNATURE},
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}},
            ])
        };
        if request.asks_for_a_stream() {
            messages::stream(&events_of(content.as_array().unwrap()))
        } else {
            let whole = messages::message(content, "tool_use");
            Script::json(200, &whole.to_string())
        }
    })
}

/// The events of blocks, with two deltas where that tells more than one.
fn events_of(blocks: &[Value]) -> Vec<Value> {
    let mut events = vec![messages::start()];
    for (index, block) in blocks.iter().enumerate() {
        let (begun, deltas) = match block["type"].as_str().unwrap() {
            "thinking" => (
                json!({"type": "thinking", "thinking": "", "signature": ""}),
                vec![
                    json!({"type": "thinking_delta", "thinking": block["thinking"]}),
                    json!({"type": "signature_delta", "signature": block["signature"]}),
                ],
            ),
            "tool_use" => (
                json!({"type": "tool_use", "id": block["id"], "name": block["name"], "input": {}}),
                vec![
                    json!({"type": "input_json_delta", "partial_json": "{\"city\":"}),
                    json!({"type": "input_json_delta", "partial_json": "\"Oslo\"}"}),
                ],
            ),
            _ => (
                json!({"type": "text", "text": ""}),
                vec![json!({"type": "text_delta", "text": block["text"]})],
            ),
        };
        events.push(json!({"type": "content_block_start", "index": index, "content_block": begun}));
        for delta in deltas {
            events.push(json!({"type": "content_block_delta", "index": index, "delta": delta}));
        }
        events.push(json!({"type": "content_block_stop", "index": index}));
    }
    events.push(messages::end("tool_use"));
    events.push(json!({"type": "message_stop"}));
    events
}

fn ask_with(gateway: &Gateway, input: &Value, stream: bool) -> Value {
    let body = json!({"model": "r", "stream": stream, "input": input, "reasoning": {"effort": "low"}, "instructions": "Be brief.",
        "tools": [{"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}]});
    let response = post(gateway, &body.to_string());
    assert_eq!(
        (response.status, &response.end),
        (200, &End::Complete),
        "{response}"
    );
    if stream {
        events(&response).pop().unwrap()["response"].take()
    } else {
        response.json()
    }
}

#[test]
fn a_conversation_with_thinking_and_a_tool() {
    let a = claude();
    let gateway = Config::new()
        .provider_with("a", &a, &["kind: anthropic"])
        .route(
            "r",
            [Step::new("a", "model-a").with("thinking_budget: 1024")],
        )
        .start();
    for stream in [false, true] {
        let mut input = vec![json!({"role": "user", "content": "Weather?"})];
        let frame = ask_with(&gateway, &json!(input), stream);
        let output = without_ids(&frame["output"]);
        assert_eq!(
            output[0]["summary"],
            json!([{"type": "summary_text", "text": "Which city?"}])
        );
        let cipher = output[0]["encrypted_content"].as_str().unwrap();
        assert!(
            cipher.starts_with("agw1_") && cipher.ends_with(&format!("a_{SIGNATURE}")),
            "{cipher}"
        );
        assert_eq!(output[1]["content"][0]["text"], "I look.");
        assert_eq!(
            output[2],
            json!({"type": "function_call", "status": "completed", "call_id": "toolu_1", "name": "weather",
            "arguments": output[2]["arguments"]})
        );
        let arguments: Value =
            serde_json::from_str(output[2]["arguments"].as_str().unwrap()).unwrap();
        assert_eq!(arguments, json!({"city": "Oslo"}));
        assert!(frame["usage"]["total_tokens"].is_u64(), "{frame}");

        input.extend(frame["output"].as_array().unwrap().clone());
        input.push(json!({"type": "function_call_output", "call_id": "toolu_1", "output": "rain"}));
        let frame = ask_with(&gateway, &json!(input), stream);
        assert_eq!(frame["output"][0]["content"][0]["text"], "It rains.");
        let sent = a.requests().pop().unwrap().json();
        let thinking =
            json!({"type": "thinking", "thinking": "Which city?", "signature": SIGNATURE});
        assert_eq!(sent["messages"][1]["content"][0], thinking, "{sent}");
    }
}

/// A dead chat provider, then Claude, in one route.
#[test]
fn kinds_of_provider_may_be_mixed() {
    let (a, b) = (Upstream::always(Script::json(500, "{}")), claude());
    let gateway = Config::new()
        .provider("a", &a)
        .provider_with("b", &b, &["kind: anthropic"])
        .route("r", [("a", "model-a"), ("b", "model-b")])
        .start();
    for stream in [false, true] {
        let frame = ask_with(&gateway, &json!("Weather?"), stream);
        let calls = frame["output"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|item| item["type"] == "function_call");
        assert_eq!(calls.count(), 1);
    }
}
