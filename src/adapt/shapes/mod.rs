//! Shapes of messages and schemas that single providers demand. Each is switched on by a profile, or by a refusal that
//! says so. A pass over `messages` happens only for a request that has one of them on.

mod conversation;
mod openapi;
mod single_messages;
mod system_reminders;
mod tool_ids;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::dialect::json_request::texts_of;
use crate::json::Object;

pub use single_messages::only_known_members;

/// A shape that can be learned. The names are in the state file, and stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Messages of the role developer become system messages.
    DeveloperToSystem,
    /// Tool call ids have nine letters and digits.
    Ids9,
    /// An assistant message stands between tool results and the user's next word.
    Bridge,
    /// Tool messages carry the name of their function.
    ToolNames,
    /// No message and no text part is empty.
    NonEmpty,
    /// Assistant messages with tool calls have their `reasoning_content`.
    ReasoningBack,
    /// Neighbours of one role are merged.
    Alternate,
    /// System messages behind the first message become the user's.
    FirstSystem,
    /// Schemas are those of OpenAPI 3.0.
    Openapi,
    /// Assistant messages with calls have a content, be it `""`.
    CallContent,
    /// The conversation ends with a user message.
    UserLast,
    /// Text parts of assistants become one text.
    AssistantTexts,
    /// Text parts become one text.
    Texts,
    /// `content: null` becomes `""`.
    NoNullContent,
    /// Documents to rank are texts, not objects with one.
    DocumentTexts,
    /// System messages are reminders of the user's, in Messages.
    SystemReminders,
}

/// The filler of a missing `reasoning_content`. Moonshot takes `""` for missing.
pub const FILLER: &str = " ";

impl Shape {
    pub const ALL: [Self; 16] = [
        Self::DeveloperToSystem,
        Self::Ids9,
        Self::Bridge,
        Self::ToolNames,
        Self::NonEmpty,
        Self::ReasoningBack,
        Self::Alternate,
        Self::FirstSystem,
        Self::Openapi,
        Self::CallContent,
        Self::UserLast,
        Self::AssistantTexts,
        Self::Texts,
        Self::NoNullContent,
        Self::DocumentTexts,
        Self::SystemReminders,
    ];

    /// Brings the request into this shape. `filler` stands in for a missing `reasoning_content`.
    pub fn apply(self, body: &mut Object<'_>, filler: &str) {
        if self == Self::Openapi {
            openapi::edit(body);
            return;
        }
        if self == Self::DocumentTexts {
            if let Some(texts) = body.get("documents").and_then(texts_of) {
                body.set("documents", texts);
            }
            return;
        }
        let Some(messages) = body.get("messages") else {
            return;
        };
        let shaped = match self {
            Self::DeveloperToSystem => single_messages::developer_to_system(messages),
            Self::Ids9 => tool_ids::ids9(messages),
            Self::Bridge => conversation::bridge(messages),
            Self::ToolNames => tool_ids::tool_names(messages),
            Self::NonEmpty => conversation::non_empty(messages),
            Self::ReasoningBack => single_messages::reasoning_back(messages, filler),
            Self::Alternate => conversation::alternate(messages),
            Self::FirstSystem => conversation::first_system(messages),
            Self::CallContent => single_messages::call_content(messages),
            Self::UserLast => conversation::user_last(messages),
            Self::AssistantTexts => single_messages::texts(messages, true),
            Self::Texts => single_messages::texts(messages, false),
            Self::NoNullContent => single_messages::no_null_content(messages),
            Self::SystemReminders => system_reminders::system_reminders(messages),
            Self::Openapi | Self::DocumentTexts => None,
        };
        if let Some(shaped) = shaped {
            body.set("messages", shaped);
        }
    }

    /// The place that the shape changes, for `keep`.
    pub fn touches(self) -> &'static str {
        match self {
            Self::DeveloperToSystem => "messages[*].role",
            Self::Ids9 => "messages[*].tool_call_id",
            Self::ToolNames => "messages[*].name",
            Self::ReasoningBack => "messages[*].reasoning_content",
            Self::Openapi => "tools[*].function.parameters",
            Self::DocumentTexts => "documents",
            Self::Bridge
            | Self::Alternate
            | Self::FirstSystem
            | Self::UserLast
            | Self::SystemReminders => "messages",
            Self::NonEmpty
            | Self::CallContent
            | Self::AssistantTexts
            | Self::Texts
            | Self::NoNullContent => "messages[*].content",
        }
    }

    /// The shape in a word or two, for metrics and for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::DeveloperToSystem => "developer role",
            Self::Ids9 => "tool ids",
            Self::Bridge => "bridge",
            Self::ToolNames => "tool names",
            Self::NonEmpty => "empty messages",
            Self::ReasoningBack => "reasoning_content",
            Self::Alternate => "alternating roles",
            Self::FirstSystem => "late system messages",
            Self::Openapi => "schemas",
            Self::CallContent => "content beside calls",
            Self::UserLast => "last message",
            Self::AssistantTexts | Self::Texts => "text parts",
            Self::NoNullContent => "null content",
            Self::DocumentTexts => "document texts",
            Self::SystemReminders => "system messages",
        }
    }

    /// The shape in words, for `explain`.
    pub fn words(self) -> &'static str {
        match self {
            Self::DeveloperToSystem => "the role developer becomes system",
            Self::Ids9 => "tool call ids get nine letters and digits",
            Self::Bridge => "an assistant message goes between tool and user messages",
            Self::ToolNames => "tool messages get the name of their function",
            Self::NonEmpty => "empty messages and text parts are dropped",
            Self::ReasoningBack => "assistant messages with tool calls get a reasoning_content",
            Self::Alternate => "neighbouring messages of one role are merged",
            Self::FirstSystem => "later system messages become the user's",
            Self::Openapi => "schemas are cut down to those of OpenAPI 3.0",
            Self::CallContent => "assistant messages with tool calls get a content",
            Self::UserLast => "a user message goes to the end",
            Self::AssistantTexts => "text parts of assistants become one text",
            Self::Texts => "text parts become one text",
            Self::NoNullContent => "content: null becomes an empty text",
            Self::DocumentTexts => "documents to rank are sent as texts",
            Self::SystemReminders => "system messages become reminders of the user's",
        }
    }
}
