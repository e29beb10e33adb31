//! What happened: the last requests and why they went where they went, the health of a route, and sums that survive a
//! restart.

use std::time::{Duration, Instant};

use rustix::process::Signal as Kill;
use serde_json::{Value, json};

use crate::support::config::CLIENT_KEY;
use crate::support::gateway::anonymous;
use crate::support::process::{Folder, command_in, run};
use crate::support::standstill::spent_since;
use crate::support::{Config, Gateway, PATIENCE, Response, Script, Upstream, openai};

const HOME: &str = "home-key-51d0c2a9";
const OFFICE: &str = "office-key-7731ee02";

fn get(gateway: &Gateway, key: &str, path: &str) -> Response {
    gateway.exchange(anonymous("GET", path, &[("X-Api-Key", key)], ""))
}

fn ask(gateway: &Gateway, key: &str, route: &str) -> Response {
    let fields = [("X-Api-Key", key), ("Content-Type", "application/json")];
    let body =
        format!(r#"{{"model":"{route}","messages":[{{"role":"user","content":"secret words"}}]}}"#);
    gateway.exchange(anonymous("POST", "/v1/chat/completions", &fields, &body))
}

fn limited() -> Upstream {
    Upstream::always(Script::body(
        429,
        &[("Retry-After", "60")],
        openai::error("slow down, key sk-a-provider", "x"),
    ))
}

/// Two clients, of which `office` sees all, and a route with a step that refuses before one that answers.
fn two_clients(first: &Upstream, second: &Upstream) -> Config {
    Config::new()
        .provider("a", first)
        .provider("b", second)
        .route("r", [("a", "m"), ("b", "n")])
        .route("other", [("b", "n")])
        .with(&format!(
            "api_keys: [{{name: home, key: {HOME}}}, {{name: office, key: {OFFICE}, admin: true}}]"
        ))
}

fn records(gateway: &Gateway, key: &str, query: &str, count: usize) -> Vec<Value> {
    gateway.records(&[("X-Api-Key", key)], query, count)
}

#[test]
fn a_record_tells_the_way_through_the_steps() {
    let (first, second) = (limited(), Upstream::saying("fine"));
    let gateway = two_clients(&first, &second).start();
    let id = ask(&gateway, HOME, "r")
        .header("x-request-id")
        .unwrap()
        .to_owned();
    let record = records(&gateway, HOME, "", 1).remove(0);
    assert_eq!(record["id"], id.as_str());
    for (member, value) in [
        ("client", json!("home")),
        ("route", json!("r")),
        ("api", json!("chat")),
        ("stream", json!(false)),
        ("status", json!(200)),
        ("code", Value::Null),
        ("ended", json!("whole")),
        ("first_content_ms", Value::Null),
    ] {
        assert_eq!(record[member], value, "{member}: {record}");
    }
    assert_eq!(record["served_by"]["provider"], "b");
    assert!(record["request_bytes"].as_u64().unwrap() > 50, "{record}");
    assert!(record["time"].as_str().unwrap().ends_with('Z'), "{record}");
    let steps = record["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 2, "{record}");
    assert_eq!(steps[0]["class"], "rate_limited");
    assert_eq!(steps[0]["status"], 429);
    assert!(steps[0]["error"].as_str().unwrap().contains("slow down"));
    assert_eq!(steps[1]["success"], true);
    let text = record.to_string();
    assert!(!text.contains("secret words"), "no content: {text}");

    // The next request skips the step, and says why.
    ask(&gateway, HOME, "r");
    let record = records(&gateway, HOME, "", 2).remove(0);
    assert_eq!(record["steps"][0]["skipped"], true);
    let standing = record["steps"][0]["standing"].as_str().unwrap();
    assert!(
        standing.contains("rate_limited") || standing.contains("limit"),
        "{record}"
    );
}

#[test]
fn keys_are_masked_in_records() {
    let key = crate::support::config::provider_key("a");
    let told = format!("no, not with {key}");
    let first = Upstream::always(Script::json(400, &openai::error(&told, "x")));
    let gateway = Config::new()
        .provider("a", &first)
        .route("r", [("a", "m")])
        .start();
    gateway.ask("r", false);
    let response = gateway.get("/v1/diagnostics/requests");
    assert!(!response.text().contains(&key), "{response}");
    let health = gateway.get("/health/r");
    assert!(!health.text().contains(&key), "{health}");
    let status = gateway.get("/v1/diagnostics/status");
    assert!(!status.text().contains(&key), "{status}");
}

#[test]
fn a_client_sees_its_own_requests_and_an_administrator_all() {
    let (first, second) = (limited(), Upstream::saying("fine"));
    let gateway = two_clients(&first, &second).start();
    ask(&gateway, HOME, "other");
    ask(&gateway, OFFICE, "other");
    ask(&gateway, OFFICE, "unknown");
    records(&gateway, OFFICE, "", 3);
    assert_eq!(records(&gateway, HOME, "", 1)[0]["client"], "home");
    records(&gateway, OFFICE, "?client=home", 1);
    records(&gateway, OFFICE, "?client=*", 3);
    let failed = records(&gateway, OFFICE, "?failed=1", 1);
    assert_eq!(failed[0]["code"], "ROUTE_NOT_FOUND");
    assert_eq!(failed[0]["ended"], "refused");
    records(&gateway, OFFICE, "?route=other", 2);
    records(&gateway, OFFICE, "?api=responses", 0);
    records(&gateway, OFFICE, "?limit=2", 2);
    let id = failed[0]["id"].as_str().unwrap();
    records(&gateway, OFFICE, &format!("?id={id}"), 1);
    records(&gateway, OFFICE, "?since=2999-01-01T00:00:00Z", 0);
    records(&gateway, OFFICE, "?since=2020-01-01T00:00:00Z", 3);
    let foreign = get(&gateway, HOME, "/v1/diagnostics/requests?client=office");
    assert_eq!(foreign.status, 403, "{foreign}");
    let wrong = get(&gateway, OFFICE, "/v1/diagnostics/requests?since=yesterday");
    assert_eq!(wrong.status, 400, "{wrong}");
    let nobody = gateway.exchange(anonymous("GET", "/v1/diagnostics/requests", &[], ""));
    assert_eq!(nobody.status, 401, "{nobody}");
}

#[test]
fn the_history_is_bounded_and_can_be_turned_off() {
    let upstream = Upstream::saying("fine");
    for (most, count) in [(3, 3), (0, 0)] {
        let gateway = Config::new()
            .provider("a", &upstream)
            .route("r", [("a", "m")])
            .with(&format!("history: {most}"))
            .start();
        let ids = || -> Vec<String> {
            let response = gateway.get("/v1/diagnostics/requests").json();
            let data = response["data"].as_array().unwrap().iter();
            data.map(|record| record["id"].as_str().unwrap().to_owned())
                .collect()
        };
        let mut newest = Vec::new();
        for _ in 0..5 {
            let answer = gateway.ask("r", false);
            newest.insert(0, answer.header("x-request-id").unwrap().to_owned());
            newest.truncate(count);
            let until = Instant::now() + PATIENCE;
            while ids() != newest {
                assert!(Instant::now() < until, "{:?} {newest:?}", ids());
                std::thread::yield_now();
            }
        }
    }
}

/// Whoever reads it wants to know why the request went there, and that is how full the step was by then.
#[test]
fn a_step_tells_how_full_it_was_also_in_a_long_record() {
    let (full, second) = (limited(), Upstream::saying("fine"));
    let providers: Vec<String> = (0..30).map(|number| format!("full{number}")).collect();
    let mut config = Config::new();
    for name in &providers {
        config = config.provider(name, &full);
    }
    let steps = providers.iter().map(|name| (name.as_str(), "m"));
    let gateway = config
        .provider_with("b", &second, &["api_key: b", "limits: {requests: 30/min}"])
        .route("r", steps.chain([("b", "n")]))
        .route("short", [("b", "n")])
        .start();
    gateway.ask("short", false);
    gateway.ask("r", false);
    let record = records(&gateway, CLIENT_KEY, "?route=r", 1).remove(0);
    let steps = record["steps"].as_array().unwrap();
    assert!(steps.len() < 31, "the first steps are left out: {record}");
    let last = steps.last().unwrap();
    assert_eq!(last["step_index"], 30, "{record}");
    assert_eq!(last["standing"], "open, 1 of 30 requests/min used");
}

fn health(gateway: &Gateway, path: &str, status: u16) -> Value {
    let response = gateway.exchange(anonymous("GET", path, &[], ""));
    assert_eq!(response.status, status, "{response}");
    let health = response.json();
    let is_down = health["state"] == "down";
    assert_eq!(
        response.header("retry-after").is_some(),
        is_down,
        "{response}"
    );
    health
}

#[test]
fn the_health_of_a_route_follows_its_steps() {
    let (first, second) = (limited(), Upstream::saying("fine"));
    let gateway = Config::new()
        .provider("a", &first)
        .provider("b", &second)
        .route("dynamic/n8n", [("a", "m"), ("b", "n")])
        .route("lonely", [("a", "o")])
        .start();
    let fresh = health(&gateway, "/health/dynamic%2Fn8n", 200);
    assert_eq!(
        fresh,
        json!({"route": "dynamic/n8n", "state": "serving", "steps": 2, "usable": 2, "step": 0, "provider": "a", "model": "m",
               "success_24h": null, "requests_24h": 0, "failed_24h": 0, "p50_ms": null, "returns_at": null,
               "last_error": null, "last_error_at": null})
    );
    assert_eq!(first.requests().len(), 0, "nobody is asked");

    gateway.ask("dynamic/n8n", false);
    let degraded = health(&gateway, "/health/dynamic/n8n", 200);
    assert_eq!(degraded["state"], "degraded");
    assert_eq!(degraded["provider"], "b");
    assert!(
        degraded["last_error"]
            .as_str()
            .unwrap()
            .contains("slow down")
    );
    health(&gateway, "/health/dynamic%2Fn8n?strict=1", 503);

    gateway.ask("lonely", false);
    records(&gateway, CLIENT_KEY, "", 2);
    let down = health(&gateway, "/health/lonely", 503);
    assert_eq!(down["state"], "down");
    assert_eq!(down["step"], Value::Null);
    assert!(
        down["returns_at"].as_str().unwrap().ends_with('Z'),
        "{down}"
    );
    assert_eq!(down["requests_24h"], 1);
    assert_eq!(down["success_24h"], 0.0);

    let mut connection = gateway.connect();
    connection.send(anonymous("HEAD", "/health/lonely", &[], ""));
    let head = connection.response_to_head();
    assert_eq!(head.status, 503);
    let unknown = gateway.exchange(anonymous("GET", "/health/nothing", &[], ""));
    assert_eq!(unknown.status, 404, "{unknown}");
    assert!(!unknown.text().contains("lonely"), "{unknown}");
    health_of_the_process(&gateway);
}

/// A key that is shared by routes: the one that did not meet the refusal itself says why it is down all the same.
#[test]
fn a_route_that_another_one_has_closed_says_why() {
    for (status, class, why) in [
        (
            401,
            "unauthorized",
            "unauthorized, found by another route or before the start",
        ),
        (429, "rate_limited", "limit: requests used up, free in "),
    ] {
        let error = openai::error("not now", "x");
        let first = Upstream::always(Script::body(status, &[("Retry-After", "60")], error));
        let gateway = Config::new()
            .provider("a", &first)
            .route("meets", [("a", "m")])
            .route("shares", [("a", "m")])
            .start();
        gateway.ask("meets", false);
        records(&gateway, CLIENT_KEY, "", 1);
        let down = health(&gateway, "/health/shares", 503);
        let told = down["last_error"].as_str().unwrap();
        assert!(told.starts_with(why), "{told}");
        assert_eq!(down["last_error_at"], Value::Null);
        let status = gateway.get("/v1/diagnostics/status").json();
        let of = |route: usize| status["routes"][route]["steps"][0]["last_error"].clone();
        assert!(
            of(1)["text"].as_str().unwrap().starts_with(why),
            "{}",
            of(1)
        );
        assert_eq!(
            (&of(1)["class"], &of(1)["at"]),
            (&json!(class), &Value::Null)
        );
        assert!(of(0)["text"].as_str().unwrap().contains("not now"));
        assert!(of(0)["at"].is_string());
    }
}

/// A limit of the file is met without a failure.
#[test]
fn a_route_whose_limit_is_used_says_which() {
    let upstream = Upstream::saying("fine");
    let gateway = Config::new()
        .provider_with("a", &upstream, &["limits: {requests: 1/day}"])
        .route("r", [("a", "m")])
        .start();
    gateway.ask("r", false);
    let down = health(&gateway, "/health/r", 503);
    let why = down["last_error"].as_str().unwrap();
    assert!(
        why.starts_with("limit: 1 requests/day used, free in "),
        "{why}"
    );
    assert_eq!(down["last_error_at"], Value::Null);
}

fn health_of_the_process(gateway: &Gateway) {
    let response = gateway.exchange(anonymous("GET", "/health", &[], ""));
    assert_eq!(response.json(), json!({"status": "healthy"}));
}

#[test]
fn the_health_of_a_route_can_need_a_key() {
    let upstream = Upstream::saying("fine");
    let gateway = Config::new()
        .provider("a", &upstream)
        .route("r", [("a", "m")])
        .route("secret", [("a", "m")])
        .with(&format!(
            "api_keys: [{{name: home, key: {HOME}, routes: [r]}}, {{name: office, key: {OFFICE}}}]"
        ))
        .with("health_needs_key: true")
        .start();
    let nobody = gateway.exchange(anonymous("GET", "/health/r", &[], ""));
    assert_eq!(nobody.status, 401, "{nobody}");
    assert_eq!(get(&gateway, HOME, "/health/r").status, 200);
    assert_eq!(get(&gateway, HOME, "/health/secret").status, 404);
    assert_eq!(get(&gateway, OFFICE, "/health/secret").status, 200);
}

#[test]
fn sums_survive_a_restart() {
    let upstream = Upstream::saying("fine");
    let folder = Folder::new();
    let state = folder.path().join("state.json");
    let config = || {
        Config::new()
            .provider("a", &upstream)
            .route("r", [("a", "m")])
            .with(&format!("state_file: {}", state.display()))
    };
    let mut gateway = config().start();
    for _ in 0..3 {
        gateway.ask("r", false);
    }
    gateway.signal(Kill::TERM);
    assert_eq!(gateway.wait(), Some(0));
    let gateway = config().start();
    let health = health(&gateway, "/health/r", 200);
    assert_eq!(health["requests_24h"], 3);
    assert_eq!(health["success_24h"], 100.0);
    gateway.ask("r", false);
    records(&gateway, CLIENT_KEY, "", 1);
    let status = gateway.get("/v1/diagnostics/status").json();
    let step = &status["routes"][0]["steps"][0];
    let hours = step["hours"].as_array().unwrap();
    assert_eq!(hours.len(), 24);
    let answered: u64 = hours.iter().map(|hour| hour[0].as_u64().unwrap()).sum();
    assert_eq!(answered, 4, "{step}");
    assert!(step["latency_ms"][23].is_number(), "{step}");
}

/// The same configuration with the port that the gateway was given.
fn beside(config: &Config, gateway: &Gateway) -> Folder {
    let folder = Folder::new();
    let listen = format!("listen: {}", gateway.address);
    folder.file(
        "config.yaml",
        &config.text().replace("listen: 127.0.0.1:0", &listen),
    );
    folder
}

#[test]
fn explain_tells_why_a_request_went_where_it_went() {
    let (first, second) = (limited(), Upstream::saying("fine"));
    let config = two_clients(&first, &second);
    let gateway = config.start();
    let id = ask(&gateway, HOME, "r")
        .header("x-request-id")
        .unwrap()
        .to_owned();
    records(&gateway, OFFICE, "", 1);
    let folder = beside(&config, &gateway);
    let story = |id: &str| run(command_in(folder.path()).args(["explain", "--request", id]));
    let told = story(&id);
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    for part in [
        "home asked r (chat)",
        "answered with 200 by b/n",
        "step 0 a/m key 0: open; rate_limited (429) after",
        "slow down",
        "step 1 b/n key 0: open; answered after",
    ] {
        assert!(told.stdout.contains(part), "{part}: {}", told.stdout);
    }
    let unknown = story("req-nobody");
    assert_eq!(unknown.code, Some(1), "{}", unknown.stdout);
    assert!(unknown.stderr.contains(&id), "{}", unknown.stderr);
}

/// Clients ask by an alias, and their operator remembers that name.
#[test]
fn an_alias_finds_the_requests_of_its_route() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;
    let upstream = Upstream::saying("fine");
    let config = Config::new()
        .provider("a", &upstream)
        .route_with("r", &["aliases: [gpt-4o, \"o1-*\"]"], [("a", "m")])
        .route("other", [("a", "m")]);
    let gateway = config.start();
    for asked in ["other", "gpt-4o", "r"] {
        gateway.ask(asked, false);
    }
    let folder = beside(&config, &gateway);
    for name in ["r", "gpt-4o", "o1-mini", "o1-*"] {
        let found = gateway.records(&[("X-Api-Key", CLIENT_KEY)], &format!("?route={name}"), 2);
        assert!(found.iter().all(|record| record["route"] == "r"), "{name}");
        let mut tail = command_in(folder.path())
            .args(["tail", "--route", name])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
        for _ in 0..2 {
            let line = lines.next().unwrap().unwrap();
            assert!(line.contains(" r "), "{name}: {line}");
        }
        tail.kill().unwrap();
        tail.wait().unwrap();
    }
    let unknown = run(command_in(folder.path()).args(["tail", "--route", "gpt-5"]));
    assert_eq!(unknown.code, Some(1), "{}", unknown.stdout);
    let words = "there is no route \"gpt-5\"; there are r, other";
    assert!(unknown.stderr.contains(words), "{}", unknown.stderr);
}

#[test]
fn tail_shows_each_request_once() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;
    let upstream = Upstream::saying("fine");
    let config = Config::new()
        .provider("a", &upstream)
        .route("r", [("a", "m")]);
    let gateway = config.start();
    gateway.ask("r", false);
    let folder = beside(&config, &gateway);
    let mut tail = command_in(folder.path())
        .arg("tail")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    let mut line = || lines.next().unwrap().unwrap();
    let first = line();
    assert!(
        first.contains(" r ") && first.contains("200 whole"),
        "{first}"
    );
    let began = Instant::now();
    gateway.ask("unknown", false);
    let second = line();
    assert!(second.contains("404 refused"), "{second}");
    assert!(spent_since(began) < Duration::from_secs(20));
    tail.kill().unwrap();
    tail.wait().unwrap();
}
