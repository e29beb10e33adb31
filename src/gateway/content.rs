//! What was asked and answered, in the JSON that OpenTelemetry's conventions want in `gen_ai.input.messages` and
//! `gen_ai.output.messages`. Only where `capture_content` allows it, and never without bound.

use serde_json::{Value, json};

use crate::dialect::chat::answer::Answer;
use crate::dialect::chat::assemble::Assembler;
use crate::json::raw;
use crate::text::cut;

/// Bytes of one text, and of all of them.
const LONGEST_TEXT: usize = 4 * 1024;
const MOST_TEXT: usize = 16 * 1024;

/// Messages and parts of a message.
const MOST_MESSAGES: usize = 64;
const MOST_PARTS: usize = 32;

/// Bytes of a stream's events that are kept for its answer.
const MOST_EVENTS: usize = 256 * 1024;

/// What a stream says, kept while it is relayed.
#[derive(Default)]
pub struct Transcript {
    assembler: Assembler,
    bytes: usize,
}

impl Transcript {
    /// Keeps an event's data while there is room.
    pub fn push(&mut self, data: &str) {
        self.bytes = self.bytes.saturating_add(data.len());
        if self.bytes <= MOST_EVENTS {
            // What is no chunk is not shown; the relay has judged it already.
            let _ = self.assembler.push(data);
        }
    }

    /// What was kept, as one answer.
    pub fn answer(self) -> Option<String> {
        self.assembler.finish().ok().map(Answer::into_text)
    }
}

/// The `messages` of a request; of a long conversation its end.
pub fn input(messages: &str) -> String {
    let mut all = Vec::new();
    let _ = raw::each_item(messages, &mut |message| all.push(message));
    let mut room = Room(MOST_TEXT);
    let latest = all.into_iter().rev().take(MOST_MESSAGES);
    let mut shown: Vec<Value> = latest
        .map_while(|message| (room.0 > 0).then(|| input_message(message, &mut room)))
        .collect();
    shown.reverse();
    Value::Array(shown).to_string()
}

/// The choices of a whole answer.
pub fn output(answer: &str) -> String {
    let mut room = Room(MOST_TEXT);
    let mut shown = Vec::new();
    let choices = raw::member(answer, "choices").unwrap_or_default();
    let _ = raw::each_item(choices, &mut |choice| {
        if room.0 > 0 && shown.len() < MOST_MESSAGES {
            let message = raw::member(choice, "message").unwrap_or_default();
            let reason = raw::member(choice, "finish_reason").and_then(raw::text);
            shown.push(json!({
                "role": "assistant",
                "parts": parts(message, &mut room),
                "finish_reason": reason.as_deref().unwrap_or("unknown"),
            }));
        }
    });
    Value::Array(shown).to_string()
}

fn input_message(message: &str, room: &mut Room) -> Value {
    let role = text(message, "role");
    let parts = if role == "tool" {
        let response = room.take(&text(message, "content"));
        let id = room.take(&text(message, "tool_call_id"));
        vec![json!({"type": "tool_call_response", "id": id, "response": response})]
    } else {
        parts(message, room)
    };
    json!({"role": room.take(&role), "parts": parts})
}

fn parts(message: &str, room: &mut Room) -> Vec<Value> {
    let mut parts = Vec::new();
    for (member, kind) in [("reasoning_content", "reasoning"), ("refusal", "text")] {
        let words = text(message, member);
        if !words.is_empty() {
            parts.push(json!({"type": kind, "content": room.take(&words)}));
        }
    }
    let content = raw::member(message, "content").unwrap_or_default();
    if let Some(words) = raw::text(content) {
        parts.push(json!({"type": "text", "content": room.take(&words)}));
    }
    // What is no array has no items.
    let _ = raw::each_item(content, &mut |part| {
        if parts.len() < MOST_PARTS {
            // Of images and files only that they were there.
            let kind = text(part, "type");
            parts.push(match kind.as_str() {
                "text" => json!({"type": "text", "content": room.take(&text(part, "text"))}),
                other => json!({"type": room.take(other)}),
            });
        }
    });
    let calls = raw::member(message, "tool_calls").unwrap_or_default();
    let _ = raw::each_item(calls, &mut |call| {
        if parts.len() < MOST_PARTS {
            let function = raw::member(call, "function").unwrap_or_default();
            parts.push(json!({
                "type": "tool_call",
                "id": room.take(&text(call, "id")),
                "name": room.take(&text(function, "name")),
                "arguments": room.take(&text(function, "arguments")),
            }));
        }
    });
    parts
}

fn text(object: &str, key: &str) -> String {
    let value = raw::member(object, key).and_then(raw::text);
    value.unwrap_or_default().into_owned()
}

/// Bytes that may still be shown.
struct Room(usize);

impl Room {
    fn take(&mut self, text: &str) -> String {
        let shown = cut(text, self.0.min(LONGEST_TEXT));
        self.0 = self.0.saturating_sub(shown.len());
        shown.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_become_roles_and_parts() {
        let messages = r#"[
            {"role":"system","content":"be br\u0069ef"},
            {"role":"user","content":[{"type":"text","text":"what?"},{"type":"image_url","image_url":{"url":"data:SECRET"}}]},
            {"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]},
            {"role":"tool","tool_call_id":"c1","content":"42"}]"#;
        let expected = json!([
            {"role": "system", "parts": [{"type": "text", "content": "be brief"}]},
            {"role": "user", "parts": [{"type": "text", "content": "what?"}, {"type": "image_url"}]},
            {"role": "assistant", "parts": [{"type": "tool_call", "id": "c1", "name": "f", "arguments": "{}"}]},
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "42"}]},
        ]);
        let shown: Value = serde_json::from_str(&input(messages)).unwrap();
        assert_eq!(shown, expected);
    }

    #[test]
    fn choices_become_messages() {
        let answer = r#"{"choices":[{"message":{"content":"yes","reasoning_content":"hm"},"finish_reason":"stop"}]}"#;
        let expected = json!([{"role": "assistant", "finish_reason": "stop", "parts": [
            {"type": "reasoning", "content": "hm"}, {"type": "text", "content": "yes"},
        ]}]);
        let shown: Value = serde_json::from_str(&output(answer)).unwrap();
        assert_eq!(shown, expected);
    }

    /// A conversation may be as long as a body; a span may not.
    #[test]
    fn of_a_long_conversation_the_end_is_shown() {
        let long = "ä".repeat(5000);
        let messages: Vec<Value> = (0..500)
            .map(|number| json!({"role": "user", "content": format!("{number} {long}")}))
            .collect();
        let shown = input(&Value::Array(messages).to_string());
        assert!(shown.len() < 2 * MOST_TEXT, "{}", shown.len());
        assert!(shown.contains("499 ä") && !shown.contains("\"1 ä"));
    }
}
