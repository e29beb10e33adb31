//! Log records beside standard output.

use serde_json::Value;

use super::{failover, plain};
use crate::support::Collector;
use crate::support::collector::{attribute, body, hex};

#[test]
fn a_record_is_exported_with_its_fields_and_its_span() {
    let collector = Collector::new();
    let (config, _upstreams) = failover(&collector);
    let gateway = config.start();
    gateway.ask("r", false);
    let record = collector.wait_for_record("request");
    let server = collector.wait_for_span("POST /v1/chat/completions");
    assert_eq!(hex(&record.trace_id), hex(&server.trace_id));
    assert_eq!(hex(&record.span_id), hex(&server.span_id));
    assert_eq!(record.severity_text, "INFO");
    for (key, value) in [
        ("route", "r"),
        ("status", "200"),
        ("stream", "false"),
        ("served_by", "b/model-b"),
        ("fallbacks", "1"),
        ("prompt_tokens", "3"),
        // Absent, not "None".
        ("error", ""),
    ] {
        assert_eq!(attribute(&record.attributes, key), value, "{key}");
    }
    let failed = collector.wait_for_record("attempt failed");
    assert_eq!(attribute(&failed.attributes, "class"), "server_error");
    let answered = collector.wait_for_record("attempt answered");
    assert_eq!(attribute(&answered.attributes, "step"), "1");
}

/// A collector gets the lines that standard output gets, no more: ureq's debug lines hold headers.
#[test]
fn the_level_is_the_same_everywhere() {
    let collector = Collector::new();
    let (config, _upstream) = plain(&collector);
    let gateway = config.environment("LOG_LEVEL", "trace").start();
    gateway.ask("r", false);
    collector.wait_for_record("request");
    gateway.wait_for_log(|line| line["msg"] == "request");
    let lines = gateway.output.text();
    let printed: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for record in collector.records() {
        let text = body(&record);
        assert!(
            printed.iter().any(|line| line["msg"] == text.as_str()),
            "{text}"
        );
    }
    assert!(
        collector
            .records()
            .iter()
            .any(|record| record.severity_text == "DEBUG")
    );
}
