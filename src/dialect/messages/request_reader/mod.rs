//! A client's request of Messages, read into the canonical form for a step that speaks another dialect.

mod assistant;
mod calls;
mod documents;
mod settings;
mod tools;
mod user;

#[cfg(test)]
mod tests;

use super::blocks::kind_of;
use crate::dialect::canonical::{Escaped, Names, Part, Request as Canonical, Role, join};
use crate::dialect::request::{Request, Unfit};
use crate::dialect::translate::Target;
use crate::json::{Object, raw};

/// The beginning of a system block of Claude Code that changes with each conversation, and spoils the caches of prompts.
const BILLING: &str = "x-anthropic-billing-header:";

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

/// The texts of the text blocks in an array.
fn texts_of(blocks: &str) -> Vec<Escaped<'_>> {
    let mut texts = Vec::new();
    // What is no array has no blocks.
    let _ = raw::each_item(blocks, &mut |block| texts.extend(text_of(block)));
    texts
}

/// The text of a text block.
fn text_of(block: &str) -> Option<Escaped<'_>> {
    let is_text = kind_of(block).as_deref() == Some("text");
    let text = raw::member(block, "text").and_then(Escaped::of);
    text.filter(|text| is_text && !text.is_empty())
}

/// The text of a member; `None` of what is no text, and of an empty one.
fn said<'a>(holder: &'a str, member: &str) -> Option<Escaped<'a>> {
    let text = raw::member(holder, member).and_then(Escaped::of);
    text.filter(|text| !text.is_empty())
}

/// Visits the items of an array until one is at fault.
///
/// # Errors
/// That fault.
fn try_each<'a>(
    array: &'a str,
    visit: &mut dyn FnMut(usize, &'a str) -> Result<(), Unfit>,
) -> Result<(), Unfit> {
    let (mut read, mut index) = (Ok(()), 0);
    // What is no array has no items.
    let _ = raw::each_item(array, &mut |item| {
        if read.is_ok() {
            read = visit(index, item);
            index += 1;
        }
    });
    read
}

/// The place of a block in a request, for the words about it.
struct Place(String);

impl Place {
    fn of_message(index: usize) -> Self {
        Self(format!("messages[{index}]"))
    }

    fn block(&self, index: usize) -> Self {
        Self(format!("{}.content[{index}]", self.0))
    }

    /// The place is spelled as Anthropic spells it, in the words; and as a path in the parameter.
    fn unfit(&self, member: &str, words: &str) -> Unfit {
        let dot = if member.is_empty() { "" } else { "." };
        let path = [&self.0, dot, member].concat();
        let spelled = path.replace('[', ".").replace(']', "");
        Unfit {
            reason: format!("{spelled}: {words}"),
            param: Some(path),
            too_large: false,
        }
    }

    fn no_equivalent(&self, kind: &str) -> Unfit {
        let words = format!("{kind} has no equivalent at this step's provider");
        self.unfit("", &words)
    }
}
