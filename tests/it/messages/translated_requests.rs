//! Messages on steps that speak chat: what a strict provider is sent, for the conversations that clients have.

use super::*;
use crate::support::{openai, strict_chat};

fn answering() -> (Upstream, Gateway) {
    let upstream = strict_chat::upstream(|request| request.answer("hello"));
    let gateway = Config::new()
        .provider("a", &upstream)
        .route("r", [("a", "model-a")])
        .start();
    (upstream, gateway)
}

/// What the provider is sent for a conversation.
fn sent(members: Value) -> Value {
    let (upstream, gateway) = answering();
    let mut body = json!({"model": "r", "max_tokens": 99});
    for (key, value) in members.as_object().unwrap() {
        body[key] = value.clone();
    }
    let response = post(&gateway, &body.to_string());
    assert_eq!(response.status, 200, "{response}");
    upstream.request().json()
}

fn tool_use(id: &str) -> Value {
    json!({"type": "tool_use", "id": id, "name": "Bash", "input": {"command": "ls"}})
}

fn tool_result(id: &str, content: Value) -> Value {
    json!({"type": "tool_result", "tool_use_id": id, "content": content})
}

/// The shape of nearly every request of Claude Code, which no provider takes as it is.
#[test]
fn what_claude_code_asks_is_what_a_strict_provider_takes() {
    let body = sent(json!({
        "system": [
            {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1"},
            {"type": "text", "text": "You are Claude Code.", "cache_control": {"type": "ephemeral"}},
        ],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "list", "cache_control": {"type": "ephemeral"}}]},
            {"role": "system", "content": "today is Friday"},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": "Er"}, tool_use("toolu_1"), tool_use("toolu_2")]},
            {"role": "user", "content": [
                {"type": "text", "text": "quick"},
                tool_result("toolu_2", json!([
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}}])),
                tool_result("toolu_1", json!("a\nb"))]},
        ],
        "tools": [{"name": "Bash", "description": "d", "input_schema": {
            "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "properties": {}},
            "eager_input_streaming": true}],
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": "high"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "metadata": {"user_id": "{\"device_id\":\"x\"}"},
        "temperature": 1,
        "stream": true,
    }));
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "Bash", "arguments": r#"{"command":"ls"}"#}});
    assert_eq!(
        body["messages"],
        json!([
            {"role": "system", "content": "You are Claude Code."},
            {"role": "user", "content": "list\n\n<system-reminder>\ntoday is Friday\n</system-reminder>"},
            {"role": "assistant", "content": null, "tool_calls": [call("toolu_1"), call("toolu_2")]},
            {"role": "tool", "tool_call_id": "toolu_2", "content": "(no content)"},
            {"role": "tool", "tool_call_id": "toolu_1", "content": "a\nb"},
            {"role": "user", "content": [
                {"type": "text", "text": "Image from tool result toolu_2:"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}},
                {"type": "text", "text": "quick"}]},
        ])
    );
    assert_eq!(body["model"], "model-a");
    assert_eq!(body["stream_options"], json!({"include_usage": true}));
    assert_eq!(
        body["tools"][0]["function"],
        json!({"name": "Bash", "description": "d", "parameters": {"type": "object", "properties": {}}})
    );
}

#[test]
fn interrupted_turns_and_compacted_histories_are_made_whole() {
    let body = sent(json!({"messages": [
        {"role": "user", "content": [tool_result("gone", json!("x"))]},
        {"role": "assistant", "content": [tool_use("toolu_1"), tool_use("toolu_2")]},
        {"role": "user", "content": [tool_result("toolu_1", json!("y"))]},
        {"role": "user", "content": "[Request interrupted by user]"},
        {"role": "assistant", "content": [tool_use("toolu_3")]},
    ]}));
    let found: Vec<_> = body["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| {
            (
                message["role"].as_str().unwrap(),
                message["content"].as_str().unwrap_or("-"),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("user", "Tool result gone: x"),
            ("assistant", "-"),
            ("tool", "y"),
            ("tool", "(no result)"),
            ("user", "[Request interrupted by user]"),
            ("assistant", "-"),
            ("tool", "(no result)"),
        ]
    );
}

/// n8n sends a PDF so, and Cline a choice.
#[test]
fn documents_and_choices_arrive() {
    let body = sent(json!({
        "messages": [{"role": "user", "content": [
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}},
            {"type": "text", "text": "what is it?"}]}],
        "tools": [{"name": "f", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": true},
        "stop_sequences": ["a", "b", "c", "d", "e"],
    }));
    let file = &body["messages"][0]["content"][0];
    assert_eq!(file["type"], "file");
    assert_eq!(
        file["file"]["file_data"],
        "data:application/pdf;base64,JVBE"
    );
    assert_eq!(body["tool_choice"], "required");
    assert_eq!(body["parallel_tool_calls"], false);
    assert_eq!(body["stop"], json!(["a", "b", "c", "d"]));
}

/// A block without an equivalent passes the step over; if no step takes it, the block is named.
#[test]
fn what_chat_cannot_say_is_for_native_steps() {
    let chat = strict_chat::upstream(|request| request.answer("from chat"));
    let native = saying("from native");
    let gateway = Config::new()
        .provider("a", &chat)
        .provider_with("b", &native, &[KIND, "server_tools: true"])
        .route("both", [("a", "m"), ("b", "m")])
        .route("chat", [("a", "m")])
        .start();
    let file = json!({"type": "image", "source": {"type": "file", "file_id": "f"}});
    let search = json!([{"type": "web_search_20250305", "name": "web_search"}]);
    let editor = json!([{"type": "text_editor_20250728", "name": "edit"}]);
    for (content, tools, words) in [
        (
            json!([{"type": "text", "text": "a"}, file]),
            json!([]),
            "messages.0.content.1: ",
        ),
        (json!("hi"), search, "no tool but the provider's own"),
        (json!("hi"), editor, "tools.0: "),
    ] {
        let body = |route: &str| {
            json!({"model": route, "max_tokens": 9, "messages": [{"role": "user", "content": content}], "tools": tools})
                .to_string()
        };
        let response = post(&gateway, &body("both"));
        assert_eq!(response.header("x-routed-via"), Some("b/m"), "{response}");
        let response = post(&gateway, &body("chat"));
        assert_eq!(response.status, 400, "{response}");
        let error = response.json();
        assert_eq!(error["error"]["type"], "invalid_request_error");
        assert!(
            error["error"]["message"].as_str().unwrap().contains(words),
            "{error}"
        );
    }
    assert_eq!(chat.requests().len(), 0);
}

/// The words that start Claude Code's compaction; a 413 does not.
#[test]
fn a_prompt_that_is_too_long_is_told_so() {
    let upstream = Upstream::always(Script::json(
        400,
        &openai::error(
            "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.",
            "context_length_exceeded",
        ),
    ));
    let gateway = Config::new()
        .provider("a", &upstream)
        .route("r", [("a", "m")])
        .start();
    let response = ask(&gateway, false);
    assert_eq!(response.status, 400, "{response}");
    assert_eq!(
        response.json()["error"]["message"],
        "prompt is too long: 9001 tokens > 8192 maximum"
    );
}

/// llama.cpp tells the numbers beside its words, whichever dialect it is asked in.
#[test]
fn the_numbers_of_a_prompt_that_is_too_long_are_llama_cpps_members() {
    let refusal = r#"{"error":{"code":400,"message":"the request exceeds the available context size, try increasing it","type":"exceed_context_size_error","n_prompt_tokens":5012,"n_ctx":4096}}"#;
    let upstream = Upstream::always(Script::json(400, refusal));
    for kind in ["kind: openai", KIND] {
        let gateway = Config::new()
            .provider_with("a", &upstream, &[kind])
            .route("r", [("a", "m")])
            .start();
        let response = ask(&gateway, false);
        assert_eq!(response.status, 400, "{response}");
        let error = &response.json()["error"];
        assert_eq!(
            error["message"],
            "prompt is too long: 5012 tokens > 4096 maximum"
        );
    }
}

/// DeepSeek and Kimi want it back, and whoever runs another such model says so.
#[test]
fn thinking_goes_back_where_the_step_says_so() {
    for (setting, expected) in [
        ("reasoning_replay: true", json!("hm")),
        ("reasoning_replay: false", Value::Null),
    ] {
        let upstream = Upstream::saying("hello");
        let gateway = Config::new()
            .with("ollama: {enabled: true}")
            .provider("a", &upstream)
            .route("r", [Step::new("a", "m").with(setting)])
            .start();
        let block = json!({"type": "thinking", "thinking": "hm", "signature": "aigw:0000"});
        let of_messages = json!([{"role": "user", "content": "hi"},
            {"role": "assistant", "content": [block, {"type": "text", "text": "a"}]}, {"role": "user", "content": "b"}]);
        let of_ollama = json!([{"role": "user", "content": "hi"},
            {"role": "assistant", "thinking": "hm", "content": "a"}, {"role": "user", "content": "b"}]);
        for (path, messages) in [("/v1/messages", of_messages), ("/api/chat", of_ollama)] {
            let body =
                json!({"model": "r", "max_tokens": 9, "stream": false, "messages": messages});
            let response = gateway.exchange(request("POST", path, &[], &body.to_string()));
            assert_eq!(response.status, 200, "{response}");
            let sent = upstream.requests().pop().unwrap().json();
            assert_eq!(sent["messages"][1]["content"], "a");
            assert_eq!(sent["messages"][1]["reasoning_content"], expected, "{path}");
        }
    }
}

/// n8n's test of a credential: a model that thinks has nothing to show for one token.
#[test]
fn a_probe_with_one_token_is_answered() {
    let upstream = strict_chat::upstream(|_| {
        let message = json!({"role": "assistant", "content": ""});
        Script::json(200, &strict_chat::whole(&message, "length"))
    });
    let gateway = Config::new()
        .provider("a", &upstream)
        .route("r", [("a", "m")])
        .start();
    let probe = r#"{"model":"r","max_tokens":1,"messages":[{"role":"user","content":"Hey"}]}"#;
    let response = post(&gateway, probe);
    assert_eq!(response.status, 200, "{response}");
    let message = response.json();
    assert_eq!(
        (&message["content"], &message["stop_reason"]),
        (&json!([]), &json!("max_tokens"))
    );
}
