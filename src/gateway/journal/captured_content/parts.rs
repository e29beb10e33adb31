//! The parts of a message, in the words of the conventions.

use serde_json::{Value, json};

use super::room::{CaptureRoom, MOST_PARTS, text, text_of};
use crate::json::raw;

/// The parts of a message as chat has it: its content, and what stands beside it.
pub(super) fn of_message(message: &str, room: &mut CaptureRoom<'_>) -> Vec<Value> {
    let mut parts = Vec::new();
    for (member, kind) in [
        ("reasoning_content", "reasoning"),
        ("thinking", "reasoning"),
        ("refusal", "text"),
    ] {
        let words = text(message, member);
        if !words.is_empty() {
            parts.push(json!({"type": kind, "content": room.take(&words)}));
        }
    }
    let content = raw::member(message, "content").unwrap_or_default();
    add_content(&mut parts, content, room);
    let calls = raw::member(message, "tool_calls").unwrap_or_default();
    let _ = raw::each_item(calls, &mut |call| {
        if parts.len() < MOST_PARTS {
            let function = raw::member(call, "function").unwrap_or_default();
            let arguments = raw::member(function, "arguments").unwrap_or_default();
            parts.push(json!({
                "type": "tool_call",
                "id": room.member(call, "id"),
                "name": room.member(function, "name"),
                // An object in Ollama's API.
                "arguments": match text_of(arguments) {
                    Some(words) => room.take(&words),
                    None => room.take(arguments),
                },
            }));
        }
    });
    parts
}

/// The parts of a content: a text, or an array of texts and of objects with a `type`.
pub(super) fn of_content(content: &str, room: &mut CaptureRoom<'_>) -> Vec<Value> {
    let mut parts = Vec::new();
    add_content(&mut parts, content, room);
    parts
}

fn add_content(parts: &mut Vec<Value>, content: &str, room: &mut CaptureRoom<'_>) {
    if let Some(words) = text_of(content) {
        parts.push(json!({"type": "text", "content": room.take(&words)}));
    }
    // What is no array has no items.
    let _ = raw::each_item(content, &mut |item| {
        if parts.len() < MOST_PARTS && !room.is_full() {
            let part = part(item, room);
            // Token ids are many, and say nothing each.
            if parts.last() != Some(&part) || part != json!({"type": "token_ids"}) {
                parts.push(part);
            }
        }
    });
}

/// A part of a message. Of images, files and whatever else only its kind is shown.
pub(super) fn part(item: &str, room: &mut CaptureRoom<'_>) -> Value {
    if let Some(words) = text_of(item) {
        return json!({"type": "text", "content": room.take(&words)});
    }
    if !raw::is_object(item) {
        return json!({"type": "token_ids"});
    }
    let kind = text(item, "type");
    match kind.as_str() {
        // A document to be ranked has no kind.
        "" | "text" | "input_text" | "output_text" => {
            json!({"type": "text", "content": room.member(item, "text")})
        }
        "refusal" => json!({"type": "text", "content": room.member(item, "refusal")}),
        "thinking" => json!({"type": "reasoning", "content": room.member(item, "thinking")}),
        "reasoning" => {
            let summary = raw::member(item, "summary").unwrap_or_default();
            json!({"type": "reasoning", "content": first_text(summary, room)})
        }
        "tool_use" => {
            let input = raw::member(item, "input").unwrap_or_default();
            json!({
                "type": "tool_call",
                "id": room.member(item, "id"),
                "name": room.member(item, "name"),
                "arguments": room.take(input),
            })
        }
        "function_call" => json!({
            "type": "tool_call",
            "id": room.member(item, "call_id"),
            "name": room.member(item, "name"),
            "arguments": room.member(item, "arguments"),
        }),
        "tool_result" => response(item, "tool_use_id", "content", room),
        "function_call_output" => response(item, "call_id", "output", room),
        other => json!({"type": room.take(other)}),
    }
}

/// The answer of a tool; `id` and `content` are the names of its members.
pub(super) fn response(item: &str, id: &str, content: &str, room: &mut CaptureRoom<'_>) -> Value {
    let content = raw::member(item, content).unwrap_or_default();
    json!({
        "type": "tool_call_response",
        "id": room.member(item, id),
        "response": first_text(content, room),
    })
}

/// A content that is a text, or the first text in its array.
fn first_text(content: &str, room: &mut CaptureRoom<'_>) -> String {
    if let Some(words) = text_of(content) {
        return room.take(&words);
    }
    let mut first = None;
    let _ = raw::each_item(content, &mut |item| {
        if first.is_none() {
            first = raw::member(item, "text").and_then(text_of);
        }
    });
    room.take(&first.unwrap_or_default())
}
