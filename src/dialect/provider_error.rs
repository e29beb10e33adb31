//! Errors as providers write them, in their many shapes.

use std::borrow::Cow;

use crate::json::raw;
use crate::text;

/// The longest message of a provider that is kept (bytes).
pub const MAX_MESSAGE: usize = 2 * 1024;

/// An error in a provider's words. Nothing in it is masked: providers echo keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderError {
    /// A word such as `insufficient_quota`, or a number such as `429`, as text.
    pub code: Option<String>,
    /// The `type` of OpenAI and Anthropic, the `status` of Google.
    pub kind: Option<String>,
    /// The message (at most [`MAX_MESSAGE`] bytes).
    pub message: String,
}

impl ProviderError {
    /// The code as an HTTP status; `None` where it is no error status. OpenRouter sends `{"error":{"code":429,...}}`
    /// inside a 200.
    pub fn status(&self) -> Option<u16> {
        let status = self.code.as_deref()?.parse().ok()?;
        (400..=599).contains(&status).then_some(status)
    }
}

/// The error that a body speaks of; `None` if it is not JSON, or JSON that names no error.
///
/// Known shapes: `{"error": {...}}` (OpenAI, Anthropic), `{"error": "text"}` (Ollama), `{"object": "error", "message":
/// ...}` (Mistral, vLLM), `[{"error": {...}}]` (Google), `{"detail": ...}` (FastAPI), `{"errors": [...]}` (Cloudflare)
/// and `{"message": ...}`.
pub fn error_of(body: &str) -> Option<ProviderError> {
    let body = body.trim_ascii();
    if raw::is_array(body) {
        return first_item(body)
            .filter(|item| raw::is_object(item))
            .and_then(error_of_object);
    }
    error_of_object(body)
}

/// The error in an `error` member; `None` for `null`, `false`, `""` and `{}`, which stand beside good answers.
pub(super) fn error_in(error: &str) -> Option<ProviderError> {
    match error {
        "true" => Some(with_message("true")),
        text if text.starts_with('"') => {
            Some(with_message(&decoded(text))).filter(|error| !error.message.is_empty())
        }
        object if raw::is_object(object) => described(object),
        array if raw::is_array(array) => first_item(array).and_then(|item| {
            if raw::is_array(item) {
                None
            } else {
                error_in(item)
            }
        }),
        _ => None,
    }
}

fn error_of_object(body: &str) -> Option<ProviderError> {
    let mut found: [Option<&str>; 4] = [None; 4];
    let [error, errors, message, detail] = &mut found;
    raw::each_member(body, &mut |key, value| match key {
        r#""error""# => *error = Some(value),
        r#""errors""# => *errors = Some(value),
        r#""message""# => *message = Some(value),
        r#""detail""# => *detail = Some(value),
        _ => {}
    })
    .ok()?;

    if let Some(mut error) = error.filter(|error| *error != "true").and_then(error_in) {
        // Beside a plain text, code and type stand one level up.
        error.code = error.code.or_else(|| code(body));
        error.kind = error.kind.or_else(|| kind(body));
        return Some(error);
    }
    if message.is_some_and(|message| message.starts_with('"')) {
        return described(body);
    }
    errors
        .and_then(error_in)
        .or_else(|| detail.and_then(detail_error))
}

/// FastAPI's `detail` is a text, an object, or a list of complaints that is best shown whole.
fn detail_error(detail: &str) -> Option<ProviderError> {
    if raw::is_array(detail) {
        Some(with_message(detail))
    } else {
        error_in(detail)
    }
}

/// An error object with a message, code and type in it.
fn described(object: &str) -> Option<ProviderError> {
    let mut is_empty = true;
    raw::each_member(object, &mut |_, _| is_empty = false).ok()?;
    if is_empty {
        return None;
    }
    let message = match raw::member(object, "message") {
        Some(text) if text.starts_with('"') => decoded(text),
        _ => Cow::Borrowed(object),
    };
    // OpenRouter says only "Provider returned error"; what the provider said stands here.
    let behind = raw::member(object, "metadata")
        .and_then(|metadata| raw::member(metadata, "raw"))
        .filter(|text| text.starts_with('"'))
        .map(decoded);
    Some(ProviderError {
        code: code(object),
        kind: kind(object),
        message: match behind {
            Some(behind) => bounded(&format!("{message}: {behind}")),
            None => bounded(&message),
        },
    })
}

fn with_message(message: &str) -> ProviderError {
    ProviderError {
        message: bounded(message),
        ..ProviderError::default()
    }
}

fn code(object: &str) -> Option<String> {
    let code = raw::member(object, "code")?;
    match raw::text(code) {
        Some(text) => Some(bounded(&text)).filter(|text| !text.is_empty()),
        None => code.parse::<f64>().ok().map(|_| bounded(code)),
    }
}

fn kind(object: &str) -> Option<String> {
    let kind = |key| raw::member(object, key).and_then(raw::text);
    kind("type")
        .or_else(|| kind("status"))
        .filter(|kind| !kind.is_empty())
        .map(|kind| bounded(&kind))
}

fn first_item(array: &str) -> Option<&str> {
    let mut first = None;
    raw::each_item(array, &mut |item| {
        first.get_or_insert(item);
    })
    .ok()?;
    first
}

/// The text of a JSON string; with its escapes if it cannot be decoded.
fn decoded(raw: &str) -> Cow<'_, str> {
    raw::text(raw).unwrap_or_else(|| Cow::Borrowed(raw::inside(raw).unwrap_or(raw)))
}

fn bounded(text: &str) -> String {
    text::cut(text, MAX_MESSAGE).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_providers_error_is_read() {
        // (body, code, type, message)
        for (body, code, kind, message) in [
            (
                r#"{"error":{"message":"m","type":"t","param":null,"code":"c"}}"#,
                Some("c"),
                Some("t"),
                "m",
            ),
            (r#"{"error":{"message":"m","code":null}}"#, None, None, "m"),
            (
                r#"{"error":{"code":429,"message":"m"}}"#,
                Some("429"),
                None,
                "m",
            ),
            (
                r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#,
                None,
                Some("overloaded_error"),
                "m",
            ),
            (
                r#"[{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}]"#,
                Some("429"),
                Some("RESOURCE_EXHAUSTED"),
                "m",
            ),
            (
                r#"{"object":"error","message":"m","type":"BadRequestError","param":null,"code":400}"#,
                Some("400"),
                Some("BadRequestError"),
                "m",
            ),
            (r#"{"error":"m \"x\""}"#, None, None, "m \"x\""),
            (
                r#"{"error":"m","code":"c","type":"t"}"#,
                Some("c"),
                Some("t"),
                "m",
            ),
            (
                r#"{"error":true,"message":"m","code":1}"#,
                Some("1"),
                None,
                "m",
            ),
            (r#"{"message":"m"}"#, None, None, "m"),
            (r#"{"detail":"Not Found"}"#, None, None, "Not Found"),
            (
                r#"{"detail":{"message":"m","code":"c"}}"#,
                Some("c"),
                None,
                "m",
            ),
            (
                r#"{"detail":[{"loc":["body"],"msg":"m"}]}"#,
                None,
                None,
                r#"[{"loc":["body"],"msg":"m"}]"#,
            ),
            (
                r#"{"success":false,"errors":[{"code":7003,"message":"m"}]}"#,
                Some("7003"),
                None,
                "m",
            ),
            (
                r#"{"error":{"code":429,"message":"Provider returned error","metadata":{"raw":"try again in 4.3s"}}}"#,
                Some("429"),
                None,
                "Provider returned error: try again in 4.3s",
            ),
            (
                r#"{"error":{"reason":"x"}}"#,
                None,
                None,
                r#"{"reason":"x"}"#,
            ),
            (r#" {"error":{"message":"\ud800"}} "#, None, None, r"\ud800"),
        ] {
            let error = error_of(body).unwrap_or_else(|| panic!("{body}"));
            assert_eq!(error.code.as_deref(), code, "{body}");
            assert_eq!(error.kind.as_deref(), kind, "{body}");
            assert_eq!(error.message, message, "{body}");
        }
    }

    #[test]
    fn good_answers_and_other_texts_name_no_error() {
        for body in [
            r#"{"error":null,"choices":[]}"#,
            r#"{"error":{}}"#,
            r#"{"error":""}"#,
            r#"{"error":false}"#,
            r#"{"message":{"role":"assistant"}}"#,
            r#"{"detail":null}"#,
            "{}",
            "[]",
            "[[[]]]",
            "[1]",
            "\"error\"",
            "<html>error</html>",
            "",
        ] {
            assert_eq!(error_of(body), None, "{body}");
        }
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let body = format!(r#"{{"error":{{"message":"{}"}}}}"#, "é".repeat(3000) + "x");
        assert_eq!(error_of(&body).unwrap().message, "é".repeat(1024));
        let body = format!(r#"{{"error":"x{}"}}"#, "é".repeat(3000));
        assert_eq!(error_of(&body).unwrap().message.len(), MAX_MESSAGE - 1);
        let body = format!(r#"{{"error":{{"code":"{}"}}}}"#, "9".repeat(3000));
        assert_eq!(error_of(&body).unwrap().code.unwrap().len(), MAX_MESSAGE);
    }

    #[test]
    fn a_code_is_a_status_only_if_it_is_an_error_status() {
        for (code, status) in [
            ("429", Some(429)),
            ("599", Some(599)),
            ("200", None),
            ("7003", None),
            ("x", None),
            ("4.29e2", None),
        ] {
            let error = ProviderError {
                code: Some(code.to_owned()),
                ..ProviderError::default()
            };
            assert_eq!(error.status(), status, "{code}");
        }
    }
}
