//! A provider that has just said no is not asked again until its time is over; what that costs and saves.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::client::Response;
use crate::support::gateway::chat;
use crate::support::{Config, Gateway, PATIENCE, Script, Signal, Upstream, openai};

fn limited(fields: &[(&str, &str)]) -> Script {
    Script::body(
        429,
        fields,
        openai::error("slow down", "rate_limit_exceeded"),
    )
}

fn two_steps(a: &Upstream, b: &Upstream) -> Config {
    Config::new()
        .provider("a", a)
        .provider("b", b)
        .route("r", [("a", "model-a"), ("b", "model-b")])
}

fn via(response: &Response) -> &str {
    response
        .header("x-routed-via")
        .unwrap_or_else(|| panic!("nowhere: {response}"))
}

/// Every call to a provider that has stated when it is back is wasted: it counts against the quota and takes time.
#[test]
fn a_stated_deadline_is_kept_by_all_routes() {
    let a = Upstream::always(limited(&[("Retry-After", "60")]));
    let b = Upstream::saying("from b");
    let gateway = two_steps(&a, &b)
        .route("s", [("a", "model-a"), ("b", "model-c")])
        .start();
    assert_eq!(via(&gateway.ask("r", false)), "b/model-b");
    for (route, stream) in [("r", true), ("s", false)] {
        let response = gateway.ask(route, stream);
        assert_eq!(response.status, 200, "{response}");
        let step = &response.steps()[0];
        assert_eq!(
            (&step["provider"], &step["success"], &step["skipped"]),
            (&json!("a"), &json!(false), &json!(true)),
            "{response}"
        );
        let left = step["retry_after_ms"].as_u64().expect("how long still");
        assert!((50_000..=60_000).contains(&left), "{response}");
        let why = step["error"].as_str().expect("why");
        assert!(
            why.starts_with("limit: requests used up, free in "),
            "{response}"
        );
    }
    assert_eq!(a.requests().len(), 1);
}

/// A rate limit holds for one model of a key; the others are still there.
#[test]
fn another_model_of_the_provider_is_not_held_back() {
    let a = Upstream::saying("from a");
    a.then(limited(&[("Retry-After", "60")]));
    let gateway = Config::new()
        .provider("a", &a)
        .route("r", [("a", "large"), ("a", "small")])
        .start();
    for _ in 0..2 {
        assert_eq!(via(&gateway.ask("r", false)), "a/small");
    }
    assert_eq!(a.requests().len(), 3);
}

/// With nothing but stated deadlines left the client is told the soonest, at once and without asking anybody.
#[test]
fn all_steps_with_stated_deadlines() {
    let a = Upstream::always(limited(&[("Retry-After", "60")]));
    let b = Upstream::always(limited(&[("Retry-After", "20")]));
    let gateway = two_steps(&a, &b).start();
    gateway.ask("r", false);
    for stream in [false, true] {
        let response = gateway.ask("r", stream);
        assert_eq!(response.status, 429, "{response}");
        let after: u64 = response.header("retry-after").unwrap().parse().unwrap();
        assert!((18..=20).contains(&after), "{response}");
        assert!(response.spent < Duration::from_millis(500), "{response}");
    }
    assert_eq!((a.requests().len(), b.requests().len()), (1, 1));
}

/// A guess is no reason to refuse: the steps are tried all the same when there is nothing better.
#[test]
fn all_steps_with_guessed_deadlines() {
    let a = Upstream::saying("from a");
    let b = Upstream::saying("from b");
    a.then(Script::json(503, "{}"));
    b.then(Script::json(503, "{}"));
    let gateway = two_steps(&a, &b).start();
    assert_eq!(gateway.ask("r", false).status, 502);
    let response = gateway.ask("r", false);
    assert_eq!(response.status, 200, "{response}");
}

/// `0` turns the guesses off: each request tries each step.
#[test]
fn no_guesses() {
    for line in ["step_cooldown: 0s", "step_cooldown: 0"] {
        let a = Upstream::always(Script::json(503, "{}"));
        let b = Upstream::saying("from b");
        let gateway = Config::new()
            .provider("a", &a)
            .provider("b", &b)
            .route_with("r", &[line], [("a", "m"), ("b", "m")])
            .start();
        for count in 1..=3 {
            assert_eq!(gateway.ask("r", false).status, 200);
            assert_eq!(a.requests().len(), count);
        }
    }
}

/// What the client did wrong says nothing about the provider.
#[test]
fn a_rejected_request_costs_the_next_one_nothing() {
    for status in [400, 404, 413, 408] {
        let a = Upstream::saying("from a");
        let b = Upstream::saying("from b");
        a.then(Script::json(status, &openai::error("no", "x")));
        let gateway = two_steps(&a, &b).start();
        assert_eq!(via(&gateway.ask("r", false)), "b/model-b");
        assert_eq!(via(&gateway.ask("r", false)), "a/model-a", "{status}");
    }
}

/// The preferred step is preferred again as soon as it may be.
#[test]
fn back_to_the_first_step_when_its_time_is_over() {
    let a = Upstream::saying("from a");
    let b = Upstream::saying("from b");
    a.then(limited(&[("Retry-After", "1")]));
    let gateway = two_steps(&a, &b).start();
    let begun = Instant::now();
    assert_eq!(via(&gateway.ask("r", false)), "b/model-b");
    let back = wait_for(&gateway, "a/model-a", begun);
    assert!(
        back >= Duration::from_millis(900) && back < Duration::from_secs(2),
        "{back:?}"
    );
}

fn wait_for(gateway: &Gateway, place: &str, begun: Instant) -> Duration {
    while via(&gateway.ask("r", false)) != place {
        assert!(begun.elapsed() < PATIENCE, "never back at {place}");
        thread::sleep(Duration::from_millis(20));
    }
    begun.elapsed()
}

/// One request finds out whether a provider is back; a crowd that tries it at the same time would be refused together.
#[test]
fn one_request_probes_when_the_time_is_over() {
    let go = Signal::new();
    let a = Upstream::saying_after("from a", &go);
    let b = Upstream::saying("from b");
    let fields = [("Content-Type", "application/json"), ("Retry-After", "1")];
    a.then(Script::body(503, &fields, "{}"));
    let gateway = two_steps(&a, &b).start();
    assert_eq!(via(&gateway.ask("r", false)), "b/model-b");
    thread::scope(|scope| {
        let asking = scope.spawn(|| wait_for(&gateway, "a/model-a", Instant::now()));
        a.wait_for_requests(2);
        for _ in 0..5 {
            assert_eq!(via(&gateway.ask("r", false)), "b/model-b");
        }
        go.give();
        asking.join().unwrap();
    });
    assert_eq!(a.requests().len(), 2);
    assert_eq!(via(&gateway.ask("r", false)), "a/model-a");
}

/// Two calls are left and five clients come at once: the provider would refuse three of them.
#[test]
fn a_burst_does_not_overshoot_what_is_left() {
    let go = Signal::new();
    let fields = [
        ("Content-Type", "application/json"),
        ("x-ratelimit-remaining-requests", "2"),
        ("x-ratelimit-reset-requests", "30s"),
    ];
    let told = Script::body(200, &fields, openai::answer("from a"));
    let a = Upstream::saying_after("from a", &go);
    a.then(told);
    let b = Upstream::saying("from b");
    let gateway = two_steps(&a, &b).start();
    assert_eq!(via(&gateway.ask("r", false)), "a/model-a");
    let mut connections: Vec<_> = (0..5).map(|_| gateway.connect()).collect();
    for connection in &mut connections {
        connection.send(chat(&openai::request("r", false)));
    }
    b.wait_for_requests(3);
    go.give();
    for connection in &mut connections {
        assert_eq!(connection.response().status, 200);
    }
    assert_eq!((a.requests().len(), b.requests().len()), (3, 3));
}

/// The last answer said that it was the last: the next call would be wasted.
#[test]
fn an_exhausted_quota_is_noticed_before_it_hurts() {
    let body = openai::answer("from a");
    let fields = [
        ("Content-Type", "application/json"),
        ("x-ratelimit-remaining-requests", "0"),
        ("x-ratelimit-reset-requests", "30s"),
    ];
    let a = Upstream::always(Script::body(200, &fields, body));
    let b = Upstream::saying("from b");
    let gateway = two_steps(&a, &b).start();
    assert_eq!(via(&gateway.ask("r", false)), "a/model-a");
    assert_eq!(via(&gateway.ask("r", false)), "b/model-b");
    assert_eq!(a.requests().len(), 1);
}
