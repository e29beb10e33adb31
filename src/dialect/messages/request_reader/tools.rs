//! Tools and the choice among them.

use std::borrow::Cow;

use super::place::{Place, try_each};
use super::texts::said;
use crate::dialect::canonical::{Choice, Escaped, Names, Request as Canonical, Tool};
use crate::dialect::messages::request::is_server_tool;
use crate::dialect::request::Unfit;
use crate::json::{Object, raw};

/// Reads the tools. Those that run at a provider are dropped: a request that has no other passes the step over.
///
/// # Errors
/// A tool whose schema is not in the request; no tool but a provider's own, whose results a model without it would invent.
pub fn read<'a>(
    form: &mut Canonical<'a>,
    object: &'a Object<'_>,
    names: &mut Names,
) -> Result<(), Unfit> {
    let tools = object.get("tools").unwrap_or_default();
    let mut has_server_tools = false;
    try_each(tools, &mut |index, tool| {
        let kind = raw::kind_of(tool).unwrap_or_default();
        if is_server_tool(&kind) {
            has_server_tools = true;
            let name = said(tool, "name").unwrap_or_else(|| Escaped::text(&kind));
            form.drop_member(&format!("tools.{}", name.decoded()));
        } else if kind.is_empty() || kind == "custom" {
            form.tools.push(read_tool(tool, names));
        } else {
            let place = Place::of_tool(index);
            return Err(place.no_equivalent(&format!("a tool of the type {kind}")));
        }
        Ok(())
    })?;
    if form.tools.is_empty() && has_server_tools {
        return Err(Unfit::at("tools", "the request has no tool but the provider's own, which this step's provider does not have".to_owned()));
    }
    read_choice(form, object.get("tool_choice").unwrap_or_default(), names);
    Ok(())
}

fn read_tool<'a>(tool: &'a str, names: &mut Names) -> Tool<'a> {
    let name = said(tool, "name").unwrap_or_default();
    Tool {
        name: Escaped::text(&names.sent(&name.decoded())),
        description: said(tool, "description"),
        parameters: raw::member(tool, "input_schema")
            .filter(|schema| raw::is_object(schema))
            .map(without_dialect),
        strict: match raw::member(tool, "strict") {
            Some("true") => Some(true),
            Some("false") => Some(false),
            _ => None,
        },
    }
}

/// A schema without the name of its dialect, which some providers refuse.
fn without_dialect(schema: &str) -> Cow<'_, str> {
    let Ok(mut object) = Object::parse_lenient(schema) else {
        return Cow::Borrowed(schema);
    };
    if object.remove("$schema") {
        Cow::Owned(object.to_json())
    } else {
        Cow::Borrowed(schema)
    }
}

/// A tool that was dropped cannot be chosen.
fn read_choice(form: &mut Canonical<'_>, choice: &str, names: &mut Names) {
    form.choice = match raw::kind_of(choice).as_deref() {
        Some("none") => Choice::None,
        Some("any") => Choice::Required,
        Some("tool") => {
            let name = said(choice, "name").unwrap_or_default();
            let name = Escaped::text(&names.sent(&name.decoded()));
            let mut tools = form.tools.iter();
            if tools.any(|tool| tool.name.decoded() == name.decoded()) {
                Choice::Tool(name)
            } else {
                Choice::Auto
            }
        }
        _ => Choice::Auto,
    };
    if raw::member(choice, "disable_parallel_tool_use") == Some("true") {
        form.parallel_calls = Some(false);
    }
}
