//! Limits of providers are counted before the call: what is declared is never refused, and everybody can see it.

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal as Kill;

use crate::support::client::Response;
use crate::support::process::Folder;
use crate::support::{Config, Gateway, PATIENCE, Script, Signal, Upstream, openai};

const TWO_A_MONTH: &str = "limits: {requests: [2/month, 40/10m]}";

fn two_steps(a: &Upstream, b: &Upstream, settings: &[&str]) -> Config {
    Config::new()
        .provider_with("a", a, settings)
        .provider("b", b)
        .route("r", [("a", "model-a"), ("b", "model-b")])
}

fn via(response: &Response) -> &str {
    response
        .header("x-routed-via")
        .unwrap_or_else(|| panic!("nowhere: {response}"))
}

#[test]
fn a_declared_limit_is_kept_and_shown() {
    let (a, b) = (Upstream::saying("from a"), Upstream::saying("from b"));
    let gateway = two_steps(&a, &b, &[TWO_A_MONTH]).start();
    let served: Vec<String> = (0..4)
        .map(|_| via(&gateway.ask("r", false)).to_owned())
        .collect();
    assert_eq!(served, ["a/model-a", "a/model-a", "b/model-b", "b/model-b"]);
    assert_eq!(a.requests().len(), 2);
    let response = gateway.ask("r", false);
    let step = &response.steps()[0];
    assert_eq!(step["skipped"], true, "{response}");
    let why = step["error"].as_str().unwrap();
    assert!(
        why.starts_with("limit: 2 requests/month used, free in "),
        "{why}"
    );

    let routes = gateway.get("/v1/diagnostics/routes").json();
    let limit = &routes["routes"][0]["steps"][0]["limits"][0];
    for (member, value) in [
        ("scope", "all models".into()),
        ("unit", "requests".into()),
        ("window", "month".into()),
        ("source", "declared".into()),
        ("limit", 2.into()),
        ("used", 2.into()),
        ("remaining", 0.into()),
        ("state", serde_json::Value::from("full")),
    ] {
        assert_eq!(limit[member], value, "{member}: {routes}");
    }
    let ends = limit["ends_ms"].as_u64().unwrap();
    assert!(ends <= 31 * 86_400_000, "{routes}");

    let metrics = gateway.get("/metrics").text();
    for line in [
        r#"ai_gateway_limit_amount{provider="a",key="0",model="*",unit="requests",window="month",source="declared"} 2"#,
        r#"ai_gateway_limit_used{provider="a",key="0",model="*",unit="requests",window="10m",source="declared"} 2"#,
        r#"ai_gateway_limit_remaining{provider="a",key="0",model="*",unit="requests",window="10m",source="declared"} 38"#,
        r#"ai_gateway_limit_skips_total{provider="a",model="model-a",reason="declared"} 3"#,
    ] {
        assert!(metrics.contains(line), "{line} in\n{metrics}");
    }
}

/// Would break for users of daily or monthly quotas: each restart or reload would begin a new one.
#[test]
fn a_month_is_counted_over_restarts_and_reloads() {
    let (a, b) = (Upstream::saying("from a"), Upstream::saying("from b"));
    let folder = Folder::new();
    let state = folder.path().join("state.json");
    let config =
        two_steps(&a, &b, &[TWO_A_MONTH]).with(&format!("state_file: {}", state.display()));
    let mut gateway = config.start();
    assert_eq!(via(&gateway.ask("r", false)), "a/model-a");
    gateway.signal(Kill::TERM);
    gateway.wait();
    let gateway = config.start();
    assert_eq!(via(&gateway.ask("r", false)), "a/model-a");
    assert_eq!(via(&gateway.ask("r", false)), "b/model-b");
    // One more is allowed from now on.
    let more = two_steps(&a, &b, &["limits: {requests: [3/month]}"]);
    gateway.rewrite(
        &more
            .with(&format!("state_file: {}", state.display()))
            .text(),
    );
    gateway.signal(Kill::HUP);
    gateway.wait_for_log(|line| line["msg"] == "reloaded");
    assert_eq!(via(&gateway.ask("r", false)), "a/model-a");
    assert_eq!(via(&gateway.ask("r", false)), "b/model-b");
    assert_eq!(a.requests().len(), 3);
}

/// Would break for users of providers that refuse parallel calls: the next step, which may cost, would be taken at once.
#[test]
fn a_request_waits_for_a_place_as_long_as_it_may() {
    for (queue, second) in [("queue: 60s", "a/model-a"), ("queue: 0s", "b/model-b")] {
        let go = Signal::new();
        let a = Upstream::saying_after("from a", &go);
        let b = Upstream::saying("from b");
        let gateway = two_steps(&a, &b, &["limits: {concurrent: 1}", queue]).start();
        thread::scope(|scope| {
            let first = scope.spawn(|| gateway.ask("r", false));
            a.wait_for_requests(1);
            let waiting = scope.spawn(|| gateway.ask("r", false));
            if second == "b/model-b" {
                assert_eq!(via(&waiting.join().unwrap()), second);
                go.give();
            } else {
                go.give();
                assert_eq!(via(&waiting.join().unwrap()), second);
            }
            assert_eq!(via(&first.join().unwrap()), "a/model-a");
        });
    }
}

/// Would break for whoever declared nothing: the limit is learned, and the next window stops there.
#[test]
fn a_limit_is_learned_from_a_refusal_and_told() {
    let a = Upstream::saying("from a");
    let b = Upstream::saying("from b");
    let gateway = two_steps(&a, &b, &[]).start();
    for _ in 0..3 {
        assert_eq!(via(&gateway.ask("r", false)), "a/model-a");
    }
    let refusal = openai::error("Too many requests per minute", "rate_limit_exceeded");
    a.then(Script::body(429, &[("Retry-After", "1")], refusal));
    assert_eq!(via(&gateway.ask("r", false)), "b/model-b");
    let begun = Instant::now();
    while via(&gateway.ask("r", false)) != "a/model-a" {
        assert!(begun.elapsed() < PATIENCE);
        thread::sleep(Duration::from_millis(50));
    }
    let routes = gateway.get("/v1/diagnostics/routes").text();
    assert!(routes.contains(r#""window":"min""#), "{routes}");
    let metrics = gateway.get("/metrics").text();
    let refused =
        r#"ai_gateway_limit_refused_total{provider="a",model="model-a",unit="requests"} 1"#;
    assert!(metrics.contains(refused), "{metrics}");
}

/// Tokens are charged before the call, and settled by the usage of the answer.
#[test]
fn tokens_are_counted() {
    let (a, b) = (Upstream::saying("from a"), Upstream::saying("from b"));
    let limits = "models: {model-a: {limits: {tokens: 100000/day}}}";
    let gateway = two_steps(&a, &b, &[limits]).start();
    assert_eq!(via(&gateway.ask("r", false)), "a/model-a");
    let used = |gateway: &Gateway| {
        let routes = gateway.get("/v1/diagnostics/routes").json();
        let limit = &routes["routes"][0]["steps"][0]["limits"][0];
        assert_eq!(limit["unit"], "tokens", "{routes}");
        limit["used"].as_u64().unwrap()
    };
    let once = used(&gateway);
    assert!(
        (1..100).contains(&once),
        "{once}: an unknown answer was charged 512"
    );
    assert_eq!(via(&gateway.ask("r", false)), "a/model-a");
    assert_eq!(used(&gateway), 2 * once);
}
