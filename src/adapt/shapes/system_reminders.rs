//! System messages among the others, as Claude Code sends one in nearly every request, for servers of Messages that take
//! none there.

use crate::adapt::meaning::items;
use crate::json::{Object, raw};

/// The messages with each system message as a reminder in the user message before it; behind results of tools, and where
/// there is none before it, in a user message of its own. `None` where there are none.
pub(super) fn system_reminders(messages: &str) -> Option<String> {
    let (mut folded, mut is_changed) = (Vec::<String>::new(), false);
    for message in items(messages) {
        if raw::member(message, "role") != Some(r#""system""#) {
            folded.push(message.to_owned());
            continue;
        }
        is_changed = true;
        let reminder = reminder(message);
        match folded.last().and_then(|last| appended(last, &reminder)) {
            Some(longer) => {
                folded.pop();
                folded.push(longer);
            }
            None => folded.push(format!(r#"{{"role":"user","content":[{reminder}]}}"#)),
        }
    }
    is_changed.then(|| format!("[{}]", folded.join(",")))
}

/// A text block with the words of a system message.
fn reminder(message: &str) -> String {
    let content = raw::member(message, "content").unwrap_or_default();
    let text = match raw::text(content) {
        Some(text) => text.into_owned(),
        // What is neither a text nor an array says nothing.
        None => {
            let texts = items(content)
                .filter_map(|block| raw::member(block, "text").and_then(raw::text))
                .collect::<Vec<_>>();
            texts.join("\n\n")
        }
    };
    let text = format!("<system-reminder>\n{text}\n</system-reminder>");
    format!(r#"{{"type":"text","text":{}}}"#, raw::quoted(&text))
}

/// A user message with one more block at its end; `None` for other messages, and for those that end with the result of a
/// tool.
fn appended(message: &str, block: &str) -> Option<String> {
    if raw::member(message, "role") != Some(r#""user""#) {
        return None;
    }
    let content = raw::member(message, "content")?;
    let said = if content.starts_with('"') {
        format!(r#"{{"type":"text","text":{content}}}"#)
    } else if raw::is_array(content) {
        let blocks: Vec<&str> = items(content).collect();
        let kind = blocks.last().and_then(|last| raw::member(last, "type"));
        if kind == Some(r#""tool_result""#) {
            return None;
        }
        blocks.join(",")
    } else {
        return None;
    };
    let comma = if said.is_empty() { "" } else { "," };
    let mut message = Object::parse_lenient(message).ok()?;
    message.set("content", format!("[{said}{comma}{block}]"));
    Some(message.to_json())
}
