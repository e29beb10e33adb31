//! What clients may use: limits and budgets hold however many ask at once, and what was used is not forgotten.

mod hang_ups;
mod journal;
mod replicas;
mod vectors;

use std::thread;
use std::time::Instant;

use serde_json::Value;

use crate::support::client::Response;
use crate::support::gateway::anonymous;
use crate::support::process::{Ended, Folder, command_in, run};
use crate::support::{Config, Exposition, Gateway, PATIENCE, Script, Upstream, openai};

const HOME: &str = "home-key-51d0c2a9";
const OFFICE: &str = "office-key-7731ee02";

/// A gateway with a client `home` under these terms, and an administrator `office`.
fn gateway(upstream: &Upstream, terms: &str, more: &[&str]) -> Config {
    let mut config = Config::new()
        .provider_with(
            "a",
            upstream,
            &["models: {model-a: {price: {input: 1000, output: 1000}}}"],
        )
        .route("r", [("a", "model-a")])
        .route("secret", [("a", "model-a")])
        .with(&format!(
            "api_keys: [{{name: home, key: {HOME}, {terms}}}, {{name: office, key: {OFFICE}, admin: true}}]"
        ));
    for line in more {
        config = config.with(line);
    }
    config
}

fn ask(gateway: &Gateway, key: &str, body: &str) -> Response {
    let fields = [("X-Api-Key", key), ("Content-Type", "application/json")];
    gateway.exchange(anonymous("POST", "/v1/chat/completions", &fields, body))
}

fn usage(gateway: &Gateway, key: &str, query: &str) -> Response {
    let path = format!("/v1/usage{query}");
    gateway.exchange(anonymous("GET", &path, &[("X-Api-Key", key)], ""))
}

/// The usage once it says so: an answer is settled when its last byte is sent, which its client may have read by then.
fn settled(gateway: &Gateway, key: &str, is_settled: impl Fn(&Value) -> bool) -> Value {
    let until = Instant::now() + PATIENCE;
    loop {
        let report = usage(gateway, key, "").json();
        if is_settled(&report) {
            return report;
        }
        assert!(Instant::now() < until, "{report}");
        thread::yield_now();
    }
}

fn code(response: &Response) -> String {
    let code = &response.json()["error"]["code"];
    code.as_str().unwrap_or_default().to_owned()
}

/// Would break for whoever shares a key: of requests that come at once all passed, as none had been counted yet.
#[test]
fn of_many_requests_at_once_as_many_pass_as_may() {
    let upstream = Upstream::saying("fine");
    let gateway = gateway(&upstream, "limits: {requests: 10/day}", &[]).start();
    let body = openai::request("r", false);
    let answers: Vec<Response> = thread::scope(|scope| {
        let clients: Vec<_> = (0..60)
            .map(|_| scope.spawn(|| ask(&gateway, HOME, &body)))
            .collect();
        clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .collect()
    });
    let passed = answers.iter().filter(|answer| answer.status == 200);
    assert_eq!(passed.count(), 10);
    assert_eq!(upstream.requests().len(), 10);
    settled(&gateway, HOME, |report| report["limits"][0]["used"] == 10);
    let refused = ask(&gateway, HOME, &body);
    assert_eq!(code(&refused), "CLIENT_LIMIT", "{refused}");
    let error = &refused.json()["error"];
    assert_eq!(error["type"], "rate_limit_error");
    for (member, value) in [
        ("unit", "requests".into()),
        ("window", "day".into()),
        ("limit", 10.into()),
        ("used", Value::from(10)),
    ] {
        assert_eq!(error["details"][member], value, "{refused}");
    }
    assert!(error["details"]["resets_at"].is_string(), "{refused}");
    for (name, value) in [
        ("x-should-retry", "false"),
        ("x-ratelimit-limit-requests", "10"),
        ("x-ratelimit-remaining-requests", "0"),
    ] {
        assert_eq!(refused.header(name), Some(value), "{refused}");
    }
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=86_400).contains(&wait), "{refused}");
    // Another client is not touched.
    assert_eq!(ask(&gateway, OFFICE, &body).status, 200);
}

/// An answer takes 3 + 5 tokens at 1000 a million each: 0.008.
#[test]
fn a_budget_is_spent_and_told() {
    let upstream = Upstream::saying("fine");
    let terms = "budget: 0.05/month";
    let gateway = gateway(&upstream, terms, &["currency: EUR"]).start();
    let body = r#"{"model":"r","max_tokens":5,"messages":[{"role":"user","content":"hi"}]}"#;
    let first = ask(&gateway, HOME, body);
    assert_eq!(first.status, 200, "{first}");
    assert_eq!(first.json()["routing_summary"]["cost"], "0.008", "{first}");
    let line = gateway.wait_for_log(|line| line["msg"] == "request" && line["client"] == "home");
    assert_eq!(line["cost"], "0.008", "{line}");
    let mut refused = ask(&gateway, HOME, body);
    let mut passed = 1;
    while refused.status == 200 {
        passed += 1;
        assert!(passed <= 6, "{passed} requests of 0.008 in 0.05");
        refused = ask(&gateway, HOME, body);
    }
    assert_eq!(code(&refused), "CLIENT_BUDGET", "{refused}");
    assert_eq!(refused.json()["error"]["type"], "insufficient_quota");
    assert_eq!(refused.json()["error"]["details"]["currency"], "EUR");
    let report = settled(&gateway, HOME, |report| {
        report["months"][0]["requests"] == passed
    });
    assert_eq!(report["client"], "home", "{report}");
    let month = &report["months"][0];
    assert_eq!(month["input_tokens"], 3 * passed, "{report}");
    assert_eq!(month["output_tokens"], 5 * passed, "{report}");
    assert_eq!(report["routes"][0]["route"], "r", "{report}");
    assert_eq!(report["limits"][0]["unit"], "money", "{report}");
}

#[test]
fn a_client_sees_its_own_usage_and_an_administrator_everybodys() {
    let upstream = Upstream::saying("fine");
    let gateway = gateway(&upstream, "routes: [r]", &[]).start();
    ask(&gateway, HOME, &openai::request("r", false));
    assert_eq!(usage(&gateway, HOME, "?client=office").status, 403);
    assert_eq!(usage(&gateway, HOME, "?client=*").status, 403);
    settled(&gateway, HOME, |report| {
        report["months"][0]["requests"] == 1
    });
    let of_home = usage(&gateway, OFFICE, "?client=home").json();
    assert_eq!(of_home["client"], "home", "{of_home}");
    let all = usage(&gateway, OFFICE, "?client=*").json();
    assert_eq!(all["data"].as_array().unwrap().len(), 1, "{all}");
    assert_eq!(usage(&gateway, OFFICE, "?client=nobody").status, 404);
    let stranger = gateway.exchange(anonymous("GET", "/v1/usage", &[], ""));
    assert_eq!(stranger.status, 401);
}

#[test]
fn a_foreign_route_and_an_unknown_one_are_refused_alike() {
    let upstream = Upstream::saying("fine");
    let gateway = gateway(&upstream, "routes: [\"r*\"]", &[]).start();
    let answer = |route: &str| {
        let response = ask(&gateway, HOME, &openai::request(route, false));
        (response.status, response.text().replace(route, "ROUTE"))
    };
    assert_eq!(answer("secret"), answer("nowhere"));
    assert_eq!(answer("secret").0, 403);
    assert_eq!(
        ask(&gateway, HOME, &openai::request("r", false)).status,
        200
    );
}

#[test]
fn an_expired_key_is_told_so() {
    let upstream = Upstream::saying("fine");
    let gateway = gateway(&upstream, "expires: 2020-01-31", &[]).start();
    let refused = ask(&gateway, HOME, &openai::request("r", false));
    assert_eq!(
        (refused.status, code(&refused).as_str()),
        (401, "KEY_EXPIRED")
    );
    assert!(upstream.requests().is_empty());
}

/// Clients fail at a chunk without choices that they did not ask for, and limits of tokens need it.
#[test]
fn the_usage_that_only_the_gateway_wants_stays_with_it() {
    let last = r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"model-a","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}}"#;
    let events = [
        openai::role(),
        openai::text("fine"),
        openai::stop(),
        last.to_owned(),
    ];
    let upstream = Upstream::always(Script::events(&events).done());
    let gateway = gateway(&upstream, "limits: {tokens: 100000/day}", &[]).start();
    let unasked = ask(&gateway, HOME, &openai::request("r", true));
    assert_eq!(unasked.status, 200, "{unasked}");
    let sent = upstream.request().json();
    assert_eq!(sent["stream_options"]["include_usage"], true, "{sent}");
    assert!(!unasked.text().contains("\"usage\""), "{unasked}");
    let asked = r#"{"model":"r","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}]}"#;
    let asked = ask(&gateway, HOME, asked);
    assert!(asked.text().contains("\"total_tokens\":8"), "{asked}");
    let report = settled(&gateway, HOME, |report| report["limits"][0]["used"] == 16);
    assert_eq!(report["months"][0]["estimated"], 0, "{report}");
}

/// `ai-gateway usage` beside a running gateway, of whose configuration it reads the port.
fn usage_command(gateway: &Gateway, arguments: &[&str]) -> Ended {
    let folder = Folder::new();
    folder.file("config.yaml", &format!("listen: {}\n", gateway.address));
    run(command_in(folder.path()).arg("usage").args(arguments))
}

/// The owner of the house wants to see who used what, without a key at hand.
#[test]
fn the_command_prints_the_usage_of_all_clients_and_of_one() {
    let upstream = Upstream::saying("fine");
    let terms = "limits: {requests: 500/day}, budget: 5/month";
    let gateway = gateway(&upstream, terms, &["currency: EUR"]).start();
    let empty = usage_command(&gateway, &["--csv"]);
    assert_eq!(empty.stdout.lines().count(), 1, "{}", empty.stdout);
    for key in [HOME, HOME, OFFICE] {
        assert_eq!(ask(&gateway, key, &openai::request("r", false)).status, 200);
    }
    let has_used = |key, times: u64| {
        settled(&gateway, key, |report| {
            report["months"][0]["requests"] == times
        })
    };
    has_used(OFFICE, 1);
    let report = has_used(HOME, 2);
    let month = report["months"][0]["month"].as_str().unwrap().to_owned();
    let table = usage_command(&gateway, &[]);
    assert_eq!(table.code, Some(0), "{}", table.stderr);
    let row = |text: &str| -> Vec<Vec<String>> {
        let lines = text.lines().map(str::split_whitespace);
        lines
            .map(|words| words.map(str::to_owned).collect())
            .collect()
    };
    let rows = row(&table.stdout);
    let has = |words: &[&str]| rows.iter().any(|row| row == words);
    assert!(
        has(&["home", &month, "2", "6", "10", "0", "0", "0.016"]),
        "{}",
        table.stdout
    );
    assert!(
        has(&["office", &month, "1", "3", "5", "0", "0", "0.008"]),
        "{}",
        table.stdout
    );
    assert!(
        table.stdout.contains("500 requests/day"),
        "{}",
        table.stdout
    );
    assert!(table.stdout.contains("5.00 EUR/month"), "{}", table.stdout);
    let csv = usage_command(&gateway, &["--csv", "--client", "home", "--month", &month]);
    let mut lines = csv.stdout.lines();
    assert_eq!(
        lines.next(),
        Some(
            "client,period,requests,input_tokens,output_tokens,cached_tokens,estimated,cost,currency"
        )
    );
    let line = format!("home,{month},2,6,10,0,0,0.016,EUR");
    assert_eq!(lines.next(), Some(&*line), "{}", csv.stdout);
    let of_home = usage_command(&gateway, &["--client", "home"]);
    assert!(of_home.stdout.contains("ROUTE"), "{}", of_home.stdout);
    assert!(!of_home.stdout.contains("office"), "{}", of_home.stdout);
    assert_eq!(
        usage_command(&gateway, &["--client", "*"]).stdout,
        table.stdout
    );
    let stranger = usage_command(&gateway, &["--client", "nobody"]);
    assert_eq!(stranger.code, Some(1), "{}", stranger.stderr);
    assert!(
        stranger.stderr.contains("home, office"),
        "{}",
        stranger.stderr
    );
    let wrong = usage_command(&gateway, &["--month", "November"]);
    assert_eq!(wrong.code, Some(64), "{}", wrong.stderr);
    drop(gateway);
}

#[test]
fn the_metrics_tell_what_each_client_used_and_was_refused() {
    let upstream = Upstream::saying("fine");
    let terms = "limits: {requests: 2/day}, routes: [r], budget: 5/month";
    let gateway = gateway(&upstream, terms, &[]).start();
    let body = openai::request("r", false);
    for status in [200, 200, 429] {
        assert_eq!(ask(&gateway, HOME, &body).status, status);
    }
    let foreign = openai::request("secret", false);
    assert_eq!(ask(&gateway, HOME, &foreign).status, 403);
    let requests = |client: &str, outcome: &str| {
        format!(r#"ai_gateway_client_requests_total{{client="{client}",outcome="{outcome}"}}"#)
    };
    let read = Exposition::once(&gateway, |read| {
        read.get(&requests("home", "answered")) == Some(2.0)
    });
    for (series, value) in [
        (requests("home", "refused").as_str(), 2.0),
        (requests("home", "failed").as_str(), 0.0),
        (requests("office", "answered").as_str(), 0.0),
        (
            r#"ai_gateway_client_tokens_total{client="home",kind="output"}"#,
            10.0,
        ),
        (r#"ai_gateway_client_cost_total{client="home"}"#, 0.016),
        (
            r#"ai_gateway_client_refusals_total{client="home",reason="limit"}"#,
            1.0,
        ),
        (
            r#"ai_gateway_client_refusals_total{client="home",reason="route"}"#,
            1.0,
        ),
        (
            r#"ai_gateway_client_limit_remaining{client="home",unit="requests",window="day"}"#,
            0.0,
        ),
        (
            r#"ai_gateway_client_limit_remaining{client="home",unit="money",window="month"}"#,
            4.984,
        ),
    ] {
        assert_eq!(read.get(series), Some(value), "{series}");
    }
}
