//! Refusals in Anthropic's shape: its libraries read no other.

use super::*;
use crate::support::Signal;
use crate::support::gateway::{anonymous, head};

fn error_of(response: &Response, status: u16) -> Value {
    assert_eq!(response.status, status, "{response}");
    let body = response.json();
    assert_eq!(body["type"], "error", "{body}");
    assert_eq!(
        body["request_id"].as_str(),
        response.header("request-id"),
        "{response}"
    );
    assert_eq!(
        response.header("request-id"),
        response.header("x-request-id")
    );
    assert!(body["error"]["message"].is_string(), "{body}");
    body["error"].clone()
}

#[test]
fn requests_that_no_step_is_asked_with() {
    let a = saying("hello");
    let gateway = route(&a, &a);
    for (body, message) in [
        ("", "the body is empty"),
        ("{", "the body is not valid JSON"),
        (
            r#"{"model":"r","messages":[{"role":"user","content":"hi"}]}"#,
            "max_tokens: Field required",
        ),
        (
            r#"{"model":"r","max_tokens":9,"messages":[{"content":"hi"}]}"#,
            "messages.0.role: Field required",
        ),
    ] {
        let error = error_of(&post(&gateway, body), 400);
        assert_eq!(error["type"], "invalid_request_error");
        assert!(
            error["message"].as_str().unwrap().starts_with(message),
            "{error}"
        );
    }
    assert_eq!(a.requests().len(), 0);
}

#[test]
fn the_edges_refusals_on_these_paths() {
    let a = saying("hello");
    let gateway = Config::new()
        .server("max_body: 1KiB")
        .server("body_timeout: 200ms")
        .provider_with("a", &a, &[KIND])
        .route("r", [("a", "m")])
        .start();
    let unknown = messages::request("other", false);
    let long = format!("{:2000}", messages::request("r", false));
    let valid = messages::request("r", false);
    for (bytes, status, kind) in [
        (
            anonymous("POST", "/v1/messages", &[], &valid),
            401,
            "authentication_error",
        ),
        (
            anonymous("POST", "/v1/messages/count_tokens", &[], &valid),
            401,
            "authentication_error",
        ),
        (
            request("POST", "/v1/messages", &[], &unknown),
            404,
            "not_found_error",
        ),
        (
            request("POST", "/v1/messages/batches", &[], "{}"),
            404,
            "not_found_error",
        ),
        (
            request("GET", "/v1/messages", &[], ""),
            405,
            "invalid_request_error",
        ),
        (
            request("POST", "/v1/messages", &[], &long),
            413,
            "request_too_large",
        ),
        (
            head("POST", "/v1/messages", &[("Content-Length", "10")]),
            408,
            "timeout_error",
        ),
    ] {
        let error = error_of(&gateway.exchange(bytes), status);
        assert_eq!(error["type"], kind);
    }
}

/// The request line tells the dialect, whatever is wrong with the rest of the head.
#[test]
fn heads_that_are_not_understood() {
    let a = saying("hello");
    let gateway = Config::new()
        .server("head_timeout: 200ms")
        .provider_with("a", &a, &[KIND])
        .route("r", [("a", "m")])
        .start();
    let fields =
        |fields: &str| format!("POST /v1/messages?beta=true HTTP/1.1\r\nHost: g\r\n{fields}");
    let cookie = format!("Cookie: {}\r\n\r\n", "c".repeat(40_000));
    for (sent, status, kind) in [
        (fields(&cookie), 431, "invalid_request_error"),
        (
            fields(&"X: y\r\n".repeat(200)) + "\r\n",
            431,
            "invalid_request_error",
        ),
        (
            fields("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
            400,
            "invalid_request_error",
        ),
        (
            fields("A: b\r\n folded\r\n\r\n"),
            400,
            "invalid_request_error",
        ),
        (fields("A: b\n\n"), 400, "invalid_request_error"),
        (
            "POST /v1/messages HTTP/1.1\r\n\r\n".to_owned(),
            400,
            "invalid_request_error",
        ),
        (
            "POST /v1/messages HTTP/3.0\r\nHost: g\r\n\r\n".to_owned(),
            505,
            "api_error",
        ),
        (
            format!("POST /v1/messages?{}", "q".repeat(40_000)),
            414,
            "invalid_request_error",
        ),
        (fields("Transfer-Encoding: gzip\r\n\r\n"), 501, "api_error"),
        (fields("A"), 408, "timeout_error"),
    ] {
        let error = error_of(&gateway.exchange(sent.as_str()), status);
        assert_eq!(error["type"], kind, "{error}");
    }
}

#[test]
fn a_full_gateway() {
    let signal = Signal::new();
    let a = Upstream::saying_after("hello", &signal);
    let gateway = Config::new()
        .server("max_concurrent_requests: 1")
        .provider_with("a", &a, &[KIND])
        .route("r", [("a", "m")])
        .start();
    let mut first = gateway.connect();
    first.send(request(
        "POST",
        "/v1/messages",
        &[],
        &messages::request("r", false),
    ));
    a.wait_for_requests(1);
    let error = error_of(&ask(&gateway, false), 503);
    assert_eq!(error["type"], "overloaded_error");
    signal.give();
}

/// Claude Code's search is such a request, and a server that only takes the tool would make its results up.
#[test]
fn a_request_for_nothing_but_the_providers_tools() {
    let a = saying("hello");
    let gateway = Config::new()
        .provider_with("a", &a, &[KIND])
        .provider_with("b", &a, &[KIND, "server_tools: true"])
        .route("r", [("a", "m")])
        .route("both", [("a", "m"), ("b", "m")])
        .start();
    let body = |route: &str| {
        format!(
            r#"{{"model":"{route}","max_tokens":9,"messages":[{{"role":"user","content":"hi"}}],"tools":[{{"type":"web_search_20250305","name":"web_search"}}]}}"#
        )
    };
    error_of(&post(&gateway, &body("r")), 400);
    assert_eq!(
        post(&gateway, &body("both")).header("x-routed-via"),
        Some("b/m")
    );
}

/// The status says whether to try again, and so does the header where the status would mislead.
#[test]
fn the_end_of_a_walk() {
    let refusing = |status, kind: &str| {
        Upstream::always(Script::json(status, &messages::error(kind).to_string()))
    };
    let long = r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 208310 tokens > 200000 maximum"}}"#;
    let too_long = || Upstream::always(Script::json(400, long));
    for (a, b, status, kind, retries) in [
        (too_long(), too_long(), 400, "invalid_request_error", false),
        (
            refusing(429, "rate_limit_error"),
            refusing(429, "rate_limit_error"),
            429,
            "rate_limit_error",
            true,
        ),
        (
            refusing(401, "authentication_error"),
            refusing(403, "permission_error"),
            502,
            "api_error",
            false,
        ),
        (
            refusing(404, "not_found_error"),
            refusing(404, "not_found_error"),
            404,
            "not_found_error",
            false,
        ),
        (
            refusing(500, "api_error"),
            refusing(401, "authentication_error"),
            502,
            "api_error",
            true,
        ),
        (
            Upstream::always(Script::default().silence()),
            Upstream::always(Script::default().silence()),
            504,
            "timeout_error",
            true,
        ),
    ] {
        let gateway = Config::new()
            .provider_with("a", &a, &[KIND])
            .provider_with("b", &b, &[KIND])
            .route(
                "r",
                [
                    Step::new("a", "m").with("timeout: 200ms"),
                    Step::new("b", "m").with("timeout: 200ms"),
                ],
            )
            .start();
        let response = ask(&gateway, false);
        let error = error_of(&response, status);
        assert_eq!(error["type"], kind, "{response}");
        assert_eq!(error["details"]["route_name"], "r");
        let advice = (!retries).then_some("false");
        assert_eq!(response.header("x-should-retry"), advice, "{response}");
        if status == 400 {
            assert_eq!(
                error["message"],
                "prompt is too long: 208310 tokens > 200000 maximum"
            );
        }
        if status == 429 {
            assert!(response.header("retry-after").is_some());
        }
    }
}

/// Claude Code looks first whether somebody is there, without a key.
#[test]
fn somebody_is_there() {
    let a = saying("hello");
    let gateway = Config::new()
        .with("status_page: false")
        .provider_with("a", &a, &[KIND])
        .route("r", [("a", "m")])
        .start();
    let mut connection = gateway.connect();
    connection.send(anonymous("HEAD", "/", &[], ""));
    let response = connection.response_to_head();
    assert_eq!(response.status, 200, "{response}");
    assert_eq!(ask(&gateway, false).status, 200);
    gateway.wait_for_log(|line| line["msg"] == "request");
    assert!(
        !gateway.output.text().contains("HEAD"),
        "{}",
        gateway.output.text()
    );
    let stranger = gateway.exchange(anonymous("GET", "/", &[], ""));
    assert_ne!(stranger.status, 200);
}
