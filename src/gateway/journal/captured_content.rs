//! Content in spans, always masked first and then cut, since of a key that is cut in two nobody knows the half: messages in
//! the JSON that OpenTelemetry's conventions want in `gen_ai.input.messages` and `gen_ai.output.messages`, only where
//! `capture_content` allows it.

use serde_json::{Value, json};

use crate::dialect::Assemble;
use crate::json::raw;
use crate::secret::Redactor;
use crate::text::cut;

/// Bytes of one text, and of all of them.
const LONGEST_TEXT: usize = 4 * 1024;
const MOST_TEXT: usize = 16 * 1024;

/// Messages and parts of a message.
const MOST_MESSAGES: usize = 64;
const MOST_PARTS: usize = 32;

/// Bytes of a stream's events that are kept for its answer.
const MOST_EVENTS: usize = 256 * 1024;

/// The answer of a stream, put together while it is relayed.
pub struct Transcript {
    assembler: Box<dyn Assemble>,
    bytes: usize,
}

impl Transcript {
    /// An empty answer.
    pub fn new(assembler: Box<dyn Assemble>) -> Self {
        Self {
            assembler,
            bytes: 0,
        }
    }

    /// Keeps a frame's data while there is room.
    pub fn push(&mut self, data: &str) {
        self.bytes = self.bytes.saturating_add(data.len());
        if self.bytes <= MOST_EVENTS {
            // A frame that belongs into no answer is not shown; the relay judges it.
            let _ = self.assembler.push(data);
        }
    }

    /// The answer as far as it was kept.
    pub fn answer(self) -> String {
        self.assembler.finish()
    }
}

/// The `messages` of a request; of a long conversation its end.
pub fn input(messages: &str, redactor: &Redactor) -> String {
    let mut all = Vec::new();
    let _ = raw::each_item(messages, &mut |message| all.push(message));
    let mut room = CaptureRoom {
        left: MOST_TEXT,
        redactor,
    };
    let latest = all.into_iter().rev().take(MOST_MESSAGES);
    let mut shown: Vec<Value> = latest
        .map_while(|message| (room.left > 0).then(|| input_message(message, &mut room)))
        .collect();
    shown.reverse();
    Value::Array(shown).to_string()
}

/// The choices of a whole answer.
pub fn output(answer: &str, redactor: &Redactor) -> String {
    let mut room = CaptureRoom {
        left: MOST_TEXT,
        redactor,
    };
    let mut shown = Vec::new();
    let choices = raw::member(answer, "choices").unwrap_or_default();
    let _ = raw::each_item(choices, &mut |choice| {
        if room.left > 0 && shown.len() < MOST_MESSAGES {
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

fn input_message(message: &str, room: &mut CaptureRoom<'_>) -> Value {
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

fn parts(message: &str, room: &mut CaptureRoom<'_>) -> Vec<Value> {
    let mut parts = Vec::new();
    for (member, kind) in [("reasoning_content", "reasoning"), ("refusal", "text")] {
        let words = text(message, member);
        if !words.is_empty() {
            parts.push(json!({"type": kind, "content": room.take(&words)}));
        }
    }
    let content = raw::member(message, "content").unwrap_or_default();
    if let Some(words) = raw::lossy_text(content) {
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
    let value = raw::member(object, key).and_then(raw::lossy_text);
    value.unwrap_or_default().into_owned()
}

/// The room for texts.
struct CaptureRoom<'a> {
    /// Bytes that may still be shown.
    left: usize,
    redactor: &'a Redactor,
}

impl CaptureRoom<'_> {
    fn take(&mut self, text: &str) -> String {
        let masked = self.redactor.redact(text);
        let shown = cut(&masked, self.left.min(LONGEST_TEXT));
        self.left = self.left.saturating_sub(shown.len());
        shown.to_owned()
    }
}

/// The body with secrets masked and long strings and arrays cut. Keys of objects are cut too: a client may put anything
#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

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
        let shown: Value = serde_json::from_str(&input(messages, &Redactor::default())).unwrap();
        assert_eq!(shown, expected);
    }

    #[test]
    fn choices_become_messages() {
        let answer = r#"{"choices":[{"message":{"content":"yes","reasoning_content":"hm"},"finish_reason":"stop"}]}"#;
        let expected = json!([{"role": "assistant", "finish_reason": "stop", "parts": [
            {"type": "reasoning", "content": "hm"}, {"type": "text", "content": "yes"},
        ]}]);
        let shown: Value = serde_json::from_str(&output(answer, &Redactor::default())).unwrap();
        assert_eq!(shown, expected);
    }

    /// A conversation may be as long as a body; a span may not.
    #[test]
    fn of_a_long_conversation_the_end_is_shown() {
        let long = "ä".repeat(5000);
        let messages: Vec<Value> = (0..500)
            .map(|number| json!({"role": "user", "content": format!("{number} {long}")}))
            .collect();
        let shown = input(&Value::Array(messages).to_string(), &Redactor::default());
        assert!(shown.len() < 2 * MOST_TEXT, "{}", shown.len());
        assert!(shown.contains("499 ä") && !shown.contains("\"1 ä"));
    }

    /// A key at the end of a long prompt would reach the collector, less its last letters.
    #[test]
    fn a_key_across_the_bound_of_a_text_is_masked() {
        let redactor = Redactor::new([Secret::new("sk-0123456789abcdef")]);
        let text = format!("{}sk-0123456789abcdef", "x".repeat(LONGEST_TEXT - 12));
        let messages = json!([{"role": "user", "content": text}]).to_string();
        let shown = input(&messages, &redactor);
        assert!(!shown.contains("sk-0123"), "{shown}");
        let answer = json!({"choices": [{"message": {"content": text}}]}).to_string();
        let shown = output(&answer, &redactor);
        assert!(!shown.contains("sk-0123"), "{shown}");
    }
}
