//! The members whose loss would change the answer. They are never dropped: a step that does not take them is passed over.

use crate::json::{Object, raw};

/// Parts of messages, by the name under which they are refused and remembered.
pub const IMAGES: &str = "image parts";
pub const AUDIO: &str = "audio parts";
pub const FILES: &str = "file parts";

/// Top-level members with a meaning.
const MEMBERS: [&str; 13] = [
    "tools",
    "functions",
    "tool_choice",
    "function_call",
    "response_format",
    "stop",
    "n",
    "logprobs",
    "modalities",
    "audio",
    "suffix",
    "dimensions",
    "web_search_options",
];

/// Whether a top-level member, or kind of parts, is one that may have a meaning.
pub fn may_matter(member: &str) -> bool {
    MEMBERS.contains(&member) || [IMAGES, AUDIO, FILES].contains(&member)
}

/// Whether the request carries this member with a value that means something. A value that asks for what happens anyway
/// means nothing: `n: 1`, `logprobs: false`, `response_format: {"type": "text"}`.
pub fn is_carried(body: &Object<'_>, member: &str) -> bool {
    match member {
        IMAGES => has_parts(body, &["image_url", "input_image", "image"]),
        AUDIO => has_parts(body, &["input_audio", "audio_url", "audio"]),
        FILES => has_parts(body, &["file", "input_file", "document"]),
        _ => body
            .get(member)
            .is_some_and(|value| may_matter(member) && matters(member, value)),
    }
}

/// Whether a request is one of those that a refusal of this member is about. Endpoints that a server lacks are told by a
/// member that every request to them has.
pub fn is_concerned(body: &Object<'_>, member: &str) -> bool {
    is_carried(body, member) || (!may_matter(member) && body.get(member).is_some())
}

fn matters(member: &str, value: &str) -> bool {
    if matches!(value, "null" | "[]" | "{}" | r#""""#) {
        return false;
    }
    let text = raw::text(value);
    let text = text.as_deref();
    match member {
        "n" => value.parse::<f64>().is_ok_and(|number| number > 1.0),
        "logprobs" => !matches!(value, "false" | "0"),
        "tool_choice" | "function_call" => !matches!(text, Some("auto" | "none")),
        "response_format" => raw::kind_of(value).as_deref() != Some("text"),
        "modalities" => items(value).any(|item| item != r#""text""#),
        "tools" | "functions" | "stop" => !raw::is_array(value) || items(value).next().is_some(),
        _ => true,
    }
}

/// The items of an array; of what is none, none.
pub fn items(array: &str) -> std::vec::IntoIter<&str> {
    let mut found = Vec::new();
    if raw::each_item(array, &mut |item| found.push(item)).is_err() {
        found.clear();
    }
    found.into_iter()
}

fn has_parts(body: &Object<'_>, kinds: &[&str]) -> bool {
    let mut found = false;
    each_part(body, &mut |part| {
        let kind = raw::kind_of(part);
        found |= kind.is_some_and(|kind| kinds.contains(&&*kind));
    });
    found
}

/// Visits the parts of all messages.
pub fn each_part(body: &Object<'_>, visit: &mut dyn FnMut(&str)) {
    let messages = body.get("messages").unwrap_or_default();
    // What is no array has no items, here and below.
    let _ = raw::each_item(messages, &mut |message| {
        let content = raw::member(message, "content").unwrap_or_default();
        if raw::is_array(content) {
            let _ = raw::each_item(content, visit);
        }
    });
}
