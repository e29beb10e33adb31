//! Bodies of Messages as providers send them.

use serde_json::{Value, json};

use super::Script;

/// What the answers here call their model.
pub const UPSTREAM_MODEL: &str = "upstream-model";

/// A message with these blocks.
pub fn message(content: Value, stop_reason: &str) -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": UPSTREAM_MODEL, "content": content,
        "stop_reason": stop_reason, "stop_sequence": null, "usage": {"input_tokens": 3, "output_tokens": 5},
    })
}

/// A complete answer.
pub fn answer(text: &str) -> String {
    message(json!([{"type": "text", "text": text}]), "end_turn").to_string()
}

/// The event that a stream begins with.
pub fn start() -> Value {
    json!({"type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": UPSTREAM_MODEL, "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 3, "output_tokens": 1}}})
}

/// A piece of text.
pub fn text(text: &str) -> Value {
    json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})
}

/// The event that tells the reason of the end.
pub fn end(stop_reason: &str) -> Value {
    json!({"type": "message_delta", "delta": {"stop_reason": stop_reason, "stop_sequence": null}, "usage": {"output_tokens": 5}})
}

/// An error event.
pub fn error(kind: &str) -> Value {
    json!({"type": "error", "error": {"type": kind, "message": "it went wrong"}})
}

/// The events of a whole stream with these pieces of text.
pub fn events(words: &[&str]) -> Vec<Value> {
    let mut events = vec![
        start(),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "ping"}),
    ];
    events.extend(words.iter().map(|word| text(word)));
    events.push(json!({"type": "content_block_stop", "index": 0}));
    events.push(end("end_turn"));
    events.push(json!({"type": "message_stop"}));
    events
}

/// A stream of these events under their names, which does not end by itself.
pub fn begun(events: &[Value]) -> Script {
    events.iter().fold(Script::stream(), |script, event| {
        let name = event["type"].as_str().unwrap_or_default();
        script.chunk(format!("event: {name}\ndata: {event}\n\n"))
    })
}

/// A whole stream of these events.
pub fn stream(events: &[Value]) -> Script {
    begun(events).last_chunk()
}

/// A request for a route.
pub fn request(route: &str, stream: bool) -> String {
    json!({"model": route, "max_tokens": 1024, "messages": [{"role": "user", "content": "hi"}], "stream": stream}).to_string()
}
