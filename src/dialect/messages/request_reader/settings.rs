//! The members beside the conversation and the tools: bounds, sampling, thinking, format.

use crate::dialect::canonical::{Escaped, Format, Request as Canonical, Schema, Thinking};
use crate::json::{Object, raw};

/// The name of a format, which chat insists on.
const OUTPUT: &str = "output";

/// Members that might have changed the answer, and have no equivalent. All others are bookkeeping.
const LOST: [&str; 2] = ["mcp_servers", "container"];

/// Reads the members that are settings.
pub fn read<'a>(form: &mut Canonical<'a>, object: &'a Object<'_>) {
    let number = |name| object.get(name).filter(|value| *value != "null");
    form.max_tokens = number("max_tokens");
    form.sampling.temperature = number("temperature");
    form.sampling.top_p = number("top_p");
    form.sampling.top_k = number("top_k");
    let stops = object.get("stop_sequences").unwrap_or_default();
    // What is no array has no items.
    let _ = raw::each_item(stops, &mut |stop| {
        let stop = Escaped::of(stop).filter(|stop| !stop.is_empty());
        form.sampling.stop.extend(stop);
    });
    let config = object.get("output_config").unwrap_or_default();
    form.thinking = thinking(object.get("thinking").unwrap_or_default());
    if !matches!(form.thinking, Thinking::Off) {
        form.effort = raw::member(config, "effort").and_then(effort);
    }
    let older = object.get("output_format").unwrap_or_default();
    form.format = format(raw::member(config, "format").unwrap_or(older));
    for member in LOST {
        if !matches!(object.get(member), None | Some("null" | "[]")) {
            form.drop_member(member);
        }
    }
}

fn thinking(thinking: &str) -> Thinking<'_> {
    match raw::kind_of(thinking).as_deref() {
        Some("enabled" | "adaptive") => Thinking::On(Some(thinking)),
        Some("disabled") => Thinking::Off,
        _ => Thinking::Unsaid,
    }
}

/// The efforts above the highest of chat are that one.
fn effort(raw: &str) -> Option<Escaped<'_>> {
    match &*raw::text(raw)? {
        "low" => Some(Escaped::plain("low")),
        "medium" => Some(Escaped::plain("medium")),
        "high" | "xhigh" | "max" => Some(Escaped::plain("high")),
        _ => None,
    }
}

fn format(format: &str) -> Format<'_> {
    match raw::member(format, "schema") {
        Some(schema) if raw::kind_of(format).as_deref() == Some("json_schema") => {
            Format::Schema(Schema {
                name: Escaped::plain(OUTPUT),
                description: None,
                schema,
                strict: Some(true),
            })
        }
        _ => Format::Text,
    }
}
