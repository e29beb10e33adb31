//! Who may call: with a key always, without one only where nobody but the house can.

use std::net::SocketAddr;

use serde_json::json;

use crate::support::gateway::{anonymous, request};
use crate::support::{Connection, Gateway, Upstream};

/// A request without a key, by this name of the host.
fn by_name(host: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut head = format!("GET /api/tags HTTP/1.1\r\nHost: {host}\r\n");
    for (name, value) in fields {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    (head + "\r\n").into_bytes()
}

fn status(gateway: &Gateway, host: &str, fields: &[(&str, &str)]) -> u16 {
    gateway.exchange(by_name(host, fields)).status
}

/// A client of Ollama reads `{"error": "..."}`, also of a head that was not understood.
#[test]
fn a_malformed_head_is_refused_in_its_words() {
    let upstream = Upstream::saying("fine");
    let gateway = super::config(&upstream, "").start();
    for sent in [
        "POST /api/chat HTTP/1.1\r\nHost: g\r\nA: b\r\n folded\r\n\r\n",
        "GET /ollama/api/tags?q HTTP/1.1\r\nHost: g\r\nHost: h\r\n\r\n",
    ] {
        let response = gateway.exchange(sent);
        assert_eq!(response.status, 400, "{response}");
        assert!(response.json()["error"].is_string(), "{response}");
    }
}

#[test]
fn without_the_setting_there_is_no_such_api() {
    let upstream = Upstream::saying("fine");
    let gateway = crate::support::Config::new()
        .provider("a", &upstream)
        .route("home", [("a", "model-a")])
        .start();
    let response = gateway.get("/api/tags");
    assert_eq!(response.status, 404, "{response}");
    assert!(
        response.text().contains("ollama: {enabled: true}"),
        "{response}"
    );
    assert_eq!(gateway.get("/").status, 404);
    assert_eq!(gateway.get("/v1/models/home:latest").status, 404);
}

#[test]
fn a_key_is_needed_unless_the_configuration_says_otherwise() {
    let upstream = Upstream::saying("fine");
    let gateway = super::config(&upstream, "").start();
    let response = gateway.exchange(by_name("127.0.0.1", &[]));
    assert_eq!(response.status, 401);
    assert_eq!(response.json()["error"], "unauthorized");
    assert_eq!(gateway.get("/api/tags").status, 200);
    for path in ["/", "/?x"] {
        let response = gateway.exchange(anonymous("GET", path, &[], ""));
        assert_eq!(
            (response.status, response.text().as_str()),
            (200, "Ollama is running")
        );
        assert!(
            response
                .header("content-type")
                .unwrap()
                .starts_with("text/plain")
        );
    }
    let page = gateway.exchange(anonymous("GET", "/", &[("Accept", "text/html")], ""));
    assert!(page.text().starts_with("<!"), "{page}");
}

/// A tunnel makes the internet look like loopback, DNS rebinding gives a page an address of the house, and any page can post
/// to one.
#[test]
fn strangers_are_kept_out_where_the_house_needs_no_key() {
    let upstream = Upstream::saying("fine");
    let gateway = super::config(
        &upstream,
        ", require_key: false, origins: ['http://pages.lan']",
    )
    .with("hosts: [gateway.test, gateway.example, evil.example]")
    .start();
    for (host, fields, expected) in [
        ("127.0.0.1:11434", &[][..], 200),
        ("localhost", &[], 200),
        ("gateway.example", &[], 200),
        ("127.0.0.1", &[("Authorization", "Bearer")], 200),
        ("127.0.0.1", &[("X-Api-Key", "")], 200),
        ("127.0.0.1", &[("Authorization", "Bearer wrong")], 401),
        ("127.0.0.1", &[("Authorization", "Basic d3Jvbmc=")], 401),
        ("127.0.0.1", &[("X-Api-Key", "wrong")], 401),
        ("127.0.0.1", &[("X-Forwarded-For", "203.0.113.9")], 403),
        ("127.0.0.1", &[("X-Forwarded-For", "127.0.0.1")], 403),
        ("127.0.0.1", &[("Forwarded", "for=127.0.0.1")], 403),
        ("127.0.0.1", &[("X-Real-IP", "127.0.0.1")], 403),
        ("127.0.0.1", &[("Origin", "http://evil.example")], 403),
        ("127.0.0.1", &[("Origin", "null")], 403),
        ("127.0.0.1", &[("Origin", "http://pages.lan")], 200),
    ] {
        assert_eq!(
            status(&gateway, host, fields),
            expected,
            "{host} {fields:?}"
        );
    }
    let refused = gateway.exchange(by_name("127.0.0.1", &[("Origin", "http://evil.example")]));
    assert!(refused.json()["error"].is_string(), "{refused}");
}

#[test]
fn a_page_whose_name_points_here_is_kept_out() {
    let upstream = Upstream::saying("fine");
    let gateway = super::config(&upstream, ", require_key: false").start();
    assert_eq!(status(&gateway, "evil.example", &[]), 403);
    assert_eq!(status(&gateway, "nas.local:11434", &[]), 200);
    assert_eq!(status(&gateway, "nas", &[]), 200);
    let key = format!("Bearer {}", crate::support::config::CLIENT_KEY);
    assert_eq!(
        status(&gateway, "evil.example", &[("Authorization", &key)]),
        200
    );
    // The exception is for this API alone.
    for path in ["/v1/models", "/v1/diagnostics/routes", "/models"] {
        let head = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
        assert_eq!(gateway.exchange(head).status, 401, "{path}");
    }
    let body = r#"{"model":"home","messages":[{"role":"user","content":"hi"}]}"#;
    let chat = anonymous("POST", "/v1/chat/completions", &[], body);
    assert_eq!(gateway.exchange(chat).status, 401);
}

#[test]
fn behind_a_trusted_proxy_the_forwarded_address_counts() {
    let upstream = Upstream::saying("fine");
    let gateway = super::config(&upstream, ", require_key: false")
        .server("trusted_proxies: 127.0.0.1")
        .start();
    for (fields, expected) in [
        (&[("X-Forwarded-For", "192.168.1.7")][..], 200),
        (&[("X-Forwarded-For", "203.0.113.9")], 403),
        (&[("X-Forwarded-For", "192.168.1.7, 203.0.113.9")], 403),
        (&[("X-Forwarded-For", "unknown")], 403),
        (&[("X-Real-IP", "192.168.1.7")], 403),
        // Proxies that write one of the fields pass on what their client says in the others.
        (
            &[
                ("X-Forwarded-For", "192.168.1.7"),
                ("X-Real-IP", "203.0.113.9"),
            ],
            403,
        ),
        (
            &[
                ("X-Forwarded-For", "192.168.1.7"),
                ("X-Real-IP", "192.168.1.7"),
            ],
            200,
        ),
        (
            &[
                ("X-Forwarded-For", "192.168.1.7"),
                ("Forwarded", "for=203.0.113.9"),
            ],
            403,
        ),
        (&[("Forwarded", "for=192.168.1.7")], 403),
    ] {
        assert_eq!(
            status(&gateway, "127.0.0.1", fields),
            expected,
            "{fields:?}"
        );
    }
}

#[test]
fn other_networks_need_a_key_and_others_see_their_routes_alone() {
    let upstream = Upstream::saying("fine");
    let elsewhere =
        super::config(&upstream, ", require_key: false, networks: [10.0.0.0/8]").start();
    assert_eq!(status(&elsewhere, "127.0.0.1", &[]), 403);
    let gateway = super::config(&upstream, ", require_key: false, routes: [home]").start();
    let listed = gateway.exchange(by_name("127.0.0.1", &[])).json();
    assert_eq!(listed["models"].as_array().unwrap().len(), 1);
    let body = r#"{"model":"dynamic/n8n"}"#;
    let head = format!(
        "POST /api/show HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    assert_eq!(gateway.exchange(head).status, 404);
    // Clients look for "not found", whether the model is another's or nobody's.
    for name in ["dynamic/n8n", "nobody"] {
        let body = json!({"model": name, "messages": [{"role": "user", "content": "hi"}]});
        let body = body.to_string();
        let length = body.len();
        let head = format!(
            "POST /api/chat HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n"
        );
        let refused = gateway.exchange(head + &body);
        let words = json!({"error": format!("model '{name}' not found")});
        assert_eq!((refused.status, refused.json()), (404, words));
    }
    let line = gateway.wait_for_log(|line| line["msg"] == "request" && line["status"] == 404);
    assert_eq!(line["client"], "ollama");
    assert_eq!(
        gateway.get("/api/tags").json()["models"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn a_listener_of_its_own_serves_this_api_alone() {
    let upstream = Upstream::saying("fine");
    let gateway = super::config(&upstream, ", listen: '127.0.0.1:0'").start();
    let other = |line: &serde_json::Value| {
        let address: SocketAddr = line["address"].as_str()?.parse().ok()?;
        (line["msg"] == "listening" && address != gateway.address).then_some(address)
    };
    let line = gateway.wait_for_log(|line| other(line).is_some());
    let side = other(&line).unwrap();
    let ask = |method: &str, path: &str, body: &str| {
        let mut connection = Connection::open(side);
        connection.send(request(method, path, &[], body));
        connection.response()
    };
    assert_eq!(ask("GET", "/api/tags", "").status, 200);
    assert_eq!(ask("GET", "/health", "").status, 200);
    assert_eq!(ask("GET", "/", "").text(), "Ollama is running");
    let chat = r#"{"model":"home:latest","messages":[{"role":"user","content":"hi"}]}"#;
    assert_eq!(ask("POST", "/v1/chat/completions", chat).status, 200);
    for path in [
        "/v1/models",
        "/metrics",
        "/livez",
        "/readyz",
        "/v1/diagnostics/status",
        "/v1/responses",
    ] {
        assert_eq!(ask("GET", path, "").status, 404, "{path}");
    }
    assert_eq!(gateway.get("/v1/models").status, 200);
}
