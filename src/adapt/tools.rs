//! The edits around tools: `conflict_resolution`, since some providers refuse a request that has both tools and a
//! response format, and `thinking`, since models that reason before they answer refuse a forced tool call
//! ("deepseek-reasoner does not support this tool_choice").

use crate::config::{ConflictResolution, Step};
use crate::dialect::vocabulary::FormatMember;
use crate::json::{Object, raw};

use super::format;

/// Drops the side that gives way, where a request has both.
pub fn resolve_conflict(
    body: &mut Object<'_>,
    place: FormatMember,
    resolution: ConflictResolution,
) {
    if !(has_tools(body) && has_format(body, place)) {
        return;
    }
    match resolution {
        ConflictResolution::Tools => format::remove(body, place),
        ConflictResolution::Format => {
            for key in ["tools", "tool_choice", "parallel_tool_calls"] {
                body.remove(key);
            }
        }
    }
}

/// Drops a response format that stands beside tools.
pub fn format_yields(body: &mut Object<'_>) {
    let place = FormatMember::ResponseFormat;
    resolve_conflict(body, place, ConflictResolution::Tools);
}

fn has_tools(body: &Object<'_>) -> bool {
    let mut found = false;
    // What is no array has no items.
    let _ = raw::each_item(body.get("tools").unwrap_or_default(), &mut |_| found = true);
    found
}

/// Whether there is a response format other than the default `{"type": "text"}`, which conflicts with nothing.
fn has_format(body: &Object<'_>, place: FormatMember) -> bool {
    match format::format_of(body, place) {
        None | Some("null") => false,
        Some(format) => raw::kind_of(format).as_deref() != Some("text"),
    }
}

/// The models that are known to refuse a forced tool call, unless their step says `thinking: false`.
const REASONING_MODELS: [&str; 4] = [
    "deepseek-v4-flash",
    "deepseek/deepseek-v4-flash",
    "deepseek-reasoner",
    "deepseek/deepseek-r1",
];

/// Whether a forced tool call is relaxed for this step.
pub fn relaxes(step: &Step) -> bool {
    step.thinking.unwrap_or_else(|| is_known(&step.model))
}

/// Relaxes a forced tool choice: `"required"` and the naming of a function become `"auto"`. `"none"`, `"auto"` and
/// unknown forms stay.
pub fn relax_tool_choice(body: &mut Object<'_>) {
    if body.get("tool_choice").is_some_and(is_forced) {
        body.set("tool_choice", "\"auto\"".to_owned());
    }
}

fn is_forced(choice: &str) -> bool {
    match raw::text(choice) {
        Some(word) => word == "required",
        None => {
            let kind = raw::kind_of(choice);
            kind.as_deref() == Some("function") || raw::member(choice, "function").is_some()
        }
    }
}

/// Whether a model is one of [`REASONING_MODELS`]; a variant behind a colon, such as OpenRouter's `:free`, is the same
/// model.
fn is_known(model: &str) -> bool {
    let mut behind = REASONING_MODELS
        .iter()
        .filter_map(|name| model.strip_prefix(name));
    behind.any(|variant| variant.is_empty() || variant.starts_with(':'))
}
