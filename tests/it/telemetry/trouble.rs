//! A collector that is down, slow, or talks nonsense must not be felt by anyone but the operator.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use super::plain;
use crate::support::standstill::spent_since;
use crate::support::{Collector, Config, Gateway, Script, Upstream};

const TROUBLE: &str = "telemetry does not arrive; said once, until it does";

fn lines(gateway: &Gateway, message: &str) -> Vec<Value> {
    let lines = gateway.output.text();
    let lines = lines
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["msg"] == message).collect()
}

fn in_trouble(gateway: &Gateway, signal: &str) -> Value {
    gateway.wait_for_log(|line| line["msg"] == TROUBLE && line["signal"] == signal)
}

/// One line for each signal, however many exports fail, and whatever the reason is.
#[test]
fn trouble_is_told_once_and_answers_go_on() {
    let page = Script::body(200, &[("Content-Type", "text/html")], "<html>");
    let garbage = Script::body(200, &[("Content-Type", "application/x-protobuf")], [255; 9]);
    for (script, told) in [
        (Script::json(500, "{}"), "500"),
        (Script::json(401, "{}"), "401"),
        (Script::json(302, "{}"), "302"),
        (Script::raw(*b"SSH-2.0-OpenSSH_9\r\n").close(), ""),
        (Script::default().reset(), ""),
        (page, "not OTLP"),
        (garbage, "not OTLP"),
    ] {
        let collector = Collector::doing(move |_| script.clone());
        let (config, _upstream) = plain(&collector);
        let gateway = config.start();
        assert_eq!(gateway.ask("r", false).status, 200);
        for signal in ["traces", "logs", "metrics"] {
            let line = in_trouble(&gateway, signal);
            assert!(line["error"].as_str().unwrap().contains(told), "{line}");
            assert_eq!(line["level"], "warn");
        }
        let before = collector.upstream.requests().len();
        for _ in 0..3 {
            assert_eq!(gateway.ask("r", false).status, 200);
        }
        collector.upstream.wait_for_requests(before + 6);
        assert_eq!(
            lines(&gateway, TROUBLE).len(),
            3,
            "{}",
            gateway.output.text()
        );
    }
}

#[test]
fn the_recovery_is_told_with_what_was_lost() {
    let works = Arc::new(AtomicBool::new(false));
    let collector = Collector::doing({
        let works = Arc::clone(&works);
        move |_| {
            if works.load(Ordering::SeqCst) {
                Collector::taken()
            } else {
                Script::json(400, "{}")
            }
        }
    });
    let (config, _upstream) = plain(&collector);
    let gateway = config.start();
    gateway.ask("r", false);
    in_trouble(&gateway, "traces");
    works.store(true, Ordering::SeqCst);
    gateway.ask("r", false);
    let line = gateway.wait_for_log(|line| {
        line["msg"] == "telemetry arrives again" && line["signal"] == "traces"
    });
    assert!(line["lost"].as_u64().unwrap() >= 2, "{line}");
}

/// An export that meets a restart of the collector is repeated.
#[test]
fn an_export_is_repeated_when_that_may_help() {
    let collector = Collector::new();
    for _ in 0..4 {
        collector.upstream.then(Script::json(503, "{}"));
    }
    let (config, _upstream) = plain(&collector);
    let gateway = config.start();
    gateway.ask("r", false);
    collector.wait_for_span("POST /v1/chat/completions");
    collector.wait_for_record("request");
    assert_eq!(lines(&gateway, TROUBLE).len(), 0);
}

/// A collector's own fault in arithmetic, or somebody's joke: no number that it sends ends an export for good.
#[test]
fn a_collector_that_asks_for_an_absurd_pause_gets_the_next_export() {
    let works = Arc::new(AtomicBool::new(false));
    let collector = Collector::doing({
        let works = Arc::clone(&works);
        move |_| {
            if works.load(Ordering::SeqCst) {
                return Collector::taken();
            }
            let retry_after = [("Retry-After", "10000000000000000000")];
            Script::body(503, &retry_after, "")
        }
    });
    let (config, _upstream) = plain(&collector);
    let gateway = config.start();
    gateway.ask("r", false);
    for signal in ["traces", "logs", "metrics"] {
        in_trouble(&gateway, signal);
    }
    works.store(true, Ordering::SeqCst);
    gateway.ask("r", false);
    for signal in ["traces", "logs", "metrics"] {
        gateway.wait_for_log(|line| {
            line["msg"] == "telemetry arrives again" && line["signal"] == signal
        });
    }
}

/// Threads that cannot be started are told, and cost nothing but the export.
#[test]
fn without_threads_for_the_export_the_gateway_serves() {
    let collector = Collector::new();
    let (config, _upstream) = plain(&collector);
    // No thread that leaves the size of its stack to the library can be started.
    let gateway = config
        .environment("RUST_MIN_STACK", "1000000000000000")
        .start();
    gateway.wait_for_log(|line| {
        line["level"] == "warn" && line["msg"] == "telemetry is not exported as asked"
    });
    assert_eq!(gateway.ask("r", false).status, 200);
}

/// Some take an export and throw parts of it away.
#[test]
fn what_is_rejected_in_part_is_told() {
    // partial_success (1) { rejected (1) = 3, error_message (2) = "too old" }
    let rejection = b"\x0a\x0b\x08\x03\x12\x07too old";
    let collector = Collector::doing(move |_| {
        Script::body(
            200,
            &[("Content-Type", "application/x-protobuf")],
            rejection,
        )
    });
    let (config, _upstream) = plain(&collector);
    let gateway = config.start();
    gateway.ask("r", false);
    let line = in_trouble(&gateway, "traces");
    assert!(
        line["error"].as_str().unwrap().contains("too old"),
        "{line}"
    );
    let metrics = gateway.get("/metrics").text();
    let series = r#"ai_gateway_export_lost_total{signal="traces",reason="rejected"} "#;
    let counted = metrics.lines().find_map(|line| line.strip_prefix(series));
    let counted: u64 = counted.expect("the series").parse().unwrap();
    assert!(counted > 0 && counted.is_multiple_of(3), "{counted}");
}

/// A collector that never answers holds neither requests nor the end of the process.
#[test]
fn a_silent_collector_is_not_waited_for() {
    let collector = Collector::doing(|_| Script::default().silence());
    let (config, _upstream) = plain(&collector);
    let mut gateway = config.start();
    for _ in 0..20 {
        let answer = gateway.ask("r", false);
        assert_eq!(answer.status, 200);
        assert!(answer.spent < Duration::from_secs(2), "{:?}", answer.took);
    }
    collector.upstream.wait_for_requests(2);
    let stopped = Instant::now();
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.wait(), Some(0));
    assert!(
        spent_since(stopped) < Duration::from_millis(6500),
        "{:?}",
        stopped.elapsed()
    );
}

#[test]
fn a_collector_that_is_down_does_not_keep_anything_waiting() {
    let closed = crate::support::ClosedPort::new();
    let upstream = Upstream::saying("x");
    let mut gateway = Config::new()
        .provider("a", &upstream)
        .route("r", [("a", "m")])
        .environment("OTLP_ENDPOINT", &closed.address.to_string())
        .environment("OTEL_BSP_SCHEDULE_DELAY", "20")
        .start();
    assert_eq!(gateway.ask("r", false).status, 200);
    let line = in_trouble(&gateway, "traces");
    assert!(
        line["error"].as_str().unwrap().contains("unreachable"),
        "{line}"
    );
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.wait(), Some(0));
}

/// More than fits waits for nobody: it is counted, and the memory stays where it is. All take turns, so that a busy
/// machine treats them alike. Long, so only when asked for.
#[test]
fn a_flood_beside_a_stuck_collector_is_bounded() {
    if std::env::var_os("AI_GATEWAY_LONG_TESTS").is_none() {
        return;
    }
    let collectors = [
        None,
        Some(Collector::new()),
        Some(Collector::doing(|_| Script::default().silence())),
        Some(Collector::doing(|_| Script::json(500, "{}"))),
        Some(Collector::doing(|_| {
            Script::raw(*b"nonsense\r\n\r\n").close()
        })),
    ];
    let upstream = Upstream::saying("x");
    let gateways: Vec<Gateway> = collectors
        .iter()
        .map(|collector| {
            let config = Config::new()
                .provider("a", &upstream)
                .route("r", [("a", "m")]);
            match collector {
                Some(collector) => config.environment("OTLP_ENDPOINT", &collector.address()),
                None => config,
            }
            .start()
        })
        .collect();
    let percentiles = flood(&gateways, 50_000);
    let peaks: Vec<usize> = gateways.iter().map(Gateway::peak_memory).collect();
    println!(
        "off, taken, silent, 500, garbage: p50 and p99 {percentiles:?}, peak memory {peaks:?}"
    );
    let (_, off) = percentiles[0];
    for (_, p99) in &percentiles[1..] {
        assert!(*p99 < off + Duration::from_millis(1), "{percentiles:?}");
    }
    assert!(peaks.iter().all(|peak| *peak < 32 << 20), "{peaks:?}");
}

/// The p50 and p99 of each gateway, which take turns in so many requests each, on one connection each.
fn flood(gateways: &[Gateway], count: usize) -> Vec<(Duration, Duration)> {
    let request = crate::support::gateway::chat(&crate::support::openai::request("r", false));
    let mut connections: Vec<_> = gateways
        .iter()
        .map(|gateway| (gateway.connect(), Vec::with_capacity(count)))
        .collect();
    for _ in 0..count {
        for (connection, times) in &mut connections {
            connection.send(&request);
            let answer = connection.response();
            assert_eq!(answer.status, 200);
            times.push(answer.took);
        }
    }
    let percentiles = connections.into_iter().map(|(_, mut times)| {
        times.sort();
        (times[count / 2], times[count * 99 / 100])
    });
    percentiles.collect()
}
