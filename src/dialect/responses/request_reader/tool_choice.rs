//! The choice among the tools, and whether several may be called at once.

use super::members::said;
use super::tools::{self, Offered};
use crate::dialect::canonical::{Choice, Request as Canonical};
use crate::dialect::request::Unfit;
use crate::json::{Object, raw};

/// The member.
const MEMBER: &str = "tool_choice";

/// Reads the choice. Without tools there is none: providers refuse it, and Codex sends it always.
pub fn read(
    object: &Object<'_>,
    offered: &Offered,
    canonical: &mut Canonical<'_>,
) -> Result<(), Unfit> {
    if let Some(choice) = said(object, MEMBER) {
        canonical.choice = if raw::is_object(choice) {
            choice_of(choice, offered, canonical)?
        } else {
            mode_of(choice, canonical)?
        };
    }
    if canonical.tools.is_empty() {
        canonical.choice = Choice::Auto;
    } else if said(object, "parallel_tool_calls") == Some("false") {
        canonical.parallel_calls = Some(false);
    }
    Ok(())
}

fn mode_of(mode: &str, canonical: &Canonical<'_>) -> Result<Choice, Unfit> {
    match raw::text(mode).as_deref() {
        Some("auto") => Ok(Choice::Auto),
        Some("none") => Ok(Choice::None),
        Some("required") if canonical.tools.is_empty() => Err(unfit(
            "requires a tool, and none is left that this step's provider could call",
        )),
        Some("required") => Ok(Choice::Required),
        _ => Err(unfit("is none of 'auto', 'none', 'required' and an object")),
    }
}

fn choice_of(
    choice: &str,
    offered: &Offered,
    canonical: &mut Canonical<'_>,
) -> Result<Choice, Unfit> {
    let [kind, mode, allowed] = raw::said_members(choice, ["type", "mode", "tools"]);
    match kind.and_then(raw::text).as_deref() {
        Some("function" | "custom") => {
            let place = place_of(choice, offered)?;
            let tool = canonical.tools.get(place);
            let name = tool.map(|tool| tool.name.clone().into_owned());
            Ok(name.map_or(Choice::Auto, Choice::Tool))
        }
        Some("allowed_tools") => {
            keep_allowed(allowed.unwrap_or_default(), offered, canonical)?;
            mode_of(mode.unwrap_or("\"auto\""), canonical)
        }
        _ => Err(unfit(
            "names a tool that only a provider that speaks Responses may have",
        )),
    }
}

/// Leaves only the tools that may be called. Of those that a provider has of its own none is there.
fn keep_allowed(
    allowed: &str,
    offered: &Offered,
    canonical: &mut Canonical<'_>,
) -> Result<(), Unfit> {
    let mut is_allowed = vec![false; offered.len()];
    for tool in tools::items(allowed, MEMBER)? {
        let kind = raw::kind_of(tool);
        match kind.as_deref() {
            Some("function" | "custom") => {
                let place = place_of(tool, offered)?;
                is_allowed
                    .iter_mut()
                    .skip(place)
                    .take(1)
                    .for_each(|it| *it = true);
            }
            Some("namespace") => {
                let name = raw::member(tool, "name").and_then(raw::lossy_text);
                for (tool, it) in offered.iter().zip(&mut is_allowed) {
                    *it |= tool.namespace.is_some() && tool.namespace.as_deref() == name.as_deref();
                }
            }
            _ => {}
        }
    }
    let mut is_allowed = is_allowed.into_iter();
    canonical
        .tools
        .retain(|_| is_allowed.next().unwrap_or(false));
    Ok(())
}

/// The place of the tool that a raw object names, be it as chat does.
fn place_of(named: &str, offered: &Offered) -> Result<usize, Unfit> {
    let nested = raw::member(named, "function").filter(|nested| raw::is_object(nested));
    let [name, namespace] = raw::said_members(nested.unwrap_or(named), ["name", "namespace"]);
    let [name, namespace] = [name, namespace].map(|it| it.and_then(raw::lossy_text));
    let place = offered.iter().position(|tool| {
        Some(&*tool.name) == name.as_deref()
            && (namespace.is_none() || tool.namespace.as_deref() == namespace.as_deref())
    });
    place.ok_or_else(|| unfit("names a tool that is not in 'tools'"))
}

fn unfit(does_what: &str) -> Unfit {
    Unfit::at(MEMBER, format!("'{MEMBER}' {does_what}"))
}
