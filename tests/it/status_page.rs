//! The page for people, and the numbers behind it.

use base64::Engine as _;
use serde_json::{Value, json};

use crate::support::gateway::anonymous;
use crate::support::{Config, Exposition, Gateway, Response, Script, Upstream, openai};

const BROWSER: (&str, &str) = ("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8");

fn page(gateway: &Gateway) -> Response {
    gateway.exchange(anonymous("GET", "/", &[BROWSER], ""))
}

fn status(gateway: &Gateway) -> Value {
    let response = gateway.get("/v1/diagnostics/status");
    assert_eq!(response.status, 200, "{response}");
    response.json()
}

fn route(status: &Value, name: &str) -> Value {
    let routes = status["routes"].as_array().expect("routes");
    let found = routes.iter().find(|route| route["name"] == name);
    found
        .unwrap_or_else(|| panic!("no {name}: {status}"))
        .clone()
}

fn refusing() -> Upstream {
    Upstream::always(Script::body(
        429,
        &[("Retry-After", "60")],
        openai::error("slow down", "x"),
    ))
}

#[test]
fn a_browser_gets_the_page_and_nobody_else() {
    let upstream = Upstream::saying("fine");
    let gateway = Config::new()
        .provider("a", &upstream)
        .route("secret-route", [("a", "m")])
        .start();
    let response = page(&gateway);
    assert_eq!(response.status, 200, "{response}");
    assert_eq!(
        response.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let text = response.text();
    assert!(response.body.len() <= 60_000);
    // It is open: all it could tell to a stranger comes later, with the key.
    assert!(!text.contains("secret-route"));
    let policy = response.header("content-security-policy").unwrap();
    let hash = |begin: &str, end: &str| {
        let inside = text.split_once(begin).unwrap().1.split_once(end).unwrap().0;
        let digest = ring::digest::digest(&ring::digest::SHA256, inside.as_bytes());
        let digest = base64::engine::general_purpose::STANDARD.encode(digest);
        format!("'sha256-{digest}'")
    };
    assert_eq!(
        policy,
        format!(
            "default-src 'none'; script-src {}; style-src {}; connect-src 'self'; img-src data:; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'",
            hash("<script>", "</script>"),
            hash("<style>", "</style>")
        )
    );
    // Programs get the error object they can read.
    for fields in [
        &[][..],
        &[("Accept", "application/json")],
        &[("Accept", "*/*")],
    ] {
        let response = gateway.exchange(anonymous("GET", "/", fields, ""));
        assert_eq!(response.status, 401, "{response}");
        assert_eq!(response.json()["error"]["code"], "UNAUTHORIZED");
    }
    let elsewhere = gateway.exchange(anonymous("GET", "/v1/models", &[BROWSER], ""));
    assert_eq!(elsewhere.status, 401, "{elsewhere}");
}

#[test]
fn it_can_be_turned_off() {
    let upstream = Upstream::saying("fine");
    let gateway = Config::new()
        .with("status_page: false")
        .provider("a", &upstream)
        .route("r", [("a", "m")])
        .start();
    assert_eq!(page(&gateway).status, 401);
    assert_eq!(gateway.get("/v1/diagnostics/status").status, 404);
}

#[test]
fn its_figures_need_a_key_and_show_a_client_only_its_own_routes() {
    let upstream = Upstream::saying("fine");
    let gateway = Config::new()
        .with("api_keys:")
        .with("  - {name: one, key: first-client-key, routes: [mine]}")
        .provider("a", &upstream)
        .route("mine", [("a", "m")])
        .route("theirs", [("a", "m")])
        .start();
    let path = "/v1/diagnostics/status";
    let stranger = gateway.exchange(anonymous("GET", path, &[], ""));
    assert_eq!(stranger.status, 401, "{stranger}");
    let key = [("X-Api-Key", "first-client-key")];
    let client = gateway.exchange(anonymous("GET", path, &key, ""));
    assert_eq!(client.status, 200, "{client}");
    let text = client.text();
    assert!(text.contains("mine") && !text.contains("theirs"), "{text}");
}

#[test]
fn what_serves_next_and_what_cools() {
    let (first, second) = (refusing(), Upstream::saying("fine"));
    let gateway = Config::new()
        .provider("first", &first)
        .provider("second", &second)
        .route("r", [("first", "model-a"), ("second", "model-b")])
        .route("alone", [("first", "model-a")])
        .start();
    let before = route(&status(&gateway), "r");
    assert_eq!(before["serves_next"], 0, "{before}");
    assert_eq!(before["steps"][0]["usable"], true);
    assert_eq!(gateway.ask("r", false).status, 200);
    let after = status(&gateway);
    let r = route(&after, "r");
    assert_eq!(r["serves_next"], 1, "{r}");
    let step = &r["steps"][0];
    assert_eq!(
        (&step["provider"], &step["model"], &step["usable"]),
        (&json!("first"), &json!("model-a"), &json!(false)),
        "{r}"
    );
    assert_eq!(step["cooling"][0]["class"], "rate_limited");
    assert_eq!(step["cooling"][0]["stated"], true);
    let left = step["retry_after_ms"].as_u64().unwrap();
    assert!((50_000..=60_000).contains(&left), "{r}");
    // The provider said when to come back, and there is nobody else.
    let alone = route(&after, "alone");
    assert_eq!(alone.get("serves_next"), None, "{alone}");
}

/// The sentence on top is about the worst route, and names it.
#[test]
fn the_verdict_is_the_worst_routes() {
    let (first, second) = (refusing(), Upstream::saying("fine"));
    let gateway = Config::new()
        .provider("first", &first)
        .provider("second", &second)
        .route("r", [("first", "model-a"), ("second", "model-b")])
        .route("alone", [("first", "model-c")])
        .start();
    let verdict = |expected: &str| {
        let verdict = &status(&gateway)["verdict"];
        assert_eq!(verdict["state"], expected, "{verdict}");
        verdict["text"].as_str().unwrap().to_owned()
    };
    assert_eq!(verdict("serving"), "All 2 routes can answer.");
    gateway.ask("r", false);
    let text = verdict("degraded");
    assert!(
        text.starts_with("1 of 2 routes is served by a later step: r (second"),
        "{text}"
    );
    gateway.ask("alone", false);
    let text = verdict("down");
    assert_eq!(route(&status(&gateway), "alone")["state"], "down");
    assert_eq!(route(&status(&gateway), "r")["state"], "degraded");
    assert!(
        text.starts_with("1 of 2 routes cannot answer: alone (first rate limited"),
        "{text}"
    );
}

/// `/v1/diagnostics/routes` and the page show the same lines.
#[test]
fn the_limits_of_a_step_stand_beside_it() {
    let upstream = Upstream::saying("fine");
    let gateway = Config::new()
        .provider_with("a", &upstream, &["limits: {requests: [1000/day]}"])
        .route("r", [("a", "m")])
        .start();
    assert_eq!(gateway.ask("r", false).status, 200);
    let limit = &route(&status(&gateway), "r")["steps"][0]["limits"][0];
    for (member, value) in [
        ("unit", json!("requests")),
        ("window", json!("day")),
        ("limit", json!(1000)),
        ("used", json!(1)),
        ("source", json!("declared")),
    ] {
        assert_eq!(limit[member], value, "{member}: {limit}");
    }
    assert!(limit["ends_at"].as_str().unwrap().ends_with('Z'), "{limit}");
    let routes = gateway.get("/v1/diagnostics/routes").json();
    let same = &routes["routes"][0]["steps"][0]["limits"][0];
    for member in ["limit", "used", "unit", "window"] {
        assert_eq!(limit[member], same[member], "{routes}");
    }
}

/// The chart of clients: an operator sees all, everybody else itself.
#[test]
fn clients_see_what_they_have_used() {
    let upstream = Upstream::saying("fine");
    let gateway = Config::new()
        .with("api_keys:")
        .with("  - {name: home, key: home-client-key, limits: {requests: 500/day}}")
        .with("  - {name: office, key: office-client-key, admin: true}")
        .provider("a", &upstream)
        .route("r", [("a", "m")])
        .start();
    let as_client = |method: &str, path: &str, key: &str, body: &str| {
        gateway.exchange(anonymous(method, path, &[("X-Api-Key", key)], body))
    };
    for (key, times) in [("home-client-key", 2), ("office-client-key", 1)] {
        for _ in 0..times {
            let body = openai::request("r", false);
            let answer = as_client("POST", "/v1/chat/completions", key, &body);
            assert_eq!(answer.status, 200, "{answer}");
        }
    }
    let seen = |key: &str| as_client("GET", "/v1/diagnostics/status", key, "").json();
    let own = seen("home-client-key");
    assert_eq!(
        (&own["client"], &own["admin"]),
        (&json!("home"), &json!(false))
    );
    let clients = own["clients"].as_array().unwrap();
    assert_eq!(clients.len(), 1, "{own}");
    assert_eq!(clients[0]["name"], "home");
    assert_eq!(clients[0]["days"].as_array().unwrap().len(), 30);
    assert_eq!(clients[0]["days"][29], 2, "{own}");
    assert_eq!(clients[0]["tokens"], 16, "{own}");
    let limit = &clients[0]["limits"][0];
    assert_eq!(
        (&limit["limit"], &limit["remaining"]),
        (&json!(500), &json!(498))
    );
    let all = seen("office-client-key");
    assert_eq!(all["admin"], true);
    let names = all["clients"].as_array().unwrap().iter();
    let names: Vec<&str> = names
        .map(|client| client["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["home", "office"], "{all}");
}

/// The page and the dashboards are about the same requests.
#[test]
fn its_figures_are_those_of_the_metrics() {
    let (first, second) = (refusing(), Upstream::saying("fine"));
    let breaking = Upstream::always(Script::stream().event(&openai::text("half")).close());
    let gateway = Config::new()
        .provider("first", &first)
        .provider("second", &second)
        .provider("breaking", &breaking)
        .route("r", [("first", "model-a"), ("second", "model-b")])
        .route("broken", [("breaking", "m")])
        .start();
    for stream in [false, true, false, true, false] {
        assert_eq!(gateway.ask("r", stream).status, 200);
    }
    gateway.ask("broken", true);
    gateway.ask("broken", false);
    let read = Exposition::once(&gateway, |read| {
        read.sum("ai_gateway_requests_total", &[]) == 7.0
    });
    let status = status(&gateway);
    for name in ["r", "broken"] {
        let route_label = format!("route=\"{name}\"");
        let total = read.sum("ai_gateway_requests_total", &[&route_label]);
        let answered = read.sum(
            "ai_gateway_requests_total",
            &[&route_label, "status=\"200\""],
        );
        let cut = read.sum("ai_gateway_broken_streams_total", &[&route_label]);
        let tokens = |kind: &str| {
            let kind = format!("gen_ai_token_type=\"{kind}\"");
            read.sum(
                "gen_ai_client_token_usage_sum",
                &[&kind, &format!("gateway_{route_label}")],
            )
        };
        let recent = &route(&status, name)["recent"];
        for (figure, expected) in [
            ("succeeded", answered - cut),
            ("failed", total - answered + cut),
            ("input_tokens", tokens("input")),
            ("output_tokens", tokens("output")),
        ] {
            assert_eq!(
                recent[figure].as_f64(),
                Some(expected),
                "{name} {figure}: {recent}\n{read}"
            );
        }
    }
    let r = route(&status, "r");
    assert_eq!(r["recent"]["succeeded"], 5, "{r}");
    for (index, provider) in [(0, "first"), (1, "second")] {
        let of = format!("provider=\"{provider}\"");
        let total = read.sum("ai_gateway_attempts_total", &[&of]);
        let answered = read.sum("ai_gateway_attempts_total", &[&of, "class=\"answered\""]);
        let recent = &r["steps"][index]["recent"];
        assert_eq!(recent["succeeded"].as_f64(), Some(answered), "{r}");
        assert_eq!(recent["failed"].as_f64(), Some(total - answered), "{r}");
    }
    // The bucket that holds the p95 is the first with 95 % of all below it.
    let p95 = r["recent"]["p95_ms"].as_f64().unwrap() / 1e3;
    for bound in ["0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5"] {
        let below = read.sum(
            "ai_gateway_request_duration_seconds_bucket",
            &["route=\"r\"", &format!("le=\"{bound}\"")],
        );
        let bound: f64 = bound.parse().unwrap();
        // Whole milliseconds are rounded down.
        assert!(below < 5.0 || p95 <= bound, "{p95} above {bound}\n{read}");
        assert!(
            below >= 5.0 || p95 + 0.001 > bound,
            "{p95} below {bound}\n{read}"
        );
    }
}
