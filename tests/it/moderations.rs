//! Moderations, as clients ask for them and providers get them wrong.

use serde_json::{Value, json};

use crate::support::gateway::request;
use crate::support::{Config, Gateway, Response, Script, Step, Upstream};

fn verdict(is_flagged: bool) -> Value {
    json!({"flagged": is_flagged, "categories": {"hate": is_flagged}, "category_scores": {"hate": 0.5}})
}

fn saying(results: &Value) -> Upstream {
    let body = json!({"id": "modr-1", "model": "upstream-model", "results": results});
    Upstream::always(Script::json(200, &body.to_string()))
}

fn two(a: &Upstream, b: &Upstream) -> Gateway {
    Config::new()
        .with("default_routes: {moderations: mod}")
        .provider("a", a)
        .provider("b", b)
        .route(
            "mod",
            [Step::new("a", "model-a"), Step::new("b", "model-b")],
        )
        .start()
}

fn ask(gateway: &Gateway, body: &Value) -> Response {
    gateway.exchange(request("POST", "/v1/moderations", &[], &body.to_string()))
}

/// The SDKs leave the model out.
#[test]
fn a_request_without_a_model_goes_to_the_default_route() {
    let a = saying(&json!([verdict(true)]));
    let gateway = two(&a, &a);
    for body in [json!({"input": "x"}), json!({"input": "x", "model": "mod"})] {
        let response = ask(&gateway, &body);
        assert_eq!(response.status, 200, "{response}");
        let answer = response.json();
        assert_eq!(answer["results"], json!([verdict(true)]));
        assert_eq!(answer["model"], "mod");
        assert_eq!(answer["routing_summary"]["route_name"], "mod");
    }
    let sent = &a.requests()[0];
    assert!(sent.head.first_line.starts_with("POST /v1/moderations "));
    assert_eq!(sent.text(), r#"{"input":"x","model":"model-a"}"#);
}

#[test]
fn without_a_default_route_the_model_is_missing() {
    let a = saying(&json!([verdict(true)]));
    let gateway = Config::new()
        .provider("a", &a)
        .route("mod", [("a", "model-a")])
        .start();
    let response = ask(&gateway, &json!({"input": "x"}));
    assert_eq!(response.status, 400, "{response}");
    assert_eq!(response.json()["error"]["param"], "model", "{response}");
    let response = ask(&gateway, &json!({"model": "mod"}));
    assert_eq!(response.json()["error"]["param"], "input", "{response}");
}

#[test]
fn as_many_results_as_inputs() {
    for (input, count) in [
        (json!("x"), 1),
        (json!(["x", "y"]), 2),
        (
            json!([{"type": "text", "text": "x"}, {"type": "image_url", "image_url": {"url": "data:"}}]),
            1,
        ),
    ] {
        let good = saying(&Value::Array(vec![verdict(false); count]));
        let more = saying(&Value::Array(vec![verdict(false); count + 1]));
        let response = ask(&two(&more, &good), &json!({"input": input}));
        assert_eq!(
            response.header("x-routed-via"),
            Some("b/model-b"),
            "{response}"
        );
        assert_eq!(response.steps()[0]["class"], "bad_response", "{response}");
        let response = ask(&two(&good, &more), &json!({"input": input}));
        assert_eq!(
            response.header("x-routed-via"),
            Some("a/model-a"),
            "{response}"
        );
    }
}

#[test]
fn whatever_is_no_verdict_moves_on() {
    let error = json!({"error": {"message": "boom"}}).to_string();
    let html = Script::body(200, &[("Content-Type", "text/html")], "<html></html>");
    for (name, a, class) in [
        (
            "500",
            Upstream::always(Script::json(500, &error)),
            "server_error",
        ),
        (
            "429",
            Upstream::always(Script::json(429, &error)),
            "rate_limited",
        ),
        (
            "error in a 200",
            Upstream::always(Script::json(200, &error)),
            "server_error",
        ),
        ("HTML", Upstream::always(html), "bad_response"),
        ("nothing", saying(&json!([])), "empty_answer"),
        (
            "no categories",
            saying(&json!([{"flagged": false}])),
            "bad_response",
        ),
        (
            "no results",
            Upstream::always(Script::json(200, r#"{"id":"x"}"#)),
            "bad_response",
        ),
    ] {
        let b = saying(&json!([verdict(true)]));
        let response = ask(&two(&a, &b), &json!({"input": "x"}));
        assert_eq!(
            response.json()["results"][0]["flagged"],
            true,
            "{name}: {response}"
        );
        assert_eq!(response.steps()[0]["class"], class, "{name}: {response}");
    }
}

/// A pass that nobody gave would let everything through.
#[test]
fn a_verdict_is_never_made_up() {
    let down = Upstream::always(Script::json(503, "{}"));
    let response = ask(&two(&down, &down), &json!({"input": "x"}));
    assert_eq!(response.status, 502, "{response}");
    assert!(response.json().get("results").is_none(), "{response}");
}

/// Mistral leaves `flagged` to the reader; users of openai's SDK test nothing else.
#[test]
fn flagged_is_there_for_who_tests_it() {
    let a = saying(&json!([
        {"categories": {"hate": false, "pii": true}, "category_scores": {}},
        {"categories": {"hate": false}, "category_scores": {}},
    ]));
    let response = ask(&two(&a, &a), &json!({"input": ["x", "y"]}));
    let results = &response.json()["results"];
    assert_eq!(
        (&results[0]["flagged"], &results[1]["flagged"]),
        (&json!(true), &json!(false))
    );
}

#[test]
fn a_verdict_that_does_not_come_or_not_whole_moves_on() {
    let whole = json!({"results": [verdict(false)]}).to_string();
    for (a, class) in [
        (Script::json(200, &whole).cut_after(100), "bad_response"),
        (Script::default().silence(), "timeout"),
        (Script::default().reset(), "unreachable"),
        (Script::json(200, r#"{"results":[7]}"#), "bad_response"),
        (
            Script::json(200, r#"{"results":{"flagged":false}}"#),
            "bad_response",
        ),
    ] {
        let (a, b) = (Upstream::always(a), saying(&json!([verdict(true)])));
        let gateway = Config::new()
            .provider("a", &a)
            .provider("b", &b)
            .route(
                "mod",
                [
                    Step::new("a", "m").with("timeout: 300ms"),
                    Step::new("b", "n"),
                ],
            )
            .start();
        let response = ask(&gateway, &json!({"model": "mod", "input": "x"}));
        assert_eq!(response.json()["results"][0]["flagged"], true, "{response}");
        assert_eq!(response.steps()[0]["class"], class, "{response}");
    }
}
