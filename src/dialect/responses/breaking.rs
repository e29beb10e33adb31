//! The events that tell of a break: `response.failed` and `error`, in this order.
//!
//! Codex shows the message of the first and ignores the second; LangChain JS ignores the first and would take half an
//! answer for a whole one; OpenAI's libraries raise only at an event with an `error` object.

use crate::dialect::error::ErrorBody;
use crate::json::{Object, raw};

/// The longest frame that is kept to be repeated (bytes); of a longer one the required members are.
const LONGEST_FRAME: usize = 256 * 1024;

/// The items that are kept to be repeated (bytes).
const MOST_ITEMS: usize = 256 * 1024;

/// The members that typed clients require of a `response`, with what stands for them where the stream has told nothing.
const REQUIRED: [(&str, &str); 12] = [
    ("id", "\"resp_agw0\""),
    ("object", "\"response\""),
    ("created_at", "0"),
    ("incomplete_details", "null"),
    ("instructions", "null"),
    ("metadata", "{}"),
    ("model", "\"\""),
    ("parallel_tool_calls", "true"),
    ("temperature", "null"),
    ("tool_choice", "\"auto\""),
    ("tools", "[]"),
    ("top_p", "null"),
];

/// The failure that the provider itself has told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Told {
    #[default]
    Nothing,
    /// `response.failed`.
    Failed,
    /// An `error` event without an `error` object.
    FlatError,
    /// An event with an `error` object.
    ErrorObject,
}

/// The part of a stream that a break has to repeat.
#[derive(Debug, Default)]
pub struct Break {
    /// The first frame, raw: its id is the answer's, which clients refuse to see change.
    frame: Option<String>,
    /// The items that are done, raw.
    items: Vec<String>,
    items_bytes: usize,
    last_number: Option<u64>,
    pub told: Told,
}

impl Break {
    pub fn note_number(&mut self, number: Option<u64>) {
        self.last_number = number.or(self.last_number);
    }

    pub fn note_frame(&mut self, response: &str) {
        if self.frame.is_none() {
            self.frame = Some(if response.len() <= LONGEST_FRAME {
                response.to_owned()
            } else {
                required_members(response)
            });
        }
    }

    pub fn note_item(&mut self, item: &str) {
        self.items_bytes = self.items_bytes.saturating_add(item.len());
        if self.items_bytes <= MOST_ITEMS {
            self.items.push(item.to_owned());
        }
    }

    /// The memory of what is kept (bytes).
    pub fn bytes(&self) -> usize {
        let items = self.items.iter().map(String::len);
        items.sum::<usize>() + self.frame.as_ref().map_or(0, String::len)
    }

    /// Keeps the required members only, and no items from now on.
    pub fn forget(&mut self) {
        self.frame = self.frame.take().map(|frame| required_members(&frame));
        self.items = Vec::new();
        self.items_bytes = MOST_ITEMS;
    }

    /// The data of the events that tell of a break, behind those that the provider itself has told it with.
    pub fn events(&self, error: &ErrorBody<'_>) -> Vec<String> {
        let next = self
            .last_number
            .map_or(0, |number| number.saturating_add(1));
        match self.told {
            Told::Nothing => vec![
                self.failed_event(error, next),
                error_event(error, next.saturating_add(1)),
            ],
            Told::Failed | Told::FlatError => vec![error_event(error, next)],
            Told::ErrorObject => Vec::new(),
        }
    }

    fn failed_event(&self, error: &ErrorBody<'_>, number: u64) -> String {
        let said = error_of(error);
        let required = required_members("{}");
        let frame = self.frame.as_deref().unwrap_or(&required);
        let response = match Object::parse_lenient(frame) {
            Ok(mut response) => {
                response.set("status", "\"failed\"".to_owned());
                response.set("error", said);
                response.set("output", format!("[{}]", self.items.join(",")));
                response.to_json()
            }
            Err(_) => required,
        };
        format!(r#"{{"type":"response.failed","sequence_number":{number},"response":{response}}}"#)
    }
}

/// A frame with the required members only, as far as they are small.
fn required_members(response: &str) -> String {
    const LONGEST_MEMBER: usize = 1024;
    let members = REQUIRED.map(|(name, otherwise)| {
        let value = raw::member(response, name).filter(|value| value.len() <= LONGEST_MEMBER);
        format!("\"{name}\":{}", value.unwrap_or(otherwise))
    });
    format!("{{{}}}", members.join(","))
}

/// The `error` of a frame, raw.
pub fn error_of(error: &ErrorBody<'_>) -> String {
    let message = raw::quoted(error.message);
    format!(r#"{{"code":"{}","message":{message}}}"#, code_of(error))
}

/// The data of an event with an `error` object, the word at which OpenAI's libraries raise.
pub fn error_event(error: &ErrorBody<'_>, number: u64) -> String {
    let code = code_of(error);
    let message = raw::quoted(error.message);
    format!(
        r#"{{"type":"error","sequence_number":{number},"code":"{code}","message":{message},"param":null,"error":{{"message":{message},"type":"server_error","param":null,"code":"{code}"}}}}"#
    )
}

fn code_of(error: &ErrorBody<'_>) -> &'static str {
    match error.code {
        "rate_limited" | "quota_exhausted" => "rate_limit_exceeded",
        _ => "server_error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::error::Code;

    fn broke<'a>(code: &'a str) -> ErrorBody<'a> {
        ErrorBody {
            code,
            ..ErrorBody::new(Code::RouteExecutionFailed, "it \"broke\"")
        }
    }

    #[test]
    fn a_break_repeats_the_frame_and_the_items_that_are_done() {
        let mut so_far = Break::default();
        so_far.note_number(Some(7));
        so_far
            .note_frame(r#"{"id":"resp_1","model":"m","status":"in_progress","output":[],"x":1}"#);
        so_far.note_frame(r#"{"id":"resp_2"}"#);
        so_far.note_item(r#"{"id":"msg_1"}"#);
        assert_eq!(
            so_far.events(&broke("timeout")),
            [
                r#"{"type":"response.failed","sequence_number":8,"response":{"id":"resp_1","model":"m","status":"failed","output":[{"id":"msg_1"}],"x":1,"error":{"code":"server_error","message":"it \"broke\""}}}"#,
                r#"{"type":"error","sequence_number":9,"code":"server_error","message":"it \"broke\"","param":null,"error":{"message":"it \"broke\"","type":"server_error","param":null,"code":"server_error"}}"#,
            ]
        );
    }

    #[test]
    fn what_the_provider_has_told_is_not_told_again() {
        for (told, types) in [
            (Told::Nothing, &["response.failed", "error"][..]),
            (Told::Failed, &["error"]),
            (Told::FlatError, &["error"]),
            (Told::ErrorObject, &[]),
        ] {
            let so_far = Break {
                told,
                ..Break::default()
            };
            let events = so_far.events(&broke("rate_limited"));
            let kinds: Vec<_> = events
                .iter()
                .map(|data| raw::text(raw::member(data, "type").unwrap()).unwrap())
                .collect();
            assert_eq!(kinds, types, "{told:?}");
            assert!(
                events
                    .iter()
                    .all(|data| data.contains("rate_limit_exceeded"))
            );
        }
    }

    /// Codex echoes 40 KB of request in each frame; others could echo without end.
    #[test]
    fn of_a_frame_beyond_the_bound_the_required_members_are_kept() {
        let long = "x".repeat(LONGEST_FRAME);
        let mut so_far = Break::default();
        so_far.note_frame(&format!(
            r#"{{"id":"resp_1","model":"m","instructions":"{long}"}}"#
        ));
        let events = so_far.events(&broke("timeout"));
        assert!(events[0].len() < 1000);
        let response = raw::member(&events[0], "response").unwrap();
        for (name, _) in REQUIRED {
            assert!(raw::member(response, name).is_some(), "{name}");
        }
        assert_eq!(raw::member(response, "id"), Some("\"resp_1\""));
        so_far.forget();
        assert!(so_far.bytes() < 1000);
        so_far.note_item("{}");
        for _ in 0..3 {
            so_far.note_item(&format!("\"{long}\""));
        }
        assert!(so_far.items.is_empty());
    }
}
