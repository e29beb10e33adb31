//! Errors inside a 200, where the words are all there is.

use crate::dialect::class::Class;

pub const CASES: &[(&str, u16, &str, Class)] = &[
    (
        "OpenAI",
        200,
        r#"{"error":{"type":"server_error","message":"m"}}"#,
        Class::ServerError,
    ),
    (
        "Google",
        200,
        r#"{"error":{"status":"INTERNAL","message":"m"}}"#,
        Class::ServerError,
    ),
    (
        "Google, another",
        200,
        r#"{"error":{"status":"UNAVAILABLE","message":"m"}}"#,
        Class::ServerError,
    ),
    (
        "OpenAI, a bad request",
        200,
        r#"{"error":{"type":"invalid_request_error","message":"m"}}"#,
        Class::Rejected,
    ),
    (
        "OpenAI, Responses",
        200,
        r#"{"error":{"code":"invalid_prompt","message":"m"}}"#,
        Class::Rejected,
    ),
    (
        "Anthropic, a key without leave",
        200,
        r#"{"type":"error","error":{"type":"permission_error","message":"m"}}"#,
        Class::Forbidden,
    ),
    (
        "Anthropic, the server",
        200,
        r#"{"type":"error","error":{"type":"api_error","message":"m"}}"#,
        Class::ServerError,
    ),
    (
        "Anthropic, its time",
        200,
        r#"{"type":"error","error":{"type":"timeout_error","message":"m"}}"#,
        Class::ServerError,
    ),
    (
        "Anthropic, no room",
        200,
        r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#,
        Class::ServerError,
    ),
    (
        "Anthropic, the bill",
        200,
        r#"{"type":"error","error":{"type":"billing_error","message":"m"}}"#,
        Class::QuotaExhausted,
    ),
    (
        "Anthropic, the size",
        200,
        r#"{"type":"error","error":{"type":"request_too_large","message":"m"}}"#,
        Class::TooLarge,
    ),
    (
        "Anthropic, a name",
        200,
        r#"{"error":{"type":"not_found_error","message":"m"}}"#,
        Class::ModelNotFound,
    ),
    (
        "OpenRouter, a status",
        200,
        r#"{"error":{"code":429,"message":"Rate limited upstream"}}"#,
        Class::RateLimited,
    ),
    (
        "OpenRouter, another",
        200,
        r#"{"error":{"code":502,"message":"Provider returned error"}}"#,
        Class::ServerError,
    ),
    (
        "OpenRouter, a third",
        200,
        r#"{"error":{"code":402,"message":"m"}}"#,
        Class::QuotaExhausted,
    ),
    (
        "vLLM on runpod",
        200,
        r#"{"code":404,"message":"The thing `m1` is gone.","object":"error","type":"NotFoundError"}"#,
        Class::ModelNotFound,
    ),
    (
        "a number that is no status",
        200,
        r#"{"error":{"code":99999999,"message":"m"}}"#,
        Class::ServerError,
    ),
];
