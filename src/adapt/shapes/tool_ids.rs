//! Shapes of tool calls and their results: ids, names.

use std::collections::BTreeMap;

use ring::digest::{SHA256, digest};

use crate::json::{Object, raw};

use super::single_messages::{each_message, has_role};

/// The length of a tool call id of Mistral's.
const LENGTH: usize = 9;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The digits that a SHA-256 has in base 62.
const ALL_DIGITS: usize = 43;

/// Ids in calls and results that are not nine letters and digits are replaced by ones that are, the same by the same.
pub(super) fn ids9(messages: &str) -> Option<String> {
    each_message(messages, &mut |message| {
        let calls = message.get("tool_calls").and_then(|calls| {
            raw::edit_items(calls, &mut |call| {
                let mut call = Object::parse_lenient(call).ok()?;
                let id = call.text("id").and_then(|id| short(&id))?;
                call.set("id", raw::quoted(&id));
                Some(call.to_json())
            })
        });
        if let Some(calls) = calls {
            message.set("tool_calls", calls);
        }
        if let Some(id) = message.text("tool_call_id").and_then(|id| short(&id)) {
            message.set("tool_call_id", raw::quoted(&id));
        }
    })
}

/// The short id that stands for another one: the first digits of its SHA-256 in base 62; `None` for one that is short.
fn short(id: &str) -> Option<String> {
    if id.len() == LENGTH && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let mut number = digest(&SHA256, id.as_bytes()).as_ref().to_vec();
    let mut digits = Vec::with_capacity(ALL_DIGITS);
    for _ in 0..ALL_DIGITS {
        let mut rest = 0_u32;
        for byte in &mut number {
            let whole = rest << 8 | u32::from(*byte);
            *byte = u8::try_from(whole / 62).unwrap_or_default();
            rest = whole % 62;
        }
        digits.push(DIGITS.get(rest as usize).copied().unwrap_or(b'0'));
    }
    let first = digits.iter().rev().take(LENGTH);
    Some(first.map(|digit| char::from(*digit)).collect())
}

/// Tool messages without a name get that of the call with their id.
pub(super) fn tool_names(messages: &str) -> Option<String> {
    let mut names = BTreeMap::new();
    let _ = raw::each_item(messages, &mut |message| {
        let calls = raw::member(message, "tool_calls").unwrap_or_default();
        let _ = raw::each_item(calls, &mut |call| {
            let id = raw::member(call, "id").and_then(raw::text);
            let name =
                raw::member(call, "function").and_then(|function| raw::member(function, "name"));
            if let (Some(id), Some(name)) = (id, name) {
                names.insert(id.into_owned(), name);
            }
        });
    });
    if names.is_empty() {
        return None;
    }
    each_message(messages, &mut |message| {
        let is_nameless = message
            .get("name")
            .is_none_or(|name| matches!(name, "null" | r#""""#));
        if is_nameless && has_role(message, "tool") {
            let name = message.text("tool_call_id").and_then(|id| names.get(&*id));
            if let Some(name) = name.map(|name| (*name).to_owned()) {
                message.set("name", name);
            }
        }
    })
}
