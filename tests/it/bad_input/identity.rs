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
    unknown_path: request("GET", "/v1/embeddings", &[], "") => 404 "NOT_FOUND";
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
