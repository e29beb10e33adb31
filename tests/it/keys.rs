//! Several keys for one provider: quotas add up, and one bad key is not a bad provider.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::{Config, Script, Upstream, openai};

const KEYS: &str = "api_keys: [first-key-1234, second-key-1234, third-key-1234]";

/// `first` for `first-key-1234`.
fn key_of(request: &crate::support::upstream::Request) -> String {
    let field = request.head.get("authorization").unwrap_or_default();
    let key = field.strip_prefix("Bearer ").unwrap_or_default();
    key.strip_suffix("-key-1234").unwrap_or_default().to_owned()
}

/// Refuses these keys with this answer and serves the others.
fn refusing(keys: &'static [&'static str], script: Script) -> Upstream {
    Upstream::answering(move |request| {
        if keys.contains(&key_of(request).as_str()) {
            script.clone()
        } else {
            request.answer("from a")
        }
    })
}

fn start(a: &Upstream, b: &Upstream) -> crate::support::Gateway {
    Config::new()
        .provider_with("a", a, &[KEYS])
        .provider("b", b)
        .route("r", [("a", "m"), ("b", "m")])
        .start()
}

/// Quotas are per key: draining one while the others stay full wastes them at midnight.
#[test]
fn keys_take_turns() {
    let (a, b) = (Upstream::saying("from a"), Upstream::saying("from b"));
    let gateway = start(&a, &b);
    for _ in 0..9 {
        assert_eq!(gateway.ask("r", false).status, 200);
    }
    let mut uses: BTreeMap<String, usize> = BTreeMap::new();
    for request in a.requests() {
        *uses.entry(key_of(&request)).or_default() += 1;
    }
    let uses: Vec<usize> = uses.into_values().collect();
    assert_eq!(uses, [3, 3, 3]);
}

/// The next key before the next step, each attempt with its entry; a key that was refused is left alone afterwards.
#[test]
fn the_next_key_comes_before_the_next_step() {
    for (status, class) in [
        (429, "rate_limited"),
        (401, "unauthorized"),
        (402, "quota_exhausted"),
    ] {
        let no = Script::body(status, &[("Retry-After", "60")], openai::error("no", "x"));
        let a = refusing(&["first", "second"], no);
        let b = Upstream::saying("from b");
        let gateway = start(&a, &b);
        let mut failed = Vec::new();
        for _ in 0..4 {
            let response = gateway.ask("r", false);
            assert_eq!(response.header("x-routed-via"), Some("a/m"), "{response}");
            failed.extend(
                response
                    .steps()
                    .into_iter()
                    .filter(|step| step["success"] == false && step["skipped"] != true),
            );
        }
        let classes: Vec<&Value> = failed.iter().map(|step| &step["class"]).collect();
        assert_eq!(classes, [class, class], "{failed:#?}");
        assert!(
            failed.iter().all(|step| step["key_index"].is_u64()),
            "{failed:#?}"
        );
        let refused = a
            .requests()
            .iter()
            .filter(|request| key_of(request) != "third")
            .count();
        assert_eq!((refused, b.requests().len()), (2, 0), "{status}");
    }
}

#[test]
fn the_next_step_comes_when_no_key_is_left() {
    let no = Script::body(429, &[("Retry-After", "60")], openai::error("no", "x"));
    let a = refusing(&["first", "second", "third"], no);
    let b = Upstream::saying("from b");
    let gateway = start(&a, &b);
    for stream in [false, true] {
        let response = gateway.ask("r", stream);
        assert_eq!(response.header("x-routed-via"), Some("b/m"), "{response}");
    }
    assert_eq!(a.requests().len(), 3);
}

/// A server that is down is down for every key.
#[test]
fn another_key_does_not_help_a_broken_server() {
    let (a, b) = (
        Upstream::always(Script::json(503, "{}")),
        Upstream::saying("from b"),
    );
    let gateway = start(&a, &b);
    assert_eq!(gateway.ask("r", false).status, 200);
    assert_eq!(a.requests().len(), 1);
}
