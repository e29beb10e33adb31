//! A request of Responses, read into the canonical form for a step whose provider does not speak the dialect.
//!
//! Only what changes the answer is in the form: strict providers answer 400 to any member that they do not know, and Codex
//! sends its bookkeeping with every request. What would vanish with harm makes the step unfit instead.

mod conversation;
mod input;
mod members;
mod parts;
mod results;
mod tool_choice;
mod tools;

use crate::dialect::canonical::{Names, Request as Canonical};
use crate::dialect::request::{Request, Unfit};
use crate::dialect::translate::Target;

/// Reads a request for a step.
///
/// # Errors
/// The step cannot carry it, and why.
pub fn read<'a>(
    request: &'a Request<'_>,
    target: &Target<'_>,
    names: &mut Names,
) -> Result<Canonical<'a>, Unfit> {
    let mut canonical = Canonical {
        stream: request.stream,
        ..Canonical::default()
    };
    let Some(object) = request.payload.object() else {
        return Err(Unfit::from("the request is no JSON object".to_owned()));
    };
    members::check(object)?;
    members::read(object, &mut canonical)?;
    let offered = tools::read(object.get("tools"), target, names, &mut canonical)?;
    tool_choice::read(object, &offered, &mut canonical)?;
    input::read(object.get("input"), target, names, &mut canonical)?;
    Ok(canonical)
}

#[cfg(test)]
mod tests;
