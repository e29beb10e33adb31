//! Who asks, and for what.

use super::{Target, is_refusal, refusals};
use crate::support::config::CLIENT_KEY;
use crate::support::gateway::{anonymous, request};
use crate::support::openai;

fn with(name: &str, value: &str) -> Vec<u8> {
    let body = openai::request("r", false);
    anonymous("POST", "/v1/chat/completions", &[(name, value)], &body)
}

refusals! { refused;
    no_key: anonymous("POST", "/v1/chat/completions", &[], &openai::request("r", false)) => 401 "UNAUTHORIZED";
    wrong_bearer: with("Authorization", "Bearer wrong-key-1234567") => 401 "UNAUTHORIZED";
    empty_bearer: with("Authorization", "Bearer ") => 401 "UNAUTHORIZED";
    wrong_x_api_key: with("X-Api-Key", "wrong-key-1234567") => 401 "UNAUTHORIZED";
    empty_x_api_key: with("X-Api-Key", "") => 401 "UNAUTHORIZED";
    a_key_that_only_begins_like_ours: with("X-Api-Key", &CLIENT_KEY[..CLIENT_KEY.len() - 1]) => 401 "UNAUTHORIZED";
    a_key_that_goes_on_after_ours: with("X-Api-Key", &format!("{CLIENT_KEY}7")) => 401 "UNAUTHORIZED";
    the_key_under_another_scheme: with("Authorization", &format!("Basic {CLIENT_KEY}")) => 401 "UNAUTHORIZED";
    no_key_for_the_models: anonymous("GET", "/v1/models", &[], "") => 401 "UNAUTHORIZED";
    unknown_path: request("GET", "/v1/fine_tuning/jobs", &[], "") => 404 "NOT_FOUND";
    unknown_path_with_a_body: request("POST", "/v1/fine_tuning/jobs", &[], "{}") => 404 "NOT_FOUND";
    root: request("GET", "/", &[], "") => 404 "NOT_FOUND";
    dots_in_the_path: request("GET", "/v1/../v1/models/../../etc/passwd", &[], "") => 404 "NOT_FOUND";
    unknown_model: request("POST", "/v1/chat/completions", &[], &openai::request("gpt-4o", false)) => 404 "ROUTE_NOT_FOUND";
    unknown_model_streamed: request("POST", "/v1/chat/completions", &[], &openai::request("gpt-4o", true)) => 404 "ROUTE_NOT_FOUND";
    a_route_in_other_letters: request("POST", "/v1/chat/completions", &[], &openai::request("R", false)) => 404 "ROUTE_NOT_FOUND";
}

/// The method is wrong, and `Allow` says which one is right (RFC 9110 section 15.5.6).
#[test]
fn unknown_method() {
    for (method, path, allowed) in [
        ("GET", "/v1/chat/completions", "POST"),
        ("DELETE", "/v1/models", "GET"),
        ("BREW", "/v1/chat/completions", "POST"),
        ("POST", "/health", "GET"),
    ] {
        let target = Target::new();
        let response = target.gateway.exchange(request(method, path, &[], ""));
        is_refusal(&response, 405, "METHOD_NOT_ALLOWED");
        let allow = response.header("allow").unwrap_or_default();
        assert!(allow.split(", ").any(|one| one == allowed), "{response}");
        target.is_unharmed();
    }
}

/// Somebody without a key cannot make the gateway read a large body first.
#[test]
fn a_stranger_is_refused_before_the_body_arrives() {
    let target = Target::new();
    let mut connection = target.gateway.connect();
    connection
        .send("POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nContent-Length: 1000\r\n\r\n");
    let response = connection.response();
    is_refusal(&response, 401, "UNAUTHORIZED");
    target.is_unharmed();
}

/// Who is told that a key is needed, and has sent one, looks for the mistake in the wrong place. The key is repeated
/// nowhere: it may be right elsewhere.
#[test]
fn a_wrong_key_is_told_from_none() {
    let target = Target::new();
    let key = "sk-not-the-one-123456";
    let bearer = format!("Bearer {key}");
    for (field, value, told) in [
        (
            "X-Other",
            "",
            "a key is needed in X-Api-Key or Authorization: Bearer",
        ),
        (
            "Authorization",
            bearer.as_str(),
            "the key in Authorization is wrong",
        ),
        ("X-Api-Key", key, "the key in X-Api-Key is wrong"),
        (
            "Authorization",
            "Basic abc",
            "Authorization holds no Bearer token; a key is needed",
        ),
        ("Authorization", key, "Authorization holds no Bearer token"),
        // Azure's own field.
        (
            "api-key",
            CLIENT_KEY,
            "a key is needed in X-Api-Key or Authorization: Bearer",
        ),
    ] {
        let response = target.gateway.exchange(with(field, value));
        is_refusal(&response, 401, "UNAUTHORIZED");
        assert_eq!(response.header("www-authenticate"), Some("Bearer"));
        let message = response.json()["error"]["message"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(message.starts_with(told), "{field}: {message}");
        assert!(!response.to_string().contains("not-the-one"), "{response}");
    }
    target.is_unharmed();
    assert!(!target.gateway.output.text().contains("not-the-one"));
}

/// Base URLs are pasted with half an endpoint behind them, and clients of other gateways ask for what those have.
#[test]
fn a_wrong_path_is_told_the_right_one() {
    let target = Target::new();
    for (path, meant) in [
        ("/v1/v1/chat/completions", "POST /v1/chat/completions"),
        (
            "/v1/chat/completions/chat/completions",
            "POST /v1/chat/completions",
        ),
        (
            "/openai/deployments/r/chat/completions?api-version=1",
            "POST /v1/chat/completions",
        ),
        ("/v1/assistants", "POST /v1/chat/completions"),
        ("/v1", "POST /v1/chat/completions"),
        ("/api/tags", "GET /v1/models"),
        ("/healthz", "GET /health"),
    ] {
        let response = target.gateway.exchange(request("POST", path, &[], "{}"));
        is_refusal(&response, 404, "NOT_FOUND");
        let message = response.json()["error"]["message"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(message.contains(meant), "{path}: {message}");
    }
    // Strangers are told nothing of paths.
    let stranger = anonymous("POST", "/v1/v1/chat/completions", &[], "{}");
    is_refusal(&target.gateway.exchange(stranger), 401, "UNAUTHORIZED");
    target.is_unharmed();
}
