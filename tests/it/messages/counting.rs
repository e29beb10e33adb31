//! `POST /v1/messages/count_tokens`: one native step is asked, and the gateway guesses where none answers.

use super::*;

const PATH: &str = "/v1/messages/count_tokens";

fn count(gateway: &Gateway, route: &str) -> Response {
    let body =
        format!(r#"{{"model":"{route}","messages":[{{"role":"user","content":"1234567"}}]}}"#);
    gateway.exchange(request("POST", PATH, &[("anthropic-beta", "x")], &body))
}

fn is_estimate(response: &Response) {
    assert_eq!(response.status, 200, "{response}");
    assert_eq!(response.text(), r#"{"input_tokens":10}"#);
    assert_eq!(response.header("x-token-count"), Some("estimated"));
}

#[test]
fn the_first_native_step_is_asked_with_its_own_model() {
    let native = Upstream::always(Script::json(200, r#"{"input_tokens": 42, "x": 1}"#));
    let chat = Upstream::saying("hi");
    let gateway = Config::new()
        .provider("a", &chat)
        .provider_with("b", &native, &[KIND])
        .route("r", [("a", "m"), ("b", "model-b")])
        .start();
    let response = count(&gateway, "r");
    assert_eq!(
        (response.status, response.text().as_str()),
        (200, r#"{"input_tokens":42}"#)
    );
    assert_eq!(response.header("x-token-count"), None);
    let sent = native.request();
    assert_eq!(sent.head.first_line, format!("POST {PATH} HTTP/1.1"));
    assert_eq!(sent.json()["model"], "model-b");
    assert_eq!(
        (
            sent.head.get("anthropic-beta"),
            sent.head.get("anthropic-version")
        ),
        (Some("x"), Some("2023-06-01"))
    );
    assert_eq!(chat.requests().len(), 0);
    let line = gateway.wait_for_log(|line| line["msg"] == "request");
    assert_eq!((&line["path"], &line["route"]), (&json!(PATH), &json!("r")));
}

#[test]
fn the_gateway_guesses_where_nobody_counts_and_no_step_cools_for_it() {
    let failing = saying("hello");
    failing.then(Script::json(429, r#"{"error":{"message":"slow down"}}"#));
    failing.then(Script::json(404, r#"{"error":{"message":"not found"}}"#));
    failing.then(Script::json(200, "{}"));
    failing.then(Script::default().close());
    let chat = Upstream::saying("hi");
    let gateway = Config::new()
        .provider("chat", &chat)
        .provider_with("a", &failing, &[KIND])
        .route("chat", [("chat", "m")])
        .route("r", [("a", "m")])
        .start();
    is_estimate(&count(&gateway, "chat"));
    for _ in 0..4 {
        is_estimate(&count(&gateway, "r"));
    }
    let response = ask(&gateway, false);
    assert_eq!(response.status, 200, "it cools: {response}");
}

/// A step that cools is not asked: the next native one is.
#[test]
fn a_step_that_cools_is_not_asked() {
    let limited = Upstream::always(Script::body(
        429,
        &[("Content-Type", "application/json"), ("Retry-After", "60")],
        messages::error("rate_limit_error").to_string(),
    ));
    let counting =
        Upstream::answering(
            |request| match request.head.first_line.contains("count_tokens") {
                true => Script::json(200, r#"{"input_tokens":42}"#),
                false => Script::json(200, &messages::answer("hello")),
            },
        );
    let gateway = route(&limited, &counting);
    assert_eq!(
        ask(&gateway, false).header("x-routed-via"),
        Some("b/model-b")
    );
    assert_eq!(count(&gateway, "r").text(), r#"{"input_tokens":42}"#);
    assert_eq!(limited.requests().len(), 1);
}

#[test]
fn a_question_about_no_route_is_refused() {
    let a = saying("hello");
    let gateway = route(&a, &a);
    let response = count(&gateway, "other");
    assert_eq!(response.status, 404, "{response}");
    assert_eq!(response.json()["error"]["type"], "not_found_error");
    let response = gateway.exchange(request("POST", PATH, &[], r#"{"model":"r"}"#));
    assert_eq!(
        response.json()["error"]["message"],
        "messages: Field required"
    );
    let response = gateway.exchange(request("GET", PATH, &[], ""));
    assert_eq!(response.status, 405, "{response}");
}
