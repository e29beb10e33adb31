//! The open view of all providers, and why it cannot be used to hammer them.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::client::Response;
use crate::support::gateway::anonymous;
use crate::support::mock::Mock;
use crate::support::standstill::spent_since;
use crate::support::{ClosedPort, Config, Gateway, Script, Signal, Upstream, openai};

fn probe(gateway: &Gateway) -> Response {
    gateway.exchange(anonymous("GET", "/v1/diagnostics/upstream-models", &[], ""))
}

fn entry(response: &Response, provider: &str) -> Value {
    let body = response.json();
    let providers = body["providers"].as_array().expect("providers");
    let found = providers.iter().find(|entry| entry["provider"] == provider);
    found
        .unwrap_or_else(|| panic!("no {provider}: {response}"))
        .clone()
}

#[test]
fn all_well() {
    let a = Upstream::always(Script::json(200, &openai::models(&["x", "y", "z"])));
    let b = Mock::saying("fine");
    let gateway = Config::new()
        .provider("a", &a)
        .provider("b", &b)
        .route("r", [("a", "m"), ("b", "m")])
        .start();
    let response = probe(&gateway);
    assert_eq!(response.status, 200, "{response}");
    assert_eq!(response.json()["ok"], true);
    assert!(response.header("x-request-id").is_some());
    for (name, count) in [("a", 3), ("b", 1)] {
        let entry = entry(&response, name);
        assert_eq!(
            (&entry["ok"], &entry["model_count"]),
            (&json!(true), &json!(count)),
            "{response}"
        );
        assert!(entry["response_time_ms"].is_number(), "{response}");
    }
    let names: Vec<Value> = response.json()["providers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["provider"].clone())
        .collect();
    assert_eq!(names, ["a", "b"], "in the order of the file");
    let request = a.request();
    assert_eq!(request.head.first_line, "GET /v1/models HTTP/1.1");
    assert!(
        request.head.get("authorization").is_some(),
        "providers want their key here, too"
    );
}

/// One provider that fails makes the whole 503, which is what a monitor looks at; the others are still told.
#[test]
fn one_of_them_ill() {
    let good = Upstream::saying("fine");
    let port = ClosedPort::new();
    let unauthorized = Upstream::always(Script::json(
        401,
        &openai::error("who are you?", "invalid_api_key"),
    ));
    let html = Upstream::always(Script::body(
        200,
        &[("Content-Type", "text/html")],
        "<html>",
    ));
    let gateway = Config::new()
        .provider("good", &good)
        .provider("dead", &port)
        .provider("stranger", &unauthorized)
        .provider("html", &html)
        .route("r", [("good", "m")])
        .start();
    let response = probe(&gateway);
    assert_eq!(response.status, 503, "{response}");
    assert_eq!(response.json()["ok"], false);
    assert_eq!(entry(&response, "good")["ok"], true);
    for name in ["dead", "stranger", "html"] {
        let entry = entry(&response, name);
        assert_eq!(entry["ok"], false, "{response}");
        assert!(
            entry["error"].as_str().is_some_and(|text| !text.is_empty()),
            "{response}"
        );
    }
    assert_eq!(entry(&response, "stranger")["http_status"], 401);
}

/// Providers are asked at the same time: each waits for the other one to have been asked.
#[test]
fn in_parallel() {
    let (first, second) = (Signal::new(), Signal::new());
    let waiting = |mine: &Signal, other: &Signal| {
        let (mine, other) = (mine.clone(), other.clone());
        Upstream::answering(move |request| {
            mine.give();
            request.answer("fine").after_signal(&other)
        })
    };
    let (a, b) = (waiting(&first, &second), waiting(&second, &first));
    let gateway = Config::new()
        .provider("a", &a)
        .provider("b", &b)
        .route("r", [("a", "m")])
        .start();
    let response = probe(&gateway);
    assert_eq!(response.status, 200, "{response}");
    assert!(response.spent < Duration::from_secs(5), "{response}");
}

/// The address is open and one call fans out to all providers: strangers must not be able to multiply that.
#[test]
fn twenty_calls_are_one_probe() {
    let go = Signal::new();
    let a = Upstream::saying_after("fine", &go);
    let b = Upstream::saying("fine");
    let gateway = Config::new()
        .provider("a", &a)
        .provider("b", &b)
        .route("r", [("a", "m")])
        .start();
    let mut connections: Vec<_> = (0..20).map(|_| gateway.connect()).collect();
    for connection in &mut connections {
        connection.send(anonymous("GET", "/v1/diagnostics/upstream-models", &[], ""));
    }
    a.wait_for_requests(1);
    go.give();
    for connection in &mut connections {
        assert_eq!(connection.response().status, 200);
    }
    // A call after the answer is answered from it.
    assert_eq!(probe(&gateway).status, 200);
    assert_eq!((a.requests().len(), b.requests().len()), (1, 1));
}

/// Waiting for a slow provider's list does not keep chat from being answered.
#[test]
fn chat_goes_on_beside_it() {
    let slow = Upstream::always(Script::default().silence());
    let good = Upstream::saying("fine");
    let gateway = Config::new()
        .provider("slow", &slow)
        .provider("good", &good)
        .route("r", [("good", "m")])
        .start();
    let mut waiting = gateway.connect();
    waiting.send(anonymous("GET", "/v1/diagnostics/upstream-models", &[], ""));
    slow.wait_for_requests(1);
    let begun = Instant::now();
    thread::scope(|scope| {
        let asked: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| gateway.ask("r", false).status))
            .collect();
        assert!(asked.into_iter().all(|asked| asked.join().unwrap() == 200));
    });
    assert!(
        spent_since(begun) < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
}

/// What is cooling says which providers there are and how they do: that is for those with a key.
#[test]
fn routes_and_what_cools_in_them() {
    let a = Upstream::always(Script::body(
        429,
        &[("Retry-After", "60")],
        openai::error("no", "x"),
    ));
    let b = Upstream::saying("fine");
    let gateway = Config::new()
        .provider("a", &a)
        .provider("b", &b)
        .route("r", [("a", "model-a"), ("b", "model-b")])
        .start();
    assert_eq!(gateway.ask("r", false).status, 200);
    let stranger = gateway.exchange(anonymous("GET", "/v1/diagnostics/routes", &[], ""));
    assert_eq!(stranger.status, 401, "{stranger}");
    let response = gateway.get("/v1/diagnostics/routes");
    assert_eq!(response.status, 200, "{response}");
    let text = response.text();
    for part in ["rate_limited", "model-a", "model-b"] {
        assert!(text.contains(part), "{part}: {response}");
    }
    assert_eq!(text.matches("rate_limited").count(), 1, "{response}");
}

/// A client that is kept to some routes does not learn which others there are.
#[test]
fn each_client_sees_its_own_routes() {
    let a = Upstream::saying("fine");
    let gateway = Config::new()
        .with("api_keys:")
        .with("  - {name: one, key: first-client-key, routes: [mine]}")
        .with("  - {name: two, key: second-client-key}")
        .provider("a", &a)
        .route("mine", [("a", "model-of-mine")])
        .route("theirs", [("a", "model-of-theirs")])
        .start();
    for (key, count) in [("first-client-key", 1), ("second-client-key", 2)] {
        let fields = [("X-Api-Key", key)];
        let response = gateway.exchange(anonymous("GET", "/v1/diagnostics/routes", &fields, ""));
        assert_eq!(response.status, 200, "{response}");
        let report = response.json();
        assert_eq!(
            report["routes"].as_array().map(Vec::len),
            Some(count),
            "{response}"
        );
        assert_eq!(report["routes"][0]["name"], "mine");
        assert_eq!(response.text().contains("theirs"), count == 2, "{response}");
        let step = &report["routes"][0]["steps"][0];
        assert_eq!(
            (&step["usable"], &step["cooling"]),
            (&true.into(), &serde_json::json!([]))
        );
    }
}

#[test]
fn head_and_other_methods() {
    let a = Upstream::saying("fine");
    let gateway = Config::new()
        .provider("a", &a)
        .route("r", [("a", "m")])
        .start();
    let response = gateway.exchange(anonymous(
        "POST",
        "/v1/diagnostics/upstream-models",
        &[],
        "",
    ));
    assert_eq!(response.status, 405, "{response}");
    assert_eq!(gateway.get("/diagnostics/upstream-models/").status, 200);
}
