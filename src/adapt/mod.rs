//! Request adapters: pure edits that make one request fit one step.
//!
//! Every adapter changes top-level members only where it must; what it does not know stays byte for byte, for the
//! provider to judge. A new adapter is a function here, a line in [`adapt`] and one in [`names`].

mod strict_schema;
mod tools;

use crate::config::{ConflictResolution, Step};
use crate::dialect::request::{Payload, Request};
use crate::json::raw;

/// The body for a step: `model` is replaced by the step's, and its adapters make their edits.
pub fn adapt(request: &Request<'_>, step: &Step) -> Vec<u8> {
    let mut body = match &request.payload {
        Payload::Json(object) => object.clone(),
        Payload::Multipart { body, .. } => return body.to_vec(),
    };
    body.set("model", raw::quoted(&step.model));
    if let Some(resolution) = step.conflict_resolution {
        tools::resolve_conflict(&mut body, resolution);
    }
    if tools::relaxes(step) {
        tools::relax_tool_choice(&mut body);
    }
    if step.provider.strict_json_schema {
        strict_schema::enforce(&mut body);
    }
    body.to_json().into_bytes()
}

/// The adapters of a step, as the configuration spells them.
pub fn names(step: &Step) -> Vec<&'static str> {
    let conflict = step.conflict_resolution.map(|resolution| match resolution {
        ConflictResolution::Tools => "conflict_resolution: tools",
        ConflictResolution::Format => "conflict_resolution: format",
    });
    let thinking = tools::relaxes(step).then_some("thinking: true");
    let strict = step
        .provider
        .strict_json_schema
        .then_some("strict_json_schema: true");
    [conflict, thinking, strict].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests;
