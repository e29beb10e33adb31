//! The dashboard and the alert rules of `ops/grafana/`: what they ask for is measured, under these names and labels.
//! Whether Prometheus takes them is seen by `tests/ops/prometheus.sh`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{Collector, Config, Exposition, Form, Gateway, Script, Upstream, openai};

/// Labels that Prometheus adds to what it scrapes.
const SCRAPED: [&str; 2] = ["job", "instance"];

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("ops/grafana");
    fs::read_to_string(path.join(name)).expect(name)
}

fn dashboard() -> Value {
    serde_json::from_str(&file("ai-gateway.json")).expect("JSON")
}

/// The expressions of all panels, by the panel's title.
fn panels(dashboard: &Value) -> Vec<(String, String)> {
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = |panel: &Value| panel["targets"].as_array().cloned().unwrap_or_default();
    let expressions = panels.iter().flat_map(|panel| {
        let title = panel["title"].as_str().expect("a title").to_owned();
        let of_panel = targets(panel).into_iter();
        of_panel.map(move |target| {
            let expression = target["expr"].as_str().expect("an expression");
            (title.clone(), expression.to_owned())
        })
    });
    expressions.collect()
}

/// The expressions of all alerts, by the alert's name.
fn alerts() -> Vec<(String, String)> {
    let rules: Value = serde_yaml::from_str(&file("alerts.yml")).expect("YAML");
    let groups = rules["groups"].as_array().expect("groups");
    let rules = groups.iter().flat_map(|group| {
        let rules = group["rules"].as_array().expect("rules");
        rules.iter().map(|rule| {
            let word = |name: &str| rule[name].as_str().expect(name).to_owned();
            (word("alert"), word("expr"))
        })
    });
    rules.collect()
}

fn is_part_of_a_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// The metrics that an expression names, each with the labels that it selects by.
fn selectors(expression: &str) -> Vec<(&str, Vec<&str>)> {
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some(begin) = rest.find(is_part_of_a_name) {
        let from_name = &rest[begin..];
        let end = from_name.find(|c| !is_part_of_a_name(c));
        let (name, behind) = from_name.split_at(end.unwrap_or(from_name.len()));
        rest = behind;
        // Groupings hold labels: `by (route, le)`.
        if ["by", "on", "group_left", "without", "ignoring"].contains(&name) {
            rest = behind.split_once(')').expect("a closing bracket").1;
            continue;
        }
        let mut labels = Vec::new();
        if let Some(inside) = behind.strip_prefix('{') {
            let (matchers, after) = inside.split_once('}').expect("a closing brace");
            rest = after;
            // Values hold neither commas nor braces here.
            let names = matchers.split(',').filter(|matcher| !matcher.is_empty());
            labels.extend(names.map(|matcher| {
                let end = matcher.find(|c| !is_part_of_a_name(c));
                matcher.split_at(end.expect("an operator")).0
            }));
        }
        if name.starts_with("ai_gateway_") || name.starts_with("gen_ai_") {
            found.push((name, labels));
        }
    }
    found
}

/// A gateway that has measured all there is to be measured: quotas, heals, repairs, telemetry that was not taken.
fn that_has_seen_everything() -> (Gateway, Collector, Upstream) {
    // partial_success (1) { rejected (1) = 3 }
    let collector = Collector::doing(|_| {
        let protobuf = [("Content-Type", "application/x-protobuf")];
        Script::body(200, &protobuf, b"\x0a\x02\x08\x03")
    });
    let upstream = Upstream::answering(|request| {
        if request.head.first_line.contains("/audio/") {
            let heard = r#"{"text":"hi","usage":{"type":"duration","seconds":8.5}}"#;
            return Script::json(200, heard);
        }
        if !request.json()["store"].is_null() {
            return Script::json(400, &openai::error("Unknown parameter: 'store'.", "x"));
        }
        if request.asks_for_a_stream() {
            return Script::events(vec![openai::text("no role"), openai::stop()]);
        }
        let told = [
            ("Content-Type", "application/json"),
            ("x-ratelimit-remaining-requests", "41"),
            ("x-ratelimit-reset-requests", "60s"),
            ("x-ratelimit-remaining-tokens", "9000"),
            ("x-ratelimit-reset-tokens", "60s"),
        ];
        Script::body(200, &told, openai::answer("fine"))
    });
    let config = Config::new()
        .provider("a", &upstream)
        .route("r", [("a", "m")]);
    let gateway = collector.configure(config).start();
    gateway.ask("r", true);
    let store = r#"{"model":"r","store":true,"messages":[{"role":"user","content":"hi"}]}"#;
    assert_eq!(gateway.post(store).status, 200);
    let recording = Form::new()
        .file("file", "hi.wav", b"RIFF")
        .text("model", "r");
    let heard = gateway.exchange(recording.to("/v1/audio/transcriptions"));
    assert_eq!(heard.status, 200);
    (gateway, collector, upstream)
}

/// The labels of each metric, all of its series together.
fn measured(exposition: &Exposition) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut labels: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for series in exposition.names() {
        let (name, inside) = series.split_once('{').unwrap_or((series, ""));
        let of_metric = labels.entry(name).or_default();
        // Names of providers and models hold neither commas nor equals signs here.
        let pairs = inside.trim_end_matches('}').split(',');
        of_metric.extend(pairs.filter_map(|pair| Some(pair.split_once('=')?.0)));
    }
    labels
}

#[test]
fn what_the_dashboard_and_the_alerts_ask_for_is_measured() {
    let (gateway, _collector, _upstream) = that_has_seen_everything();
    let exposition = Exposition::once(&gateway, |read| {
        let seen = |beginning: &str| read.names().any(|name| name.starts_with(beginning));
        let told = [
            "audio_seconds",
            "export_lost",
            "heals",
            "repairs",
            "quota_remaining_tokens",
        ];
        told.iter().all(|name| seen(&format!("ai_gateway_{name}")))
    });
    let measured = measured(&exposition);
    let dashboard = dashboard();
    let mut asked = BTreeSet::new();
    let expressions = [panels(&dashboard), alerts()].concat();
    for (whose, expression) in &expressions {
        for (name, labels) in selectors(expression) {
            let known = measured.get(name);
            let known = known.unwrap_or_else(|| panic!("{whose}: no {name} in\n{exposition}"));
            for label in labels {
                // The label of errors is absent where there was none.
                let fits = known.contains(label) || SCRAPED.contains(&label);
                assert!(fits || label == "error_type", "{whose}: {name}{{{label}}}");
            }
            asked.insert(name.trim_end_matches("_bucket").trim_end_matches("_sum"));
        }
    }
    // And the other way: whatever is measured can be seen.
    for name in measured.keys() {
        let name = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|suffix| name.strip_suffix(suffix))
            .unwrap_or(name);
        assert!(asked.contains(name), "no panel shows {name}");
    }
}

/// The page that tells of the alerts tells of each, and of no other.
#[test]
fn the_alerts_are_those_that_the_page_tells_of() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/monitoring.md");
    let page = fs::read_to_string(page).expect("docs/monitoring.md");
    let told: BTreeSet<_> = page
        .split('`')
        .filter(|word| word.starts_with("AiGateway"))
        .collect();
    let alerts = alerts();
    let rules: BTreeSet<_> = alerts.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(told, rules);
    let tests = file("alerts.test.yml");
    for name in rules {
        assert!(
            tests.contains(&format!("\"{name}\"")),
            "{name} is not tried"
        );
    }
}

#[test]
fn the_dashboard_can_be_imported() {
    let dashboard = dashboard();
    assert_eq!(dashboard["uid"], "ai-gateway");
    let panels = dashboard["panels"].as_array().expect("panels");
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64()).collect();
    assert_eq!(ids.len(), panels.len(), "ids are unique");
    let rows = panels.iter().filter(|panel| panel["type"] == "row");
    assert!(rows.count() >= 3);
    // Whoever imports it has a Prometheus under another name.
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{panel}");
        let grid = &panel["gridPos"];
        let (x, width) = (grid["x"].as_u64(), grid["w"].as_u64());
        assert!(x.unwrap() + width.unwrap() <= 24, "{panel}");
    }
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let names: Vec<_> = variables.iter().map(|variable| &variable["name"]).collect();
    assert_eq!(names, ["datasource", "job", "instance", "route"]);
}

#[test]
fn selectors_are_told_from_labels() {
    for (expression, expected) in [
        ("up == 0", vec![]),
        (
            "sum by (gen_ai_x) (rate(ai_gateway_a_total{b=~\"x|y\",c!=\"\"}[5m]))",
            vec![("ai_gateway_a_total", vec!["b", "c"])],
        ),
        (
            "ai_gateway_a * on (job) group_left (v) ai_gateway_b{}",
            vec![("ai_gateway_a", vec![]), ("ai_gateway_b", vec![])],
        ),
    ] {
        assert_eq!(selectors(expression), expected, "{expression}");
    }
}
