//! The events, each when it begins and when it is over.

use super::{TOKEN, config, limited, receiver, told, wait_for};
use crate::support::config::{CLIENT_KEY, provider_key};
use crate::support::{Config, Script, Upstream, openai};

#[test]
fn a_route_that_cannot_answer_is_told_with_its_reasons_and_when_it_is_back() {
    let (there, refusing) = (receiver(), Upstream::saying("fine"));
    let key = provider_key("b");
    let error = openai::error(&format!("bad key {key}"), "invalid_api_key");
    refusing.then(Script::json(401, &error));
    let upstream = Upstream::saying("fine");
    upstream.then(limited("1"));
    let settings = "after: 0s, events: [route_down, key_refused, started]";
    let config = config(&there, settings, &[("a", &upstream), ("b", &refusing)]);
    let gateway = config.start();
    let started = wait_for(&there, "started", "began");
    assert!(started["text"].as_str().unwrap().contains("has started"));
    assert_eq!(gateway.ask("r", false).status, 502);

    let down = wait_for(&there, "route_down", "began");
    assert_eq!(down["route"], "r");
    let text = down["text"].as_str().unwrap();
    assert!(
        text.starts_with("r cannot answer: a is rate limited until "),
        "{text}"
    );
    assert!(text.ends_with(", b refused the key"), "{text}");
    let refused = wait_for(&there, "key_refused", "began");
    assert_eq!(refused["provider"], "b");
    assert_eq!(refused["text"], "b refused the key");

    while gateway.ask("r", false).status != 200 {}
    let up = wait_for(&there, "route_down", "ended");
    assert_eq!(up["text"], "r answers again");
    for request in there.requests() {
        assert!(!request.text().contains(&key), "{}", request.text());
    }
    let log = gateway.output.text();
    assert!(!log.contains(TOKEN) && !log.contains(&key), "{log}");
    let told: Vec<_> = there.requests().iter().map(told).collect();
    let downs = told.iter().filter(|(event, _, _)| event == "route_down");
    assert_eq!(downs.count(), 2, "{told:?}");
}

#[test]
fn three_requests_that_fail_whole_are_a_route_that_is_down() {
    let (there, upstream) = (receiver(), Upstream::saying("fine"));
    let settings = "after: 0s, events: [route_down]";
    let config = config(&there, settings, &[("a", &upstream)]).with("default_step_cooldown: 0s");
    let gateway = config.start();
    // A request that is itself at fault says nothing of the route.
    for _ in 0..4 {
        upstream.then(Script::json(
            400,
            &openai::error("no such field", "invalid_request_error"),
        ));
        assert_eq!(gateway.ask("r", false).status, 400);
    }
    for _ in 0..3 {
        upstream.then(Script::json(500, &openai::error("broken", "server_error")));
        assert_eq!(gateway.ask("r", false).status, 502);
    }
    let down = wait_for(&there, "route_down", "began");
    assert_eq!(down["text"], "r cannot answer: a has a fault of its own");
    assert_eq!(there.requests().len(), 1);
    assert_eq!(gateway.ask("r", false).status, 200);
    wait_for(&there, "route_down", "ended");
}

#[test]
fn the_last_step_is_told_until_an_earlier_one_serves() {
    let (there, upstream, paid) = (
        receiver(),
        Upstream::saying("fine"),
        Upstream::saying("paid"),
    );
    upstream.then(limited("1"));
    let settings = "after: 0s, events: [last_step]";
    let gateway = config(&there, settings, &[("a", &upstream), ("b", &paid)]).start();
    assert_eq!(gateway.ask("r", true).status, 200);
    let began = wait_for(&there, "last_step", "began");
    assert_eq!(began["text"], "r is served by its last step, b/model-a");
    loop {
        let served = gateway.ask("r", false);
        if served.header("x-routed-via") == Some("a/model-a") {
            break;
        }
    }
    let ended = wait_for(&there, "last_step", "ended");
    assert_eq!(ended["text"], "r is served by an earlier step again");
}

#[test]
fn quotas_and_budgets_that_are_nearly_used_are_told() {
    let (there, upstream) = (receiver(), Upstream::saying("fine"));
    let url = super::address(&there);
    let gateway = Config::new()
        .with(&format!(
            "alerts: [{{kind: webhook, url: '{url}', events: [quota, budget]}}]"
        ))
        .with(&format!("api_key: {CLIENT_KEY}"))
        .with("api_keys: [{name: home, key: client-key-of-home-1, limits: {requests: 5/day}}]")
        .provider_with("a", &upstream, &["limits: {requests: 10/day}"])
        .route("r", [("a", "model-a")])
        .start();
    let ask = |key: &str| {
        let fields = [("Content-Type", "application/json"), ("X-Api-Key", key)];
        let body = openai::request("r", false);
        let path = "/v1/chat/completions";
        let request = crate::support::gateway::anonymous("POST", path, &fields, &body);
        gateway.exchange(request).status
    };
    for _ in 0..4 {
        assert_eq!(ask("client-key-of-home-1"), 200);
    }
    let most = wait_for(&there, "budget", "began");
    assert_eq!(most["client"], "home");
    let text = most["text"].as_str().unwrap();
    assert!(
        text.starts_with("home has used 80 % of its 5 requests/day"),
        "{text}"
    );
    assert_eq!(ask("client-key-of-home-1"), 200);
    there.wait_for("all of it", |requests| {
        let mut texts = requests.iter().map(|request| told(request).2);
        texts.find(|text| text.starts_with("home has used up its 5 requests/day"))
    });
    for _ in 0..4 {
        assert_eq!(gateway.ask("r", false).status, 200);
    }
    let quota = wait_for(&there, "quota", "began");
    let text = quota["text"].as_str().unwrap();
    assert!(text.starts_with("a has 90 % of 10 requests/day"), "{text}");
    assert!(!text.contains("client-key"));
}

/// What an operator has broken, and mends: a key, and who may come without one.
#[test]
fn what_is_mended_is_told_as_over() {
    let (there, upstream, other) = (
        receiver(),
        Upstream::saying("fine"),
        Upstream::saying("other"),
    );
    upstream.then(Script::json(401, &openai::error("no", "invalid_api_key")));
    let settings = "events: [key_refused, unsafe]";
    let well = || config(&there, settings, &[("a", &upstream), ("b", &other)]);
    let networks = "ollama: {enabled: true, require_key: false, networks: [203.0.113.0/24]}";
    let gateway = well().with(networks).start();
    let open = wait_for(&there, "unsafe", "began");
    let text = open["text"].as_str().unwrap();
    let words = "the gateway is open to strangers: ";
    assert!(text.starts_with(words), "{text}");
    gateway.rewrite(&well().text());
    gateway.signal(rustix::process::Signal::HUP);
    let safe = wait_for(&there, "unsafe", "ended");
    assert_eq!(
        safe["text"],
        "the gateway is not open to strangers any more"
    );

    assert_eq!(gateway.ask("r", false).status, 200);
    wait_for(&there, "key_refused", "began");
    let fields = [
        ("Content-Type", "application/json"),
        ("X-Api-Key", CLIENT_KEY),
    ];
    let body = r#"{"action":"probe","route":"r","step":0}"#;
    let path = "/v1/diagnostics/actions";
    let request = crate::support::gateway::anonymous("POST", path, &fields, body);
    assert_eq!(gateway.exchange(request).status, 200);
    let works = wait_for(&there, "key_refused", "ended");
    assert_eq!(works["text"], "a does not refuse the key any more");
}

#[test]
fn a_receiver_of_other_routes_hears_nothing() {
    let (there, other, upstream) = (receiver(), receiver(), Upstream::saying("fine"));
    let alerts = format!(
        "alerts:\n  - {{kind: webhook, url: 'http://{}/', routes: [quiet], after: 0s}}\n  \
         - {{kind: webhook, url: 'http://{}/', after: 0s}}",
        other.address, there.address
    );
    let idle = Upstream::saying("idle");
    let gateway = Config::new()
        .with(&alerts)
        .provider("a", &upstream)
        .provider("b", &idle)
        .route("r", [("a", "model-a")])
        .route("quiet", [("b", "model-a")])
        .start();
    upstream.then(Script::json(401, &openai::error("no", "invalid_api_key")));
    gateway.ask("r", false);
    wait_for(&there, "key_refused", "began");
    wait_for(&there, "route_down", "began");
    wait_for(&other, "started", "began");
    let heard: Vec<_> = other.requests().iter().map(told).collect();
    assert_eq!(heard.len(), 1, "{heard:?}");
}
