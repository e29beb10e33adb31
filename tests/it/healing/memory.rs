//! What was learned: over restarts and reloads, in the metrics, the log and the summary, and where a step forbids it.

use std::fs;

use rustix::process::Signal as Kill;

use super::{request, without_store};
use crate::support::process::Folder;
use crate::support::{Config, Exposition, Step};

const STORE: &str = r#","store":true"#;

#[test]
fn clients_operators_and_metrics_see_it() {
    let upstream = without_store();
    let gateway = Config::new()
        .provider("a", &upstream)
        .route("r", [("a", "m")])
        .start();
    let response = gateway.post(&request("r", false, STORE));
    assert_eq!(
        response.steps()[0]["healed"],
        serde_json::json!(["store"]),
        "{response}"
    );
    assert_eq!(response.steps().len(), 1, "{response}");
    assert_eq!(
        response.head.get("x-fallback-count"),
        Some("0"),
        "{response}"
    );
    let again = gateway.post(&request("r", false, STORE));
    assert!(again.steps()[0].get("healed").is_none(), "{again}");
    let line = gateway.wait_for_log(|line| line["msg"] == "learned from a refusal");
    assert_eq!(line["level"], "warn", "{line}");
    assert_eq!(line["setting"], r#"edits: {drop: ["store"]}"#, "{line}");
    let metrics = Exposition::of(&gateway);
    let labels = r#"{provider="a",model="m",member="store",result="healed"}"#;
    assert_eq!(
        metrics.value(&format!("ai_gateway_heals_total{labels}")),
        1.0
    );
}

/// A reload is no reason to forget, but where the provider is another one now.
#[test]
fn it_survives_a_reload_unless_the_provider_changed() {
    let upstream = without_store();
    let config = |lines: &[&str], step: Step| {
        Config::new()
            .provider_with("a", &upstream, lines)
            .route("r", [step])
    };
    let step = || Step::new("a", "m");
    let gateway = config(&[], step()).start();
    let reload = |config: Config| {
        gateway.rewrite(&config.text());
        let before = gateway.output.text().matches("\"reloaded\"").count();
        gateway.signal(Kill::HUP);
        let reloads = || gateway.output.text().matches("\"reloaded\"").count();
        while reloads() == before {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    };
    let ask = |status: u16| {
        let before = upstream.requests().len();
        let response = gateway.post(&request("r", false, STORE));
        assert_eq!(response.status, status, "{response}");
        upstream.requests().len() - before
    };
    assert_eq!(ask(200), 2);
    reload(config(&[], step().with("timeout: 20s")));
    assert_eq!(ask(200), 1, "forgotten");
    // The step insists: it is sent as it came, and refused, each time.
    reload(config(&[], step().with("keep: [store]")));
    assert_eq!(ask(400) + ask(400), 2);
    reload(config(&["headers: {X-A: b}"], step()));
    assert_eq!(ask(200), 2, "of another provider");
    reload(config(&["heal: false"], step()));
    assert_eq!(ask(400), 1);
}

#[test]
fn it_survives_a_restart() {
    let upstream = without_store();
    let folder = Folder::new();
    let state = folder.path().join("state.json");
    let config = Config::new()
        .with(&format!("state_file: {}", state.display()))
        .provider("a", &upstream)
        .route("r", [("a", "m")]);
    let mut gateway = config.start();
    assert_eq!(gateway.post(&request("r", false, STORE)).status, 200);
    gateway.signal(Kill::TERM);
    gateway.wait();
    let written = fs::read_to_string(&state).unwrap();
    assert!(written.contains(r#""version":1"#), "{written}");
    assert!(
        written.contains(r#""do":"drop","member":"store""#),
        "{written}"
    );
    let gateway = config.start();
    assert_eq!(gateway.post(&request("r", false, STORE)).status, 200);
    assert_eq!(upstream.requests().len(), 3);
}
