//! Errors in Anthropic's shape: `{"type":"error","error":{"type","message","details"?},"request_id"?}`.

use crate::dialect::error::{Code, ErrorBody};
use crate::json::raw;

/// The error as JSON, for a body and for an event alike.
pub fn body(error: &ErrorBody<'_>) -> String {
    let mut out = format!(
        r#"{{"type":"error","error":{{"type":"{}","message":"#,
        kind_of(error)
    );
    raw::push_quoted(&mut out, &message_of(error));
    if let Some(details) = error.details {
        out.push_str(",\"details\":");
        out.push_str(details);
    }
    out.push('}');
    if let Some(id) = error.request_id {
        out.push_str(",\"request_id\":");
        raw::push_quoted(&mut out, id);
    }
    out.push('}');
    out
}

fn kind_of(error: &ErrorBody<'_>) -> &'static str {
    match error.status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        408 | 504 => "timeout_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}

/// The message, with the place of a member at fault in front, as Anthropic spells it: `messages.0.role: ...`.
fn message_of(error: &ErrorBody<'_>) -> String {
    let is_ours = error.code == Code::ValidationFailed.label();
    let Some(param) = error.param.filter(|_| is_ours) else {
        return error.message.to_owned();
    };
    let place = param.replace('[', ".").replace(']', "");
    let quoted = format!("'{param}' ");
    let words = match error.message.strip_prefix(&quoted) {
        Some("is missing") => "Field required",
        Some(words) => words,
        None => error.message,
    };
    [&place, ": ", words].concat()
}

/// The words at which Claude Code compacts a conversation; it does not at a 413.
const TOO_LONG: &str = "prompt is too long: ";

/// The status and message of a walk without an answer. A request that is too long for every step is a bad one here.
pub fn verdict(status: u16, message: String) -> (u16, String) {
    if status != 413 {
        return (status, message);
    }
    if let Some((_, said)) = message.split_once(TOO_LONG) {
        return (400, [TOO_LONG, said].concat());
    }
    let words = match two_numbers(&message) {
        Some((tokens, maximum)) => format!("{TOO_LONG}{tokens} tokens > {maximum} maximum"),
        None => [TOO_LONG, &message].concat(),
    };
    (400, words)
}

/// The larger and the smaller of the first two numbers that may be tokens: the request's and the bound's.
fn two_numbers(message: &str) -> Option<(u64, u64)> {
    /// No context is smaller (tokens).
    const LEAST: u64 = 256;
    let words = message.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '/');
    let mut numbers = words.filter_map(|word| word.parse::<u64>().ok());
    let mut next = || numbers.by_ref().find(|number| *number >= LEAST);
    let first = next()?;
    let second = std::iter::from_fn(next).find(|number| *number != first)?;
    Some((first.max(second), first.min(second)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_library_finds_every_member() {
        let error = ErrorBody {
            details: Some("{}"),
            request_id: Some("req-1"),
            ..ErrorBody::new(Code::Unauthorized, "say \"please\"")
        };
        assert_eq!(
            body(&error),
            r#"{"type":"error","error":{"type":"authentication_error","message":"say \"please\"","details":{}},"request_id":"req-1"}"#
        );
    }

    #[test]
    fn statuses_have_the_types_of_anthropics_page() {
        for (code, kind) in [
            (Code::InvalidJson, "invalid_request_error"),
            (Code::RouteNotFound, "not_found_error"),
            (Code::MethodNotAllowed, "invalid_request_error"),
            (Code::RequestTimeout, "timeout_error"),
            (Code::BodyTooLarge, "request_too_large"),
            (Code::RouteTimeout, "timeout_error"),
            (Code::Overloaded, "overloaded_error"),
            (Code::RouteExecutionFailed, "api_error"),
        ] {
            assert_eq!(kind_of(&ErrorBody::new(code, "m")), kind, "{code:?}");
        }
        let limited = ErrorBody {
            status: 429,
            ..ErrorBody::new(Code::RouteExecutionFailed, "m")
        };
        assert_eq!(kind_of(&limited), "rate_limit_error");
    }

    #[test]
    fn places_are_spelled_with_dots() {
        for (param, message, said) in [
            (
                "max_tokens",
                "'max_tokens' is missing",
                "max_tokens: Field required",
            ),
            (
                "messages[0].role",
                "'messages[0].role' must be a string",
                "messages.0.role: must be a string",
            ),
        ] {
            let error = ErrorBody {
                param: Some(param),
                ..ErrorBody::new(Code::ValidationFailed, message)
            };
            assert_eq!(message_of(&error), said);
        }
    }

    #[test]
    fn a_prompt_that_is_too_long_is_told_in_the_words_that_start_a_compaction() {
        for (message, said) in [
            (
                "a/m: prompt is too long: 208310 tokens > 200000 maximum",
                "prompt is too long: 208310 tokens > 200000 maximum",
            ),
            (
                "a/m1024: This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens (8000 in the messages).",
                "prompt is too long: 9001 tokens > 8192 maximum",
            ),
            (
                "the request exceeds the available context size",
                "prompt is too long: the request exceeds the available context size",
            ),
        ] {
            assert_eq!(verdict(413, message.to_owned()), (400, said.to_owned()));
        }
        assert_eq!(verdict(502, "m".to_owned()), (502, "m".to_owned()));
    }
}
