//! Everything a provider can do wrong: the next step answers.

use std::time::Duration;

use serde_json::{Value, json};

use super::{ask, provider, saying, two, vector_of, vectors};
use crate::support::{Config, Script, Upstream, openai};

/// The first step fails with this class, and the second one's vectors arrive.
fn falls_back(name: &str, a: &Upstream, class: &str) -> Value {
    let b = provider();
    let gateway = two(a, &b);
    let response = ask(&gateway, &json!({"model": "r", "input": ["x", "y"]}));
    assert_eq!(
        vectors(&response),
        [json!(vector_of(&json!("x"))), json!(vector_of(&json!("y")))],
        "{name}: {response}"
    );
    assert_eq!(
        response.header("x-routed-via"),
        Some("b/bge-m3:latest"),
        "{name}"
    );
    assert_eq!(response.header("x-fallback-count"), Some("1"), "{name}");
    let step = response.steps()[0].clone();
    assert_eq!(step["class"], class, "{name}: {response}");
    assert_eq!(a.requests().len(), 1, "{name}");
    step
}

#[test]
fn a_status_that_is_no_200_moves_on() {
    let error = |message: &str| json!({"error": {"message": message}}).to_string();
    for (status, body, class) in [
        (500, error("boom"), "server_error"),
        (429, error("slow down"), "rate_limited"),
        (401, error("wrong key"), "unauthorized"),
        (404, error("no such model"), "model_not_found"),
        (
            500,
            error("input (4001 tokens) is too large to process. increase the physical batch size"),
            "too_large",
        ),
        (
            501,
            error("This server does not support embeddings. Start it with `--embeddings`"),
            "unsupported",
        ),
    ] {
        let a = Upstream::always(Script::json(status, &body));
        falls_back(&body, &a, class);
    }
}

#[test]
fn a_200_that_is_no_answer_moves_on() {
    let html = Script::body(
        200,
        &[("Content-Type", "text/html")],
        "<html><title>Hi</title></html>",
    );
    let good = json!({"object": "list", "data": [{"index": 0, "embedding": [1.0, 2.0]}, {"index": 1, "embedding": [1.0, 2.0]}]}).to_string();
    let cut = Script::json(200, &good).cut_after(90);
    let events = Script::events([good.as_str()]);
    let error = json!({"error": {"message": "overloaded", "code": 503}}).to_string();
    for (name, script, class) in [
        ("an error", Script::json(200, &error), "server_error"),
        ("HTML", html, "bad_response"),
        ("a cut body", cut, "bad_response"),
        ("a stream", events, "bad_response"),
        (
            "an array",
            Script::json(200, "[[0.1],[0.2]]"),
            "bad_response",
        ),
        (
            "a chat answer",
            Script::json(200, &openai::answer("hi")),
            "bad_response",
        ),
        (
            "NaN",
            Script::json(200, r#"{"data":[{"embedding":[NaN]},{"embedding":[1]}]}"#),
            "bad_response",
        ),
    ] {
        falls_back(name, &Upstream::always(script), class);
    }
}

#[test]
fn vectors_that_no_index_can_use_move_on() {
    for (name, vectors, class) in [
        ("empty data", json!([]), "empty_answer"),
        ("one too few", json!([[1.0, 2.0]]), "bad_response"),
        ("one too many", json!([[1.0], [1.0], [1.0]]), "bad_response"),
        (
            "different lengths",
            json!([[1.0], [1.0, 2.0]]),
            "bad_response",
        ),
        ("a null", json!([[1.0], [null]]), "bad_response"),
        ("zeros", json!([[1.0, 1.0], [0.0, 0.0]]), "bad_response"),
        ("no base64", json!(["!", "!"]), "bad_response"),
        ("half a float", json!(["AAAA", "AAAA"]), "bad_response"),
    ] {
        falls_back(name, &saying(vectors), class);
    }
    for indexes in [[0, 0], [1, 2], [-1, 0]] {
        let data = indexes.map(|index| json!({"index": index, "embedding": [1.0]}));
        let body = json!({"data": data}).to_string();
        falls_back(
            &body,
            &Upstream::always(Script::json(200, &body)),
            "bad_response",
        );
    }
}

/// A broken service for vectors must not cool the provider's chat.
#[test]
fn a_failure_is_no_witness_against_chat() {
    let a = Upstream::answering(|request| {
        if request.head.first_line.contains("/embeddings") {
            Script::json(503, &openai::error("down", "x"))
        } else {
            request.answer("fine")
        }
    });
    let gateway = Config::new()
        .provider("a", &a)
        .route("v1", [("a", "vectors-1")])
        .route("v2", [("a", "vectors-2")])
        .route("chat", [("a", "model")])
        .start();
    for route in ["v1", "v2", "v1"] {
        let response = ask(&gateway, &json!({"model": route, "input": "x"}));
        assert_eq!(response.status, 502, "{response}");
    }
    let response = gateway.ask("chat", false);
    assert_eq!(response.status, 200, "{response}");
    assert_eq!(response.steps().len(), 1, "{response}");
}

/// Nobody waits for a reader of vectors as for a reader of a stream: the client goes, the call ends.
#[test]
fn a_client_that_leaves_ends_the_call() {
    let a = Upstream::always(Script::default().silence());
    let gateway = two(&a, &provider());
    let mut connection = gateway.connect();
    let body = json!({"model": "r", "input": "x"}).to_string();
    connection.send(crate::support::gateway::request(
        "POST",
        "/v1/embeddings",
        &[],
        &body,
    ));
    a.wait_for_requests(1);
    drop(connection);
    a.wait_for_abandonment(0);
    let line = gateway.wait_for_log(|line| line["msg"] == "request");
    assert_eq!(line["status"], 499, "{line}");
}

/// What the client has to mend is told with the member's name, in the shape that its library reads.
#[test]
fn a_wrong_request_is_told_by_its_member() {
    let a = provider();
    let gateway = two(&a, &provider());
    for (body, status, param) in [
        (json!({"input": "x"}), 400, json!("model")),
        (json!({"model": "r"}), 400, json!("input")),
        (
            json!({"model": "r", "input": {"text": "x"}}),
            400,
            json!("input"),
        ),
        (
            json!({"model": "nobody", "input": "x"}),
            404,
            json!("model"),
        ),
    ] {
        let response = ask(&gateway, &body);
        assert_eq!(response.status, status, "{response}");
        assert_eq!(response.json()["error"]["param"], param, "{response}");
    }
    assert!(a.requests().is_empty());
}

#[test]
fn a_step_that_is_out_of_time_moves_on() {
    let a = Upstream::always(Script::json(200, "{}").after(Duration::from_secs(20)));
    let b = provider();
    let gateway = Config::new()
        .provider("a", &a)
        .provider("b", &b)
        .with("default_timeout: 300ms")
        .route("r", [("a", "m"), ("b", "m")])
        .start();
    let response = ask(&gateway, &json!({"model": "r", "input": "x"}));
    assert_eq!(response.steps()[0]["class"], "timeout", "{response}");
    assert_eq!(response.status, 200);
}

/// Providers know best what is wrong with no input.
#[test]
fn nothing_to_embed_is_the_providers_to_refuse() {
    for input in [json!(""), json!([])] {
        let said = json!({"error": {"message": "input must not be empty", "param": "input"}});
        let a = Upstream::always(Script::json(400, &said.to_string()));
        let gateway = two(&a, &a);
        let response = ask(&gateway, &json!({"model": "r", "input": input}));
        assert_eq!(response.status, 400, "{response}");
        let message = response.json()["error"]["message"].to_string();
        assert!(message.contains("must not be empty"), "{response}");
        assert_eq!(a.requests()[0].json()["input"], input);
    }
}

#[test]
fn an_answer_from_elsewhere_or_packed_moves_on() {
    for (name, script) in [
        (
            "a redirect",
            Script::body(302, &[("Location", "https://x.test/")], ""),
        ),
        (
            "gzip",
            Script::body(
                200,
                &[
                    ("Content-Type", "application/json"),
                    ("Content-Encoding", "gzip"),
                ],
                "\u{1f}\u{8b}",
            ),
        ),
    ] {
        falls_back(name, &Upstream::always(script), "bad_response");
    }
}

/// The one provider that was asked is at fault, and not the client.
#[test]
fn steps_that_were_passed_over_do_not_make_a_fault_the_clients() {
    let a = Upstream::always(Script::json(500, r#"{"error":{"message":"boom"}}"#));
    let gateway = Config::new()
        .provider("a", &a)
        .route("r", [("a", "bge-m3"), ("a", "other-model")])
        .start();
    let response = ask(&gateway, &json!({"model": "r", "input": "x"}));
    assert_eq!(response.status, 502, "{response}");
    let details = &response.json()["error"]["details"]["steps"];
    assert_eq!(details[1]["skipped"], true, "{response}");
}
