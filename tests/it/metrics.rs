//! `/metrics`: what operators' alerts and dashboards stand on.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use crate::support::gateway::{anonymous, request};
use crate::support::{Config, Exposition, Gateway, Script, Signal, Upstream, openai};

/// The first step of `r` refuses for a minute, the second one answers.
struct Setting {
    gateway: Gateway,
    _upstreams: [Upstream; 2],
}

fn setting() -> Setting {
    let refusing = Upstream::always(Script::body(
        429,
        &[("Retry-After", "60")],
        openai::error("slow down", "x"),
    ));
    let good = Upstream::answering(|request| {
        if request.asks_for_a_stream() {
            return Script::events(openai::events(&["one", "two"]));
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
    let gateway = Config::new()
        .provider("refusing", &refusing)
        .provider("good", &good)
        .route("r", [("refusing", "model-a"), ("good", "model-b")])
        .route("idle", [("good", "model-b")])
        .start();
    Setting {
        gateway,
        _upstreams: [refusing, good],
    }
}

const PLAIN: &str = r#"ai_gateway_requests_total{route="r",status="200",stream="false"}"#;
const STREAMED: &str = r#"ai_gateway_requests_total{route="r",status="200",stream="true"}"#;
const NOT_FOUND: &str = r#"ai_gateway_requests_total{route="",status="404",stream="false"}"#;

#[test]
fn a_known_load_is_counted() {
    let Setting {
        gateway,
        _upstreams,
    } = setting();
    for stream in [false, false, false, true, true] {
        assert_eq!(gateway.ask("r", stream).status, 200);
    }
    let read = Exposition::once(&gateway, |read| {
        read.get(PLAIN) == Some(3.0) && read.get(STREAMED) == Some(2.0)
    });
    for (series, value) in [
        (
            r#"ai_gateway_requests_total{route="idle",status="200",stream="false"}"#,
            0.0,
        ),
        // The refusing step was asked once and skipped four times.
        (r#"ai_gateway_fallbacks_total{route="r"}"#, 5.0),
        (
            r#"ai_gateway_attempts_total{provider="refusing",model="model-a",class="rate_limited"}"#,
            1.0,
        ),
        (
            r#"ai_gateway_attempts_total{provider="refusing",model="model-a",class="answered"}"#,
            0.0,
        ),
        (
            r#"ai_gateway_attempts_total{provider="good",model="model-b",class="answered"}"#,
            5.0,
        ),
        (
            r#"ai_gateway_request_duration_seconds_count{route="r",stream="false"}"#,
            3.0,
        ),
        (
            r#"ai_gateway_request_duration_seconds_bucket{route="r",stream="true",le="+Inf"}"#,
            2.0,
        ),
        (
            r#"ai_gateway_request_time_to_first_content_seconds_count{route="r"}"#,
            2.0,
        ),
        (
            r#"gen_ai_client_operation_duration_seconds_count{gen_ai_operation_name="chat",gen_ai_provider_name="good",gen_ai_request_model="model-b"}"#,
            5.0,
        ),
        (
            r#"gen_ai_client_operation_duration_seconds_count{gen_ai_operation_name="chat",gen_ai_provider_name="refusing",gen_ai_request_model="model-a",error_type="rate_limited"}"#,
            1.0,
        ),
        (
            r#"gen_ai_client_operation_time_to_first_chunk_seconds_count{gen_ai_operation_name="chat",gen_ai_provider_name="good",gen_ai_request_model="model-b"}"#,
            2.0,
        ),
        // The three plain answers told their usage: three tokens in, five out.
        (
            r#"gen_ai_client_token_usage_sum{gen_ai_operation_name="chat",gen_ai_provider_name="good",gen_ai_request_model="model-b",gen_ai_token_type="input",gateway_route="r"}"#,
            9.0,
        ),
        (
            r#"gen_ai_client_token_usage_sum{gen_ai_operation_name="chat",gen_ai_provider_name="good",gen_ai_request_model="model-b",gen_ai_token_type="output",gateway_route="r"}"#,
            15.0,
        ),
        (
            r#"ai_gateway_cooldown_active{provider="refusing",model="model-a"}"#,
            1.0,
        ),
        (
            r#"ai_gateway_cooldown_active{provider="good",model="model-b"}"#,
            0.0,
        ),
        (
            r#"ai_gateway_cooldown_remaining_seconds{provider="good",model="model-b"}"#,
            0.0,
        ),
        // Told after the third plain answer, less the two streams since, and the tokens that they were charged.
        (
            r#"ai_gateway_quota_remaining_requests{provider="good",model="model-b",key="0"}"#,
            39.0,
        ),
        (
            r#"ai_gateway_quota_remaining_tokens{provider="good",model="model-b",key="0"}"#,
            8974.0,
        ),
        ("ai_gateway_requests_in_flight", 0.0),
        (r#"ai_gateway_broken_streams_total{route="r"}"#, 0.0),
        (
            concat!(
                "ai_gateway_build_info{version=\"",
                env!("CARGO_PKG_VERSION"),
                "\"}"
            ),
            1.0,
        ),
    ] {
        assert_eq!(read.value(series), value, "{series} in\n{read}");
    }
    let left =
        read.value(r#"ai_gateway_cooldown_remaining_seconds{provider="refusing",model="model-a"}"#);
    assert!((50.0..=60.0).contains(&left), "{left}");
    let upstream = read.sum("ai_gateway_upstream_connections_total", &[]);
    assert_eq!(upstream, 6.0, "{read}");
    assert!(read.value("ai_gateway_process_resident_memory_bytes") > 500_000.0);
    assert!(read.value("ai_gateway_process_threads") >= 2.0);
    assert!(read.value("ai_gateway_process_open_fds") >= 3.0);
}

/// Prometheus' own linter: units, suffixes, help texts.
#[test]
fn promtool_accepts_it() {
    let Setting {
        gateway,
        _upstreams,
    } = setting();
    gateway.ask("r", false);
    gateway.ask("r", true);
    gateway.ask("nobody", false);
    Exposition::once(&gateway, |read| read.get(STREAMED) == Some(1.0));
    let response = gateway.exchange(anonymous("GET", "/metrics", &[], ""));
    assert_eq!(
        response.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    let started = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = started else {
        eprintln!("skipped: there is no promtool (Debian package prometheus)");
        return;
    };
    let mut input = promtool.stdin.take().unwrap();
    input.write_all(&response.body).unwrap();
    drop(input);
    let ended = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout) + String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success() && said.trim().is_empty(), "{said}");
}

/// What a client sends never becomes a label: a stranger with a list of model names must not fill a database.
#[test]
fn a_thousand_unknown_models_add_no_series() {
    let Setting {
        gateway,
        _upstreams,
    } = setting();
    gateway.ask("unknown", false);
    let before = Exposition::once(&gateway, |read| read.get(NOT_FOUND) == Some(1.0));
    let mut connection = gateway.connect();
    for n in 0..1000 {
        connection.send(crate::support::gateway::chat(&openai::request(
            &format!("unknown-{n}"),
            false,
        )));
        assert_eq!(connection.response().status, 404);
    }
    drop(connection);
    let after = Exposition::once(&gateway, |read| read.get(NOT_FOUND) == Some(1001.0));
    let names = |read: &Exposition| read.names().map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(names(&before), names(&after));
}

#[test]
fn every_name_says_whose_it_is() {
    let Setting {
        gateway,
        _upstreams,
    } = setting();
    gateway.ask("r", true);
    let read = Exposition::once(&gateway, |read| read.get(STREAMED) == Some(1.0));
    for name in read.names() {
        assert!(
            name.starts_with("ai_gateway_") || name.starts_with("gen_ai_"),
            "{name}"
        );
    }
}

/// Scraping every few seconds is not traffic.
#[test]
fn looking_is_not_counted_nor_logged() {
    let Setting {
        gateway,
        _upstreams,
    } = setting();
    for _ in 0..3 {
        Exposition::of(&gateway);
        gateway.get("/v1/diagnostics/status");
    }
    gateway.ask("nobody", false);
    let read = Exposition::once(&gateway, |read| read.get(NOT_FOUND) == Some(1.0));
    assert_eq!(read.sum("ai_gateway_requests_total", &[]), 1.0, "{read}");
    gateway.wait_for_log(|line| line["status"] == 404);
    let printed = gateway.output.text();
    let lines = printed.matches("\"msg\":\"request\"").count();
    assert_eq!(lines, 1, "{printed}");
}

#[test]
fn a_key_can_be_demanded() {
    let upstream = Upstream::saying("fine");
    let gateway = Config::new()
        .with("metrics: {require_key: true}")
        .provider("a", &upstream)
        .route("r", [("a", "m")])
        .start();
    let stranger = gateway.exchange(anonymous("GET", "/metrics", &[], ""));
    assert_eq!(stranger.status, 401, "{stranger}");
    assert_eq!(stranger.json()["error"]["code"], "UNAUTHORIZED");
    assert_eq!(gateway.get("/metrics").status, 200);
    let post = gateway.exchange(request("POST", "/metrics", &[], "{}"));
    assert_eq!(post.status, 405, "{post}");
}

/// A stream that broke has been answered with 200: its status alone would hide it.
#[test]
fn a_broken_stream_is_told_from_a_whole_one() {
    let breaking = Upstream::always(Script::stream().event(&openai::text("half")).close());
    let gateway = Config::new()
        .provider("a", &breaking)
        .route("r", [("a", "m")])
        .start();
    gateway.ask("r", true);
    let read = Exposition::once(&gateway, |read| read.get(STREAMED) == Some(1.0));
    assert_eq!(
        read.value(r#"ai_gateway_broken_streams_total{route="r"}"#),
        1.0
    );
    let class = r#"ai_gateway_attempts_total{provider="a",model="m",class="bad_response"}"#;
    assert_eq!(read.value(class), 1.0);
}

#[test]
fn what_is_under_way_is_seen() {
    let go = Signal::new();
    let waiting = Upstream::saying_after("fine", &go);
    let gateway = Config::new()
        .provider("a", &waiting)
        .route("r", [("a", "m")])
        .start();
    let idle = gateway.connect();
    let mut asking = gateway.connect();
    asking.send(crate::support::gateway::chat(&openai::request("r", false)));
    waiting.wait_for_requests(1);
    let read = Exposition::once(&gateway, |read| {
        read.get("ai_gateway_connections{state=\"new\"}") == Some(1.0)
    });
    assert_eq!(read.value("ai_gateway_requests_in_flight"), 1.0);
    // The one that waits and the one that scrapes.
    assert_eq!(
        read.value(r#"ai_gateway_workers{state="busy"}"#),
        2.0,
        "{read}"
    );
    assert!(
        read.value(r#"ai_gateway_connections{state="busy"}"#) >= 1.0,
        "{read}"
    );
    go.give();
    assert_eq!(asking.response().status, 200);
    Exposition::once(&gateway, |read| {
        read.get("ai_gateway_requests_in_flight") == Some(0.0)
            && read.get("ai_gateway_connections{state=\"idle\"}") == Some(1.0)
    });
    drop(idle);
    Exposition::once(&gateway, |read| {
        read.get("ai_gateway_connections{state=\"new\"}") == Some(0.0)
    });
}

/// A client that leaves is nobody's failure, and must not stay in flight for ever.
#[test]
fn a_client_that_leaves_is_counted_as_such() {
    let silent = Upstream::always(Script::default().silence());
    let gateway = Config::new()
        .provider("a", &silent)
        .route("r", [("a", "m")])
        .start();
    let mut leaving = gateway.connect();
    leaving.send(crate::support::gateway::chat(&openai::request("r", true)));
    silent.wait_for_requests(1);
    drop(leaving);
    let gone = r#"ai_gateway_requests_total{route="r",status="499",stream="true"}"#;
    let read = Exposition::once(&gateway, |read| read.get(gone) == Some(1.0));
    let class = r#"ai_gateway_attempts_total{provider="a",model="m",class="cancelled"}"#;
    assert_eq!(read.value(class), 1.0);
    assert_eq!(read.value("ai_gateway_requests_in_flight"), 0.0);
    let status = gateway.get("/v1/diagnostics/status").json();
    let route = &status["routes"][0];
    for recent in [&route["recent"], &route["steps"][0]["recent"]] {
        assert_eq!(recent["failed"], 0, "{status}");
    }
}

#[test]
fn what_the_edge_turns_away_is_counted() {
    let upstream = Upstream::saying("fine");
    let gateway = Config::new()
        .provider("a", &upstream)
        .route("r", [("a", "m")])
        .start();
    let refused = gateway.exchange("GET / HTTP/1.1\r\nbroken line\r\n\r\n");
    assert_eq!(refused.status, 400);
    let refused = gateway.exchange("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n");
    assert_eq!(refused.status, 501);
    let read = Exposition::of(&gateway);
    for status in ["400", "501"] {
        let series = format!("ai_gateway_refusals_total{{status=\"{status}\"}}");
        assert_eq!(read.value(&series), 1.0, "{read}");
    }
    assert!(read.value("ai_gateway_connections_accepted_total") >= 3.0);
}

/// An absurd number would hide all others in a sum.
#[test]
fn an_absurd_usage_is_not_counted() {
    let absurd = |tokens: &str| {
        openai::answer("x").replace(
            "\"prompt_tokens\":3",
            &format!("\"prompt_tokens\":{tokens}"),
        )
    };
    assert_ne!(absurd("4"), openai::answer("x"));
    let upstream = Upstream::saying("x");
    for tokens in ["100000001", "18446744073709551615"] {
        upstream.then(Script::json(200, &absurd(tokens)));
    }
    let gateway = Config::new()
        .provider("a", &upstream)
        .route("r", [("a", "m")])
        .start();
    for tokens in ["100000001", "18446744073709551615"] {
        let answer = gateway.ask("r", false).text();
        assert!(
            answer.contains(tokens),
            "the client has it as it came: {answer}"
        );
    }
    assert_eq!(gateway.ask("r", false).status, 200);
    let read = Exposition::once(&gateway, |read| {
        read.sum("gen_ai_client_token_usage_sum", &["input"]) > 0.0
    });
    assert_eq!(read.sum("gen_ai_client_token_usage_sum", &["input"]), 3.0);
    assert_eq!(read.sum("gen_ai_client_token_usage_sum", &["output"]), 5.0);
}
