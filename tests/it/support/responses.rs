//! Bodies of Responses as providers send them.

use serde_json::{Value, json};

use super::Script;

/// What the answers here call their model.
pub const UPSTREAM_MODEL: &str = "upstream-model";

/// A `response` object with these items.
pub fn frame(status: &str, output: Value) -> Value {
    json!({
        "id": "resp_1", "object": "response", "created_at": 1700000000, "status": status, "error": null,
        "incomplete_details": null, "instructions": null, "metadata": {}, "model": UPSTREAM_MODEL, "output": output,
        "parallel_tool_calls": true, "temperature": 1.0, "tool_choice": "auto", "tools": [], "top_p": 1.0,
        "usage": if status == "in_progress" { Value::Null } else { json!({
            "input_tokens": 3, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 5,
            "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 8}) },
    })
}

/// A message with a text.
pub fn message(text: &str) -> Value {
    json!({"id": "msg_1", "type": "message", "role": "assistant", "status": "completed",
        "content": [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}]})
}

/// A complete answer.
pub fn answer(text: &str) -> String {
    frame("completed", json!([message(text)])).to_string()
}

/// The events of a whole stream with these pieces of text.
pub fn events(words: &[&str]) -> Vec<Value> {
    let place = json!({"item_id": "msg_1", "output_index": 0, "content_index": 0});
    let text = words.concat();
    let part = |text: &str| json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []});
    let mut events = vec![
        json!({"type": "response.created", "response": frame("in_progress", json!([]))}),
        json!({"type": "response.in_progress", "response": frame("in_progress", json!([]))}),
        json!({"type": "response.output_item.added", "output_index": 0, "item":
            {"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}}),
        at(
            &place,
            json!({"type": "response.content_part.added", "part": part("")}),
        ),
    ];
    for word in words {
        events.push(at(
            &place,
            json!({"type": "response.output_text.delta", "delta": word, "logprobs": []}),
        ));
    }
    events.push(at(
        &place,
        json!({"type": "response.output_text.done", "text": text, "logprobs": []}),
    ));
    events.push(at(
        &place,
        json!({"type": "response.content_part.done", "part": part(&text)}),
    ));
    events.push(
        json!({"type": "response.output_item.done", "output_index": 0, "item": message(&text)}),
    );
    events.push(json!({"type": "response.completed", "response": frame("completed", json!([message(&text)]))}));
    numbered(events)
}

fn at(place: &Value, mut event: Value) -> Value {
    let members = event.as_object_mut().unwrap();
    members.extend(place.as_object().unwrap().clone());
    event
}

/// The events with their numbers.
pub fn numbered(events: Vec<Value>) -> Vec<Value> {
    let numbered = events.into_iter().enumerate().map(|(number, mut event)| {
        event["sequence_number"] = json!(number);
        event
    });
    numbered.collect()
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
    json!({"model": route, "input": "hi", "stream": stream}).to_string()
}
