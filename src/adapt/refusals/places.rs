//! From the places in refusals to paths: `messages[0].name`, `tools.3.custom.input_examples`, `["body","messages",2,
//! "assistant","reasoning_content"]`.

use crate::json::path;

/// Members that no refusal can have dropped.
const UNTOUCHABLE: [&str; 5] = ["model", "messages", "stream", "input", "prompt"];

const ROLES: [&str; 6] = [
    "assistant",
    "user",
    "system",
    "developer",
    "tool",
    "function",
];

/// Tags that validators put between a part and its member.
const PART_TAGS: [&str; 11] = [
    "text",
    "image",
    "image_url",
    "input_audio",
    "file",
    "document",
    "tool_use",
    "tool_result",
    "thinking",
    "redacted_thinking",
    "str",
];

/// The path that a place stands for; `None` for what is no member, or none that may be dropped.
pub fn place_of(place: &str) -> Option<String> {
    let place = place.replace(" -> ", ".");
    let tokens = place
        .split(['.', '[', ']'])
        .map(|token| token.trim_matches(['"', '\'']));
    let tokens: Vec<String> = tokens
        .filter(|token| !token.is_empty())
        .map(str::to_owned)
        .collect();
    place_of_tokens(&tokens, true)
}

/// The same of a place in tokens. `by_role`: the role in it tells which messages are meant.
pub fn place_of_tokens(tokens: &[String], by_role: bool) -> Option<String> {
    let mut names: Vec<(&str, Option<&str>)> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let is_last = at + 1 == tokens.len();
        if at == 0 && token == "body" {
            continue;
        }
        if token.bytes().all(|byte| byte.is_ascii_digit()) {
            let (_, items) = names.last_mut()?;
            items.get_or_insert("*");
            continue;
        }
        if !is_last && is_tag(names.last().copied(), token) {
            if let Some(("messages", items)) = names.last_mut()
                && by_role
                && ROLES.contains(&token.as_str())
            {
                *items = Some(token);
            }
            continue;
        }
        let in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_-$".contains(&byte);
        if token.len() > 64 || !token.bytes().all(in_name) {
            return None;
        }
        names.push((token, None));
    }
    let parts = names.iter().map(|(name, items)| match items {
        None => (*name).to_owned(),
        Some("*") => format!("{name}[*]"),
        Some(role) => format!("{name}[role={role}]"),
    });
    let path = parts.collect::<Vec<_>>().join(".");
    let may_go = path::is_path(&path) && !UNTOUCHABLE.contains(&path.as_str());
    may_go.then_some(path)
}

/// Whether a token behind this name is a tag of a validator, not a member.
fn is_tag(behind: Option<(&str, Option<&str>)>, token: &str) -> bool {
    let is_class = token.contains(|c: char| c.is_ascii_uppercase() || c == '(');
    match behind {
        Some(("messages", Some(_))) => ROLES.contains(&token) || is_class,
        Some(("content", Some(_))) => PART_TAGS.contains(&token) || is_class,
        Some(("content", None)) => token == "str" || is_class,
        Some(("tools", Some(_))) => token == "custom" || is_class,
        Some(("cache_control", _)) => token == "ephemeral",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_become_paths() {
        for (place, path) in [
            ("temperature", Some("temperature")),
            ("messages[0].name", Some("messages[*].name")),
            ("tools[0].function.strict", Some("tools[*].function.strict")),
            ("messages.2.assistant.x", Some("messages[role=assistant].x")),
            (
                "system.1.cache_control.ephemeral.scope",
                Some("system[*].cache_control.scope"),
            ),
            (
                "tools.3.custom.input_examples",
                Some("tools[*].input_examples"),
            ),
            ("body -> chat_template", Some("chat_template")),
            (
                "messages.0.content.1.text.cache_control",
                Some("messages[*].content[*].cache_control"),
            ),
            ("messages", None),
            ("messages[0]", None),
            ("model", None),
            ("stream", None),
            ("input", None),
            ("a b", None),
            ("", None),
            ("0", None),
            ("x\u{e9}", None),
        ] {
            assert_eq!(place_of(place).as_deref(), path, "{place}");
        }
        let loc = ["body", "messages", "2", "assistant", "reasoning_content"].map(str::to_owned);
        let path = place_of_tokens(&loc, false);
        assert_eq!(path.as_deref(), Some("messages[*].reasoning_content"));
    }
}
