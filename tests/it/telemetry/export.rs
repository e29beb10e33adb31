//! Where exports go and as whom; what exporting costs when nobody asked for it.

use std::fs;

use rustix::process::Signal;

use super::plain;
use crate::support::collector::attribute;
use crate::support::config::{CLIENT_KEY, provider_key};
use crate::support::gateway::request;
use crate::support::{Collector, Config, Script, Upstream, openai};

/// {"o":"11","n":"stack-4711-otlp-write","k":"x"} and {"o":"11","n":"my-policy","k":"x"}
const TOKEN_OF_STACK: &str = "glc_eyJvIjoiMTEiLCJuIjoic3RhY2stNDcxMS1vdGxwLXdyaXRlIiwiayI6IngifQ==";
const TOKEN_OF_ORGANISATION: &str = "glc_eyJvIjoiMTEiLCJuIjoibXktcG9saWN5IiwiayI6IngifQ==";

#[test]
fn exports_say_who_sends_them() {
    for (key, authorization) in [
        ("plain-key", Some("Basic cGxhaW4ta2V5Og==".to_owned())),
        (TOKEN_OF_STACK, Some(basic("4711", TOKEN_OF_STACK))),
        (
            TOKEN_OF_ORGANISATION,
            Some(basic("11", TOKEN_OF_ORGANISATION)),
        ),
        ("", None),
    ] {
        let collector = Collector::new();
        let (config, _upstream) = plain(&collector);
        let mut gateway = config
            .environment("OTLP_API_KEY", key)
            .environment("OTLP_HEADERS", "X-Scope-OrgID=tenant,X-B=2")
            .environment("OTLP_SERVICE_NAME", "my-gateway")
            .environment(
                "OTEL_RESOURCE_ATTRIBUTES",
                "deployment.environment=production",
            )
            .start();
        gateway.ask("r", false);
        gateway.signal(Signal::TERM);
        assert_eq!(gateway.wait(), Some(0));

        let sent = collector.upstream.requests();
        for signal in ["traces", "logs", "metrics"] {
            let line = format!("POST /v1/{signal} HTTP/1.1");
            assert!(sent.iter().any(|one| one.head.first_line == line), "{line}");
        }
        for request in sent {
            let head = &request.head;
            assert_eq!(head.get("authorization"), authorization.as_deref());
            assert_eq!(head.get("x-scope-orgid"), Some("tenant"));
            assert_eq!(head.get("x-b"), Some("2"));
            assert_eq!(head.get("content-type"), Some("application/x-protobuf"));
        }
        for resource in collector.resources() {
            for (key, value) in [
                ("service.name", "my-gateway"),
                ("service.version", env!("CARGO_PKG_VERSION")),
                ("deployment.environment", "production"),
                ("telemetry.sdk.language", "rust"),
            ] {
                assert_eq!(attribute(&resource.attributes, key), value, "{key}");
            }
        }
        let printed = gateway.output.text();
        assert!(key.is_empty() || !printed.contains(key), "{printed}");
    }
}

fn basic(user: &str, password: &str) -> String {
    use base64::Engine;
    let pair = format!("{user}:{password}");
    format!(
        "Basic {}",
        base64::engine::general_purpose::STANDARD.encode(pair)
    )
}

/// The address is often pasted with the path of one signal.
#[test]
fn paths_are_appended_once() {
    let collector = Collector::new();
    let upstream = Upstream::saying("x");
    let mut gateway = Config::new()
        .provider("a", &upstream)
        .route("r", [("a", "m")])
        .environment(
            "OTLP_ENDPOINT",
            &format!("http://{}/otlp/v1/traces/", collector.address()),
        )
        .start();
    gateway.ask("r", false);
    gateway.signal(Signal::TERM);
    gateway.wait();
    let mut lines: Vec<String> = collector
        .upstream
        .requests()
        .into_iter()
        .map(|request| request.head.first_line)
        .collect();
    lines.sort();
    lines.dedup();
    assert_eq!(
        lines,
        [
            "POST /otlp/v1/logs HTTP/1.1",
            "POST /otlp/v1/metrics HTTP/1.1",
            "POST /otlp/v1/traces HTTP/1.1"
        ]
    );
}

/// What was seen last is often why somebody looks: it is sent before the process ends.
#[test]
fn the_end_is_exported_too() {
    let collector = Collector::new();
    let upstream = Upstream::saying("x");
    let mut gateway = Config::new()
        .provider("a", &upstream)
        .route("r", [("a", "m")])
        .environment("OTLP_ENDPOINT", &collector.address())
        .environment("OTEL_BSP_SCHEDULE_DELAY", "600000")
        .environment("OTEL_BLRP_SCHEDULE_DELAY", "600000")
        .environment("OTEL_METRIC_EXPORT_INTERVAL", "600000")
        .start();
    gateway.ask("r", false);
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.wait(), Some(0));
    collector.wait_for_span("POST /v1/chat/completions");
    collector.wait_for_record("stopped");
    collector.wait_for_metrics("the request", |metrics| {
        let answered = metrics
            .iter()
            .find(|metric| metric.name == "ai_gateway.request.duration")?;
        answered.data.as_ref().map(drop)
    });
}

#[test]
fn a_sampler_can_leave_traces_out() {
    let collector = Collector::new();
    let (config, _upstream) = plain(&collector);
    let mut gateway = config
        .environment("OTEL_TRACES_SAMPLER", "always_off")
        .start();
    gateway.ask("r", false);
    gateway.signal(Signal::TERM);
    gateway.wait();
    collector.wait_for_record("request");
    assert_eq!(collector.spans().len(), 0);
}

/// A typo in telemetry's settings is no reason not to serve.
#[test]
fn what_is_wrong_is_told_and_ignored() {
    let upstream = Upstream::saying("x");
    let gateway = Config::new()
        .provider("a", &upstream)
        .route("r", [("a", "m")])
        .environment("OTLP_ENDPOINT", "ftp://somewhere")
        .start();
    gateway.wait_for_log(|line| {
        line["level"] == "warn"
            && line["error"]
                .as_str()
                .is_some_and(|text| text.contains("OTLP_ENDPOINT"))
    });
    assert_eq!(gateway.ask("r", false).status, 200);
}

/// OpenTelemetry's exporter reads the environment as well: nothing that it finds there may stop or change an export.
#[test]
fn wishes_for_other_exporters_are_told_and_change_nothing() {
    let collector = Collector::new();
    let (config, _upstream) = plain(&collector);
    let gateway = config
        .environment("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
        .environment("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json")
        .environment("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
        .environment("OTEL_EXPORTER_OTLP_LOGS_COMPRESSION", "zstd")
        .environment("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "soon")
        .environment("OTEL_BSP_MAX_QUEUE_SIZE", "0")
        .environment("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "0")
        .start();
    gateway.ask("r", false);
    collector.wait_for_span("POST /v1/chat/completions");
    collector.wait_for_record("request");
    collector.wait_for_metrics("any", |metrics| metrics.first().map(drop));
    for request in collector.upstream.requests() {
        let content_type = request.head.get("content-type");
        assert_eq!(content_type, Some("application/x-protobuf"));
        assert_eq!(request.head.get("content-encoding"), None);
    }
    for wish in ["PROTOCOL", "COMPRESSION"] {
        gateway.wait_for_log(|line| {
            let error = line["error"].as_str().unwrap_or_default();
            line["level"] == "warn" && error.contains(wish)
        });
    }
}

/// No thread and no trace of it for those who export nothing.
#[test]
fn nothing_runs_when_nothing_is_configured() {
    let collector = Collector::new();
    let exporting = |gateway: &crate::support::Gateway| -> usize {
        let tasks = fs::read_dir(format!("/proc/{}/task", gateway.id())).unwrap();
        let names = tasks
            .flatten()
            .map(|task| fs::read_to_string(task.path().join("comm")).unwrap_or_default());
        // The SDK's threads, and that of the metrics.
        let of_export = ["OpenTelemetry", "otlp-"];
        names
            .filter(|name| of_export.iter().any(|of| name.starts_with(of)))
            .count()
    };
    let (config, upstream) = plain(&collector);
    let on = config.start();
    on.ask("r", false);
    // Whoever has sent something has a name.
    collector.wait_for_span("POST /v1/chat/completions");
    collector.wait_for_record("request");
    collector.wait_for_metrics("any", |metrics| metrics.first().map(drop));
    assert_eq!(exporting(&on), 3);

    let collector = Collector::new();
    let (config, _upstream) = plain(&collector);
    let without_metrics = config.environment("OTEL_METRICS_EXPORTER", "none").start();
    without_metrics.ask("r", false);
    collector.wait_for_span("POST /v1/chat/completions");
    collector.wait_for_record("request");
    assert_eq!(exporting(&without_metrics), 2);

    let off = Config::new()
        .provider("a", &upstream)
        .route("r", [("a", "m")])
        .start();
    off.ask("r", false);
    assert_eq!(exporting(&off), 0);
    let line = off.wait_for_log(|line| line["msg"] == "request");
    assert!(line.get("trace_id").is_none(), "{line}");
}

/// Everything that leaves for a collector, with the most talkative log and content allowed. Clients paste keys wherever
/// there is room for one.
#[test]
fn no_key_is_exported() {
    let collector = Collector::new();
    let repeating = |status| {
        Upstream::answering(move |request| {
            let told = String::from_utf8_lossy(&request.head.raw).replace(['\r', '\n'], " ");
            Script::json(
                status,
                &openai::error(&format!("bad key: {told}"), "invalid_api_key"),
            )
        })
    };
    let (a, b) = (repeating(401), repeating(500));
    let broken = Upstream::answering(|request| {
        let told = String::from_utf8_lossy(&request.head.raw).replace(['\r', '\n'], " ");
        Script::stream()
            .event(&openai::text("x"))
            .event(&openai::error(&told, "x"))
            .last_chunk()
    });
    // A provider that names its client's key as the model.
    let naming = Upstream::answering(|_| {
        let answer = openai::answer("x").replace(openai::UPSTREAM_MODEL, &provider_key("d"));
        Script::json(200, &answer)
    });
    let config = Config::new()
        .with("capture_content: true")
        .with("propagate_trace: true")
        .environment("LOG_LEVEL", "trace")
        .provider("a", &a)
        .provider("b", &b)
        .provider("c", &broken)
        .provider("d", &naming)
        .route("r", [("a", "m"), ("b", "m")])
        .route("s", [("c", "m")])
        .route("t", [("d", "m")]);
    let mut gateway = collector.configure(config).start();
    gateway.ask("r", false);
    gateway.ask("s", true);
    gateway.ask("t", false);
    let echo =
        format!(r#"{{"model":"r","messages":[{{"role":"user","content":"{CLIENT_KEY}"}}]}}"#);
    gateway.post(&echo);
    gateway.post(&openai::request(CLIENT_KEY, false));
    for bytes in keys_everywhere(CLIENT_KEY) {
        gateway.exchange(bytes);
    }
    gateway.signal(Signal::TERM);
    gateway.wait();
    let everything = collector.everything();
    for part in [
        "bad key",
        "POST /v1/metrics",
        "gen_ai.client.operation.duration",
        "/v1/***/models",
        "agent ***",
    ] {
        assert!(everything.contains(part), "{part} is gone");
    }
    for key in [
        CLIENT_KEY.to_owned(),
        provider_key("a"),
        provider_key("b"),
        provider_key("c"),
        provider_key("d"),
    ] {
        assert!(!everything.contains(&key), "{key} was exported");
    }
    let others = b.requests().into_iter().chain(broken.requests());
    for request in others {
        let head = String::from_utf8_lossy(&request.head.raw).into_owned();
        assert!(!head.contains(CLIENT_KEY), "at a provider: {head}");
    }
}

/// Requests with this key in their path, user agent, method, id, `traceparent` and `tracestate`; with it at the end of
/// what is kept of a long text, too.
fn keys_everywhere(key: &str) -> Vec<Vec<u8>> {
    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let get = |path: &str, fields: &[(&str, &str)]| request("GET", path, fields, "");
    let body = openai::request("s", false);
    let mut all = vec![
        get(&format!("/v1/{key}/models"), &[]),
        get(&format!("/v1/models/{key}?api_key={key}"), &[]),
        get("/v1/models", &[("User-Agent", &format!("agent {key}"))]),
        get("/v1/models", &[("X-Request-Id", key)]),
        get("/v1/models", &[("traceparent", &format!("00-{key}-1-01"))]),
        request(key, "/v1/models", &[], ""),
        request(
            "POST",
            "/v1/chat/completions",
            &[
                ("traceparent", PARENT),
                ("tracestate", &format!("a=1,vendor={key}")),
            ],
            &body,
        ),
    ];
    for kept in 1000..1024 {
        let long = format!("/{}{key}", "x".repeat(kept));
        all.push(get(&long, &[("User-Agent", &long)]));
    }
    all
}

/// New keys are masked from the first request on, and old ones as long as the requests that began with them.
#[test]
fn a_reload_changes_the_keys_that_are_masked() {
    let collector = Collector::new();
    let upstream = Upstream::saying("x");
    let config = Config::new()
        .provider("a", &upstream)
        .route("r", [("a", "m")]);
    let text = config.text();
    let mut gateway = collector.configure(config).start();
    let new_key = "another-client-key-7731";
    gateway.rewrite(&text.replace(CLIENT_KEY, new_key));
    gateway.signal(Signal::HUP);
    gateway.wait_for_log(|line| line["msg"] == "reloaded");
    for key in [CLIENT_KEY, new_key] {
        gateway.get(&format!("/v1/{key}/models"));
    }
    gateway.signal(Signal::TERM);
    gateway.wait();
    let everything = collector.everything();
    assert!(everything.contains("/v1/***/models"));
    for key in [CLIENT_KEY, new_key] {
        assert!(!everything.contains(key), "{key} was exported");
    }
}
