//! Pages of other sites in a browser: what they may ask, and what they are told (CORS).

use crate::support::client::Response;
use crate::support::gateway::{anonymous, request};
use crate::support::{Config, Gateway, Script, Upstream, openai};

const PAGE: &str = "https://app.example.com";
const CHAT: &str = "/v1/chat/completions";

fn start(upstream: &Upstream, line: &str) -> Gateway {
    Config::new()
        .with(line)
        .provider("a", upstream)
        .route("r", [("a", "model-a")])
        .start()
}

/// The fields of CORS in an answer, in lower case.
fn cors(response: &Response) -> Vec<(String, String)> {
    let fields = response.head.fields.iter();
    let fields = fields.map(|(name, value)| (name.to_ascii_lowercase(), value.clone()));
    fields
        .filter(|(name, _)| name.starts_with("access-control-"))
        .collect()
}

/// What a browser sends ahead of a page's request: without a key, as always.
fn preflight(gateway: &Gateway, path: &str, origin: &str, more: &[(&str, &str)]) -> Response {
    let mut fields = vec![
        ("Origin", origin),
        ("Access-Control-Request-Method", "POST"),
        (
            "Access-Control-Request-Headers",
            "authorization,content-type,x-stainless-lang",
        ),
    ];
    fields.extend_from_slice(more);
    gateway.exchange(anonymous("OPTIONS", path, &fields, ""))
}

#[test]
fn a_preflight_needs_no_key() {
    let upstream = Upstream::saying("fine");
    let gateway = start(&upstream, "response_model: route");
    for (path, methods) in [
        (CHAT, "POST, OPTIONS"),
        ("/chat/completions", "POST, OPTIONS"),
        ("/v1/models", "GET, HEAD, OPTIONS"),
        ("/v1/models/r", "GET, HEAD, OPTIONS"),
        ("/v1/diagnostics/status", "GET, HEAD, OPTIONS"),
        // The page is to see the 404 that says which path is meant.
        ("/v1/v1/chat/completions", "GET, POST, OPTIONS"),
    ] {
        let response = preflight(&gateway, path, PAGE, &[]);
        assert_eq!(response.status, 204, "{path}: {response}");
        for (name, value) in [
            ("access-control-allow-origin", "*"),
            ("access-control-allow-methods", methods),
            (
                "access-control-allow-headers",
                "Authorization, Content-Type, X-Api-Key, x-stainless-lang",
            ),
            ("access-control-max-age", "7200"),
            ("access-control-allow-credentials", ""),
            ("access-control-allow-private-network", ""),
        ] {
            let told = response.header(name).unwrap_or_default();
            assert_eq!(told, value, "{path} {name}: {response}");
        }
    }
    // Without its fields it is no preflight, and says nothing to strangers.
    let plain = gateway.exchange(anonymous("OPTIONS", CHAT, &[("Origin", PAGE)], ""));
    assert_eq!(plain.status, 401, "{plain}");
}

/// What a page asks for is repeated only as far as it is a list of names, and within bounds.
#[test]
fn a_preflight_reflects_names_only() {
    let upstream = Upstream::saying("fine");
    let gateway = start(&upstream, "response_model: route");
    let long = format!("{},x-last", "a".repeat(4000));
    for (asked, allowed) in [
        (
            "x-a, X-A,*, ,b c,<b>,x-\u{e9},X-API-KEY",
            "Authorization, Content-Type, X-Api-Key, x-a",
        ),
        (
            long.as_str(),
            "Authorization, Content-Type, X-Api-Key, x-last",
        ),
    ] {
        let fields = [
            ("Origin", PAGE),
            ("Access-Control-Request-Method", "POST"),
            ("Access-Control-Request-Headers", asked),
        ];
        let response = gateway.exchange(anonymous("OPTIONS", CHAT, &fields, ""));
        let told = response.header("access-control-allow-headers");
        assert!(
            told == Some(allowed) || told == Some("Authorization, Content-Type, X-Api-Key"),
            "{response}"
        );
    }
}

/// Of an answer that a browser keeps from it, a page knows nothing but "Failed to fetch".
#[test]
fn a_page_may_read_answers_and_refusals() {
    let upstream = Upstream::saying("fine");
    let gateway = start(&upstream, "server: {max_body: 1KiB}");
    let from_page = [("Origin", PAGE)];
    let large = "x".repeat(2000);
    for (status, sent) in [
        (
            200,
            request("POST", CHAT, &from_page, &openai::request("r", false)),
        ),
        (
            200,
            request("POST", CHAT, &from_page, &openai::request("r", true)),
        ),
        (200, request("GET", "/v1/models", &from_page, "")),
        (400, request("POST", CHAT, &from_page, "{}")),
        (401, anonymous("POST", CHAT, &from_page, "{}")),
        (
            404,
            request("POST", CHAT, &from_page, &openai::request("nowhere", false)),
        ),
        (
            404,
            request("POST", "/v1/v1/chat/completions", &from_page, "{}"),
        ),
        (405, request("GET", CHAT, &from_page, "")),
        (413, request("POST", CHAT, &from_page, &large)),
    ] {
        let response = gateway.exchange(sent);
        assert_eq!(response.status, status, "{response}");
        let told = cors(&response);
        let told: Vec<&str> = told.iter().map(|(_, value)| value.as_str()).collect();
        let exposed = "X-Request-Id, X-Routed-Via, X-Fallback-Count, Retry-After, Retry-After-Ms, WWW-Authenticate, Allow";
        assert_eq!(told, ["*", exposed], "{response}");
    }
    // All others do not pay for it.
    for sent in [openai::request("r", false), "{}".to_owned()] {
        let response = gateway.post(&sent);
        assert!(cors(&response).is_empty(), "{response}");
    }
}

/// A busy gateway is busy for pages, too, and says so.
#[test]
fn a_page_may_read_that_the_gateway_is_overloaded() {
    let upstream = Upstream::always(Script::stream().silence());
    let gateway = start(&upstream, "server: {max_concurrent_requests: 1}");
    let mut first = gateway.connect();
    first.send(request("POST", CHAT, &[], &openai::request("r", false)));
    upstream.wait_for_requests(1);
    let refused = gateway.exchange(request("GET", "/v1/models", &[("Origin", PAGE)], ""));
    assert_eq!(refused.status, 503, "{refused}");
    assert_eq!(
        refused.header("access-control-allow-origin"),
        Some("*"),
        "{refused}"
    );
}

/// What needs no key must not be read by any page that a browser of the house opens.
#[test]
fn endpoints_that_are_open_allow_no_page() {
    let upstream = Upstream::saying("fine");
    let gateway = start(&upstream, "response_model: route");
    for path in [
        "/health",
        "/livez",
        "/readyz",
        "/metrics",
        "/v1/diagnostics/upstream-models",
    ] {
        let response = gateway.exchange(anonymous("GET", path, &[("Origin", PAGE)], ""));
        assert_eq!(response.status, 200, "{response}");
        assert!(cors(&response).is_empty(), "{path}: {response}");
        assert!(
            cors(&preflight(&gateway, path, PAGE, &[])).is_empty(),
            "{path}"
        );
    }
    // With a key needed it is as any other.
    let gateway = start(&upstream, "metrics: {require_key: true}");
    let response = gateway.exchange(request("GET", "/metrics", &[("Origin", PAGE)], ""));
    assert_eq!(
        response.header("access-control-allow-origin"),
        Some("*"),
        "{response}"
    );
}

#[test]
fn only_pages_that_are_listed_are_allowed_where_there_is_a_list() {
    let upstream = Upstream::saying("fine");
    let gateway = start(
        &upstream,
        "cors: ['HTTPS://App.example.com:443', 'http://localhost:3000']",
    );
    for (origin, is_allowed) in [
        (PAGE, true),
        ("http://localhost:3000", true),
        ("http://localhost", false),
        ("https://app.example.com.evil.example", false),
        ("null", false),
    ] {
        let ahead = preflight(&gateway, CHAT, origin, &[]);
        let answer = gateway.exchange(request("GET", "/v1/models", &[("Origin", origin)], ""));
        assert_eq!(
            ahead.status,
            if is_allowed { 204 } else { 401 },
            "{origin}: {ahead}"
        );
        assert_eq!(answer.status, 200, "{origin}: {answer}");
        for response in [ahead, answer] {
            let allowed = response.header("access-control-allow-origin");
            assert_eq!(allowed, is_allowed.then_some(origin), "{response}");
            assert_eq!(response.header("vary"), Some("Origin"), "{response}");
        }
    }
}

#[test]
fn no_page_is_allowed_where_it_is_turned_off() {
    let upstream = Upstream::saying("fine");
    let gateway = start(&upstream, "cors: false");
    let ahead = preflight(&gateway, CHAT, PAGE, &[]);
    let answer = gateway.exchange(request("GET", "/v1/models", &[("Origin", PAGE)], ""));
    assert_eq!((ahead.status, answer.status), (401, 200), "{ahead}");
    assert!(
        cors(&ahead).is_empty() && cors(&answer).is_empty(),
        "{ahead}"
    );
}

/// Pages of the internet reach into a private network only where that was wanted.
#[test]
fn a_private_network_is_opened_on_request_only() {
    let upstream = Upstream::saying("fine");
    let asks = [("Access-Control-Request-Private-Network", "true")];
    for (line, told) in [
        ("cors: true", None),
        ("cors_private_network: true", Some("true")),
    ] {
        let gateway = start(&upstream, line);
        let response = preflight(&gateway, CHAT, PAGE, &asks);
        let allowed = response.header("access-control-allow-private-network");
        assert_eq!((response.status, allowed), (204, told), "{response}");
        let response = preflight(&gateway, CHAT, PAGE, &[]);
        assert_eq!(
            response.header("access-control-allow-private-network"),
            None
        );
    }
}
