//! Requests that no step is asked with, and paths that are not there.

use super::*;

#[test]
fn a_request_is_refused_before_any_step() {
    let a = saying("hello");
    let gateway = route(&a, &a);
    for (members, param) in [
        (r#""input":"hi","background":true"#, "background"),
        (
            r#""input":"hi","previous_response_id":"resp_agw0011""#,
            "previous_response_id",
        ),
        (r#""input":[]"#, "input"),
        (r#""stream":true"#, "input"),
    ] {
        let response = post(&gateway, &format!(r#"{{"model":"r",{members}}}"#));
        assert_eq!(response.status, 400, "{response}");
        let error = &response.json()["error"];
        assert_eq!(
            (&error["code"], &error["param"]),
            (&json!("VALIDATION_FAILED"), &json!(param))
        );
    }
    assert_eq!(a.requests().len(), 0);
}

/// Only the provider that made an id knows it: another one says 400, and the walk goes on.
#[test]
fn an_id_of_a_provider_goes_from_step_to_step() {
    let a = Upstream::always(Script::json(
        400,
        r#"{"error":{"message":"Previous response with id 'resp_b' not found.","type":"invalid_request_error","param":"previous_response_id","code":"previous_response_not_found"}}"#,
    ));
    let b = saying("from b");
    let gateway = route(&a, &b);
    let response = post(
        &gateway,
        r#"{"model":"r","previous_response_id":"resp_b","input":"hi"}"#,
    );
    assert_eq!(
        response.header("x-routed-via"),
        Some("b/model-b"),
        "{response}"
    );
    assert_eq!(b.request().json()["previous_response_id"], "resp_b");
}

/// The step's own word counts, and this provider answers chat's shape.
#[test]
fn a_step_may_be_native_on_its_own() {
    let chat = Upstream::saying("from chat");
    let gateway = Config::new()
        .provider("a", &chat)
        .route("r", [Step::new("a", "m").with("responses: true")])
        .start();
    assert_eq!(post(&gateway, &responses::request("r", false)).status, 502);
    assert_eq!(
        chat.request().head.first_line,
        "POST /v1/responses HTTP/1.1"
    );
}

#[test]
fn an_item_that_nobody_keeps_is_named() {
    let a = saying("hello");
    let gateway = route(&a, &a);
    let body = r#"{"model":"r","input":[{"role":"user","content":"hi"},{"type":"item_reference","id":"msg_agw00_0"}]}"#;
    let response = post(&gateway, body);
    assert_eq!(response.status, 400, "{response}");
    let error = &response.json()["error"];
    assert_eq!(error["param"], "input[1]");
    assert!(
        error["message"].as_str().unwrap().contains("store: false"),
        "{error}"
    );
}

#[test]
fn a_provider_without_the_endpoint_is_asked_whether_it_has_it() {
    for status in [404, 405, 501] {
        let a = Upstream::always(Script::json(status, r#"{"detail":"Not Found"}"#));
        let gateway = Config::new()
            .provider_with("a", &a, &["responses: true"])
            .route("r", [("a", "m")])
            .start();
        let response = ask(&gateway, false);
        assert!(
            response
                .text()
                .contains("does it speak Responses? (`responses: true`)"),
            "{response}"
        );
    }
}

#[test]
fn all_steps_limited_is_429_with_the_soonest_end() {
    let limited = || {
        Upstream::always(Script::body(
            429,
            &[("Retry-After", "17")],
            r#"{"error":{"message":"m"}}"#,
        ))
    };
    let (a, b) = (limited(), limited());
    let gateway = route(&a, &b);
    let response = ask(&gateway, true);
    assert_eq!(
        (response.status, response.header("retry-after")),
        (429, Some("17")),
        "{response}"
    );
    assert_eq!(response.json()["error"]["type"], "rate_limit_error");
}

#[test]
fn what_is_not_kept_is_not_found() {
    let a = saying("hello");
    let gateway = route(&a, &a);
    for (method, path, status) in [
        ("GET", "/v1/responses", 405),
        ("GET", "/v1/responses/resp_1", 404),
        ("DELETE", "/v1/responses/resp_1", 404),
        ("GET", "/v1/responses/resp_1/input_items", 404),
        ("POST", "/v1/responses/resp_1/cancel", 404),
        ("POST", "/v1/responses/compact", 404),
        ("POST", "/v1/responses/input_tokens", 404),
        ("POST", "/v1/conversations", 404),
        ("GET", "/v1/conversations/conv_1/items", 404),
    ] {
        let response = gateway.exchange(request(method, path, &[], ""));
        assert_eq!(response.status, status, "{method} {path}: {response}");
        if status == 405 {
            assert_eq!(response.header("allow"), Some("POST, OPTIONS"));
        } else {
            let error = &response.json()["error"];
            assert_eq!(error["code"], "NOT_FOUND", "{method} {path}");
            assert!(
                error["message"]
                    .as_str()
                    .unwrap()
                    .contains("keeps no responses"),
                "{error}"
            );
        }
    }
    // Codex asks for a WebSocket first, where its provider may have one.
    let upgrade = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
    ];
    let response = gateway.exchange(request("GET", "/v1/responses", &upgrade, ""));
    assert_eq!(
        (response.status, response.header("allow")),
        (405, Some("POST, OPTIONS"))
    );
    assert_eq!(ask(&gateway, false).status, 200);
    for path in ["/responses", "/v1/responses/", "//v1//responses"] {
        let response =
            gateway.exchange(request("POST", path, &[], &responses::request("r", false)));
        assert_eq!(response.status, 200, "{path}: {response}");
    }
}
