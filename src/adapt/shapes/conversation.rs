//! Shapes that look at messages and their neighbours.

use std::borrow::Cow;

use crate::adapt::meaning::items;
use crate::json::{Object, raw};

use super::single_messages::{has_calls, has_role};

const BRIDGE: &str = r#"{"role":"assistant","content":"…"}"#;
const CONTINUE: &str = r#"{"role":"user","content":"Continue."}"#;

fn role_of(message: &str) -> Option<Cow<'_, str>> {
    raw::member(message, "role").and_then(raw::text)
}

fn list<M: AsRef<str>>(messages: &[M]) -> String {
    let messages: Vec<&str> = messages.iter().map(AsRef::as_ref).collect();
    format!("[{}]", messages.join(","))
}

pub(super) fn bridge(messages: &str) -> Option<String> {
    let mut out = Vec::new();
    let (mut behind_tool, mut is_changed) = (false, false);
    for message in items(messages) {
        let role = role_of(message);
        if behind_tool && role.as_deref() == Some("user") {
            out.push(BRIDGE);
            is_changed = true;
        }
        behind_tool = role.as_deref() == Some("tool");
        out.push(message);
    }
    is_changed.then(|| list(&out))
}

pub(super) fn user_last(messages: &str) -> Option<String> {
    let mut out: Vec<&str> = items(messages).collect();
    let is_due = role_of(out.last()?).as_deref() == Some("assistant");
    out.push(CONTINUE);
    is_due.then(|| list(&out))
}

/// Assistant messages without content and calls go; `""` beside calls becomes null; empty text parts go.
pub(super) fn non_empty(messages: &str) -> Option<String> {
    let mut out = Vec::new();
    let mut is_changed = false;
    for text in items(messages) {
        let Ok(mut message) = Object::parse_lenient(text) else {
            out.push(Cow::Borrowed(text));
            continue;
        };
        drop_empty_parts(&mut message);
        let is_empty = message
            .get("content")
            .is_none_or(|content| matches!(content, "null" | r#""""# | "[]"));
        if is_empty && has_role(&message, "assistant") {
            if !has_calls(&message) {
                is_changed = true;
                continue;
            }
            if message
                .get("content")
                .is_some_and(|content| content != "null")
            {
                message.set("content", "null".to_owned());
            }
        }
        is_changed |= message.is_edited();
        out.push(if message.is_edited() {
            Cow::Owned(message.to_json())
        } else {
            Cow::Borrowed(text)
        });
    }
    is_changed.then(|| list(&out))
}

fn drop_empty_parts(message: &mut Object<'_>) {
    let Some(content) = message
        .get("content")
        .filter(|content| raw::is_array(content))
    else {
        return;
    };
    let is_empty = |part: &&str| {
        raw::member(part, "type") == Some(r#""text""#)
            && raw::member(part, "text").is_none_or(|text| text == r#""""#)
    };
    let parts: Vec<&str> = items(content).collect();
    let filled: Vec<&str> = parts
        .iter()
        .copied()
        .filter(|part| !is_empty(part))
        .collect();
    if filled.len() < parts.len() {
        let filled = list(&filled);
        message.set("content", filled);
    }
}

/// System messages behind the first message become the user's words, marked as what they are.
pub(super) fn first_system(messages: &str) -> Option<String> {
    let mut is_first = true;
    raw::edit_items(messages, &mut |message| {
        if std::mem::take(&mut is_first) {
            return None;
        }
        let mut message = Object::parse_lenient(message).ok()?;
        if !has_role(&message, "system") {
            return None;
        }
        let reminder = match message.get("content") {
            Some(content) if raw::is_array(content) => {
                let text = |text: &str| format!(r#"{{"type":"text","text":"{text}"}}"#);
                let mut parts = vec![text("<system-reminder>")];
                parts.extend(items(content).map(str::to_owned));
                parts.push(text("</system-reminder>"));
                list(&parts)
            }
            content => {
                let inside = content.and_then(raw::inside).unwrap_or_default();
                format!(r#""<system-reminder>\n{inside}\n</system-reminder>""#)
            }
        };
        message.set("role", r#""user""#.to_owned());
        message.set("content", reminder);
        Some(message.to_json())
    })
}

/// Neighbours of one role become one message: texts with a blank line between them, parts one after the other. Tool
/// results stay apart, and so does what follows an assistant's calls.
pub(super) fn alternate(messages: &str) -> Option<String> {
    let mut groups: Vec<Vec<&str>> = Vec::new();
    let mut last: Option<String> = None;
    let mut is_changed = false;
    for message in items(messages) {
        let role = role_of(message).map(Cow::into_owned);
        let joins = role.as_deref().is_some_and(|role| role != "tool") && role == last;
        let calls = raw::member(message, "tool_calls").unwrap_or_default();
        let ends = items(calls).next().is_some();
        match groups.last_mut().filter(|_| joins) {
            Some(group) => {
                group.push(message);
                is_changed = true;
            }
            None => groups.push(vec![message]),
        }
        last = role.filter(|_| !ends);
    }
    if !is_changed {
        return None;
    }
    let merged: Vec<Cow<'_, str>> = groups.iter().map(|group| merged(group)).collect();
    Some(list(&merged))
}

fn merged<'m>(group: &[&'m str]) -> Cow<'m, str> {
    let (Some((first, others)), true) = (group.split_first(), group.len() > 1) else {
        return Cow::Borrowed(group.first().copied().unwrap_or_default());
    };
    let Ok(mut message) = Object::parse_lenient(first) else {
        return Cow::Borrowed(first);
    };
    for other in others {
        let _ = raw::each_member(other, &mut |key, value| {
            if let Some(key) = raw::text(key)
                && message.get(&key).is_none()
            {
                message.set(&key, value.to_owned());
            }
        });
    }
    let contents = group
        .iter()
        .filter_map(|message| raw::member(message, "content"));
    let contents: Vec<&str> = contents.filter(|content| *content != "null").collect();
    if let Some(content) = merged_content(&contents) {
        message.set("content", content);
    }
    Cow::Owned(message.to_json())
}

fn merged_content(contents: &[&str]) -> Option<String> {
    if contents.is_empty() {
        return None;
    }
    let texts: Option<Vec<&str>> = contents
        .iter()
        .map(|content| raw::inside(content))
        .collect();
    if let Some(texts) = texts {
        return Some(format!("\"{}\"", texts.join("\\n\\n")));
    }
    let mut parts: Vec<Cow<'_, str>> = Vec::new();
    for content in contents {
        if raw::is_array(content) {
            parts.extend(items(content).map(Cow::Borrowed));
        } else {
            parts.push(Cow::Owned(format!(r#"{{"type":"text","text":{content}}}"#)));
        }
    }
    Some(list(&parts))
}
