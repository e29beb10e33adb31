//! The edits for every provider: members that say nothing, and that some providers refuse for it. Their loss changes no
//! answer.
//!
//! `[] is too short - 'tools'` (vLLM, Qwen, LM Studio); `'parallel_tool_calls' is only allowed when 'tools' are
//! specified.` (OpenAI); `The 'stream_options' parameter is only allowed when 'stream' is enabled.` (OpenAI, vLLM).

use super::operations::Kept;
use crate::json::{NameFilter, Object};

/// The members that may say nothing.
const MEMBERS: NameFilter = NameFilter::of(&[
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "stream_options",
    "functions",
    "stop",
    "logit_bias",
]);

/// Removes what says nothing. `stream` is whether the client asks for a stream.
pub fn edit(body: &mut Object<'_>, stream: bool, kept: Kept<'_>) {
    if !body.may_have_any(MEMBERS) {
        return;
    }
    let is = |member: &str, says_nothing: fn(&str) -> bool| {
        let value = body.get(member);
        value.is_some_and(says_nothing)
    };
    // `tools: null` is the absence that it says; nobody was seen to refuse it.
    let has_tools = body.get("tools").is_some() && !is("tools", is_nothing);
    let removals = [
        ("tools", is("tools", is_empty_array)),
        ("tool_choice", !has_tools),
        ("parallel_tool_calls", !has_tools),
        ("stream_options", !stream),
        ("functions", is("functions", is_empty_array)),
        ("stop", is("stop", is_nothing)),
        ("logit_bias", is("logit_bias", is_empty_object)),
    ];
    for (member, _) in removals.into_iter().filter(|(_, is_due)| *is_due) {
        if !kept.has(member) {
            body.remove(member);
        }
    }
}

fn is_nothing(value: &str) -> bool {
    value == "null" || is_empty_array(value)
}

fn is_empty_array(value: &str) -> bool {
    is_blank_between(value, '[', ']')
}

fn is_empty_object(value: &str) -> bool {
    is_blank_between(value, '{', '}')
}

fn is_blank_between(value: &str, open: char, close: char) -> bool {
    let inside = value
        .strip_prefix(open)
        .and_then(|rest| rest.strip_suffix(close));
    inside.is_some_and(|inside| inside.trim_ascii().is_empty())
}
