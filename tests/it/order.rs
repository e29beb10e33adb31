//! `order:`, `weight:` and `sticky:` of a route: which step a request is given first, from outside.

use std::collections::BTreeMap;
use std::time::Duration;

use rustix::process::Signal as Kill;
use serde_json::{Value, json};

use crate::support::client::Response;
use crate::support::gateway::request;
use crate::support::{Config, Gateway, Script, Step, Upstream, openai};

fn via(response: &Response) -> &str {
    response
        .header("x-routed-via")
        .unwrap_or_else(|| panic!("nowhere: {response}"))
}

fn two(a: &Upstream, b: &Upstream, lines: &[&str]) -> Gateway {
    config(a, b, lines).start()
}

fn config(a: &Upstream, b: &Upstream, lines: &[&str]) -> Config {
    Config::new()
        .provider_with("a", a, &["responses: true"])
        .provider_with("b", b, &["responses: true"])
        .route_with("r", lines, [("a", "m"), ("b", "m")])
}

fn limited() -> Script {
    let body = openai::error("slow down", "rate_limit_exceeded");
    Script::body(429, &[("Retry-After", "60")], body)
}

/// The report on the route, as the operator sees it.
fn report(gateway: &Gateway) -> Value {
    let response = gateway.get("/v1/diagnostics/routes");
    assert_eq!(response.status, 200, "{response}");
    response.json()["routes"][0].clone()
}

fn post(gateway: &Gateway, path: &str, body: &Value) -> Response {
    let fields = [("Content-Type", "application/json")];
    gateway.exchange(request("POST", path, &fields, &body.to_string()))
}

fn count(gateway: &Gateway, requests: usize) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for _ in 0..requests {
        let response = gateway.ask("r", false);
        assert_eq!(response.status, 200, "{response}");
        *counts.entry(via(&response).to_owned()).or_default() += 1;
    }
    counts
}

/// A free tier and another one with three times its limit: both are used, and by their size.
#[test]
fn requests_are_spread_by_weight() {
    let (a, b) = (Upstream::saying("from a"), Upstream::saying("from b"));
    let steps = [Step::new("a", "m").with("weight: 3"), Step::new("b", "m")];
    let gateway = Config::new()
        .provider("a", &a)
        .provider("b", &b)
        .route_with("r", &["order: spread"], steps)
        .start();
    let counts = count(&gateway, 200);
    // 150 of 200; a bound that chance breaks once in ten million runs.
    assert!((115..=183).contains(&counts["a/m"]), "{counts:?}");
    let report = report(&gateway);
    assert_eq!(report["order"], "spread");
    assert_eq!(report["first"]["step_index"], 0);
    assert_eq!(report["steps"][0]["weight"], 3);
    assert_eq!(report["steps"][1]["chance"], 0.25);
}

/// One that is cooling gets no requests, and nobody reads of a failover that did not happen.
#[test]
fn a_cooling_step_is_out_of_the_lots() {
    let (a, b) = (Upstream::always(limited()), Upstream::saying("from b"));
    let gateway = two(&a, &b, &["order: spread"]);
    while a.requests().is_empty() {
        gateway.ask("r", false);
    }
    for _ in 0..20 {
        let response = gateway.ask("r", false);
        assert_eq!(via(&response), "b/m");
        assert_eq!(response.header("x-fallback-count"), Some("0"));
    }
    assert_eq!(a.requests().len(), 1);
}

/// The last resort is still one.
#[test]
fn every_step_is_tried_whatever_the_order() {
    for line in ["order: spread", "order: fastest", "sticky: 5m"] {
        let refused = openai::error("no", "x");
        let a = Upstream::always(Script::json(400, &refused));
        let b = Upstream::saying("from b");
        let gateway = two(&a, &b, &[line]);
        for _ in 0..10 {
            assert_eq!(via(&gateway.ask("r", false)), "b/m", "{line}");
        }
    }
}

/// The slow one is listed first.
#[test]
fn requests_go_where_the_first_content_comes_fastest() {
    let slow = Duration::from_millis(300);
    for stream in [false, true] {
        let answer = || match stream {
            true => Script::events(openai::events(&["from", "a"])),
            false => Script::json(200, &openai::answer("from a")),
        };
        let a = Upstream::always(answer().after(slow));
        let b = Upstream::always(answer());
        let gateway = two(&a, &b, &["order: fastest"]);
        for _ in 0..15 {
            assert_eq!(gateway.ask("r", stream).status, 200);
        }
        // The first two, and what went there before the other one was measured.
        assert!(a.requests().len() <= 3, "{}", a.requests().len());
        let report = report(&gateway);
        let member = if stream {
            "first_content_ms"
        } else {
            "whole_answer_ms"
        };
        let time = |step: usize| report["steps"][step][member].as_u64().unwrap();
        assert!(time(0) >= 250 && time(1) < time(0), "{report}");
        assert_eq!(report["first"]["step_index"], 1, "{report}");
        assert!(report["first"]["why"].is_string());
    }
}

fn conversation(dialect: &str, turn: usize) -> Value {
    let mut messages = vec![json!({"role": "user", "content": "hi"})];
    for turn in 0..turn {
        messages.push(json!({"role": "assistant", "content": format!("answer {turn}")}));
        messages.push(json!({"role": "user", "content": format!("question {turn}")}));
    }
    match dialect {
        "/v1/responses" => json!({"model": "r", "instructions": "be brief", "input": messages}),
        "/v1/messages" => {
            json!({"model": "r", "system": "be brief", "messages": messages, "max_tokens": 100})
        }
        "/api/chat" => json!({"model": "r", "messages": messages, "stream": false}),
        _ => json!({"model": "r", "messages": messages}),
    }
}

/// The prompt of a conversation is in the cache of the provider that had it; going back to the preferred one costs its price
/// again.
#[test]
fn a_conversation_stays_where_it_was_answered_in_every_dialect() {
    for path in [
        "/v1/chat/completions",
        "/v1/responses",
        "/v1/messages",
        "/api/chat",
    ] {
        let answer = match path {
            "/v1/responses" => json!({"id": "resp_x", "object": "response", "status": "completed",
                "model": "m", "output": [{"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
                "content": [{"type": "output_text", "text": "ho", "annotations": []}]}]})
            .to_string(),
            _ => openai::answer("ho"),
        };
        let a = Upstream::always(Script::json(200, &answer));
        let b = Upstream::always(Script::json(200, &answer));
        a.then(Script::json(400, &openai::error("not this one", "x")));
        let gateway = config(&a, &b, &["sticky: 5m"])
            .with("ollama: {enabled: true}")
            .start();
        let ask = |turn| post(&gateway, path, &conversation(path, turn));
        assert_eq!(via(&ask(0)), "b/m", "{path}: the first one refused it");
        for turn in 1..4 {
            assert_eq!(via(&ask(turn)), "b/m", "{path}");
        }
        let other = conversation(path, 0)
            .to_string()
            .replace("\"hi\"", "\"ho\"");
        let other: Value = serde_json::from_str(&other).unwrap();
        assert_eq!(
            via(&post(&gateway, path, &other)),
            "a/m",
            "{path}: another one"
        );
        let sticking = report(&gateway)["sticking"].as_u64();
        assert!(sticking >= Some(2), "{path}: {sticking:?}");
    }
}

/// A response that the provider keeps can be gone on with only there.
#[test]
fn a_previous_response_leads_back_to_its_provider() {
    let answer = |id: &str| {
        json!({"id": id, "object": "response", "status": "completed", "model": "m",
            "output": [{"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": "ho", "annotations": []}]}]})
        .to_string()
    };
    let (a, b) = (Upstream::saying("unused"), Upstream::saying("unused"));
    a.then(Script::json(400, &openai::error("not this one", "x")));
    for id in ["resp_b1", "resp_b2", "resp_b3"] {
        b.then(Script::json(200, &answer(id)));
    }
    let gateway = two(&a, &b, &["sticky: 5m"]);
    let ask = |body: Value| post(&gateway, "/v1/responses", &body);
    assert_eq!(via(&ask(json!({"model": "r", "input": "hi"}))), "b/m");
    for (turn, id) in ["resp_b1", "resp_b2"].iter().enumerate() {
        let body =
            json!({"model": "r", "input": format!("turn {turn}"), "previous_response_id": id});
        assert_eq!(via(&ask(body)), "b/m", "{id}");
    }
}

/// It would be refused there again and again.
#[test]
fn a_cooling_step_loses_its_conversations() {
    let (a, b) = (Upstream::saying("from a"), Upstream::saying("from b"));
    a.then(Script::json(400, &openai::error("not this one", "x")));
    b.then(Script::json(200, &openai::answer("from b")));
    b.then(limited());
    let gateway = two(&a, &b, &["sticky: 5m"]);
    assert_eq!(via(&gateway.ask("r", false)), "b/m");
    let moved = gateway.ask("r", false);
    assert_eq!(via(&moved), "a/m", "it was refused there");
    assert_eq!(via(&gateway.ask("r", false)), "a/m");
    assert_eq!(b.requests().len(), 2);
}

/// What was measured, and who sticks where, is not forgotten with a line that changes.
#[test]
fn a_reload_keeps_times_and_conversations() {
    let (a, b) = (Upstream::saying("from a"), Upstream::saying("from b"));
    a.then(Script::json(400, &openai::error("not this one", "x")));
    let config = config(&a, &b, &["order: fastest", "sticky: 5m"]);
    let gateway = config.start();
    assert_eq!(via(&gateway.ask("r", false)), "b/m");
    let before = report(&gateway);
    assert!(before["steps"][1]["whole_answer_ms"].is_u64(), "{before}");
    gateway.rewrite(&config.with("response_model: upstream").text());
    gateway.signal(Kill::HUP);
    gateway.wait_for_log(|line| line["msg"] == "reloaded");
    let after = report(&gateway);
    assert_eq!(
        after["steps"][1]["whole_answer_ms"],
        before["steps"][1]["whole_answer_ms"]
    );
    assert_eq!(after["sticking"], 1, "{after}");
    assert_eq!(via(&gateway.ask("r", false)), "b/m");
}
