//! `thinking`: models that reason before they answer refuse a forced tool call ("deepseek-reasoner does not support
//! this tool_choice"), so it is relaxed to `auto`.

use crate::config::Step;
use crate::json::{Object, raw};

/// Models known to need it, unless their step says `thinking: false`.
const MODELS: [&str; 4] = [
    "deepseek-v4-flash",
    "deepseek/deepseek-v4-flash",
    "deepseek-reasoner",
    "deepseek/deepseek-r1",
];

pub fn applies(step: &Step) -> bool {
    step.thinking.unwrap_or_else(|| is_known(&step.model))
}

/// Turns `"required"` and the naming of a function into `"auto"`. `"none"`, `"auto"` and unknown forms stay.
pub fn relax_tool_choice(body: &mut Object<'_>) {
    if body.get("tool_choice").is_some_and(is_forced) {
        body.set("tool_choice", "\"auto\"".to_owned());
    }
}

fn is_forced(choice: &str) -> bool {
    match raw::text(choice) {
        Some(word) => word == "required",
        None => {
            let kind = raw::member(choice, "type").and_then(raw::text);
            kind.as_deref() == Some("function") || raw::member(choice, "function").is_some()
        }
    }
}

/// A variant behind a colon, such as OpenRouter's `:free`, is the same model.
fn is_known(model: &str) -> bool {
    let name = model.split_once(':').map_or(model, |(name, _)| name);
    MODELS.contains(&name)
}
