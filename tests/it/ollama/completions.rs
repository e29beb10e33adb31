//! `/api/generate` between two texts, which providers know as completions.

use serde_json::{Value, json};

use super::{config, lines, post};
use crate::support::{Config, Script, Upstream};

fn chunk(text: &str, finish_reason: &Value) -> String {
    json!({"id": "cmpl-1", "object": "text_completion", "model": "model-a",
           "choices": [{"index": 0, "text": text, "finish_reason": finish_reason}]})
    .to_string()
}

fn asked(stream: bool) -> Value {
    json!({"model": "home", "prompt": "fn a() {", "suffix": "}", "stream": stream,
           "options": {"num_predict": 7, "stop": ["\n\n"]}})
}

/// Editors that complete code speak to Ollama this way.
#[test]
fn what_stands_between_is_asked_of_the_completions() {
    let upstream = Upstream::answering(|request| {
        assert!(request.head.first_line.contains("/completions"));
        if request.asks_for_a_stream() {
            let chunks = vec![chunk(" 1 ", &Value::Null), chunk("+ 1", &json!("stop"))];
            Script::events(chunks).done()
        } else {
            Script::json(200, &chunk(" 1 + 1", &json!("stop")))
        }
    });
    let gateway = config(&upstream, "").start();
    let plain = post(&gateway, "/api/generate", &asked(false));
    assert_eq!(plain.status, 200, "{plain}");
    let plain = plain.json();
    assert_eq!(
        (&plain["response"], &plain["done"], &plain["done_reason"]),
        (&json!(" 1 + 1"), &json!(true), &json!("stop"))
    );
    let sent = upstream.request().json();
    assert_eq!(
        sent,
        json!({"model": "model-a", "prompt": "fn a() {", "suffix": "}", "max_tokens": 7, "stop": ["\n\n"]})
    );
    let streamed = post(&gateway, "/api/generate", &asked(true));
    let texts: String = lines(&streamed)
        .iter()
        .map(|line| line["response"].as_str().unwrap())
        .collect();
    assert_eq!(texts, " 1 + 1");
}

/// A provider without completions is passed over, and the next one asked.
#[test]
fn a_step_that_has_no_completions_is_passed_over() {
    let upstream = Upstream::always(Script::json(200, &chunk("x", &json!("stop"))));
    let gateway = Config::new()
        .with("ollama: {enabled: true}")
        .provider_with("claude", &upstream, &["kind: anthropic"])
        .provider("a", &upstream)
        .route("home", [("claude", "m"), ("a", "model-a")])
        .start();
    let answer = post(&gateway, "/api/generate", &asked(false));
    assert_eq!(answer.status, 200, "{answer}");
    let steps = &answer.json()["routing_summary"]["steps"];
    assert_eq!(steps[0]["class"], "unsupported", "{answer}");
    assert_eq!(upstream.request().json()["model"], "model-a");
}
