//! Routes over providers of both kinds.

use super::*;
use crate::support::{ClosedPort, strict_chat};

fn chat_saying(text: &str) -> Upstream {
    strict_chat::answering(json!({"role": "assistant", "content": text}), "stop")
}

fn text_of(response: &Response, stream: bool) -> Value {
    let mut frame = if stream {
        events(response).pop().unwrap()["response"].take()
    } else {
        response.json()
    };
    frame["output"][0]["content"][0]["text"].take()
}

#[test]
fn a_dead_provider_is_passed_over() {
    let (dead, b) = (ClosedPort::new(), chat_saying("from b"));
    let gateway = Config::new()
        .provider_with("a", &dead, &["responses: true"])
        .provider("b", &b)
        .route("r", [("a", "model-a"), ("b", "model-b")])
        .start();
    for stream in [false, true] {
        let response = ask(&gateway, stream);
        assert_eq!(
            response.header("x-routed-via"),
            Some("b/model-b"),
            "{response}"
        );
        assert_eq!(text_of(&response, stream), "from b");
    }
}

/// A native stream that fails before its first content, then chat.
#[test]
fn a_native_failure_is_not_seen() {
    let mut failed = responses::frame("failed", json!([]));
    failed["error"] = json!({"code": "server_error", "message": "it went wrong"});
    let last = [
        json!({"type": "response.failed", "response": failed}),
        json!({"type": "error", "code": "server_error", "message": "it went wrong", "param": null}),
    ];
    for last in last {
        let mut opening = responses::events(&[]);
        opening.truncate(2);
        opening.push(last);
        let streamed = responses::stream(&responses::numbered(opening));
        let plain = Script::json(200, &failed.to_string());
        let a = Upstream::answering(move |request| {
            if request.asks_for_a_stream() {
                streamed.clone()
            } else {
                plain.clone()
            }
        });
        let b = chat_saying("from b");
        let gateway = Config::new()
            .provider_with("a", &a, &["responses: true"])
            .provider("b", &b)
            .route("r", [("a", "model-a"), ("b", "model-b")])
            .start();
        for stream in [false, true] {
            let response = ask(&gateway, stream);
            assert_eq!(text_of(&response, stream), "from b", "{response}");
            assert!(!response.text().contains("resp_1"), "{response}");
        }
    }
}

#[test]
fn what_only_a_native_step_can_do_is_done_by_it() {
    let (a, b) = (chat_saying("from a"), saying("from b"));
    let gateway = Config::new()
        .provider("a", &a)
        .provider_with("b", &b, &["responses: true"])
        .route("r", [("a", "model-a"), ("b", "model-b")])
        .route("chat", [("a", "model-a")])
        .start();
    let body =
        r#"{"model":"r","input":"hi","tools":[{"type":"file_search","vector_store_ids":["v"]}]}"#;
    let response = post(&gateway, body);
    assert_eq!(
        response.header("x-routed-via"),
        Some("b/model-b"),
        "{response}"
    );
    let step = &response.json()["routing_summary"]["steps"][0];
    assert_eq!(
        (&step["class"], &step["skipped"]),
        (&json!("unsupported"), &json!(true))
    );
    let response = post(&gateway, &body.replace("\"r\"", "\"chat\""));
    assert_eq!(response.status, 400, "{response}");
    let error = &response.json()["error"];
    assert_eq!(
        (&error["code"], &error["param"]),
        (&json!("ROUTE_EXECUTION_FAILED"), &json!("tools[0]"))
    );
    assert_eq!(a.requests().len(), 0);
}

/// The step that could not is no reason to tell the client that nobody can: another time the other one will.
#[test]
fn a_step_that_was_passed_over_does_not_count() {
    let a = chat_saying("from a");
    let b = Upstream::always(Script::json(
        429,
        r#"{"error":{"message":"slow down","code":"rate_limit_exceeded"}}"#,
    ));
    let gateway = Config::new()
        .provider("a", &a)
        .provider_with("b", &b, &["responses: true"])
        .route("r", [("a", "model-a"), ("b", "model-b")])
        .start();
    for _ in 0..2 {
        let body = r#"{"model":"r","previous_response_id":"resp_b","input":"hi"}"#;
        let response = post(&gateway, body);
        assert_eq!(response.status, 429, "{response}");
    }
    assert_eq!(a.requests().len(), 0);
}

/// The Vercel AI SDK sends references from the second turn on, unless it is told not to.
#[test]
fn a_reference_names_the_way_out() {
    let a = chat_saying("from a");
    let gateway = Config::new()
        .provider("a", &a)
        .route("r", [("a", "model-a")])
        .start();
    let body = r#"{"model":"r","input":[{"role":"user","content":"hi"},{"type":"item_reference","id":"msg_1"}]}"#;
    let response = post(&gateway, body);
    assert_eq!(response.status, 400, "{response}");
    let error = &response.json()["error"];
    assert_eq!(error["param"], "input[1]");
    assert!(
        error["message"].as_str().unwrap().contains("store: false"),
        "{error}"
    );
}
