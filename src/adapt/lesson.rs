//! A lesson: what a refusal has taught about a provider and model, and the edit that follows from it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::json::{Object, raw};

use super::meaning;
use super::operations::{Kept, at_most, default, drop_member, is_above, is_same, put, rename};
use super::profile_rules::equal_strict;
use super::shapes::{FILLER, Shape};
use super::tools;

/// The life of a lesson that edits requests.
const EDIT: Duration = Duration::from_secs(24 * 60 * 60);

/// The life of a lesson that passes a step over: a wrong one costs the step's answers.
const PASS_OVER: Duration = Duration::from_secs(60 * 60);

/// A lesson. The names are in the state file, and stay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Lesson {
    Drop {
        member: String,
    },
    /// A member goes where it has this value, as JSON: it asks for what comes anyway.
    DropValue {
        member: String,
        value: String,
    },
    Rename {
        member: String,
        to: String,
    },
    /// A number is lowered to `most`, as JSON.
    AtMost {
        member: String,
        most: String,
    },
    /// A value that requests without a stream need (`enable_thinking: false`).
    WithoutStream {
        member: String,
        value: String,
    },
    Shape {
        shape: Shape,
    },
    /// A forced `tool_choice` becomes `auto`.
    RelaxToolChoice,
    /// `strict` is the same in all tools.
    EqualStrict,
    /// `response_format` goes where there are tools.
    FormatYields,
    /// There is no `json_schema` response format.
    NoSchemas,
    /// Requests that carry the member, or more items in it than this, pass the step over.
    PassOver {
        member: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        more_than: Option<u64>,
    },
    /// Longer requests (tokens) pass the step over.
    ContextLength {
        tokens: u64,
    },
}

impl Lesson {
    /// Makes the lesson's edit.
    pub fn apply(&self, body: &mut Object<'_>, stream: bool, kept: Kept<'_>) {
        if self.place().is_some_and(|place| kept.has(place)) {
            return;
        }
        match self {
            Self::Drop { member } => drop_member(body, member),
            Self::DropValue { member, value } => {
                if body.get(member).is_some_and(|sent| is_same(sent, value)) {
                    drop_member(body, member);
                }
            }
            Self::Rename { member, to } => rename(body, member, to),
            Self::AtMost { member, most } => at_most(body, member, most),
            Self::WithoutStream { member, value } => {
                if !stream {
                    default(body, member, value);
                    put(body, member, value);
                }
            }
            Self::Shape { shape } => shape.apply(body, FILLER),
            Self::RelaxToolChoice => tools::relax_tool_choice(body),
            Self::EqualStrict => equal_strict(body),
            Self::FormatYields => tools::format_yields(body),
            Self::NoSchemas | Self::PassOver { .. } | Self::ContextLength { .. } => {}
        }
    }

    /// Turns a lesson about system messages to the provider's kind, as servers of both have the same words. Tells whether
    /// it is one there.
    pub fn turn_to(&mut self, is_messages: bool) -> bool {
        if let Self::Shape { shape } = self {
            match shape {
                Shape::FirstSystem if is_messages => *shape = Shape::SystemReminders,
                Shape::SystemReminders => return is_messages,
                _ => {}
            }
        }
        true
    }

    /// Whether requests like this one pass the step over.
    pub fn passes_over(&self, body: &Object<'_>) -> bool {
        let Self::PassOver { member, more_than } = self else {
            return false;
        };
        let is_more = |most: u64| {
            let value = body.get(member).unwrap_or_default();
            let count = meaning::items(value).len() as u64;
            count > most || is_above(value, &most.to_string())
        };
        meaning::is_concerned(body, member) && more_than.is_none_or(is_more)
    }

    /// The lesson to leave the member out, as it was sent, instead of passing the step over; none of other lessons.
    pub fn tried_without(&self, sent: &Object<'_>) -> Option<Self> {
        match self {
            Self::PassOver {
                member,
                more_than: None,
            } => Some(Self::DropValue {
                member: member.clone(),
                value: sent.get(member)?.to_owned(),
            }),
            _ => None,
        }
    }

    /// Whether the lesson leaves requests as they are, and keeps some of them away.
    pub fn is_about_passing_over(&self) -> bool {
        matches!(
            self,
            Self::NoSchemas | Self::PassOver { .. } | Self::ContextLength { .. }
        )
    }

    pub fn lasts(&self) -> Duration {
        match self {
            Self::NoSchemas | Self::PassOver { .. } => PASS_OVER,
            _ => EDIT,
        }
    }

    /// The place that the lesson is about, for `keep`.
    pub fn place(&self) -> Option<&str> {
        match self {
            Self::Drop { member }
            | Self::DropValue { member, .. }
            | Self::Rename { member, .. }
            | Self::AtMost { member, .. }
            | Self::WithoutStream { member, .. }
            | Self::PassOver { member, .. } => Some(member),
            Self::Shape { shape } => Some(shape.touches()),
            Self::RelaxToolChoice => Some("tool_choice"),
            Self::EqualStrict => Some("tools[*].function.strict"),
            Self::FormatYields | Self::NoSchemas => Some("response_format"),
            Self::ContextLength { .. } => None,
        }
    }

    /// The member or the shape, for clients, metrics and the log.
    pub fn label(&self) -> &str {
        match self {
            Self::Shape { shape } => shape.label(),
            Self::ContextLength { .. } => "context length",
            _ => self.place().unwrap_or_default(),
        }
    }

    /// The lesson in words.
    pub fn words(&self) -> String {
        match self {
            Self::Drop { member } => format!("{member} is dropped"),
            Self::DropValue { member, value } => format!("{member} is dropped if it is {value}"),
            Self::Rename { member, to } => format!("{member} becomes {to}"),
            Self::AtMost { member, most } => format!("{member} is at most {most}"),
            Self::WithoutStream { member, value } => {
                format!("{member} is {value} without a stream")
            }
            Self::Shape { shape } => shape.words().to_owned(),
            Self::RelaxToolChoice => "a forced tool_choice becomes auto".to_owned(),
            Self::EqualStrict => "strict is the same in all tools".to_owned(),
            Self::FormatYields => "response_format gives way to tools".to_owned(),
            Self::NoSchemas => "requests with a json_schema pass it over".to_owned(),
            Self::PassOver { member, more_than } => match more_than {
                Some(most) => format!("requests with more than {most} {member} pass it over"),
                None => format!("requests with {member} pass it over"),
            },
            Self::ContextLength { tokens } => {
                format!("requests of more than {tokens} tokens pass it over")
            }
        }
    }

    /// The line of a step that says the same for good; `None` where there is no such setting.
    pub fn line(&self) -> Option<String> {
        let quoted = raw::quoted;
        Some(match self {
            Self::Drop { member } => format!("edits: {{drop: [{}]}}", quoted(member)),
            Self::Rename { member, to } => {
                format!("edits: {{rename: {{{}: {to}}}}}", quoted(member))
            }
            Self::AtMost { member, most } => {
                format!("edits: {{override: {{{}: {most}}}}}", quoted(member))
            }
            Self::WithoutStream { member, value } => {
                format!("edits: {{default: {{{}: {value}}}}}", quoted(member))
            }
            Self::Shape {
                shape: Shape::ReasoningBack,
            } => "reasoning_replay: true".to_owned(),
            Self::RelaxToolChoice => "thinking: true".to_owned(),
            Self::EqualStrict => r#"edits: {drop: ["tools[*].function.strict"]}"#.to_owned(),
            Self::FormatYields => "conflict_resolution: tools".to_owned(),
            Self::NoSchemas => "schema_fallback: object".to_owned(),
            Self::PassOver { member, more_than } => match member.as_str() {
                "tools" if more_than.is_none() => "tools: false".to_owned(),
                meaning::IMAGES | meaning::AUDIO | meaning::FILES => {
                    "modalities: [text]".to_owned()
                }
                _ => return None,
            },
            Self::ContextLength { tokens } => format!("context_length: {tokens}"),
            Self::Shape { .. } | Self::DropValue { .. } => return None,
        })
    }
}
