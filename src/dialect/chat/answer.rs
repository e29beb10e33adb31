//! A provider's whole answer: is it one, and the members the gateway writes into it.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use super::view::{Places, View};
use crate::dialect::provider_error::{ProviderError, error_in, error_of};
use crate::json::{ObjectError, raw};

pub use super::choice::Usage;

/// A whole answer that a client can be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    text: String,
    places: Places,
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
    pub fn read(text: String) -> Result<Self, Flaw> {
        let (places, usage) = judge(&text)?;
        Ok(Self {
            text,
            places,
            usage,
        })
    }

    /// As the provider wrote it.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn into_text(self) -> String {
        self.text
    }

    /// The `model`, if it says one.
    pub fn model(&self) -> Option<Cow<'_, str>> {
        self.places.model(&self.text).and_then(raw::text)
    }

    /// The answer with its `model` replaced (if one is given) and `routing_summary`, raw JSON, added before the closing
    /// brace; all else byte for byte.
    pub fn marked(&self, model: Option<&str>, routing_summary: &str) -> String {
        let added = routing_summary.len() + model.map_or(0, str::len) + NAMES;
        let mut out = String::with_capacity(self.text.len() + added);
        self.places
            .write(&mut out, &self.text, model, Some(routing_summary));
        out
    }
}

/// About what the names of both members take, with quotes, colons and commas.
const NAMES: usize = 32;

fn judge(body: &str) -> Result<(Places, Option<Usage>), Flaw> {
    let view = View::read(body, "message").map_err(|error| match error {
        ObjectError::NotAnObject => error_of(body).map_or(Flaw::NotAnObject, Flaw::ErrorObject),
        other => Flaw::NotJson(other.to_string()),
    })?;
    let choices = view.choices.unwrap_or_default();
    if let Some(error) = view.error.and_then(error_in).or(choices.error) {
        return Err(Flaw::ErrorObject(error));
    }
    if choices.count == 0 {
        return Err(error_of(body).map_or(Flaw::NoChoices, Flaw::ErrorObject));
    }
    if !choices.has_content {
        return Err(Flaw::EmptyContent);
    }
    Ok((view.places, view.usage))
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

    fn inspect(body: &str) -> Result<Option<Usage>, Flaw> {
        Answer::read(body.to_owned()).map(|answer| answer.usage)
    }

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
            let answer = inspect(&with_message(message));
            assert_eq!(answer, Ok(None), "{message}");
        }
        inspect(
            r#"{"error":null,"choices":[{"message":{"content":""}},{"message":{"content":"x"}}]}"#,
        )
        .unwrap();
        inspect(r#"{"choices":[],"choices":[{"message":{"content":"x"}}]}"#).unwrap();
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
            let answer = inspect(&with_message(message));
            assert_eq!(answer, Err(Flaw::EmptyContent), "{message}");
        }
        for body in [
            "{}",
            r#"{"choices":[]}"#,
            r#"{"choices":null}"#,
            r#"{"choices":{"a":1},"error":null}"#,
        ] {
            assert_eq!(inspect(body), Err(Flaw::NoChoices), "{body}");
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
            match inspect(body) {
                Err(Flaw::ErrorObject(error)) => {
                    assert_eq!(error.message, "slow down", "{body}");
                    assert_eq!(error.status(), Some(429), "{body}");
                }
                other => panic!("{body}: {other:?}"),
            }
        }
        let broken_off = r#"{"choices":[{"message":{"content":"x"},"finish_reason":"error"}]}"#;
        assert!(matches!(inspect(broken_off), Err(Flaw::ErrorObject(_))));
    }

    #[test]
    fn what_is_no_json_object_is_told_apart() {
        assert_eq!(inspect("[]"), Err(Flaw::NotAnObject));
        for body in ["", "<html>", r#"{"choices":[{"message":{"content":"tru"#] {
            assert!(matches!(inspect(body), Err(Flaw::NotJson(_))), "{body}");
        }
    }

    #[test]
    fn tokens_are_counted_where_the_answer_says_so() {
        let body = |usage: &str| {
            format!(r#"{{"choices":[{{"message":{{"content":"x"}}}}],"usage":{usage}}}"#)
        };
        let usage = |text: &str| inspect(&body(text)).unwrap();
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
        let marked = |body: &str, model: Option<&str>, summary: &str| {
            let answer = Answer::read(body.to_owned()).unwrap();
            assert_eq!(answer.text(), body);
            answer.marked(model, summary)
        };
        let body = "{ \"id\":\"1\" , \"model\" : \"up\", \"n\":9007199254740993,\"choices\":[{\"message\":{\"content\":1,\"refusal\":\"x\"}}]\n}\n";
        assert_eq!(
            marked(body, Some("dynamic/\"x\""), r#"{"a":1}"#),
            body.replace("\"up\"", "\"dynamic/\\\"x\\\"\"")
                .replace("\n}\n", ",\"routing_summary\":{\"a\":1}\n}\n")
        );
        let rest = r#""choices":[{"message":{"content":"x"}}],"routing_summary":"#;
        assert_eq!(
            marked(
                &format!(r#"{{"model":"a","model":"b",{rest}0}}"#),
                None,
                "1"
            ),
            format!(r#"{{"model":"a","model":"b",{rest}1}}"#)
        );
    }

    #[test]
    fn the_model_is_the_one_that_the_answer_names() {
        let model = |member: &str| {
            let choices = r#""choices":[{"message":{"content":"x"}}]"#;
            let answer = Answer::read(format!("{{{member}{choices}}}")).unwrap();
            answer.model().map(Cow::into_owned)
        };
        assert_eq!(model(r#""model":"\u006d", "#), Some("m".to_owned()));
        assert_eq!(model(r#""model":"a","model":"b","#), Some("b".to_owned()));
        assert_eq!(model(r#""model":7,"#), None);
        assert_eq!(model(""), None);
    }
}
