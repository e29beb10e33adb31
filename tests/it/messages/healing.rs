//! Refusals that a step's own second call mends: thinking that others signed, and roles that are not taken.

use super::*;

fn heals(refusal: &str, body: &str, healed: &str, second: &dyn Fn(Value)) {
    let a = saying("hello");
    a.then(Script::json(400, refusal));
    let gateway = route(&a, &a);
    let response = post(&gateway, body);
    assert_eq!(
        response.header("x-routed-via"),
        Some("a/model-a"),
        "{response}"
    );
    let sent = a.requests();
    assert_eq!(sent.len(), 2, "{response}");
    second(sent[1].json());
    let step = &response.json()["routing_summary"]["steps"][0];
    assert_eq!(
        (&step["success"], &step["healed"]),
        (&json!(true), &json!([healed])),
        "{step}"
    );
}

#[test]
fn thinking_that_another_model_has_signed() {
    let refusal = r#"{"type":"error","error":{"type":"invalid_request_error","message":"messages.1.content.0: Invalid `signature` in `thinking` block"}}"#;
    let body = r#"{"model":"r","max_tokens":9,"thinking":{"type":"adaptive"},"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"thinking","thinking":"x","signature":"s"},{"type":"tool_use","id":"t","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"y"}]}]}"#;
    heals(refusal, body, "conversation", &|sent| {
        assert_eq!(
            sent["messages"][1]["content"],
            json!([{"type": "tool_use", "id": "t", "name": "f", "input": {}}])
        );
        assert_eq!(sent.get("thinking"), None);
    });
}

/// Claude Code sends such a message in nearly every request: it is remembered, also where a server's template says so.
#[test]
fn a_system_message_among_the_others() {
    let body = r#"{"model":"r","max_tokens":9,"messages":[{"role":"user","content":"hi"},{"role":"system","content":"be brief"}]}"#;
    for words in [
        r#"messages: Unexpected role \"system\". The Messages API accepts a top-level `system` parameter"#,
        "messages.1.role: Input should be 'user' or 'assistant'",
        "Error: Jinja Exception: System message must be at the beginning.",
    ] {
        let a = saying("hello");
        let refusal = format!(
            r#"{{"type":"error","error":{{"type":"invalid_request_error","message":"{words}"}}}}"#
        );
        a.then(Script::json(400, &refusal));
        let gateway = route(&a, &a);
        let response = post(&gateway, body);
        assert_eq!(response.header("x-routed-via"), Some("a/model-a"));
        let step = &response.json()["routing_summary"]["steps"][0];
        assert_eq!(step["healed"], json!(["system messages"]), "{step}");
        assert_eq!(post(&gateway, body).status, 200);
        let sent = a.requests();
        assert_eq!(sent.len(), 3, "{words}: it is remembered");
        for sent in &sent[1..] {
            let messages = &sent.json()["messages"];
            assert_eq!(messages.as_array().unwrap().len(), 1);
            let said = &messages[0]["content"][1]["text"];
            assert_eq!(said, "<system-reminder>\nbe brief\n</system-reminder>");
        }
    }
}

/// The most frequent refusal of all: a member of a beta that a server does not know. It is remembered.
#[test]
fn a_member_that_is_not_permitted() {
    let a = saying("hello");
    a.then(Script::json(
        400,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"context_management: Extra inputs are not permitted"}}"#,
    ));
    let gateway = route(&a, &a);
    let body = r#"{"model":"r","max_tokens":9,"context_management":{"edits":[]},"messages":[{"role":"user","content":"hi"}]}"#;
    assert_eq!(
        post(&gateway, body).header("x-routed-via"),
        Some("a/model-a")
    );
    assert_eq!(post(&gateway, body).status, 200);
    let sent = a.requests();
    assert_eq!(sent.len(), 3);
    assert_eq!(sent[1].json().get("context_management"), None);
    assert_eq!(sent[2].json().get("context_management"), None);
}
