//! Versions, lists, and names.

use serde_json::{Value, json};

use super::post;
use crate::support::gateway::{anonymous, request};
use crate::support::{Config, Step, Upstream};

#[test]
fn base_urls_may_be_pasted_in_any_form() {
    let upstream = Upstream::saying("fine");
    let gateway = super::config(&upstream, "").start();
    for path in [
        "/api/version",
        "/v1/api/version",
        "/ollama/api/version",
        "/ollama/v1/api/version",
        "//api//version/",
    ] {
        let response = gateway.get(path);
        assert_eq!(response.json(), json!({"version": "0.12.11"}), "{path}");
    }
    let mut connection = gateway.connect();
    connection.send(request("HEAD", "/api/tags", &[], ""));
    assert_eq!(connection.response_to_head().status, 200);
    for (method, path, status, error) in [
        ("GET", "/api/nonsense", 404, "not found"),
        (
            "POST",
            "/api/create",
            501,
            "this is a gateway: models are configured, not stored",
        ),
        (
            "POST",
            "/api/copy",
            501,
            "this is a gateway: models are configured, not stored",
        ),
        (
            "POST",
            "/api/push",
            501,
            "this is a gateway: models are configured, not stored",
        ),
        (
            "POST",
            "/api/blobs/sha256:0",
            501,
            "this is a gateway: models are configured, not stored",
        ),
        (
            "DELETE",
            "/api/delete",
            501,
            "this is a gateway: models are configured, not stored",
        ),
    ] {
        let response = gateway.exchange(request(method, path, &[], ""));
        assert_eq!(response.status, status, "{path}: {response}");
        assert_eq!(response.json()["error"], error);
    }
    let wrong = gateway.get("/api/chat");
    assert_eq!(
        (wrong.status, wrong.header("allow")),
        (405, Some("POST, OPTIONS"))
    );
    assert!(wrong.json()["error"].is_string());
}

#[test]
fn routes_are_listed_as_models_under_the_names_that_clients_ask_for() {
    let upstream = Upstream::saying("fine");
    let gateway = Config::new()
        .with("ollama: {enabled: true}")
        .provider("a", &upstream)
        .route_with(
            "home",
            &[
                "aliases: [small, 'x-*']",
                "capabilities: [completion, tools, vision]",
            ],
            [("a", "m")],
        )
        .route_with(
            "vectors",
            &["endpoints: [embeddings, ollama]", "context_length: 512"],
            [("a", "m")],
        )
        .route_with("other", &["endpoints: [chat]"], [("a", "m")])
        .start();
    let tags = gateway.get("/api/tags").json();
    let models = tags["models"].as_array().unwrap();
    let names: Vec<&str> = models
        .iter()
        .map(|model| model["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["home:latest", "small:latest", "vectors:latest"]);
    assert!(models.iter().all(|model| model["name"] == model["model"]));
    assert_eq!(
        models[0]["capabilities"],
        json!(["completion", "tools", "vision"])
    );
    assert_eq!(models[2]["capabilities"], json!(["embedding"]));
    for (body, length) in [
        (json!({"model": "home:latest"}), 131_072),
        (json!({"name": "home"}), 131_072),
        (json!({"model": "small:latest"}), 131_072),
        (json!({"model": "vectors"}), 512),
    ] {
        let show = post(&gateway, "/api/show", &body);
        assert_eq!(
            show.json()["model_info"]["gateway.context_length"],
            length,
            "{show}"
        );
    }
    let unknown = post(&gateway, "/api/show", &json!({"model": "x"}));
    assert_eq!(unknown.status, 404, "{unknown}");
    assert_eq!(unknown.json()["error"], "model 'x' not found");
    for (body, error) in [
        ("", "missing request body"),
        ("{}", "model is required"),
        ("{", "the body is not"),
    ] {
        let response = gateway.exchange(request("POST", "/api/show", &[], body));
        assert_eq!(response.status, 400, "{response}");
        let told = response.json()["error"].as_str().unwrap().to_owned();
        assert!(told.contains(error), "{told}");
    }
}

#[test]
fn only_routes_that_would_serve_are_running() {
    let upstream = Upstream::always(crate::support::Script::json(500, "{}"));
    let gateway = super::config(&upstream, "").start();
    let ready = gateway.get("/api/ps").json();
    assert_eq!(ready["models"].as_array().unwrap().len(), 2);
    assert!(
        ready["models"][0]["expires_at"]
            .as_str()
            .unwrap()
            .starts_with("9999")
    );
    assert_eq!(gateway.ask("home", false).status, 502);
    let ready = gateway.get("/api/ps").json();
    assert_eq!(ready, json!({"models": []}));
}

#[test]
fn a_model_that_is_configured_is_pulled_already() {
    let upstream = Upstream::saying("fine");
    let gateway = super::config(&upstream, "").start();
    let pull = |body: Value| post(&gateway, "/api/pull", &body);
    let streamed = pull(json!({"model": "home"}));
    assert_eq!(
        streamed.header("content-type"),
        Some("application/x-ndjson")
    );
    assert_eq!(
        super::lines(&streamed),
        [
            json!({"status": "pulling manifest"}),
            json!({"status": "success"})
        ]
    );
    assert_eq!(
        pull(json!({"model": "home", "stream": false})).json(),
        json!({"status": "success"})
    );
    let error = json!({"error": "pull model manifest: file does not exist"});
    let unknown = pull(json!({"name": "x"}));
    assert_eq!(
        (unknown.status, super::lines(&unknown)),
        (200, vec![error.clone()])
    );
    let unknown = pull(json!({"name": "x", "stream": false}));
    assert_eq!((unknown.status, unknown.json()), (500, error));
    assert!(upstream.requests().is_empty());
}

/// VS Code reads the lists, and then posts to chat under the name that is listed.
#[test]
fn the_listed_name_is_one_at_the_other_endpoints_too() {
    let upstream = Upstream::saying("fine");
    let gateway = super::config(&upstream, "").start();
    assert_eq!(gateway.ask("home:latest", false).status, 200);
    assert_eq!(gateway.ask("dynamic/n8n:latest", false).status, 200);
    assert_eq!(gateway.ask("home:7b", false).status, 404);
}

/// Home Assistant asks for the list every 30 s, and gives up at a 404 or a 429: what a client may use is not its business.
#[test]
fn the_list_is_there_when_the_callers_limit_is_used_up() {
    let upstream = Upstream::saying("fine");
    let limits = ", limits: {requests: 1/day}, require_key: false";
    let gateway = super::config(&upstream, limits)
        .with("hosts: [gateway.test]")
        .start();
    let ask = || {
        let body = json!({"model": "home", "stream": false, "messages": [{"role": "user", "content": "hi"}]});
        gateway.exchange(anonymous("POST", "/api/chat", &[], &body.to_string()))
    };
    assert_eq!(ask().status, 200);
    let refused = ask();
    assert_eq!(refused.status, 429, "{refused}");
    let told = refused.json()["error"].as_str().unwrap().to_owned();
    assert!(
        refused.header("retry-after").is_some() && told.starts_with("client ollama has used"),
        "{told}"
    );
    for _ in 0..3 {
        let list = gateway.exchange(anonymous("GET", "/api/tags", &[], ""));
        assert_eq!(list.status, 200, "{list}");
    }
}

/// What is advertised is what every step has room for, and at `/v1/models` only what is known.
#[test]
fn the_context_is_that_of_the_smallest_step() {
    let upstream = Upstream::saying("fine");
    let step = |length: u32| Step::new("a", "m").with(&format!("context_length: {length}"));
    let gateway = Config::new()
        .with("ollama: {enabled: true}")
        .provider("a", &upstream)
        .route("home", [step(8192), step(4096)])
        .route("unknown", [("a", "m")])
        .start();
    for (name, shown, listed) in [
        ("home", 4096, json!(4096)),
        ("unknown", 131_072, Value::Null),
    ] {
        let show = post(&gateway, "/api/show", &json!({"model": name})).json();
        assert_eq!(show["model_info"]["gateway.context_length"], shown);
        assert_eq!(
            gateway.get(&format!("/v1/models/{name}")).json()["context_length"],
            listed
        );
    }
}
