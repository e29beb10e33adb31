//! Errors in Ollama's shape: `{"error":"TEXT"}`, always a text.

use crate::dialect::error::{Code, ErrorBody};
use crate::dialect::request::RequestError;
use crate::json::raw;

/// The words for a model that is no route of the client's: clients look for "not found".
pub fn unknown_model(name: &str) -> String {
    format!("model '{name}' not found")
}

/// The body of a refusal, with the details beside the text.
pub fn body(error: &ErrorBody<'_>) -> String {
    let mut out = String::from("{\"error\":");
    raw::push_quoted(&mut out, &words_of(error));
    for (key, value) in [
        ("details", error.details),
        ("routing_summary", error.routing_summary),
    ] {
        if let Some(value) = value {
            out.push_str(",\"");
            out.push_str(key);
            out.push_str("\":");
            out.push_str(value);
        }
    }
    out.push('}');
    out
}

/// The line that ends a stream which broke.
pub fn line(error: &ErrorBody<'_>) -> String {
    let mut out = String::from("{\"error\":");
    raw::push_quoted(&mut out, &spoken(error.message));
    out.push('}');
    out
}

/// Ollama's own words where it has some.
fn words_of(error: &ErrorBody<'_>) -> String {
    let is = |code: Code| error.code == code.label();
    if is(Code::Unauthorized) {
        "unauthorized".to_owned()
    } else if is(Code::Overloaded) {
        "server busy, please try again".to_owned()
    } else if is(Code::InvalidJson) && error.message == RequestError::Empty.to_string() {
        "missing request body".to_owned()
    } else if is(Code::ValidationFailed) && error.param == Some("model") {
        "model is required".to_owned()
    } else if is(Code::RouteExecutionFailed) {
        spoken(error.message)
    } else {
        error.message.to_owned()
    }
}

/// The first sentence of a message, without addresses: Home Assistant speaks it to its user. The details have all of it.
fn spoken(message: &str) -> String {
    let mut out = String::new();
    let mut words = message.split_whitespace().peekable();
    while let Some(word) = words.next() {
        if !out.is_empty() {
            out.push(' ');
        }
        if word.contains("://") {
            let marks = |c: char| c.is_ascii_punctuation() && c != '/';
            let kept = word.trim_start_matches(marks).len();
            let end = word.trim_end_matches(marks).len();
            out.push_str(word.get(..word.len() - kept).unwrap_or_default());
            out.push_str("its address");
            out.push_str(word.get(end..).unwrap_or_default());
        } else {
            out.push_str(word);
        }
        let begins = |next: &&str| next.starts_with(char::is_uppercase);
        if word.ends_with(['.', '!', '?']) && words.peek().is_some_and(begins) {
            break;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_texts_in_the_words_of_ollama() {
        let with = |code, message, param| {
            body(&ErrorBody {
                param,
                ..ErrorBody::new(code, message)
            })
        };
        for (code, message, param, expected) in [
            (
                Code::Unauthorized,
                "a key is needed",
                None,
                r#"{"error":"unauthorized"}"#,
            ),
            (
                Code::Overloaded,
                "full",
                None,
                r#"{"error":"server busy, please try again"}"#,
            ),
            (
                Code::InvalidJson,
                "the body is empty",
                None,
                r#"{"error":"missing request body"}"#,
            ),
            (
                Code::InvalidJson,
                "no \"JSON\"",
                None,
                r#"{"error":"no \"JSON\""}"#,
            ),
            (
                Code::ValidationFailed,
                "'model' is missing",
                Some("model"),
                r#"{"error":"model is required"}"#,
            ),
            (
                Code::ValidationFailed,
                "invalid input type",
                Some("input"),
                r#"{"error":"invalid input type"}"#,
            ),
            (
                Code::RouteNotFound,
                "model 'x' not found",
                Some("model"),
                r#"{"error":"model 'x' not found"}"#,
            ),
        ] {
            assert_eq!(with(code, message, param), expected);
        }
        let error = ErrorBody {
            details: Some("[]"),
            routing_summary: Some("{}"),
            ..ErrorBody::new(Code::RouteExecutionFailed, "m")
        };
        assert_eq!(
            body(&error),
            r#"{"error":"m","details":[],"routing_summary":{}}"#
        );
        assert_eq!(line(&error), r#"{"error":"m"}"#);
    }

    #[test]
    fn a_failure_can_be_spoken() {
        for (message, said) in [
            (
                "a/m: Incorrect API key provided. You can find yours at https://x.test/keys.",
                "a/m: Incorrect API key provided.",
            ),
            (
                "a/m: 404 for http://10.0.0.1:8080/v1/chat: is `base_url` right?",
                "a/m: 404 for its address: is `base_url` right?",
            ),
            (
                "a/gpt-4.1: no\n room, e.g. today",
                "a/gpt-4.1: no room, e.g. today",
            ),
            ("see (https://x.test/a).", "see (its address)."),
            ("", ""),
        ] {
            let error = ErrorBody::new(Code::RouteExecutionFailed, message);
            let expected = serde_json::json!({ "error": said }).to_string();
            assert_eq!((body(&error), line(&error)), (expected.clone(), expected));
        }
    }
}
