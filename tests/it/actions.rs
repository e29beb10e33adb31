//! The actions of the status page: forget a mark, try a step, reload; for operators alone.

use serde_json::{Value, json};

use crate::support::config::CLIENT_KEY;
use crate::support::gateway::anonymous;
use crate::support::{Config, Gateway, Response, Script, Upstream, openai};

const PATH: &str = "/v1/diagnostics/actions";
const JSON: (&str, &str) = ("Content-Type", "application/json");

fn act_as(gateway: &Gateway, fields: &[(&str, &str)], body: &Value) -> Response {
    gateway.exchange(anonymous("POST", PATH, fields, &body.to_string()))
}

fn act(gateway: &Gateway, body: &Value) -> Response {
    act_as(gateway, &[("X-Api-Key", CLIENT_KEY), JSON], body)
}

fn refusing() -> Script {
    Script::body(
        429,
        &[("Retry-After", "60")],
        openai::error("slow down", "x"),
    )
}

fn is_usable(gateway: &Gateway, step: usize) -> bool {
    let status = gateway.get("/v1/diagnostics/status").json();
    status["routes"][0]["steps"][step]["usable"] == true
}

/// One step that refuses its first call, and would answer the next; and one that answers.
fn two_steps() -> (Upstream, Upstream, Config) {
    let (first, second) = (Upstream::saying("fine"), Upstream::saying("fine"));
    first.then(refusing());
    let config = Config::new()
        .provider("first", &first)
        .provider("second", &second)
        .route("r", [("first", "model-a"), ("second", "model-b")]);
    (first, second, config)
}

#[test]
fn a_mark_is_forgotten_on_demand() {
    let (first, _second, config) = two_steps();
    let gateway = config.start();
    assert_eq!(gateway.ask("r", false).status, 200);
    assert!(!is_usable(&gateway, 0));
    let wish = json!({"action": "forget", "provider": "first", "model": "model-a"});
    let answer = act(&gateway, &wish);
    assert_eq!(answer.status, 200, "{answer}");
    assert_eq!(answer.json()["ok"], true, "{answer}");
    assert!(is_usable(&gateway, 0));
    assert_eq!(gateway.ask("r", false).status, 200);
    assert_eq!(first.requests().len(), 2);
    // There is nothing left to forget, which is no fault of the request.
    let again = act(&gateway, &json!({"action": "forget", "provider": "first"}));
    assert_eq!((again.status, &again.json()["ok"]), (200, &json!(false)));
    let unknown = act(&gateway, &json!({"action": "forget", "provider": "third"}));
    assert_eq!(unknown.status, 404, "{unknown}");
    let line = gateway.wait_for_log(|line| line["msg"] == "action");
    assert_eq!(
        (&line["client"], &line["action"]),
        (&json!("default"), &json!("forget")),
        "{line}"
    );
}

/// The step is asked although its provider told it to wait, and no other one is.
#[test]
fn a_step_is_tried_at_once() {
    let (first, second, config) = two_steps();
    let gateway = config.start();
    let records = |count| gateway.records(&[("X-Api-Key", CLIENT_KEY)], "", count);
    assert_eq!(gateway.ask("r", false).status, 200);
    records(1);
    first.then(refusing());
    let failed = act(
        &gateway,
        &json!({"action": "probe", "route": "r", "step": 0}),
    );
    assert_eq!(
        (failed.status, &failed.json()["ok"]),
        (502, &json!(false)),
        "{failed}"
    );
    let text = failed.text();
    assert!(text.contains("429") && text.contains("slow down"), "{text}");
    assert!(!is_usable(&gateway, 0), "the mark is set anew");
    records(2);
    let answered = act(
        &gateway,
        &json!({"action": "probe", "route": "r", "step": 0}),
    );
    assert_eq!(
        (answered.status, &answered.json()["ok"]),
        (200, &json!(true)),
        "{answered}"
    );
    assert!(is_usable(&gateway, 0));
    assert_eq!((first.requests().len(), second.requests().len()), (3, 1));
    let asked = first.requests().pop().unwrap().json();
    assert_eq!(asked["model"], "model-a");
    assert!(asked["max_tokens"].as_u64().unwrap() <= 16, "{asked}");
    // It stands among the recent requests, with its one step.
    for (record, success) in records(3).iter().zip([true, false]) {
        assert_eq!(record["route"], "r", "{record}");
        assert_eq!(
            record["steps"].as_array().map(Vec::len),
            Some(1),
            "{record}"
        );
        assert_eq!(record["steps"][0]["success"], success, "{record}");
    }
    let nowhere = act(
        &gateway,
        &json!({"action": "probe", "route": "r", "step": 2}),
    );
    assert_eq!(nowhere.status, 404, "{nowhere}");
}

#[test]
fn a_step_that_speaks_messages_is_tried_as_well() {
    let answer = r#"{"id":"m","type":"message","role":"assistant","model":"claude","content":[{"type":"text","text":"OK"}],"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":1}}"#;
    let upstream = Upstream::always(Script::body(200, &[JSON], answer));
    let gateway = Config::new()
        .provider_with("a", &upstream, &["kind: anthropic"])
        .route("r", [("a", "claude")])
        .start();
    let answered = act(
        &gateway,
        &json!({"action": "probe", "route": "r", "step": 0}),
    );
    assert_eq!(answered.json()["ok"], true, "{answered}");
    assert_eq!(upstream.request().json()["model"], "claude");
}

#[test]
fn the_configuration_is_read_again_on_demand() {
    let upstream = Upstream::saying("fine");
    let config = Config::new().provider("a", &upstream);
    let gateway = config.route("r", [("a", "m")]).start();
    let before = gateway.get("/v1/diagnostics/status").json();
    assert_eq!(before["reload"], Value::Null);
    let more = Config::new().provider("a", &upstream);
    let more = more.route("r", [("a", "m")]).route("new", [("a", "m")]);
    gateway.rewrite(&more.text());
    let taken = act(&gateway, &json!({"action": "reload"}));
    assert_eq!(taken.json()["ok"], true, "{taken}");
    assert_eq!(gateway.ask("new", false).status, 200);
    gateway.rewrite("nonsense: true\n");
    let refused = act(&gateway, &json!({"action": "reload"}));
    assert_eq!(
        (refused.status, &refused.json()["ok"]),
        (200, &json!(false)),
        "{refused}"
    );
    assert!(refused.text().contains("nonsense"), "{refused}");
    let reload = &gateway.get("/v1/diagnostics/status").json()["reload"];
    assert_eq!(reload["ok"], false, "{reload}");
    assert!(
        reload["error"].as_str().unwrap().contains("nonsense"),
        "{reload}"
    );
    assert!(reload["at"].as_str().unwrap().ends_with('Z'), "{reload}");
}

/// A form of another page can send neither the key nor this content type; other clients are no operators.
#[test]
fn only_an_operator_acts() {
    let upstream = Upstream::saying("fine");
    let gateway = Config::new()
        .with("api_keys: [{name: home, key: home-key-1}, {name: op, key: operator-key-1, admin: true}]")
        .provider("a", &upstream)
        .route("r", [("a", "m")])
        .start();
    let wish = json!({"action": "probe", "route": "r", "step": 0});
    let operator = ("X-Api-Key", "operator-key-1");
    for (fields, status, code) in [
        (&[JSON][..], 401, "UNAUTHORIZED"),
        (&[("X-Api-Key", "home-key-1"), JSON], 403, "FORBIDDEN"),
        (&[operator], 415, "UNSUPPORTED_ENCODING"),
        (
            &[operator, ("Content-Type", "text/plain")],
            415,
            "UNSUPPORTED_ENCODING",
        ),
    ] {
        let answer = act_as(&gateway, fields, &wish);
        assert_eq!(answer.status, status, "{answer}");
        assert_eq!(answer.json()["error"]["code"], code, "{answer}");
    }
    for unknown in [
        json!({"action": "explode"}),
        json!({"action": "probe"}),
        json!({"action": "forget"}),
        json!({"action": "reload", "more": 1}),
        json!([]),
    ] {
        let answer = act_as(&gateway, &[operator, JSON], &unknown);
        assert_eq!(answer.status, 400, "{unknown}: {answer}");
    }
    assert_eq!(
        gateway.get(PATH).status,
        401,
        "{PATH} has a key of its own clients"
    );
    let by_get = anonymous("GET", PATH, &[operator], "");
    assert_eq!(gateway.exchange(by_get).status, 405);
    assert!(upstream.requests().is_empty());
    assert_eq!(act_as(&gateway, &[operator, JSON], &wish).status, 200);
}
