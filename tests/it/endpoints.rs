//! What there is besides chat completions, and how its address may be spelled.

use serde_json::{Value, json};

use crate::support::config::CLIENT_KEY;
use crate::support::gateway::{anonymous, request};
use crate::support::{ClosedPort, Config, Gateway, Upstream, openai};

struct Setting {
    gateway: Gateway,
    upstream: Upstream,
}

fn setting() -> Setting {
    let upstream = Upstream::saying("fine");
    let gateway = Config::new()
        .provider("a", &upstream)
        .route("dynamic/n8n", [("a", "model-a")])
        .route("r", [("a", "model-a")])
        .start();
    Setting { gateway, upstream }
}

fn names(list: &Value) -> Vec<&str> {
    let data = list["data"].as_array().expect("data");
    data.iter()
        .filter_map(|model| model["id"].as_str())
        .collect()
}

/// Uptime monitors have no key.
#[test]
fn health_is_open() {
    let Setting {
        gateway,
        upstream: _upstream,
    } = setting();
    let response = gateway.exchange(anonymous("GET", "/health", &[], ""));
    assert_eq!(
        (response.status, response.text().as_str()),
        (200, r#"{"status":"healthy"}"#)
    );
    assert_eq!(response.header("content-type"), Some("application/json"));
}

/// n8n and Home Assistant fill their drop-down from this list.
#[test]
fn models_lists_the_routes_in_the_order_of_the_file() {
    let Setting {
        gateway,
        upstream: _upstream,
    } = setting();
    let response = gateway.get("/v1/models");
    assert_eq!(response.status, 200, "{response}");
    let list = response.json();
    assert_eq!(list["object"], "list");
    assert_eq!(names(&list), ["dynamic/n8n", "r"]);
    for model in list["data"].as_array().unwrap() {
        assert_eq!(model["object"], "model", "{model}");
        assert!(
            model["created"].is_u64() && model["owned_by"].is_string(),
            "{model}"
        );
    }
}

/// Claude Code asks for `?limit=1000` with this header, and for models of its own names, whatever it was told to use.
#[test]
fn aliases_are_names_that_clients_list_find_and_use() {
    let upstream = Upstream::saying("fine");
    let gateway = Config::new()
        .provider("a", &upstream)
        .route_with(
            "dynamic/code",
            &[
                "aliases: [claude-haiku-4-5, \"claude-*\"]",
                "context_length: 128000",
            ],
            [("a", "model-a")],
        )
        .route_with("pictures", &["endpoints: [images]"], [("a", "model-b")])
        .start();
    let listed = gateway.get("/v1/models").json();
    assert_eq!(
        names(&listed),
        ["dynamic/code", "claude-haiku-4-5", "pictures"]
    );
    assert_eq!(listed["data"][1]["context_length"], 128_000);
    let headers = [("anthropic-version", "2023-06-01")];
    let response = gateway.exchange(request("GET", "/v1/models?limit=2", &headers, ""));
    let listed = response.json();
    assert_eq!(
        names(&listed),
        ["dynamic/code", "claude-haiku-4-5"],
        "{response}"
    );
    assert_eq!(
        (listed["has_more"].as_bool(), listed["last_id"].as_str()),
        (Some(true), Some("claude-haiku-4-5"))
    );
    let path = "/v1/models?after_id=claude-haiku-4-5";
    let listed = gateway.exchange(request("GET", path, &headers, "")).json();
    assert_eq!(names(&listed), ["pictures"]);
    for path in ["/v1/diagnostics/routes", "/v1/diagnostics/status"] {
        let routes = &gateway.get(path).json()["routes"];
        let (code, pictures) = (&routes[0], &routes[1]);
        assert_eq!(code["aliases"], json!(["claude-haiku-4-5", "claude-*"]));
        assert_eq!(code["endpoints"], Value::Null, "all");
        assert_eq!(pictures["endpoints"], json!(["images"]));
        assert_eq!(pictures["aliases"], Value::Null);
    }
    let one = gateway.get("/v1/models/claude-opus-9").json();
    assert_eq!(one["id"], "claude-opus-9");
    for (model, status) in [
        ("claude-haiku-4-5", 200),
        ("claude-opus-9", 200),
        ("pictures", 404),
    ] {
        let answer = gateway.ask(model, false);
        assert_eq!(answer.status, status, "{model}: {answer}");
    }
    assert_eq!(upstream.requests().len(), 2);
}

/// The SDK percent-encodes the slash of a name; curl users do not.
#[test]
fn a_model_by_its_name_in_either_spelling() {
    let Setting {
        gateway,
        upstream: _upstream,
    } = setting();
    for path in [
        "/v1/models/dynamic%2Fn8n",
        "/v1/models/dynamic%2fn8n",
        "/v1/models/dynamic/n8n",
    ] {
        let response = gateway.get(path);
        assert_eq!(response.status, 200, "{path}: {response}");
        let model = response.json();
        assert_eq!(
            (model["id"].as_str(), model["object"].as_str()),
            (Some("dynamic/n8n"), Some("model"))
        );
    }
    let response = gateway.get("/v1/models/nobody");
    assert_eq!(response.status, 404, "{response}");
    assert!(
        response.json()["error"]["message"]
            .as_str()
            .unwrap()
            .contains("nobody")
    );
}

/// Base URLs are pasted in every form: with and without `/v1`, with a slash too many.
#[test]
fn paths_in_every_form_they_are_pasted() {
    let Setting { gateway, upstream } = setting();
    for path in [
        "/v1/models",
        "/models",
        "/v1/models/",
        "/models/",
        "/v1//models",
        "//v1/models",
        "/v1/models?limit=5",
    ] {
        let response = gateway.get(path);
        assert_eq!(response.status, 200, "{path}: {response}");
        assert_eq!(names(&response.json()).len(), 2, "{path}");
    }
    let body = openai::request("r", false);
    let paths = [
        "/v1/chat/completions",
        "/chat/completions",
        "/v1/chat/completions/",
        "/v1//chat/completions",
        "//chat/completions",
    ];
    for path in paths {
        let response = gateway.exchange(request("POST", path, &[], &body));
        assert_eq!(response.status, 200, "{path}: {response}");
    }
    assert_eq!(upstream.requests().len(), paths.len());
    for path in ["/health/", "//health", "/health?probe=1"] {
        assert_eq!(gateway.get(path).status, 200, "{path}");
    }
    for path in ["/v2/models", "/v1", "/modelsx"] {
        let response = gateway.get(path);
        assert_eq!(
            (response.status, response.json()["error"]["code"].as_str()),
            (404, Some("NOT_FOUND")),
            "{path}"
        );
    }
}

/// The body alone decides: clients send `Accept: application/json` on streams, and forms' content types with JSON.
#[test]
fn fields_do_not_overrule_the_body() {
    let Setting {
        gateway,
        upstream: _upstream,
    } = setting();
    for fields in [
        &[
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Accept", "text/plain"),
        ][..],
        &[
            ("Content-Type", "text/plain; charset=latin1"),
            ("Accept", "application/json"),
        ],
        &[],
    ] {
        for stream in [false, true] {
            let body = openai::request("r", stream);
            let response = gateway.exchange(request("POST", "/v1/chat/completions", fields, &body));
            assert_eq!(response.status, 200, "{response}");
            let kind = response.header("content-type").unwrap_or_default();
            let wanted = if stream {
                "text/event-stream"
            } else {
                "application/json"
            };
            assert!(kind.starts_with(wanted), "{response}");
        }
    }
}

/// What served an answer can be seen without reading its body, streams included.
#[test]
fn routed_answers_tell_where_they_come_from() {
    let port = ClosedPort::new();
    let upstream = Upstream::saying("fine");
    let gateway = Config::new()
        .provider("dead", &port)
        .provider("a", &upstream)
        .route("first", [("a", "model-a")])
        .route("second", [("dead", "m"), ("a", "vendor/model-b:free")])
        .start();
    for stream in [false, true] {
        let response = gateway.ask("first", stream);
        assert_eq!(
            response.header("x-routed-via"),
            Some("a/model-a"),
            "{response}"
        );
        assert_eq!(response.header("x-fallback-count"), Some("0"), "{response}");
        let response = gateway.ask("second", stream);
        assert_eq!(
            response.header("x-routed-via"),
            Some("a/vendor/model-b:free"),
            "{response}"
        );
        assert_eq!(response.header("x-fallback-count"), Some("1"), "{response}");
    }
}

/// The id is on every answer, so that a user can name the failed request.
#[test]
fn every_answer_has_a_request_id_and_a_date() {
    let Setting {
        gateway,
        upstream: _upstream,
    } = setting();
    let mut seen = Vec::new();
    for response in [
        gateway.get("/health"),
        gateway.get("/v1/models"),
        gateway.get("/nowhere"),
        gateway.exchange(anonymous("GET", "/v1/models", &[], "")),
        gateway.exchange("nonsense\r\n\r\n"),
        gateway.ask("r", false),
        gateway.ask("r", true),
        gateway.ask("nobody", true),
    ] {
        let id = response
            .header("x-request-id")
            .unwrap_or_default()
            .to_owned();
        assert!(!id.is_empty() && !seen.contains(&id), "{response}");
        let date = response.header("date").unwrap_or_default();
        assert!(httpdate::parse_http_date(date).is_ok(), "{response}");
        seen.push(id);
    }
}

/// Several clients: each with its key, its routes, and nothing of the others'.
#[test]
fn a_client_sees_its_own_routes_only() {
    let upstream = Upstream::saying("fine");
    let gateway = Config::new()
        .with("api_keys:")
        .with("  - {name: home, key: home-key-123456, routes: [r]}")
        .with("  - {name: work, key: work-key-123456}")
        .provider("a", &upstream)
        .route("r", [("a", "model-a")])
        .route("s", [("a", "model-a")])
        .start();
    let ask = |key: &str, route: &str| {
        let fields = [("X-Api-Key", key)];
        let body = openai::request(route, false);
        gateway
            .exchange(anonymous("POST", "/v1/chat/completions", &fields, &body))
            .status
    };
    let listed = |key: &str| {
        let response = gateway.exchange(anonymous("GET", "/v1/models", &[("X-Api-Key", key)], ""));
        names(&response.json()).join(" ")
    };
    assert_eq!(
        [ask("home-key-123456", "r"), ask("home-key-123456", "s")],
        [200, 403]
    );
    assert_eq!(
        [ask("work-key-123456", "r"), ask("work-key-123456", "s")],
        [200, 200]
    );
    assert_eq!(ask("nobodys-key-1234", "r"), 401);
    assert_eq!(listed("home-key-123456"), "r");
    assert_eq!(listed("work-key-123456"), "r s");
}

/// A page of a stranger that has its own name point here (DNS rebinding) reads nothing; the names that were meant, the
/// addresses and `localhost` go on working. Without the setting every name does.
#[test]
fn a_name_that_is_not_the_gateways_is_misdirected() {
    let upstream = Upstream::saying("fine");
    let config = Config::new()
        .provider("a", &upstream)
        .route("r", [("a", "model-a")]);
    let ask = |gateway: &Gateway, path: &str, host: &str| {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\nConnection: close\r\n\r\n"
        );
        gateway.exchange(request.into_bytes())
    };
    let open = [
        "/",
        "/metrics",
        "/readyz",
        "/v1/diagnostics/upstream-models",
    ];
    let gateway = config.start();
    for path in open {
        assert_ne!(ask(&gateway, path, "evil.example").status, 421, "{path}");
    }
    drop(gateway);
    let gateway = config.with("hosts: [gateway.lan]").start();
    for path in open {
        for host in [
            "evil.example",
            "evil.example:8080",
            "xgateway.lan",
            "127.0.0.1.evil.example",
        ] {
            let refused = ask(&gateway, path, host);
            assert_eq!(refused.status, 421, "{path} {host}: {refused}");
            assert_eq!(refused.json()["error"]["code"], "MISDIRECTED_REQUEST");
        }
        for host in [
            "gateway.lan",
            "Gateway.LAN.:8080",
            "localhost",
            "127.0.0.1:80",
            "[::1]",
        ] {
            assert_ne!(ask(&gateway, path, host).status, 421, "{path} {host}");
        }
    }
    // Not even with a key: it is another's page that shows it.
    let refused = gateway.exchange(
        format!("GET /v1/models HTTP/1.1\r\nHost: evil.example\r\nX-Api-Key: {CLIENT_KEY}\r\n\r\n")
            .into_bytes(),
    );
    assert_eq!(refused.status, 421, "{refused}");
    // Monitors call by whatever name they were given.
    assert_eq!(ask(&gateway, "/health", "evil.example").status, 200);
}

/// A browser that guesses at types would take a provider's words for a page.
#[test]
fn every_answer_forbids_guessing_its_type() {
    let Setting {
        gateway,
        upstream: _upstream,
    } = setting();
    let answers = [
        gateway.ask("r", false),
        gateway.ask("r", true),
        gateway.ask("nowhere", false),
        gateway.get("/v1/models"),
        gateway.exchange(anonymous("GET", "/", &[("Accept", "text/html")], "")),
        gateway.exchange(anonymous("GET", "/health", &[], "")),
        gateway.exchange(anonymous("GET", "/v1/models", &[], "")),
        gateway.exchange(request("OPTIONS", "/v1/models", &[], "")),
        gateway.exchange("nonsense\r\n\r\n"),
    ];
    for answer in answers {
        let fields = answer.head.fields.iter();
        let values: Vec<&str> = fields
            .filter(|(name, _)| name.eq_ignore_ascii_case("X-Content-Type-Options"))
            .map(|(_, value)| value.as_str())
            .collect();
        assert_eq!(values, ["nosniff"], "{answer}");
    }
}

/// A route for vectors is none for words, and Anthropic's API has no vectors.
#[test]
fn an_endpoint_is_asked_of_the_routes_and_kinds_that_have_it() {
    let upstream = Upstream::saying("not asked");
    let gateway = Config::new()
        .provider_with("claude", &upstream, &["kind: anthropic"])
        .provider("chat", &upstream)
        .route("claude", [("claude", "m")])
        .route_with("vectors", &["endpoints: [embeddings]"], [("chat", "m")])
        .start();
    let form = |model: &str| {
        crate::support::Form::new()
            .text("model", model)
            .file("file", "a.wav", b"RIFF")
            .file("image", "a.png", b"PNG")
    };
    let body = |model: &str| {
        json!({"model": model, "input": "x", "prompt": "x", "voice": "v", "query": "q", "documents": ["d"],
            "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]})
    };
    for (path, is_form) in [
        ("/v1/embeddings", false),
        ("/v1/completions", false),
        ("/v1/audio/transcriptions", true),
        ("/v1/audio/translations", true),
        ("/v1/audio/speech", false),
        ("/v1/images/generations", false),
        ("/v1/images/edits", true),
        ("/v1/images/variations", true),
        ("/v1/moderations", false),
        ("/v1/rerank", false),
        ("/v2/rerank", false),
    ] {
        let ask = |model: &str| match is_form {
            true => gateway.exchange(form(model).to(path)),
            false => gateway.exchange(request("POST", path, &[], &body(model).to_string())),
        };
        let response = ask("claude");
        assert_eq!(response.status, 400, "{path}: {response}");
        let error = &response.json()["error"];
        assert_eq!(
            error["details"]["steps"][0]["class"], "unsupported",
            "{path}: {response}"
        );
        let said = error["message"].as_str().unwrap();
        let reason = error["details"]["steps"][0]["error"].as_str().unwrap();
        assert!(said.ends_with(reason), "{path}: {said}");
        if path != "/v1/embeddings" {
            let response = ask("vectors");
            assert_eq!(response.status, 404, "{path}: {response}");
            assert_eq!(
                response.json()["error"]["code"],
                "ROUTE_NOT_FOUND",
                "{path}"
            );
        }
    }
    for path in ["/v1/chat/completions", "/v1/responses", "/v1/messages"] {
        let response = gateway.exchange(request("POST", path, &[], &body("vectors").to_string()));
        assert_eq!(response.status, 404, "{path}: {response}");
    }
    assert!(upstream.requests().is_empty());
}
