//! The content of a whole answer as messages.

use serde_json::{Value, json};

use super::parts::{of_content, of_message, part};
use super::room::{CaptureRoom, MOST_MESSAGES, text};
use crate::json::raw;
use crate::secret::Redactor;

/// The messages of an answer; `None` if it has none that are known, as vectors and images have.
pub fn output(answer: &str, redactor: &Redactor) -> Option<String> {
    let mut room = CaptureRoom::new(redactor);
    let member = |name| raw::member(answer, name);
    let shown = if let Some(choices) = member("choices") {
        of_choices(choices, &mut room)
    } else if let Some(items) = member("output") {
        of_items(items, &mut room)
    } else {
        // Ollama's message or text, a message, or the text that was heard.
        let mut contents = ["response", "content", "text"].into_iter();
        let parts = match member("message") {
            Some(message) => of_message(message, &mut room),
            None => of_content(contents.find_map(member).unwrap_or_default(), &mut room),
        };
        let mut reasons = ["stop_reason", "done_reason"]
            .map(|name| text(answer, name))
            .into_iter();
        let reason = reasons.find(|reason| !reason.is_empty());
        let reason = reason.as_deref().unwrap_or("stop");
        let messages = (!parts.is_empty()).then(|| said(parts, reason));
        messages.into_iter().collect()
    };
    (!shown.is_empty()).then(|| Value::Array(shown).to_string())
}

fn said(parts: Vec<Value>, reason: &str) -> Value {
    json!({"role": "assistant", "parts": parts, "finish_reason": reason})
}

/// The choices of chat, whose content is a message, or of completions, where it is a text.
fn of_choices(choices: &str, room: &mut CaptureRoom<'_>) -> Vec<Value> {
    let mut shown = Vec::new();
    let _ = raw::each_item(choices, &mut |choice| {
        if !room.is_full() && shown.len() < MOST_MESSAGES {
            let parts = match (raw::member(choice, "message"), raw::member(choice, "text")) {
                (None, Some(text)) => of_content(text, room),
                (message, _) => of_message(message.unwrap_or_default(), room),
            };
            let reason = text(choice, "finish_reason");
            let reason = if reason.is_empty() {
                "unknown"
            } else {
                &reason
            };
            shown.push(said(parts, reason));
        }
    });
    shown
}

/// The items of a response, of which messages hold content.
fn of_items(items: &str, room: &mut CaptureRoom<'_>) -> Vec<Value> {
    let mut parts = Vec::new();
    let _ = raw::each_item(items, &mut |item| {
        if !room.is_full() && parts.len() < MOST_MESSAGES {
            match raw::member(item, "content") {
                Some(content) if text(item, "type") == "message" => {
                    parts.extend(of_content(content, room));
                }
                _ => parts.push(part(item, room)),
            }
        }
    });
    if parts.is_empty() {
        return Vec::new();
    }
    vec![said(parts, "stop")]
}
