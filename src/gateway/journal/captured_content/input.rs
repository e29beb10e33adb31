//! The content of a request as messages.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::parts::{of_content, of_message, part, response};
use super::room::{CaptureRoom, MOST_MESSAGES, MOST_PARTS, text};
use crate::dialect::multipart::Form;
use crate::json::{Object, raw};
use crate::secret::Redactor;

/// Members that are a user's message, for requests that are no conversation: texts to embed, to complete, to draw, to
/// speak, and those to rank with what is looked for in them.
const OF_A_USER: [&str; 4] = ["input", "prompt", "query", "documents"];

/// The messages of a request; of a long conversation the end. `None` if it has none that are known.
pub fn input(request: &Object<'_>, redactor: &Redactor) -> Option<String> {
    let mut room = CaptureRoom::new(redactor);
    let mut shown = Vec::new();
    for name in ["system", "instructions"] {
        if let Some(content) = request.get(name) {
            shown.push(json!({"role": "system", "parts": of_content(content, &mut room)}));
        }
    }
    let conversation = request.get("messages").or_else(|| items(request));
    if let Some(conversation) = conversation {
        shown.extend(latest(conversation, &mut room));
    } else {
        let members = OF_A_USER.iter().filter_map(|name| request.get(name));
        shown.extend(
            members.map(|content| json!({"role": "user", "parts": of_content(content, &mut room)})),
        );
    }
    (!shown.is_empty()).then(|| Value::Array(shown).to_string())
}

/// The parts of a form as a message: their names and lengths, since any of them may be a file.
pub fn form_input(form: &Form<'_>, redactor: &Redactor) -> String {
    let mut room = CaptureRoom::new(redactor);
    let parts = form.lengths().take(MOST_PARTS);
    let parts: Vec<Value> = parts
        .map(|(name, bytes)| json!({"type": "form_part", "name": room.take(&name), "bytes": bytes}))
        .collect();
    json!([{"role": "user", "parts": parts}]).to_string()
}

/// The `input` of a request, if it is a conversation: an array that begins with an object.
fn items<'r>(request: &'r Object<'_>) -> Option<&'r str> {
    let input = request.get("input")?;
    let begins = input.strip_prefix('[')?.trim_start();
    begins.starts_with('{').then_some(input)
}

/// The last messages of a conversation, as far as there is room.
fn latest(conversation: &str, room: &mut CaptureRoom<'_>) -> Vec<Value> {
    let mut latest = VecDeque::with_capacity(MOST_MESSAGES);
    let _ = raw::each_item(conversation, &mut |message| {
        if latest.len() == MOST_MESSAGES {
            latest.pop_front();
        }
        latest.push_back(message);
    });
    let mut shown: Vec<Value> = (latest.into_iter().rev())
        .map_while(|item| (!room.is_full()).then(|| message(item, room)))
        .collect();
    shown.reverse();
    shown
}

fn message(item: &str, room: &mut CaptureRoom<'_>) -> Value {
    let role = text(item, "role");
    let (role, parts) = match (role.as_str(), text(item, "type").as_str()) {
        ("tool", _) => (role, vec![response(item, "tool_call_id", "content", room)]),
        // The items of a conversation beside its messages.
        ("", "function_call_output") => ("tool".to_owned(), vec![part(item, room)]),
        ("", _) => ("assistant".to_owned(), vec![part(item, room)]),
        _ => (role, of_message(item, room)),
    };
    json!({"role": room.take(&role), "parts": parts})
}
