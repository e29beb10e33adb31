//! The edits for every provider: members that say nothing, and that some providers refuse for it. Their loss changes no
//! answer.
//!
//! `[] is too short - 'tools'` (vLLM, Qwen, LM Studio); `'parallel_tool_calls' is only allowed when 'tools' are
//! specified.` (OpenAI); `The 'stream_options' parameter is only allowed when 'stream' is enabled.` (OpenAI, vLLM).

use super::operations::Kept;
use crate::json::{Object, raw};

/// The members that these edits look at, as far as the body has them.
#[derive(Default)]
struct Seen<'a> {
    tools: Option<&'a str>,
    functions: Option<&'a str>,
    stop: Option<&'a str>,
    logit_bias: Option<&'a str>,
    has_choice: bool,
    has_parallel: bool,
    has_stream_options: bool,
}

/// Removes what says nothing. `stream` is whether the client asks for a stream.
pub fn edit(body: &mut Object<'_>, stream: bool, kept: Kept<'_>) {
    let seen = seen(body);
    let has_tools = seen.tools.is_some_and(|tools| !is_nothing(tools));
    // `tools: null` is the absence that it says; nobody was seen to refuse it.
    let empty_tools = seen.tools.is_some_and(is_empty_array);
    let removals = [
        ("tools", empty_tools),
        ("tool_choice", seen.has_choice && !has_tools),
        ("parallel_tool_calls", seen.has_parallel && !has_tools),
        ("stream_options", seen.has_stream_options && !stream),
        ("functions", seen.functions.is_some_and(is_empty_array)),
        (
            "stop",
            seen.stop
                .is_some_and(|stop| stop == "null" || is_empty_array(stop)),
        ),
        ("logit_bias", seen.logit_bias.is_some_and(is_empty_object)),
    ];
    for (member, _) in removals.into_iter().filter(|(_, is_due)| *is_due) {
        if !kept.has(member) {
            body.remove(member);
        }
    }
}

/// A single pass over the members, as every request takes it.
fn seen<'a>(body: &Object<'a>) -> Seen<'a> {
    let mut seen = Seen::default();
    for (key, value) in body.members() {
        match raw::text(key).as_deref() {
            Some("tools") => seen.tools = Some(value),
            Some("functions") => seen.functions = Some(value),
            Some("stop") => seen.stop = Some(value),
            Some("logit_bias") => seen.logit_bias = Some(value),
            Some("tool_choice") => seen.has_choice = true,
            Some("parallel_tool_calls") => seen.has_parallel = true,
            Some("stream_options") => seen.has_stream_options = true,
            _ => {}
        }
    }
    seen
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
