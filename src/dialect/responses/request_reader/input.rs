//! The items of `input`, one by one.

use super::conversation::Conversation;
use super::{parts, results};
use crate::dialect::canonical::{
    Call, Escaped, Names, Part, Reasoning, ReasoningMember, Request as Canonical, ToolName, join,
};
use crate::dialect::request::Unfit;
use crate::dialect::responses::ids::{self, Mark};
use crate::dialect::translate::Target;
use crate::json::raw;

/// Items of tools that a provider has of its own: their yield is in the text that follows.
const HOSTED: [&str; 8] = [
    "web_search_call",
    "file_search_call",
    "code_interpreter_call",
    "image_generation_call",
    "mcp_list_tools",
    "mcp_call",
    "tool_search_call",
    "tool_search_output",
];

/// Reads the conversation.
pub fn read<'a>(
    input: Option<&'a str>,
    target: &Target<'_>,
    names: &mut Names,
    canonical: &mut Canonical<'a>,
) -> Result<(), Unfit> {
    let mut conversation = Conversation::default();
    let input = input.unwrap_or_default();
    if let Some(text) = Escaped::of(input) {
        conversation.add_user(vec![Part::Text(text)]);
    }
    let items = items_of(input);
    let last_user = items.iter().rposition(|item| is_of_user(item));
    for (index, item) in items.into_iter().enumerate() {
        let mut reader = ItemReader {
            path: format!("input[{index}]"),
            is_current: last_user.is_none_or(|last| index > last),
            tag: target.traits.translation.tag,
            names,
            conversation: &mut conversation,
            system: &mut canonical.system,
        };
        reader.read(&item)?;
    }
    canonical.turns = conversation.into_turns();
    Ok(())
}

/// An item with the members that tell what it is.
struct Item<'a> {
    raw: &'a str,
    kind: std::borrow::Cow<'a, str>,
    role: Option<std::borrow::Cow<'a, str>>,
}

fn items_of(input: &str) -> Vec<Item<'_>> {
    let mut items = Vec::new();
    // A string has no items.
    let _ = raw::each_item(input, &mut |item| {
        let [kind, role] = raw::said_members(item, ["type", "role"]);
        items.push(Item {
            raw: item,
            kind: match kind {
                None => "message".into(),
                Some(kind) => raw::text(kind).unwrap_or_default(),
            },
            role: role.and_then(raw::text),
        });
    });
    items
}

fn is_of_user(item: &Item<'_>) -> bool {
    item.kind == "message" && item.role.as_deref() == Some("user")
}

struct ItemReader<'r, 'a> {
    path: String,
    /// The item is behind the last message of the user: its turn goes on.
    is_current: bool,
    tag: u16,
    names: &'r mut Names,
    conversation: &'r mut Conversation<'a>,
    system: &'r mut Vec<Escaped<'a>>,
}

impl<'a> ItemReader<'_, 'a> {
    fn read(&mut self, item: &Item<'a>) -> Result<(), Unfit> {
        match &*item.kind {
            "message" => self.read_message(item),
            "function_call" => self.read_call(item.raw, "arguments"),
            "custom_tool_call" => self.read_call(item.raw, "input"),
            "function_call_output" | "custom_tool_call_output" => {
                let [id, output] = raw::said_members(item.raw, ["call_id", "output"]);
                let id = id.and_then(Escaped::of).unwrap_or_default();
                let result = results::read(id, output, &self.path)?;
                self.conversation.add_result(result);
                Ok(())
            }
            "reasoning" => {
                self.read_reasoning(item.raw);
                Ok(())
            }
            "item_reference" => self.read_reference(item.raw),
            hosted if HOSTED.contains(&hosted) => Ok(()),
            _ => Err(self.unfit(
                "is an item that only a provider that speaks Responses may know what to do with",
            )),
        }
    }

    fn read_message(&mut self, item: &Item<'a>) -> Result<(), Unfit> {
        let content = raw::member(item.raw, "content").unwrap_or_default();
        match item.role.as_deref() {
            Some("system" | "developer") => {
                let texts = parts::texts(content, &self.path)?;
                self.system
                    .extend(texts.into_iter().filter(|text| !text.is_empty()));
            }
            Some("user") => {
                let parts = parts::all(content, &self.path)?;
                self.conversation.add_user(parts);
            }
            Some("assistant") => {
                let texts = parts::texts(content, &self.path)?;
                let text = join(texts, results::BLANK_LINE);
                if !text.is_empty() {
                    self.conversation.add_text(text);
                }
            }
            _ => return Err(self.unfit("has no role that a message of Responses can have")),
        }
        Ok(())
    }

    /// Reads a call; `input` is the member with its arguments.
    fn read_call(&mut self, item: &'a str, input: &str) -> Result<(), Unfit> {
        let [id, name, namespace, input] =
            raw::said_members(item, ["call_id", "name", "namespace", input]);
        let text = |raw: &str| raw::lossy_text(raw).map(std::borrow::Cow::into_owned);
        let Some(name) = name.and_then(text) else {
            return Err(self.unfit("has no name"));
        };
        let name = self.names.sent_for(ToolName {
            name,
            namespace: namespace.and_then(text),
            is_free_text: false,
        });
        let is_free_text = raw::kind_of(item);
        let is_free_text = is_free_text.as_deref() == Some("custom_tool_call");
        let arguments = match input {
            input if is_free_text => {
                let input = input.filter(|input| input.starts_with('"'));
                Escaped::text(&["{\"input\":", input.unwrap_or("\"\""), "}"].concat())
            }
            None | Some("\"\"") => Escaped::plain("{}"),
            Some(input) => Escaped::of(input).unwrap_or_else(|| Escaped::text(input)),
        };
        self.conversation.add_call(Call {
            id: id.and_then(Escaped::of).unwrap_or_default(),
            name: Escaped::text(&name).into_owned(),
            arguments,
        });
        Ok(())
    }

    /// Reads reasoning. Only the step that said it gets it back, in the turn that it was said in: DeepSeek refuses a
    /// request without it, Groq, Mistral and Cerebras refuse one with it.
    fn read_reasoning(&mut self, item: &'a str) {
        let [id, cipher, summary] = raw::said_members(item, ["id", "encrypted_content", "summary"]);
        let (sealed, signature) = cipher.and_then(Mark::of_cipher).unzip();
        let mark = sealed.or_else(|| id.and_then(ids::mark_of));
        let Some(mark) = mark.filter(|mark| self.is_current && mark.tag == self.tag) else {
            return;
        };
        let signature = signature.flatten();
        let mut texts = Vec::new();
        // What is no array has no parts.
        let _ = raw::each_item(summary.unwrap_or_default(), &mut |part| {
            texts.extend(raw::member(part, "text").and_then(Escaped::of));
        });
        let text = join(texts, results::BLANK_LINE);
        let is_worth_it = match mark.member {
            // Thinking without its signature is refused.
            ReasoningMember::Thinking => signature.is_some(),
            ReasoningMember::Content | ReasoningMember::Reasoning => !text.is_empty(),
            ReasoningMember::Details => false,
        };
        if is_worth_it {
            self.conversation.add_reasoning(Reasoning {
                text,
                member: mark.member,
                signature,
            });
        }
    }

    /// A reference to reasoning is let go: reasoning is optional.
    fn read_reference(&mut self, item: &str) -> Result<(), Unfit> {
        let id = raw::member(item, "id").and_then(raw::text);
        if id.is_some_and(|id| id.starts_with("rs_")) {
            return Ok(());
        }
        Err(self.unfit(
            "refers to an item that this step's provider does not have; send the item itself: set `store: false` in the \
             client",
        ))
    }

    fn unfit(&self, is_what: &str) -> Unfit {
        Unfit::at(&self.path, format!("'{}' {is_what}", self.path))
    }
}
