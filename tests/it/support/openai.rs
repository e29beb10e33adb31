//! Bodies as providers send them.

use serde_json::{Value, json};

/// What [`super::Upstream::saying`] calls its model.
pub const UPSTREAM_MODEL: &str = "upstream-model";

/// A complete chat completion.
pub fn answer(text: &str) -> String {
    let text = json!(text);
    format!(
        r#"{{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"{UPSTREAM_MODEL}","choices":[{{"index":0,"message":{{"role":"assistant","content":{text}}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}}}}"#
    )
}

/// A chunk with this delta.
pub fn chunk(delta: Value) -> String {
    chunk_of(json!([{"index": 0, "delta": delta, "finish_reason": null}]))
}

/// A chunk with these choices.
pub fn chunk_of(choices: Value) -> String {
    format!(
        r#"{{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"{UPSTREAM_MODEL}","choices":{choices}}}"#
    )
}

/// A chunk with text.
pub fn text(content: &str) -> String {
    chunk(json!({ "content": content }))
}

/// The chunk without content that most providers begin with.
pub fn role() -> String {
    chunk(json!({"role": "assistant", "content": ""}))
}

/// The chunk that ends a choice.
pub fn stop() -> String {
    chunk_of(json!([{"index": 0, "delta": {}, "finish_reason": "stop"}]))
}

/// The events of a whole stream without `[DONE]`: the role, the words, the end.
pub fn events(words: &[&str]) -> Vec<String> {
    let mut events = vec![role()];
    events.extend(words.iter().map(|word| text(word)));
    events.push(stop());
    events
}

/// A provider's error body.
pub fn error(message: &str, code: &str) -> String {
    json!({"error": {"message": message, "type": "provider_error", "code": code}}).to_string()
}

/// A provider's list of models.
pub fn models(names: &[&str]) -> String {
    let data: Vec<Value> = names
        .iter()
        .map(|name| json!({"id": name, "object": "model", "created": 1, "owned_by": "mock"}))
        .collect();
    json!({"object": "list", "data": data}).to_string()
}

/// A chat request for a route.
pub fn request(route: &str, stream: bool) -> String {
    json!({"model": route, "messages": [{"role": "user", "content": "hi"}], "stream": stream})
        .to_string()
}

/// The text of an answer or, for chunks, of their deltas.
pub fn content(body: &Value) -> String {
    let choice = &body["choices"][0];
    let content = [&choice["message"]["content"], &choice["delta"]["content"]];
    content
        .iter()
        .find_map(|text| text.as_str())
        .unwrap_or_default()
        .to_owned()
}
