//! Clients of chat on routes with steps that speak Messages.

use super::*;
use crate::support::openai;

/// The chat client's side of the same routes.
#[test]
fn chat_clients_are_answered_by_native_steps() {
    for stream in [false, true] {
        let (chat, native) = (
            Upstream::always(Script::json(
                500,
                &openai::error("overheated", "server_error"),
            )),
            saying("from native"),
        );
        let gateway = Config::new()
            .provider("a", &chat)
            .provider_with("b", &native, &[KIND])
            .route("r", [("a", "model-a"), ("b", "model-b")])
            .start();
        let response = gateway.post(&openai::request("r", stream));
        assert_eq!(
            (response.status, &response.end),
            (200, &End::Complete),
            "{response}"
        );
        assert_eq!(response.header("x-routed-via"), Some("b/model-b"));
        if stream {
            let events = response.events();
            let chunks = events
                .iter()
                .filter_map(|data| serde_json::from_str(data).ok());
            let text: String = chunks.map(|chunk: Value| openai::content(&chunk)).collect();
            assert_eq!(text, "from native", "{response}");
        } else {
            assert_eq!(openai::content(&response.json()), "from native");
        }
        let sent = native.request();
        assert_eq!(sent.head.first_line, "POST /v1/messages HTTP/1.1");
        assert_eq!(sent.head.get("anthropic-version"), Some("2023-06-01"));
        let body = sent.json();
        assert_eq!(body["max_tokens"], 8192);
        assert_eq!(body["model"], "model-b");
    }
}

/// A conversation of a chat client with calls, results, an image and instructions, as the native step gets it.
#[test]
fn a_chat_clients_conversation_reaches_a_native_step() {
    let native = saying("from native");
    let gateway = Config::new()
        .provider_with("b", &native, &[KIND])
        .route("r", [Step::new("b", "m").with("max_tokens: 77")])
        .start();
    let call = json!({"id": "call.1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}});
    let body = json!({"model": "r", "messages": [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": [
            {"type": "text", "text": "look"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}}]},
        {"role": "assistant", "content": null, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call.1", "content": "42"},
        {"role": "user", "content": "so?"},
    ], "tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "required",
       "temperature": 1.5, "stop": ["\n", "END"], "user": "u"});
    let response = gateway.post(&body.to_string());
    assert_eq!(response.status, 200, "{response}");
    let sent = native.request().json();
    assert_eq!(
        sent["system"],
        json!([{"type": "text", "text": "be brief"}])
    );
    assert_eq!(
        sent["messages"],
        json!([
            {"role": "user", "content": [
                {"type": "text", "text": "look"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}}]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "call_1", "name": "f", "input": {"a": 1}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "call_1", "content": "42"},
                {"type": "text", "text": "so?"}]},
        ])
    );
    assert_eq!(sent["tool_choice"], json!({"type": "any"}));
    assert_eq!(
        sent["tools"][0]["input_schema"],
        json!({"type": "object", "properties": {}})
    );
    assert_eq!(
        (
            &sent["max_tokens"],
            &sent["temperature"],
            &sent["stop_sequences"],
            &sent["metadata"]
        ),
        (
            &json!(77),
            &json!(1),
            &json!(["END"]),
            &json!({"user_id": "u"})
        )
    );
}
