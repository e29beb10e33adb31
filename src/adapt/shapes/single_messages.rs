//! Shapes that look at one message at a time.

use crate::adapt::meaning::items;
use crate::adapt::operations::Kept;
use crate::json::{Object, raw};

/// The members of a message that every provider knows.
const KNOWN: [&str; 5] = ["role", "content", "name", "tool_calls", "tool_call_id"];

/// The messages with the edits that `edit` makes of each; `None` where it makes none.
pub(super) fn each_message(
    messages: &str,
    edit: &mut dyn FnMut(&mut Object<'_>),
) -> Option<String> {
    raw::edit_items(messages, &mut |message| {
        let mut message = Object::parse_lenient(message).ok()?;
        edit(&mut message);
        message.is_edited().then(|| message.to_json())
    })
}

pub(super) fn has_role(message: &Object<'_>, role: &str) -> bool {
    message.text("role").as_deref() == Some(role)
}

pub(super) fn has_calls(message: &Object<'_>) -> bool {
    let calls = message.get("tool_calls").unwrap_or_default();
    items(calls).next().is_some()
}

/// Keeps of each message only the members that every provider knows and those in `also`, and of them no null name and
/// no null calls. Histories carry what other providers said: `reasoning_content`, `id`, `status` (crush #1590).
pub fn only_known_members(body: &mut Object<'_>, also: &[&str], kept: Kept<'_>) {
    let Some(messages) = body.get("messages") else {
        return;
    };
    let edited = each_message(messages, &mut |message| {
        let mut surplus = Vec::new();
        for (key, value) in message.members() {
            let Some(key) = raw::text(key) else { continue };
            let is_null = value == "null" && matches!(&*key, "name" | "tool_calls");
            let is_known = KNOWN.contains(&&*key) || also.contains(&&*key);
            if (is_null || !is_known) && !kept.has(&format!("messages[*].{key}")) {
                surplus.push(key.into_owned());
            }
        }
        for key in surplus {
            message.remove(&key);
        }
    });
    if let Some(edited) = edited {
        body.set("messages", edited);
    }
}

pub(super) fn developer_to_system(messages: &str) -> Option<String> {
    each_message(messages, &mut |message| {
        if has_role(message, "developer") {
            message.set("role", r#""system""#.to_owned());
        }
    })
}

/// The client's `reasoning_content` stays, its `reasoning` stands in for it, else the filler does.
pub(super) fn reasoning_back(messages: &str, filler: &str) -> Option<String> {
    each_message(messages, &mut |message| {
        if !has_role(message, "assistant") || !has_calls(message) {
            return;
        }
        let is_filled = |text: &&str| filler.is_empty() || *text != r#""""#;
        let is_there = message
            .get("reasoning_content")
            .is_some_and(|text| text.starts_with('"') && is_filled(&text));
        if !is_there {
            let other = message
                .get("reasoning")
                .filter(|text| text.starts_with('"'));
            let text = other.filter(is_filled).map(str::to_owned);
            message.set(
                "reasoning_content",
                text.unwrap_or_else(|| raw::quoted(filler)),
            );
        }
    })
}

pub(super) fn call_content(messages: &str) -> Option<String> {
    each_message(messages, &mut |message| {
        let is_absent = message
            .get("content")
            .is_none_or(|content| content == "null");
        if is_absent && has_role(message, "assistant") && has_calls(message) {
            message.set("content", r#""""#.to_owned());
        }
    })
}

pub(super) fn no_null_content(messages: &str) -> Option<String> {
    each_message(messages, &mut |message| {
        if message.get("content") == Some("null") {
            message.set("content", r#""""#.to_owned());
        }
    })
}

/// Parts that are all text become one text, with a line break between them.
pub(super) fn texts(messages: &str, of_assistants: bool) -> Option<String> {
    each_message(messages, &mut |message| {
        if of_assistants && !has_role(message, "assistant") {
            return;
        }
        let joined = message.get("content").and_then(|content| {
            raw::is_array(content)
                .then(|| joined_text(content))
                .flatten()
        });
        if let Some(joined) = joined {
            message.set("content", joined);
        }
    })
}

/// The text of parts that are all text; `None` where one is something else.
pub(super) fn joined_text(parts: &str) -> Option<String> {
    let mut texts = Vec::new();
    for part in items(parts) {
        let kind = raw::kind_of(part)?;
        if kind != "text" {
            return None;
        }
        texts.push(raw::inside(raw::member(part, "text")?)?);
    }
    Some(format!("\"{}\"", texts.join("\\n")))
}
