//! A client's request of Messages, read into the canonical form for a step that speaks another dialect.

mod assistant;
mod calls;
mod documents;
mod place;
mod settings;
mod texts;
mod tools;
mod user;

#[cfg(test)]
mod tests;

use self::place::Place;
use self::texts::texts_of;
use crate::dialect::canonical::{Escaped, Names, Part, Request as Canonical, Role, join};
use crate::dialect::request::{Request, Unfit};
use crate::dialect::translate::Target;
use crate::json::{Object, raw};

/// The beginning of a system block of Claude Code that changes with each conversation, and spoils the caches of prompts.
pub(super) const BILLING: &str = "x-anthropic-billing-header:";

/// Reads a request.
///
/// # Errors
/// A part of it has no equivalent, by its place.
pub fn read<'a>(
    request: &'a Request<'_>,
    target: &Target<'_>,
    names: &mut Names,
) -> Result<Canonical<'a>, Unfit> {
    let mut form = Canonical {
        stream: request.stream,
        ..Canonical::default()
    };
    let Some(object) = request.payload.object() else {
        return Ok(form);
    };
    read_system(&mut form, object);
    let mut messages = Vec::new();
    // A request that was read has an array.
    let _ = raw::each_item(object.get("messages").unwrap_or_default(), &mut |message| {
        messages.push(message);
    });
    for (index, message) in messages.into_iter().enumerate() {
        let place = Place::of_message(index);
        read_message(&mut form, message, &place, target, names)?;
    }
    calls::settle(&mut form);
    tools::read(&mut form, object, names)?;
    settings::read(&mut form, object);
    Ok(form)
}

fn read_system<'a>(form: &mut Canonical<'a>, object: &'a Object<'_>) {
    let system = object.get("system").unwrap_or_default();
    let texts = Escaped::of(system).map_or_else(|| texts_of(system), |text| vec![text]);
    let is_kept = |text: &Escaped<'_>| !text.is_empty() && !text.inside().starts_with(BILLING);
    form.system.extend(texts.into_iter().filter(is_kept));
}

fn read_message<'a>(
    form: &mut Canonical<'a>,
    message: &'a str,
    place: &Place,
    target: &Target<'_>,
    names: &mut Names,
) -> Result<(), Unfit> {
    let content = raw::member(message, "content").unwrap_or_default();
    let role = raw::member(message, "role").and_then(raw::text);
    match role.as_deref() {
        Some("user") => user::read(form, content, place),
        Some("assistant") => {
            assistant::read(form, content, target, names);
            Ok(())
        }
        Some("system") => {
            form.add(Role::User, Part::Text(reminder(content)));
            Ok(())
        }
        _ => Err(place.unfit("role", "it is neither user, assistant nor system")),
    }
}

/// The words of a system message among the others. As a system message it would be refused by templates that want that
/// first (claude-code issue 77698), and in front of all others it would spoil the caches of prompts.
fn reminder(content: &str) -> Escaped<'_> {
    let said = Escaped::of(content).unwrap_or_else(|| join(texts_of(content), r"\n\n"));
    let around = [
        Escaped::plain(r"<system-reminder>\n"),
        said,
        Escaped::plain(r"\n</system-reminder>"),
    ];
    join(around, "")
}
