//! A route's steps in order, each with its own model, key, timeout and adapters, and what is said about them afterwards.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::config::provider_key;
use crate::support::{ClosedPort, Config, Gateway, Script, Step, Upstream, openai};

/// The first step that answers ends the walk.
#[test]
fn the_first_step_that_works_is_the_only_one_asked() {
    let (a, b) = (Upstream::saying("from a"), Upstream::saying("from b"));
    let gateway = two_steps(&a, &b);
    for (count, stream) in [(1, false), (2, true)] {
        let response = gateway.ask("r", stream);
        assert_eq!(response.status, 200, "{response}");
        assert_eq!((a.requests().len(), b.requests().len()), (count, 0));
        let steps = response.steps();
        assert_eq!(steps.len(), 1, "{response}");
        assert_eq!(steps[0]["success"], true);
    }
}

/// Each step is asked with its own model and key: a key at the wrong provider is a leak.
#[test]
fn every_step_has_its_own_model_and_key() {
    let (a, b) = (
        Upstream::always(Script::json(503, "{}")),
        Upstream::saying("from b"),
    );
    let gateway = two_steps(&a, &b);
    assert_eq!(openai::content(&gateway.ask("r", false).json()), "from b");
    for (upstream, name) in [(&a, "a"), (&b, "b")] {
        let request = upstream.request();
        assert_eq!(request.json()["model"], format!("model-{name}"));
        let key = format!("Bearer {}", provider_key(name));
        assert_eq!(request.head.all("authorization"), [key.as_str()]);
    }
}

/// The summary names each attempt, so that a user sees why an answer came from elsewhere, and how long that took.
#[test]
fn the_summary_tells_what_was_tried() {
    let a = Upstream::always(
        Script::json(503, &openai::error("overheated", "oops")).after(Duration::from_millis(30)),
    );
    let port = ClosedPort::new();
    let c = Upstream::saying("from c");
    let gateway = Config::new()
        .provider("a", &a)
        .provider("b", &port)
        .provider("c", &c)
        .route("r", [("a", "model-a"), ("b", "model-b"), ("c", "model-c")])
        .start();
    let response = gateway.ask("r", false);
    let steps = response.steps();
    let told: Vec<Value> = steps
        .iter()
        .map(|step| {
            json!([
                step["step_index"],
                step["provider"],
                step["model"],
                step["success"],
                step["class"],
                step["status"]
            ])
        })
        .collect();
    assert_eq!(
        told[..2],
        [
            json!([0, "a", "model-a", false, "server_error", 503]),
            json!([1, "b", "model-b", false, "unreachable", null]),
        ]
    );
    assert_eq!(steps[2]["success"], true);
    assert_eq!(
        (&steps[2]["provider"], &steps[2]["model"]),
        (&json!("c"), &json!("model-c"))
    );
    assert!(
        steps[0]["error"].as_str().unwrap().contains("overheated"),
        "{response}"
    );
    assert!(
        steps[0]["duration_ms"].as_u64().unwrap() >= 30,
        "{response}"
    );
    assert!(
        steps[1]["error"]
            .as_str()
            .is_some_and(|text| !text.is_empty())
    );
    assert_eq!(response.json()["routing_summary"]["route_name"], "r");
    assert_eq!(response.header("x-fallback-count"), Some("2"));
}

/// When nothing helps, the error says what each provider said.
#[test]
fn the_last_error_holds_all_the_others() {
    let a = Upstream::always(Script::json(503, &openai::error("a is overheated", "x")));
    let b = Upstream::always(Script::json(500, &openai::error("b fell over", "y")));
    for stream in [false, true] {
        let gateway = two_steps(&a, &b);
        let response = gateway.ask("r", stream);
        assert_eq!(response.status, 502, "{response}");
        let error = &response.json()["error"];
        assert_eq!(error["code"], "ROUTE_EXECUTION_FAILED");
        let details = error["details"].to_string();
        assert!(
            details.contains("a is overheated") && details.contains("b fell over"),
            "{response}"
        );
        let classes: Vec<Value> = response
            .steps()
            .iter()
            .map(|step| step["class"].clone())
            .collect();
        assert_eq!(classes, ["server_error", "server_error"], "{response}");
        assert!(response.steps().iter().all(|step| step["success"] == false));
    }
}

/// A step's own timeout is what it gets, whatever the default says.
#[test]
fn timeouts_by_step_and_by_default() {
    let silent = Upstream::always(Script::default().silence());
    let good = Upstream::saying("fine");
    let gateway = Config::new()
        .with("default_timeout: 600ms")
        .provider("silent", &silent)
        .provider("good", &good)
        .route(
            "by-step",
            [
                Step::new("silent", "m").with("timeout: 150ms"),
                Step::new("good", "m"),
            ],
        )
        .route("by-default", [("silent", "n"), ("good", "m")])
        .with("default_step_cooldown: 0s")
        .start();
    let by_step = gateway.ask("by-step", false);
    assert_eq!(by_step.steps()[0]["class"], "timeout", "{by_step}");
    assert!(
        by_step.took > Duration::from_millis(140) && by_step.spent < Duration::from_millis(590),
        "{by_step}"
    );
    let by_default = gateway.ask("by-default", false);
    assert_eq!(by_default.steps()[0]["class"], "timeout", "{by_default}");
    assert!(by_default.took > Duration::from_millis(590), "{by_default}");
}

/// The route's deadline holds over all its steps, and ends in 504 when it is over.
#[test]
fn a_route_out_of_time() {
    let silent = Upstream::always(Script::default().silence());
    let good = Upstream::saying("fine");
    let gateway = Config::new()
        .provider("silent", &silent)
        .provider("good", &good)
        .route_with(
            "r",
            &["timeout: 300ms"],
            [
                Step::new("silent", "m").with("timeout: 10s"),
                Step::new("good", "m"),
            ],
        )
        .start();
    let response = gateway.ask("r", false);
    assert_eq!(response.status, 504, "{response}");
    assert_eq!(response.json()["error"]["code"], "ROUTE_TIMEOUT");
    assert!(response.spent < Duration::from_millis(800), "{response}");
    assert_eq!(good.requests().len(), 0);
}

/// Paths and slashes of a provider's base URL are the user's business.
#[test]
fn base_urls_with_a_trailing_slash_and_a_path() {
    let upstream = Upstream::saying("fine");
    let url = format!("http://{}/openai/v1beta//", upstream.address);
    let gateway = Config::new()
        .provider("a", url.trim_end_matches('/'))
        .provider("b", &url[..url.len() - 1])
        .route("a", [("a", "m")])
        .route("b", [("b", "m")])
        .start();
    for (number, route) in ["a", "b"].into_iter().enumerate() {
        assert_eq!(gateway.ask(route, false).status, 200);
        let line = upstream.requests()[number].head.first_line.clone();
        assert_eq!(line, "POST /openai/v1beta/chat/completions HTTP/1.1");
    }
}

const CONFLICT: &str = r#"{"model":"r","tools":[{"type":"function","function":{"name":"f"}}],"x":1,"tool_choice":"auto","response_format":{"type":"json_object"},"parallel_tool_calls":false,"messages":[{"role":"user","content":"hi"}]}"#;

/// Some providers refuse tools together with a response format; which side gives way is the step's choice.
#[test]
fn conflicts_are_resolved_as_the_step_says() {
    let upstream = Upstream::saying("fine");
    let gateway = Config::new()
        .provider("a", &upstream)
        .route(
            "r",
            [Step::new("a", "m").with("conflict_resolution: tools")],
        )
        .route(
            "s",
            [Step::new("a", "m").with("conflict_resolution: format")],
        )
        .route("t", [("a", "m")])
        .start();
    for route in ["r", "s", "t"] {
        let body = CONFLICT.replace(r#""model":"r""#, &format!(r#""model":"{route}""#));
        assert_eq!(gateway.post(&body).status, 200);
    }
    let seen: Vec<String> = upstream
        .requests()
        .iter()
        .map(|request| request.text())
        .collect();
    let sent = CONFLICT.replace(r#""model":"r""#, r#""model":"m""#);
    assert_eq!(
        seen[0],
        sent.replace(r#","response_format":{"type":"json_object"}"#, "")
    );
    let format_only = sent
        .replace(
            r#""tools":[{"type":"function","function":{"name":"f"}}],"#,
            "",
        )
        .replace(r#","tool_choice":"auto""#, "")
        .replace(r#","parallel_tool_calls":false"#, "");
    assert_eq!(seen[1], format_only);
    assert_eq!(seen[2], sent);
}

/// Thinking models refuse a forced tool; a request that forces one is relaxed for them alone.
#[test]
fn a_forced_tool_is_relaxed_for_thinking_models() {
    let upstream = Upstream::saying("fine");
    let gateway = Config::new()
        .provider("a", &upstream)
        .route("known", [("a", "deepseek-reasoner")])
        .route("told", [Step::new("a", "m").with("thinking: true")])
        .route("untold", [("a", "m")])
        .route(
            "denied",
            [Step::new("a", "deepseek-reasoner").with("thinking: false")],
        )
        .start();
    for (number, (route, relaxed)) in [
        ("known", true),
        ("told", true),
        ("untold", false),
        ("denied", false),
    ]
    .into_iter()
    .enumerate()
    {
        let body = CONFLICT
            .replace(r#""model":"r""#, &format!(r#""model":"{route}""#))
            .replace(r#""tool_choice":"auto""#, r#""tool_choice":"required""#);
        assert_eq!(gateway.post(&body).status, 200);
        let choice = upstream.requests()[number].json()["tool_choice"].clone();
        assert_eq!(choice == "auto", relaxed, "{route}: {choice}");
    }
}

/// Strict providers refuse a schema whose objects are open or have optional members.
#[test]
fn schemas_are_made_strict_for_strict_providers() {
    let upstream = Upstream::saying("fine");
    let gateway = Config::new()
        .provider_with("strict", &upstream, &["strict_json_schema: true"])
        .provider_with("lax", &upstream, &[])
        .route("r", [("strict", "m")])
        .route("s", [("lax", "m")])
        .start();
    let schema = r##"{"type":"object","properties":{"b":{"type":"array","items":{"type":"object","properties":{"n":{"type":"number","minimum":1e-7}}}},"a":{"$ref":"#/$defs/d"}},"$defs":{"d":{"anyOf":[{"type":"object","properties":{"y":{"type":"null"}}}]}}}"##;
    let body = |route: &str| {
        format!(
            r#"{{"model":"{route}","messages":[{{"role":"user","content":"hi"}}],"response_format":{{"type":"json_schema","json_schema":{{"name":"n","schema":{schema}}}}}}}"#
        )
    };
    for route in ["r", "s"] {
        assert_eq!(gateway.post(&body(route)).status, 200);
    }
    let requests = upstream.requests();
    let strict = requests[0].json()["response_format"]["json_schema"].clone();
    assert_eq!(strict["strict"], true, "{strict}");
    let schema = &strict["schema"];
    for object in [
        schema,
        &schema["properties"]["b"]["items"],
        &schema["$defs"]["d"]["anyOf"][0],
    ] {
        assert_eq!(object["additionalProperties"], false, "{object}");
        let mut required: Vec<&str> = object["required"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        required.sort_unstable();
        let properties: Vec<&String> = object["properties"].as_object().unwrap().keys().collect();
        assert_eq!(required, properties, "{object}");
    }
    assert!(
        requests[0].text().contains("1e-7"),
        "{}",
        requests[0].text()
    );
    assert_eq!(
        requests[1].text(),
        body("s").replace(r#""model":"s""#, r#""model":"m""#)
    );
}

fn two_steps(a: &Upstream, b: &Upstream) -> Gateway {
    Config::new()
        .provider("a", a)
        .provider("b", b)
        .route("r", [("a", "model-a"), ("b", "model-b")])
        .start()
}
