//! The guards of an index: one space, one length, one vocabulary.

use std::fs;

use rustix::process::Signal;
use serde_json::json;

use super::{ask, one, provider, saying, two, two_with, vectors};
use crate::support::process::{Folder, command_in, run};
use crate::support::{Config, Gateway, PATIENCE, Script, Step, Upstream};

/// Vectors of two models in one index are useless, and nobody is told.
#[test]
fn a_step_of_another_space_is_passed_over() {
    let (a, b) = (Upstream::always(Script::json(503, "{}")), provider());
    let gateway = |lines: &[&str], step: Step| {
        Config::new()
            .provider("a", &a)
            .provider("b", &b)
            .route_with("r", lines, [Step::new("a", "BAAI/bge-m3"), step])
            .start()
    };
    let body = json!({"model": "r", "input": "x"});
    let refused = gateway(&[], Step::new("b", "nomic-embed-text"));
    let response = ask(&refused, &body);
    assert_eq!(response.status, 502, "{response}");
    let details = response.json()["error"]["details"]["steps"].clone();
    assert_eq!(details[1]["class"], "unsupported", "{response}");
    assert_eq!(details[1]["skipped"], true, "{response}");
    let reason = details[1]["error"].as_str().unwrap();
    assert!(
        reason.contains("nomic-embed-text") && reason.contains("bge-m3"),
        "{reason}"
    );
    assert!(b.requests().is_empty());
    for (lines, step) in [
        (&[][..], Step::new("b", "bge-m3:567m")),
        (&[], Step::new("b", "other").with("space: bge-m3")),
        (&["allow_mixed: true"], Step::new("b", "nomic-embed-text")),
    ] {
        let response = ask(&gateway(lines, step), &body);
        assert_eq!(response.status, 200, "{response}");
    }
}

#[test]
fn check_warns_of_what_mixes_and_of_what_never_serves() {
    let warned = |lines: &[&str], space: &str| {
        let config = Config::new()
            .provider("a", "http://localhost:1/v1")
            .route_with(
                "r",
                lines,
                [
                    Step::new("a", "bge-m3"),
                    Step::new("a", "other").with(&format!("space: {space}")),
                ],
            );
        let folder = Folder::new();
        folder.file("config.yaml", &config.text());
        let ended = run(command_in(folder.path()).arg("check"));
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let said = ended.stderr;
        (said.contains("allow_mixed"), said.contains("never uses"))
    };
    assert_eq!(warned(&["allow_mixed: true"], "x"), (true, false));
    assert_eq!(warned(&["endpoints: [embeddings]"], "x"), (false, true));
    assert_eq!(
        warned(&["endpoints: [embeddings]"], "bge-m3"),
        (false, false)
    );
    // A route for chat has models of all kinds.
    assert_eq!(warned(&[], "x"), (false, false));
}

/// infinity cuts vectors, llama.cpp ignores `dimensions`.
#[test]
fn the_length_that_was_asked_for_is_kept() {
    let (a, b) = (
        saying(json!([[1.0, 2.0]])),
        saying(json!([[1.0, 2.0, 3.0]])),
    );
    let gateway = two(&a, &b);
    let body = json!({"model": "r", "input": "x", "dimensions": 3});
    let response = ask(&gateway, &body);
    assert_eq!(vectors(&response), [json!([1.0, 2.0, 3.0])]);
    let step = &response.steps()[0];
    assert_eq!(step["class"], "bad_response", "{response}");
    let error = step["error"].as_str().unwrap();
    assert!(error.contains('2') && error.contains('3'), "{error}");
    let gateway = two_with(&["dimensions: 3"], &a, &b);
    let response = ask(&gateway, &json!({"model": "r", "input": "x"}));
    assert_eq!(response.header("x-routed-via"), Some("b/bge-m3:latest"));
    // The request has the last word.
    let response = ask(
        &gateway,
        &json!({"model": "r", "input": "x", "dimensions": 2}),
    );
    assert_eq!(response.header("x-routed-via"), Some("a/maker/bge-m3"));
}

fn lengths(a: &Upstream) -> impl Fn(&Gateway, &[usize]) -> Vec<u16> {
    move |gateway: &Gateway, lengths: &[usize]| {
        let ask = |length: &usize| {
            let vector = vec![1.0; *length];
            let body = json!({"data": [{"index": 0, "embedding": vector}]}).to_string();
            a.then(Script::json(200, &body));
            ask(gateway, &json!({"model": "r", "input": "x"})).status
        };
        lengths.iter().map(ask).collect()
    }
}

/// A local server loads another model under the old name: the index must not find out first.
#[test]
fn a_route_keeps_the_length_of_its_first_answer_over_a_restart() {
    let a = provider();
    let folder = Folder::new();
    let state = folder.path().join("state.json");
    let config = |model: &str| {
        Config::new()
            .with(&format!("state_file: {}", state.display()))
            .provider("a", &a)
            .route("r", [("a", model)])
    };
    let asked = lengths(&a);
    let mut gateway = config("m").start();
    assert_eq!(asked(&gateway, &[2, 3, 2]), [200, 502, 200]);
    gateway.signal(Signal::TERM);
    gateway.wait();
    let written: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&state).unwrap()).unwrap();
    assert_eq!(written["version"], 1);
    assert_eq!(written["invariants"][0]["value"], 2, "{written}");
    let gateway = config("m").start();
    assert_eq!(asked(&gateway, &[3, 2]), [502, 200]);
    let reloaded = |gateway: &Gateway, config: Config| {
        let count = || gateway.output.text().matches("\"reloaded\"").count();
        let before = count();
        gateway.rewrite(&config.text());
        gateway.signal(Signal::HUP);
        let deadline = std::time::Instant::now() + PATIENCE;
        while count() == before {
            assert!(std::time::Instant::now() < deadline, "no reload");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    };
    reloaded(&gateway, config("m").with("default_timeout: 9s"));
    assert_eq!(asked(&gateway, &[3]), [502], "the steps are the same");
    reloaded(&gateway, config("n"));
    assert_eq!(asked(&gateway, &[3, 2]), [200, 502], "the steps are others");
}

/// A length that the request chose says nothing of the next one.
#[test]
fn a_length_that_a_request_chose_is_not_remembered() {
    let a = provider();
    let gateway = one(Step::new("a", "m"), &a);
    a.then(Script::json(200, r#"{"data":[{"embedding":[1,2]}]}"#));
    let response = ask(
        &gateway,
        &json!({"model": "r", "input": "x", "dimensions": 2}),
    );
    assert_eq!(response.status, 200, "{response}");
    let response = ask(&gateway, &json!({"model": "r", "input": "x"}));
    assert_eq!(response.status, 200, "{response}");
}

/// Where a route mixes models, they may have vectors of several lengths.
#[test]
fn a_route_that_mixes_learns_no_length() {
    let (a, b) = (saying(json!([[1.0, 2.0]])), saying(json!([[1.0]])));
    let gateway = Config::new()
        .provider("a", &a)
        .provider("b", &b)
        .route_with("r", &["allow_mixed: true"], [("a", "m"), ("b", "n")])
        .start();
    let body = json!({"model": "r", "input": "x"});
    assert_eq!(vectors(&ask(&gateway, &body)), [json!([1.0, 2.0])]);
    a.then(Script::json(503, "{}"));
    assert_eq!(vectors(&ask(&gateway, &body)), [json!([1.0])]);
}

/// LangChain sends ids of OpenAI's vocabulary; vLLM would embed them as its own.
#[test]
fn token_ids_go_only_where_they_are_understood() {
    let a = provider();
    for input in [json!([1, 2, 3]), json!([[1, 2], [3]])] {
        let body = json!({"model": "r", "input": input});
        let gateway = one(Step::new("a", "m"), &a);
        let response = ask(&gateway, &body);
        assert_eq!(response.status, 400, "{response}");
        let error = &response.json()["error"];
        let message = error["message"].as_str().unwrap();
        assert!(
            message.contains("token arrays: set check_embedding_ctx_length=False in LangChain"),
            "{message}"
        );
        assert_eq!(error["param"], "input", "{response}");
        let gateway = one(Step::new("a", "m").with("token_ids: true"), &a);
        assert_eq!(ask(&gateway, &body).status, 200);
    }
    assert_eq!(a.requests().len(), 2);
}
