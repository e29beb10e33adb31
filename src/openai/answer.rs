//! A provider's whole answer: is it one, and the members the gateway writes into it.

use std::error::Error;
use std::fmt;

use super::choice::{Choices, rewrite as rewrite_members};
use super::provider_error::{ProviderError, error_in, error_of};
use crate::json::{Object, ObjectError};

pub use super::choice::Usage;

/// A whole answer that a client can be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub usage: Option<Usage>,
}

/// Why a body with status 200 is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// With the reason and its place.
    NotJson(String),
    NotAnObject,
    ErrorObject(ProviderError),
    NoChoices,
    /// No choice has content, tool calls, a refusal, reasoning or audio.
    EmptyContent,
    /// More of these than any sane answer has.
    TooMany(&'static str),
}

impl Answer {
    /// Judges a body. Repeated keys are forgiven, the last one counts.
    pub fn inspect(body: &str) -> Result<Self, Flaw> {
        let object = Object::parse_lenient(body).map_err(|error| match error {
            ObjectError::NotAnObject => match error_of(body) {
                Some(error) => Flaw::ErrorObject(error),
                None => Flaw::NotAnObject,
            },
            other => Flaw::NotJson(other.to_string()),
        })?;
        if let Some(error) = object.get("error").and_then(error_in) {
            return Err(Flaw::ErrorObject(error));
        }
        let choices = Choices::judge(object.get("choices").unwrap_or_default(), "message");
        if let Some(error) = choices.error {
            return Err(Flaw::ErrorObject(error));
        }
        if choices.count == 0 {
            return Err(error_of(body).map_or(Flaw::NoChoices, Flaw::ErrorObject));
        }
        if !choices.has_content {
            return Err(Flaw::EmptyContent);
        }
        Ok(Self {
            usage: object.get("usage").and_then(Usage::read),
        })
    }
}

/// The answer with its `model` replaced (if one is given) and `routing_summary`, raw JSON, added before the closing
/// brace; all else byte for byte.
pub fn rewrite(body: &str, model: Option<&str>, routing_summary: &str) -> Vec<u8> {
    rewrite_members(body, model, Some(routing_summary)).into_bytes()
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson(reason) => write!(f, "the answer is not JSON: {reason}"),
            Self::NotAnObject => f.write_str("the answer is not a JSON object"),
            Self::ErrorObject(error) => f.write_str(&error.message),
            Self::NoChoices => f.write_str("the answer has no choices"),
            Self::EmptyContent => f.write_str("the answer is empty"),
            Self::TooMany(what) => write!(f, "the answer has too many {what}"),
        }
    }
}

impl Error for Flaw {}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_message(message: &str) -> String {
        format!(r#"{{"choices":[{{"index":0,"message":{message},"finish_reason":"stop"}}]}}"#)
    }

    #[test]
    fn an_answer_with_anything_to_say_is_one() {
        for message in [
            r#"{"role":"assistant","content":"hi"}"#,
            r#"{"c\u006fntent":" "}"#,
            r#"{"content":[{"type":"text","text":"hi"}]}"#,
            r#"{"content":[{"type":"text","text":""},{"type":"image_url"}]}"#,
            r#"{"content":null,"tool_calls":[{"id":"c","function":{}}]}"#,
            r#"{"content":null,"function_call":{"name":"f"}}"#,
            r#"{"content":null,"refusal":"no"}"#,
            r#"{"content":"","reasoning_content":"hm"}"#,
            r#"{"content":"","reasoning":"hm"}"#,
            r#"{"content":null,"audio":{"id":"a"}}"#,
            r#"{"content":"","images":[{"type":"image_url"}]}"#,
        ] {
            let answer = Answer::inspect(&with_message(message));
            assert_eq!(answer, Ok(Answer { usage: None }), "{message}");
        }
        Answer::inspect(
            r#"{"error":null,"choices":[{"message":{"content":""}},{"message":{"content":"x"}}]}"#,
        )
        .unwrap();
        Answer::inspect(r#"{"choices":[],"choices":[{"message":{"content":"x"}}]}"#).unwrap();
    }

    #[test]
    fn an_empty_answer_does_not_pass_for_one() {
        for message in [
            "null",
            "{}",
            r#"{"role":"assistant"}"#,
            r#"{"content":""}"#,
            r#"{"content":null}"#,
            r#"{"content":[]}"#,
            r#"{"content":[{"type":"text","text":""}]}"#,
            r#"{"content":"","tool_calls":[],"refusal":null,"reasoning":"","audio":null,"function_call":{}}"#,
        ] {
            let answer = Answer::inspect(&with_message(message));
            assert_eq!(answer, Err(Flaw::EmptyContent), "{message}");
        }
        for body in [
            "{}",
            r#"{"choices":[]}"#,
            r#"{"choices":null}"#,
            r#"{"choices":{"a":1},"error":null}"#,
        ] {
            assert_eq!(Answer::inspect(body), Err(Flaw::NoChoices), "{body}");
        }
    }

    #[test]
    fn an_error_inside_a_200_is_an_error() {
        for body in [
            r#"{"error":{"code":429,"message":"slow down"}}"#,
            r#"{"error":{"code":429,"message":"slow down"},"choices":[{"message":{"content":"x"}}]}"#,
            r#"{"choices":[{"error":{"code":429,"message":"slow down"},"message":{"content":"x"},"finish_reason":"error"}]}"#,
            r#"[{"error":{"code":429,"message":"slow down"}}]"#,
            r#"{"object":"error","code":429,"message":"slow down"}"#,
        ] {
            match Answer::inspect(body) {
                Err(Flaw::ErrorObject(error)) => {
                    assert_eq!(error.message, "slow down", "{body}");
                    assert_eq!(error.status(), Some(429), "{body}");
                }
                other => panic!("{body}: {other:?}"),
            }
        }
        let broken_off = r#"{"choices":[{"message":{"content":"x"},"finish_reason":"error"}]}"#;
        assert!(matches!(
            Answer::inspect(broken_off),
            Err(Flaw::ErrorObject(_))
        ));
    }

    #[test]
    fn what_is_no_json_object_is_told_apart() {
        assert_eq!(Answer::inspect("[]"), Err(Flaw::NotAnObject));
        for body in ["", "<html>", r#"{"choices":[{"message":{"content":"tru"#] {
            assert!(
                matches!(Answer::inspect(body), Err(Flaw::NotJson(_))),
                "{body}"
            );
        }
    }

    #[test]
    fn tokens_are_counted_where_the_answer_says_so() {
        let body = |usage: &str| {
            format!(r#"{{"choices":[{{"message":{{"content":"x"}}}}],"usage":{usage}}}"#)
        };
        let usage = |text: &str| Answer::inspect(&body(text)).unwrap().usage;
        let counted = Usage {
            prompt_tokens: Some(3),
            completion_tokens: None,
        };
        assert_eq!(
            usage(r#"{"prompt_tokens":3,"completion_tokens":"?"}"#),
            Some(counted)
        );
        assert_eq!(usage("null"), None);
        assert_eq!(usage("7"), None);
    }

    #[test]
    fn rewriting_touches_two_members_only() {
        let body =
            "{ \"id\":\"1\" , \"model\" : \"up\", \"n\":9007199254740993,\"choices\":[]\n}\n";
        let written = rewrite(body, Some("dynamic/\"x\""), r#"{"a":1}"#);
        assert_eq!(
            String::from_utf8(written).unwrap(),
            "{ \"id\":\"1\" , \"model\" : \"dynamic/\\\"x\\\"\", \"n\":9007199254740993,\"choices\":[],\"routing_summary\":{\"a\":1}\n}\n"
        );
        let written = rewrite(
            r#"{"model":"a","model":"b","routing_summary":0}"#,
            None,
            "1",
        );
        assert_eq!(written, br#"{"model":"a","model":"b","routing_summary":1}"#);
    }
}
