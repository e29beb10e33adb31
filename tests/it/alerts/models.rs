//! Models that come and go.

use serde_json::json;

use super::{config, receiver, wait_for};
use crate::support::{Script, Upstream, openai};

#[test]
fn a_model_that_is_listed_no_more_is_told_with_its_neighbours_until_it_is_back() {
    let there = receiver();
    let upstream = Upstream::answering(|request| request.answer("fine"));
    let gateway = config(&there, "events: [model_gone]", &[("a", &upstream)]).start();
    let look = || {
        // Its answer is shared for 10 s, and a reload has one of its own.
        gateway.signal(rustix::process::Signal::HUP);
        gateway.wait_for_log(|line| line["msg"] == "reloaded");
        let _ = gateway.get("/v1/diagnostics/upstream-models");
    };
    upstream.then(Script::json(200, &openai::models(&["model-b", "other"])));
    let _ = gateway.get("/v1/diagnostics/upstream-models");
    let line = gateway.wait_for_log(|line| line["msg"] == "the provider does not list the model");
    assert_eq!(
        (&line["provider"], &line["model"]),
        (&json!("a"), &json!("model-a"))
    );
    assert_eq!(line["near"], "model-b");
    let gone = wait_for(&there, "model_gone", "began");
    assert_eq!(
        gone["text"],
        "a has no model model-a any more, near: model-b"
    );
    let status = gateway.get("/v1/diagnostics/status").json();
    let expected = json!([{"provider": "a", "model": "model-a", "near": ["model-b"]}]);
    assert_eq!(status["gone_models"], expected);

    look();
    gateway.wait_for_log(|line| line["msg"] == "the provider lists the model again");
    let back = wait_for(&there, "model_gone", "ended");
    assert_eq!(back["text"], "a has the model model-a again");
}

#[test]
fn a_model_that_is_not_known_when_called_is_told_until_it_answers() {
    let (there, upstream) = (receiver(), Upstream::saying("fine"));
    let error = openai::error("The model `model-a` does not exist", "model_not_found");
    upstream.then(Script::json(404, &error));
    let config = config(&there, "events: [model_gone]", &[("a", &upstream)]);
    let gateway = config.with("default_step_cooldown: 0s").start();
    assert_eq!(gateway.ask("r", false).status, 404);
    let gone = wait_for(&there, "model_gone", "began");
    assert_eq!(gone["text"], "a has no model model-a any more");
}

#[test]
fn a_provider_without_a_list_is_not_asked_for_one() {
    let upstream = Upstream::saying("fine");
    let gateway = crate::support::Config::new()
        .provider_with("a", &upstream, &["model_list: false"])
        .route("r", [("a", "model-a")])
        .start();
    let report = gateway.get("/v1/diagnostics/upstream-models");
    assert_eq!(report.status, 200);
    assert_eq!(report.json()["providers"][0]["ok"], true);
    assert_eq!(upstream.requests().len(), 0);
}
