//! `conflict_resolution`: some providers refuse a request that has both tools and a response format.

use crate::config::ConflictResolution;
use crate::json::{Object, raw};

/// Drops the side that gives way, if both are there.
pub fn resolve(body: &mut Object<'_>, resolution: ConflictResolution) {
    if !(has_tools(body) && has_format(body)) {
        return;
    }
    let dropped: &[&str] = match resolution {
        ConflictResolution::Tools => &["response_format"],
        ConflictResolution::Format => &["tools", "tool_choice", "parallel_tool_calls"],
    };
    for key in dropped {
        body.remove(key);
    }
}

fn has_tools(body: &Object<'_>) -> bool {
    let mut found = false;
    // What is no array has no items.
    let _ = raw::each_item(body.get("tools").unwrap_or_default(), &mut |_| found = true);
    found
}

/// `{"type": "text"}` is the default and conflicts with nothing.
fn has_format(body: &Object<'_>) -> bool {
    match body.get("response_format") {
        None | Some("null") => false,
        Some(format) => raw::member(format, "type").and_then(raw::text).as_deref() != Some("text"),
    }
}
