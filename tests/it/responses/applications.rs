//! What applications were seen to need of streams, by leaving it out, and to send that a provider of chat does not take.

use super::translated::{chat_route, response_to};
use super::*;
use crate::support::{messages, strict_chat};

/// A turn that thinks, speaks and calls two tools.
fn turn() -> Value {
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}});
    json!({"role": "assistant", "reasoning_content": "hm", "content": "I look.", "tool_calls": [call("c1"), call("c2")]})
}

/// Routes whose providers give that turn in each way: `chat` as a stream, `chat-whole` without one though it was asked for,
/// `responses-whole` and `messages-whole` likewise in their dialects.
fn routes() -> (Vec<Upstream>, Gateway) {
    let chat = strict_chat::answering(turn(), "tool_calls");
    let whole = Upstream::always(Script::json(
        200,
        &strict_chat::whole(&turn(), "tool_calls"),
    ));
    let item = |id: &str| {
        json!({"type": "function_call", "id": format!("fc_{id}"), "call_id": id, "name": "f",
            "arguments": "{\"a\":1}", "status": "completed"})
    };
    let output = json!([
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]},
        responses::message("I look."), item("c1"), item("c2")]);
    let frame = responses::frame("completed", output);
    let native = Upstream::always(Script::json(200, &frame.to_string()));
    let block = |id: &str| json!({"type": "tool_use", "id": id, "name": "f", "input": {"a": 1}});
    let content = json!([
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "text", "text": "I look."}, block("c1"), block("c2")]);
    let message = messages::message(content, "tool_use");
    let claude = Upstream::always(Script::json(200, &message.to_string()));
    let gateway = Config::new()
        .provider("chat", &chat)
        .provider("chat-whole", &whole)
        .provider_with("responses-whole", &native, &["responses: true"])
        .provider_with("messages-whole", &claude, &["kind: anthropic"])
        .route("chat", [("chat", "m")])
        .route("chat-whole", [("chat-whole", "m")])
        .route("responses-whole", [("responses-whole", "m")])
        .route("messages-whole", [("messages-whole", "m")])
        .start();
    (vec![chat, whole, native, claude], gateway)
}

/// Codex takes an answer without `output_item.done` or `completed` for none, pi one without `output_item.added`, and the
/// Copilot CLI one whose `completed` has not all of the output.
#[test]
fn streams_have_what_codex_pi_and_copilot_fail_without() {
    let (_providers, gateway) = routes();
    for route in ["chat", "chat-whole", "responses-whole", "messages-whole"] {
        let response = post(&gateway, &responses::request(route, true));
        assert_eq!(response.status, 200, "{response}");
        let events = events(&response);
        let of = |kind: &str| -> Vec<&Value> {
            let found = events.iter().filter(|event| event["type"] == kind);
            found.collect()
        };
        let last = events.last().unwrap();
        assert_eq!(last["type"], "response.completed", "{route}");
        assert!(last["response"]["id"].is_string());
        let items = |events: Vec<&Value>| -> Vec<Value> {
            events.iter().map(|event| event["item"].clone()).collect()
        };
        let done = items(of("response.output_item.done"));
        let kinds: Vec<_> = done
            .iter()
            .map(|item| item["type"].as_str().unwrap())
            .collect();
        let expected = ["reasoning", "message", "function_call", "function_call"];
        assert_eq!(kinds, expected, "{route}: {response}");
        assert_eq!(last["response"]["output"], json!(done), "{route}");
        let begun = items(of("response.output_item.added"));
        let ids = |items: &[Value]| -> Vec<Value> {
            items.iter().map(|item| item["id"].clone()).collect()
        };
        assert_eq!(ids(&begun), ids(&done), "{route}");
        for event in events.iter().filter(|event| event.get("item_id").is_some()) {
            let index = event["output_index"].as_u64().unwrap() as usize;
            assert_eq!(event["item_id"], begun[index]["id"], "{route}: {event}");
        }
    }
}

/// Codex sends groups of tools and `web_search`, Cline `image_generation`, Home Assistant calls without id or status,
/// instructor items without a type, n8n a format of nothing: a strict provider takes what is made of them.
#[test]
fn requests_of_applications_reach_a_strict_provider() {
    let function = json!({"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}});
    let user = json!({"role": "user", "content": "hi"});
    let plain = || vec![user.clone()];
    let asked = json!({"role": "assistant", "content": null, "tool_calls": [
        {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]});
    for (application, body, tools, messages) in [
        (
            "Codex",
            json!({"input": "hi", "tool_choice": "auto", "parallel_tool_calls": true, "tools": [
                {"type": "namespace", "name": "mcp__docs", "description": "d", "tools": [function]}, {"type": "web_search"}]}),
            vec!["mcp__docs__f"],
            plain(),
        ),
        (
            "Codex without a server of tools",
            json!({"input": "hi", "tool_choice": "auto", "parallel_tool_calls": false, "tools": [{"type": "web_search"}]}),
            vec![],
            plain(),
        ),
        (
            "Cline",
            json!({"input": "hi", "tools": [{"type": "image_generation", "output_format": "png"}, function]}),
            vec!["f"],
            plain(),
        ),
        (
            "Home Assistant",
            json!({"store": false, "tools": [function], "input": [
                {"type": "message", "role": "user", "content": "hi"},
                {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "c"},
                {"type": "function_call_output", "call_id": "c", "output": "{\"ok\":true}"}]}),
            vec!["f"],
            vec![
                user.clone(),
                asked,
                json!({"role": "tool", "tool_call_id": "c", "content": "{\"ok\":true}"}),
            ],
        ),
        (
            "instructor",
            json!({"input": [{"role": "system", "content": "s"}, user], "tools": [function],
                "tool_choice": {"type": "function", "name": "f"}}),
            vec!["f"],
            vec![json!({"role": "system", "content": "s"}), user.clone()],
        ),
        (
            "n8n",
            json!({"input": [user], "text": {"format": {}}, "top_logprobs": 0}),
            vec![],
            plain(),
        ),
    ] {
        let a = strict_chat::answering(json!({"role": "assistant", "content": "yes"}), "stop");
        let gateway = chat_route(&a);
        for stream in [false, true] {
            let (frame, response) = response_to(&gateway, body.clone(), stream);
            let said = &frame["output"][0]["content"][0]["text"];
            assert_eq!(said, "yes", "{application}: {response}");
            let sent = a.requests().pop().unwrap().json();
            let names = sent["tools"].as_array().into_iter().flatten();
            let names: Vec<_> = names.map(|tool| tool["function"]["name"].clone()).collect();
            assert_eq!(names, tools, "{application}");
            assert_eq!(sent["messages"], json!(messages), "{application}");
        }
    }
}
