//! What answers and stream chunks have in common: choices, usage, and the members the gateway writes.

use super::provider_error::{ProviderError, error_in};
use crate::json::{Object, raw};

/// The members of a message or a delta that are worth sending to a client; any one of them filled is content.
/// `reasoning`, `reasoning_details` and `images` are OpenRouter's, `reasoning_content` is DeepSeek's.
const CONTENT: [&str; 9] = [
    "content",
    "refusal",
    "reasoning_content",
    "reasoning",
    "reasoning_details",
    "tool_calls",
    "function_call",
    "audio",
    "images",
];

/// Tokens as the provider counted them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub prompt_tokens: Option<u64>,
    pub completion_tokens: Option<u64>,
}

impl Usage {
    pub(super) fn read(usage: &str) -> Option<Self> {
        raw::is_object(usage).then(|| Self {
            prompt_tokens: raw::member(usage, "prompt_tokens").and_then(raw::whole_number),
            completion_tokens: raw::member(usage, "completion_tokens").and_then(raw::whole_number),
        })
    }
}

/// Which choices of a stream have begun to speak, and which have named their `finish_reason`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// One bit for each index; the API allows 128 choices.
    begun: u128,
    finished: u128,
}

impl Ends {
    /// Adds what a later chunk tells.
    pub fn add(&mut self, later: Self) {
        self.begun |= later.begun;
        self.finished |= later.finished;
    }

    /// Whether an end of the stream here is a whole answer: some choice has finished, and none is in the middle.
    pub fn are_all_there(self) -> bool {
        self.finished != 0 && self.begun & !self.finished == 0
    }
}

/// The judgement on a `choices` array.
#[derive(Debug, Default)]
pub(super) struct Choices {
    pub count: usize,
    /// Some choice holds content.
    pub has_content: bool,
    pub ends: Ends,
    /// The first choice that failed on its own, as OpenRouter reports a model that broke off.
    pub error: Option<ProviderError>,
}

impl Choices {
    /// `holder` is the member with the content: `message` in answers, `delta` in chunks. What is no array has no choices.
    pub(super) fn judge(choices: &str, holder: &str) -> Self {
        let mut judged = Self::default();
        // A broken array cannot come here: it is part of a body that was read as JSON.
        let _ = raw::each_item(choices, &mut |choice| judged.add(choice, holder));
        judged
    }

    fn add(&mut self, choice: &str, holder: &str) {
        self.count += 1;
        let index = raw::member(choice, "index").and_then(raw::whole_number);
        let bit = 1_u128 << index.unwrap_or(0).min(127);
        if raw::member(choice, holder).is_some_and(has_content) {
            self.has_content = true;
            self.ends.begun |= bit;
        }
        let finish_reason = raw::member(choice, "finish_reason").and_then(raw::text);
        if finish_reason
            .as_deref()
            .is_some_and(|reason| !reason.is_empty())
        {
            self.ends.finished |= bit;
        }
        if self.error.is_none() {
            self.error = raw::member(choice, "error").and_then(error_in);
        }
        if self.error.is_none() && finish_reason.as_deref() == Some("error") {
            self.error = Some(ProviderError {
                message: "the provider ended its answer with finish_reason \"error\"".to_owned(),
                ..ProviderError::default()
            });
        }
    }
}

/// Replaces `model` and sets `routing_summary`; the rest stays byte for byte, and so does a body that is no object.
pub(super) fn rewrite(body: &str, model: Option<&str>, routing_summary: Option<&str>) -> String {
    let Ok(mut object) = Object::parse_lenient(body) else {
        return body.to_owned();
    };
    if let Some(model) = model {
        object.set("model", raw::quoted(model));
    }
    if let Some(summary) = routing_summary {
        object.set("routing_summary", summary.to_owned());
    }
    object.to_json()
}

fn has_content(message: &str) -> bool {
    let mut found = false;
    let _ = raw::each_member(message, &mut |key, value| {
        found |= CONTENT.iter().any(|name| raw::is_key(key, name)) && is_filled(value);
    });
    found
}

fn is_filled(value: &str) -> bool {
    let mut filled = false;
    match value.as_bytes().first() {
        Some(b'"') => filled = value != r#""""#,
        Some(b'[') => {
            let _ = raw::each_item(value, &mut |part| filled |= is_filled_part(part));
        }
        Some(b'{') => {
            let _ = raw::each_member(value, &mut |_, _| filled = true);
        }
        _ => {}
    }
    filled
}

/// A part of a `content` array, a tool call and the like. Only a text part can be there and say nothing.
fn is_filled_part(part: &str) -> bool {
    match raw::member(part, "text") {
        Some(text) if raw::member(part, "type") == Some(r#""text""#) => {
            text.starts_with('"') && text != r#""""#
        }
        _ => !matches!(part, "null" | r#""""#),
    }
}
