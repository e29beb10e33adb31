//! What the spans of a request tell.

use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind, status::StatusCode};
use serde_json::{Value, json};

use super::{failover, plain};
use crate::support::collector::{attribute, event, hex};
use crate::support::gateway::{anonymous, request};
use crate::support::{Collector, Config, Script, Upstream, messages, openai};

const SERVER: &str = "POST /v1/chat/completions";

fn of(span: &Span, key: &str) -> String {
    attribute(&span.attributes, key)
}

fn status(span: &Span) -> StatusCode {
    span.status
        .as_ref()
        .map_or(StatusCode::Unset, |status| status.code())
}

/// The question that traces answer: who served this, and why did the first ones fail?
#[test]
fn a_failover_is_one_trace_with_every_attempt() {
    let collector = Collector::new();
    let (config, upstreams) = failover(&collector);
    let gateway = config.start();
    assert_eq!(gateway.ask("r", false).status, 200);

    let server = collector.wait_for_span(SERVER);
    assert_eq!(server.kind(), SpanKind::Server);
    assert_eq!(server.parent_span_id, Vec::<u8>::new());
    assert_eq!(status(&server), StatusCode::Unset);
    for (key, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/v1/chat/completions"),
        ("http.response.status_code", "200"),
        ("url.path", "/v1/chat/completions"),
        ("gateway.route", "r"),
        ("gateway.stream", "false"),
        ("gateway.fallbacks", "1"),
        ("gateway.served_by", "b/model-b"),
        // Tokens are the attempt's: a sum over all spans must not count them twice.
        ("gen_ai.usage.output_tokens", ""),
    ] {
        assert_eq!(of(&server, key), value, "{key}");
    }
    let failover = event(&server, "failover");
    assert_eq!(attribute(&failover.attributes, "gateway.step"), "0");
    assert_eq!(attribute(&failover.attributes, "gateway.to_step"), "1");
    assert_eq!(
        attribute(&failover.attributes, "error.type"),
        "server_error"
    );

    let [failed, good] = collector
        .children(&server)
        .try_into()
        .expect("two attempts");
    for (span, step, provider, model) in
        [(&failed, "0", "a", "model-a"), (&good, "1", "b", "model-b")]
    {
        assert_eq!(span.trace_id, server.trace_id);
        assert_eq!(span.kind(), SpanKind::Client);
        assert_eq!(span.name, format!("chat {model}"));
        for (key, value) in [
            ("gen_ai.operation.name", "chat"),
            ("gen_ai.provider.name", provider),
            ("gen_ai.request.model", model),
            ("gateway.route", "r"),
            ("gateway.step", step),
            ("server.address", "127.0.0.1"),
        ] {
            assert_eq!(of(span, key), value, "{key}");
        }
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
        assert!(span.end_time_unix_nano <= server.end_time_unix_nano);
    }
    assert_eq!(
        of(&failed, "server.port"),
        upstreams[0].address.port().to_string()
    );
    assert_eq!(of(&failed, "http.response.status_code"), "503");
    assert_eq!(of(&failed, "error.type"), "server_error");
    assert_eq!(status(&failed), StatusCode::Error);
    assert!(
        failed
            .status
            .as_ref()
            .unwrap()
            .message
            .contains("overheated")
    );
    let cooldown = event(&failed, "cooldown set");
    let seconds: f64 = attribute(&cooldown.attributes, "gateway.cooldown_seconds")
        .parse()
        .unwrap();
    assert!(seconds > 0.0);

    assert_eq!(of(&good, "http.response.status_code"), "200");
    assert_eq!(of(&good, "gen_ai.response.model"), openai::UPSTREAM_MODEL);
    assert_eq!(of(&good, "gen_ai.usage.output_tokens"), "5");
    assert_eq!(of(&good, "error.type"), "");
    assert_eq!(status(&good), StatusCode::Unset);
    event(&good, "commit");

    // The next request passes the cooling step over.
    gateway.ask("r", false);
    collector.wait_for_spans("a skipped step", |spans| {
        let mut events = spans.iter().flat_map(|span| &span.events);
        events.find(|event| event.name == "step skipped").map(drop)
    });
}

/// The log says which trace a line belongs to, and which attempt.
#[test]
fn log_lines_name_their_span() {
    let collector = Collector::new();
    let (config, _upstreams) = failover(&collector);
    let gateway = config.start();
    gateway.ask("r", false);
    let server = collector.wait_for_span(SERVER);
    let attempts = collector.children(&server);
    let request = gateway.wait_for_log(|line| line["msg"] == "request");
    let failed = gateway.wait_for_log(|line| line["msg"] == "attempt failed");
    for (line, span) in [(request, &server), (failed, &attempts[0])] {
        assert_eq!(line["trace_id"], json!(hex(&server.trace_id)), "{line}");
        assert_eq!(line["span_id"], json!(hex(&span.span_id)), "{line}");
    }
    let listening = gateway.wait_for_log(|line| line["msg"] == "listening");
    assert_eq!(listening["trace_id"], Value::Null);
}

#[test]
fn a_clients_trace_is_continued() {
    let collector = Collector::new();
    for (propagate, lines) in [(false, ""), (true, "propagate_trace: true")] {
        let (config, upstream) = plain(&collector);
        let gateway = config.with(lines).start();
        let trace = if propagate {
            "b".repeat(32)
        } else {
            "a".repeat(32)
        };
        let parent = format!("00-{trace}-00f067aa0ba902b7-01");
        let fields = [("traceparent", parent.as_str()), ("tracestate", "vendor=1")];
        gateway.exchange(request(
            "POST",
            "/v1/chat/completions",
            &fields,
            &openai::request("r", false),
        ));
        let (server, attempt) = collector.wait_for_spans("both spans", |spans| {
            let mut ours = spans
                .into_iter()
                .filter(|span| hex(&span.trace_id) == trace);
            let (first, second) = (ours.next()?, ours.next()?);
            Some(if first.kind() == SpanKind::Server {
                (first, second)
            } else {
                (second, first)
            })
        });
        assert_eq!(hex(&server.parent_span_id), "00f067aa0ba902b7");
        assert_eq!(attempt.parent_span_id, server.span_id);
        let head = upstream.request().head;
        let expected = format!("00-{trace}-{}-01", hex(&attempt.span_id));
        let expected = propagate.then_some((expected.as_str(), "vendor=1"));
        assert_eq!(
            head.get("traceparent").zip(head.get("tracestate")),
            expected
        );
    }
}

/// Without spans of its own the gateway is a proxy that does not take part: what came goes on as it is.
#[test]
fn a_trace_passes_through_when_nothing_is_exported() {
    let upstream = Upstream::saying("x");
    let gateway = Config::new()
        .with("propagate_trace: true")
        .provider("a", &upstream)
        .route("r", [("a", "m")])
        .start();
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for sent in [parent, "nonsense"] {
        let fields = [("traceparent", sent)];
        gateway.exchange(request(
            "POST",
            "/v1/chat/completions",
            &fields,
            &openai::request("r", false),
        ));
    }
    let requests = upstream.requests();
    assert_eq!(requests[0].head.get("traceparent"), Some(parent));
    assert_eq!(requests[1].head.get("traceparent"), None);
}

#[test]
fn the_span_of_a_stream_lasts_as_long_as_it() {
    let collector = Collector::new();
    let usage = r#"{"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":22}}"#;
    let script = Script::stream()
        .event(&openai::role())
        .event(&openai::text("x"))
        .pause(std::time::Duration::from_millis(80))
        .event(&openai::stop())
        .event(usage)
        .done();
    let upstream = Upstream::always(script);
    let config = Config::new()
        .provider("a", &upstream)
        .route("r", [("a", "m")]);
    let gateway = collector.configure(config).start();
    assert_eq!(gateway.ask("r", true).status, 200);
    let server = collector.wait_for_span(SERVER);
    let attempt = collector.wait_for_span("chat m");
    assert!(attempt.end_time_unix_nano - attempt.start_time_unix_nano >= 80_000_000);
    assert_eq!(of(&attempt, "gen_ai.usage.output_tokens"), "22");
    assert_eq!(
        of(&attempt, "gen_ai.response.model"),
        openai::UPSTREAM_MODEL
    );
    assert_eq!(of(&server, "gateway.stream"), "true");
    let held = event(&attempt, "prelude held");
    let commit = event(&attempt, "commit");
    assert!(held.time_unix_nano <= commit.time_unix_nano);
    assert_eq!(attribute(&commit.attributes, "gateway.held_events"), "1");
}

/// The status line said 200, and could not say more.
#[test]
fn a_stream_that_breaks_is_an_error_of_both_spans() {
    let collector = Collector::new();
    let upstream = Upstream::always(Script::stream().event(&openai::text("x")).close());
    let config = Config::new()
        .provider("a", &upstream)
        .route("r", [("a", "m")]);
    let gateway = collector.configure(config).start();
    gateway.ask("r", true);
    for (name, status_code) in [(SERVER, "200"), ("chat m", "200")] {
        let span = collector.wait_for_span(name);
        assert_eq!(of(&span, "http.response.status_code"), status_code);
        assert_eq!(of(&span, "error.type"), "bad_response", "{name}");
        assert_eq!(status(&span), StatusCode::Error, "{name}");
    }
}

#[test]
fn a_client_that_leaves_is_nobodys_error() {
    let collector = Collector::new();
    let upstream = Upstream::always(Script::default().silence());
    let config = Config::new()
        .provider("a", &upstream)
        .route("r", [("a", "m")]);
    let gateway = collector.configure(config).start();
    let mut connection = gateway.connect();
    connection.send(crate::support::gateway::chat(&openai::request("r", false)));
    upstream.wait_for_requests(1);
    drop(connection);
    let server = collector.wait_for_span(SERVER);
    assert_eq!(of(&server, "http.response.status_code"), "499");
    assert_eq!(of(&server, "error.type"), "cancelled");
    assert_eq!(status(&server), StatusCode::Unset);
}

/// Monitors ask for health all the time; what strangers ask for is bounded in its names.
#[test]
fn what_is_asked_for_names_the_span() {
    let collector = Collector::new();
    let (config, _upstream) = plain(&collector);
    let gateway = config.start();
    gateway.get("/health");
    gateway.exchange(anonymous("OPTIONS", "/health", &[], ""));
    gateway.exchange(anonymous("GET", "/v1/models", &[], ""));
    gateway.exchange(request("BREW", "/secret/coffee", &[], ""));
    gateway.get("/v1/models/r");
    let last = collector.wait_for_span("GET /v1/models/{model}");
    assert_eq!(of(&last, "gateway.client"), "default");
    let stranger = collector.wait_for_span("GET /v1/models");
    let odd = collector.wait_for_span("HTTP");
    let mut names: Vec<String> = collector
        .spans()
        .into_iter()
        .map(|span| span.name)
        .collect();
    names.sort();
    assert_eq!(names, ["GET /v1/models", "GET /v1/models/{model}", "HTTP"]);
    assert_eq!(of(&stranger, "http.response.status_code"), "401");
    assert_eq!(status(&stranger), StatusCode::Unset);
    assert_eq!(of(&odd, "http.request.method"), "_OTHER");
    assert_eq!(of(&odd, "http.request.method_original"), "BREW");
}

/// What users write is theirs, unless the operator says otherwise.
#[test]
fn content_is_exported_only_where_it_is_allowed() {
    for allowed in [false, true] {
        let collector = Collector::new();
        let upstream = Upstream::saying("the-answer");
        let config = Config::new()
            .with(&format!("capture_content: {allowed}"))
            .provider("a", &upstream)
            .route("r", [("a", "m")]);
        let gateway = collector.configure(config).start();
        let body = |stream| json!({"model": "r", "stream": stream, "messages": [{"role": "user", "content": "the-question"}]});
        for stream in [false, true] {
            gateway.post(&body(stream).to_string());
        }
        let attempts = collector.wait_for_spans("two attempts", |mut spans| {
            spans.retain(|span| span.name == "chat m");
            (spans.len() == 2).then_some(spans)
        });
        for attempt in attempts {
            let input = of(&attempt, "gen_ai.input.messages");
            let output = of(&attempt, "gen_ai.output.messages");
            if allowed {
                let input: Value = serde_json::from_str(&input).expect("JSON");
                let output: Value = serde_json::from_str(&output).expect("JSON");
                assert_eq!(input[0]["parts"][0]["content"], "the-question");
                assert_eq!(output[0]["parts"][0]["content"], "the-answer");
                assert_eq!(output[0]["finish_reason"], "stop");
            } else {
                assert_eq!((input.as_str(), output.as_str()), ("", ""));
            }
        }
        let everything = collector.everything();
        assert_eq!(everything.contains("the-question"), allowed);
        assert_eq!(everything.contains("the-answer"), allowed);
    }
}

/// Whatever the client speaks and the provider: what was asked and said, both dialects, and the tokens of either spelling.
#[test]
fn content_of_translated_exchanges_is_exported_too() {
    let collector = Collector::new();
    let chat = Upstream::saying("the-answer");
    let claude = Upstream::answering(|request| match request.asks_for_a_stream() {
        true => messages::stream(&messages::events(&["the-", "answer"])),
        false => Script::json(200, &messages::answer("the-answer")),
    });
    let config = Config::new()
        .with("capture_content: true")
        .with("ollama: {enabled: true}")
        .provider("a", &chat)
        .provider_with("b", &claude, &["kind: anthropic"])
        .route("chat", [("a", "m")])
        .route("messages", [("b", "m")]);
    let gateway = collector.configure(config).start();
    let said = json!([{"role": "user", "content": "the-question"}]);
    let mut count = 0;
    for (path, api, routes) in [
        ("/v1/responses", "responses", &["chat", "messages"][..]),
        ("/v1/messages", "messages", &["chat"]),
        ("/api/chat", "ollama", &["chat", "messages"]),
        ("/v1/chat/completions", "chat", &["messages"]),
    ] {
        for (route, stream) in routes
            .iter()
            .flat_map(|route| [(route, false), (route, true)])
        {
            let mut body = json!({"model": route, "stream": stream, "max_tokens": 9});
            let words = if api == "responses" {
                "input"
            } else {
                "messages"
            };
            body[words] = said.clone();
            let response = gateway.exchange(request("POST", path, &[], &body.to_string()));
            assert_eq!(response.status, 200, "{response}");
            count += 1;
            let attempt = collector.wait_for_spans("an attempt", |mut spans| {
                spans.retain(|span| span.name == "chat m");
                (spans.len() == count).then(|| spans.pop()).flatten()
            });
            let case = format!("{path} on {route}, {stream}: {attempt:?}");
            assert_eq!(of(&attempt, "gateway.translated"), **route, "{case}");
            let parts = |name: &str| {
                let said: Value = serde_json::from_str(&of(&attempt, name)).expect(&case);
                said[0]["parts"][0]["content"].clone()
            };
            assert_eq!(parts("gen_ai.input.messages"), "the-question", "{case}");
            assert_eq!(parts("gen_ai.output.messages"), "the-answer", "{case}");
            let id = response.header("x-request-id").unwrap().to_owned();
            let line =
                gateway.wait_for_log(|line| line["request_id"] == *id && line["msg"] == "request");
            let told = if api == "chat" {
                Value::Null
            } else {
                json!(api)
            };
            assert_eq!((&line["api"], &line["translated"]), (&told, &json!(true)));
            let is_counted = *route == "messages" || !stream;
            assert_eq!(
                line["completion_tokens"].is_u64(),
                is_counted,
                "{case} {line}"
            );
        }
    }
}

/// A client's bytes would stand in the heads of the gateway's own requests.
#[test]
fn only_a_valid_tracestate_goes_to_providers() {
    let upstream = Upstream::saying("x");
    let gateway = Config::new()
        .with("propagate_trace: true")
        .provider("a", &upstream)
        .route("r", [("a", "m")])
        .start();
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for (sent, passed_on) in [
        ("a=1,b@c=<2>", Some("a=1,b@c=<2>")),
        ("x=\u{fc}\u{9b}\t<>;", None),
        ("A=1", None),
        ("a=1,<script>", None),
        ("a=1,b=2=3", None),
    ] {
        let fields = [("traceparent", parent), ("tracestate", sent)];
        let body = openai::request("r", false);
        gateway.exchange(request("POST", "/v1/chat/completions", &fields, &body));
        let head = upstream.requests().pop().expect("a request").head;
        assert_eq!(head.get("traceparent"), Some(parent), "{sent}");
        assert_eq!(head.get("tracestate"), passed_on, "{sent}");
    }
}
