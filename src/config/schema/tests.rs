//! The schema against the code that reads the configuration: its keys, and what it takes for them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::super::section::accepted_keys;
use super::*;

/// A configuration in which every section occurs, as a value to change.
fn full() -> Value {
    json!({
        "api_key": "k",
        "api_keys": [{"name": "c", "key": "other", "limits": {}}],
        "server": {},
        "metrics": {},
        "ollama": {"limits": {}},
        "wyoming": {"stt": "r", "limits": {}},
        "shared": {"url": "rediss://valkey.lan"},
        "alerts": [{"kind": "webhook", "url": "https://hooks.example/x"}],
        "providers": [{
            "name": "p",
            "base_url": "https://p.example/v1",
            "edits": {},
            "models": {"m": {"limits": {}, "price": {"input": 1, "output": 1}}},
        }],
        "routes": [{"name": "r", "steps": [{"provider": "p", "model": "m", "edits": {}}]}],
    })
}

/// The places of the sections in [`full`], as JSON pointers; one that occurs twice is there twice.
const SECTIONS: [(&str, &str); 19] = [
    ("top", ""),
    ("client", "/api_keys/0"),
    ("account_limits", "/api_keys/0/limits"),
    ("server", "/server"),
    ("metrics", "/metrics"),
    ("ollama", "/ollama"),
    ("wyoming", "/wyoming"),
    ("account_limits", "/wyoming/limits"),
    ("shared", "/shared"),
    ("alert", "/alerts/0"),
    ("account_limits", "/ollama/limits"),
    ("provider", "/providers/0"),
    ("edits", "/providers/0/edits"),
    ("model", "/providers/0/models/m"),
    ("model_limits", "/providers/0/models/m/limits"),
    ("price", "/providers/0/models/m/price"),
    ("route", "/routes/0"),
    ("step", "/routes/0/steps/0"),
    ("edits", "/routes/0/steps/0/edits"),
];

fn read(document: &Value) -> Result<(), String> {
    let none = BTreeMap::<String, String>::new();
    let read = super::super::parse(&document.to_string(), &none);
    read.map(drop).map_err(|errors| errors.to_string())
}

/// A key that the code asks for and the schema does not know is underlined by every editor; the other way round it is
/// suggested and then refused.
#[test]
fn the_schema_has_exactly_the_keys_that_are_read() {
    let accepted = accepted_keys(|| read(&full()).expect("valid"));
    let mut seen = BTreeSet::new();
    for (section, pointer) in SECTIONS {
        let path = pointer.trim_start_matches('/').replace('/', ".");
        let path = path.replace(".0", "[0]");
        let read = accepted.get(&path).unwrap_or_else(|| panic!("{path}"));
        let described: BTreeSet<&str> = keys(section).map(|key| key.name).collect();
        assert_eq!(&described, read, "the keys of {section}");
        seen.insert(path);
    }
    let read: BTreeSet<String> = accepted.into_keys().collect();
    assert_eq!(seen, read, "sections");
}

#[test]
fn every_section_and_every_kind_is_known() {
    let named: BTreeSet<&str> = KEYS
        .split("\n\n")
        .filter_map(|block| block.lines().next())
        .collect();
    let tested: BTreeSet<&str> = SECTIONS.iter().map(|(section, _)| *section).collect();
    assert_eq!(named, tested);
    for section in named {
        let block = KEYS
            .split("\n\n")
            .find(|block| block.lines().next() == Some(section));
        let lines = block.unwrap().lines().skip(1);
        assert_eq!(
            lines.count(),
            keys(section).count(),
            "a line without form in {section}"
        );
        for key in keys(section) {
            let ends = key.about.ends_with(['.', ')']);
            assert!(ends && key.about.len() > 10, "{}: {}", key.name, key.about);
        }
    }
}

/// Values that a kind allows and values that it does not, as far as its name tells.
fn samples(kind: &str) -> (Vec<Value>, Vec<Value>) {
    if let Some((least, most, is_size)) = range(kind) {
        let mut good = vec![json!(least), json!(most), json!(most.to_string())];
        let mut bad = vec![json!(most + 1), json!("many"), json!(-1), json!([1])];
        bad.extend(least.checked_sub(1).map(Value::from));
        if is_size {
            good.push(json!(format!("{}KiB", most / 1024)));
            bad.push(json!("1M"));
        }
        return (good, bad);
    }
    match kind {
        "flag" => (
            vec![json!(true), json!("no"), json!("Off"), json!("")],
            vec![json!("maybe"), json!(1), json!([true])],
        ),
        "time" => (
            vec![json!(0), json!("0s"), json!("1m30s"), json!("+.5h")],
            vec![json!(30), json!("soon"), json!("30 s"), json!({})],
        ),
        "time+" => (
            vec![json!("250ms"), json!("1.5h")],
            vec![json!(0), json!(30), json!("s"), json!([])],
        ),
        "brief" => (
            vec![json!("250ms"), json!("5s")],
            vec![json!(0), json!("1ms"), json!("5001ms"), json!([])],
        ),
        "text" => (vec![], vec![json!({"a": 1})]),
        "number" => (
            vec![json!(0), json!(0.3), json!("2.50")],
            vec![json!(-1), json!("dear"), json!(1001), json!([1])],
        ),
        "rate/list:rate" => (
            vec![json!("10/day"), json!(["1/day", "5/month"]), json!([])],
            vec![
                json!("10"),
                json!("10/year"),
                json!(10),
                json!({}),
                json!("-1/day"),
            ],
        ),
        "profile" => (
            PROFILES.iter().map(|name| json!(name)).collect(),
            vec![json!("grok"), json!(["groq"])],
        ),
        _ if kind.starts_with("list:[") => (vec![], vec![json!("text"), json!({"a": 1})]),
        _ if kind.starts_with('[') => (vec![], vec![json!("text"), json!([1])]),
        _ if kind.starts_with("map:") => (vec![json!({})], vec![json!("text"), json!([1])]),
        _ if kind.contains('/') => (vec![], vec![json!({"a": 1})]),
        _ => match kind.strip_prefix("list:") {
            Some("text") => (vec![], vec![json!("text"), json!({"a": 1})]),
            Some("endpoint") => (
                vec![json!(dialect::NAMES)],
                vec![json!(["nonsense"]), json!("chat")],
            ),
            Some(words) => (
                vec![words.split(',').collect()],
                vec![json!(["nonsense"]), json!("text")],
            ),
            None => (
                kind.split(',').map(|word| json!(word)).collect(),
                vec![json!("nonsense"), json!(1)],
            ),
        },
    }
}

/// An editor that calls a good value wrong, or a wrong one good, is worse than none.
#[test]
fn the_kinds_are_those_that_are_read() {
    for (section, pointer) in SECTIONS {
        for key in keys(section) {
            let (good, bad) = samples(key.kind);
            let with = |value: &Value| {
                let mut document = full();
                let place = document.pointer_mut(pointer).unwrap();
                place[key.name] = value.clone();
                // The other end of a rule between two keys.
                if key.name == "max_target" {
                    place["max_head"] = json!(1_048_576);
                }
                match (key.name, value.as_str()) {
                    ("interval", _) => place["kind"] = json!("uptime_kuma"),
                    ("kind", Some("gotify")) => place["token"] = json!("token-1"),
                    ("kind", Some("telegram")) => {
                        place["token"] = json!("token-1");
                        place["chat"] = json!(1);
                    }
                    _ => {}
                }
                read(&document)
            };
            for value in good {
                assert_eq!(with(&value), Ok(()), "{section}.{}: {value}", key.name);
            }
            for value in bad {
                let place = format!("{section}.{}: {value}", key.name);
                let problem = with(&value).expect_err(&place);
                assert!(problem.contains(key.name), "{place}: {problem}");
            }
        }
    }
}

#[test]
fn what_is_required_is_missed_when_it_is_not_there() {
    for (section, pointer) in SECTIONS {
        for key in keys(section) {
            let mut document = full();
            document.as_object_mut().unwrap().remove("api_keys");
            let Some(place) = document.pointer_mut(pointer) else {
                continue;
            };
            place.as_object_mut().unwrap().remove(key.name);
            let is_needed = read(&document).is_err();
            // Of several receivers one kind does without; either route of speech will do.
            let needed_here = [("top", "api_key"), ("alert", "url"), ("wyoming", "stt")];
            let expected = key.need == Need::Required || needed_here.contains(&(section, key.name));
            assert_eq!(is_needed, expected, "{section}.{}", key.name);
        }
    }
}

#[test]
fn it_is_json_and_the_file_in_the_repository_is_the_same() {
    let schema = schema();
    let read: Value = serde_json::from_str(&schema).expect("JSON");
    assert_eq!(read["additionalProperties"], json!(false));
    assert_eq!(read["required"], json!(["providers", "routes"]));
    let step = read.pointer("/properties/routes/items/properties/steps/items");
    let step = step.expect("steps").as_object().expect("an object");
    assert_eq!(step["required"], json!(["provider", "model"]));
    assert_eq!(
        step["properties"]["edits"]["additionalProperties"],
        json!(false)
    );
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/config.schema.json");
    let written = std::fs::read_to_string(file).unwrap_or_default();
    assert!(
        written == schema,
        "config.schema.json is out of date: ai-gateway schema >config.schema.json"
    );
}
