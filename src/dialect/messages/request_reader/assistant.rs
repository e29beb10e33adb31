//! A message of the assistant's: its texts, its calls, and the thinking that a step is to get back.

use super::documents::pages;
use super::texts::said;
use crate::dialect::canonical::{
    Call, Escaped, Names, Part, Reasoning, ReasoningMember, Request as Canonical, Role,
};
use crate::dialect::translate::Target;
use crate::json::raw;

/// The text of a message of which nothing is left.
const NOTHING: &str = "(no content)";

/// Reads the content of a message. What no other step would understand of it is left out.
pub fn read<'a>(
    form: &mut Canonical<'a>,
    content: &'a str,
    target: &Target<'_>,
    names: &mut Names,
) {
    let mut says_something = false;
    if let Some(text) = Escaped::of(content).filter(|text| !text.is_empty()) {
        says_something = true;
        form.add(Role::Assistant, Part::Text(text));
    }
    // A text has no blocks.
    let _ = raw::each_item(content, &mut |block| {
        let part = match raw::kind_of(block).as_deref() {
            Some("thinking") if target.replays_reasoning => {
                let thought = said(block, "thinking").map(thought);
                if let Some(thought) = thought {
                    form.add(Role::Assistant, thought);
                }
                None
            }
            Some("tool_use") => Some(Part::Call(call(block, names))),
            Some("text") => said(block, "text").map(Part::Text),
            // What was said before a conversation was made shorter.
            Some("compaction") => said(block, "content").map(Part::Text),
            Some("web_search_tool_result" | "web_fetch_tool_result") => {
                pages(block).map(Part::Text)
            }
            _ => None,
        };
        if let Some(part) = part {
            says_something = true;
            form.add(Role::Assistant, part);
        }
    });
    if !says_something {
        form.add(Role::Assistant, Part::Text(Escaped::plain(NOTHING)));
    }
}

fn thought(text: Escaped<'_>) -> Part<'_> {
    Part::Reasoning(Reasoning {
        text,
        member: ReasoningMember::Thinking,
        signature: None,
    })
}

fn call<'a>(block: &'a str, names: &mut Names) -> Call<'a> {
    let name = said(block, "name").unwrap_or_default();
    let input = raw::member(block, "input").unwrap_or("{}");
    Call {
        id: said(block, "id").unwrap_or_default(),
        name: Escaped::text(&names.sent(&name.decoded())),
        arguments: Escaped::text(input),
    }
}
