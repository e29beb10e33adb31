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
    raw::push_quoted(&mut out, error.message);
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
    } else {
        error.message.to_owned()
    }
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
}
