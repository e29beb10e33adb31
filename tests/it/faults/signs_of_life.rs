//! Good answers in odd wrapping: heartbeats, other content types, success that is told as an error.

use super::*;
use crate::support::exposition::Exposition;

fn alone(a: &Upstream, stream: bool) -> (Gateway, Response) {
    let gateway = Config::new()
        .provider("a", a)
        .route("r", [Step::new("a", "m").with("timeout: 2s")])
        .start();
    let response = gateway.ask("r", stream);
    assert_eq!(response.status, 200, "{response}");
    assert_eq!(response.end, End::Complete, "{response}");
    (gateway, response)
}

fn words(response: &Response) -> String {
    let events = response.events();
    let (last, chunks) = events.split_last().expect("events");
    assert_eq!(last, "[DONE]", "{response}");
    let json = |event: &String| serde_json::from_str::<Value>(event).expect("JSON");
    chunks
        .iter()
        .map(|event| openai::content(&json(event)))
        .collect()
}

#[test]
fn heartbeats_of_every_form_are_no_part_of_the_answer() {
    for beat in [
        "data:\n\n",
        "data\n\n",
        "data: null\n\n",
        "data: ping\n\n",
        "data: [PING]\n\n",
        "event: ping\ndata: ping\n\n",
        "event: ping\ndata: {\"type\":\"ping\"}\n\n",
        "event: keepalive\ndata: 1764000000\n\n",
        "event: queue\ndata: \"position 3\"\n\n",
        "id: 7\n\n",
        "retry: 3000\n\n",
        "\n\n\n",
        ": beat\n\n",
        "x-served-by: node-3\n\n",
    ] {
        let script = openai::events(&["hel", "lo"])
            .iter()
            .fold(Script::stream().chunk(beat), |script, event| {
                script.event(event).chunk(beat)
            });
        let (_gateway, response) = alone(&Upstream::always(script.done()), true);
        assert_eq!(words(&response), "hello", "{beat:?}");
        // No decoder sees an event without data, or one with the heartbeat's.
        let text = response.text();
        for block in text.split("\n\n").filter(|block| !block.is_empty()) {
            let has_data = block.lines().any(|line| line.starts_with("data: {"));
            assert!(
                has_data || block.ends_with("data: [DONE]"),
                "{beat:?}: {block:?}"
            );
        }
    }
}

#[test]
fn the_first_bytes_tell_a_stream_whatever_its_name() {
    for lead in [
        "",
        "\n\n",
        ": hi\n\n",
        "event: message\n",
        "id: 1\n",
        "retry: 10\n\n",
        "\u{feff}",
    ] {
        for kind in ["application/json", "text/plain; charset=utf-8", ""] {
            let fields = [("Content-Type", kind), ("Transfer-Encoding", "chunked")];
            let fields = if kind.is_empty() {
                &fields[1..]
            } else {
                &fields
            };
            let go = Signal::new();
            let script = Script::head(200, fields)
                .chunk(format!("{lead}data: {}\n\n", openai::text("hel")))
                .await_signal(&go)
                .event(&openai::text("lo"));
            let a = Upstream::always(script.event(&openai::stop()).done());
            let gateway = Config::new()
                .provider("a", &a)
                .route("r", [("a", "m")])
                .start();
            let mut connection = gateway.connect();
            connection.send(chat(&openai::request("r", true)));
            let mut stream = connection.stream();
            // The first word is here before the second is sent.
            let first = stream.event().expect("at once").json();
            assert_eq!(openai::content(&first), "hel", "{lead:?} {kind:?}");
            go.give();
            let second = stream.event().expect("the rest").json();
            assert_eq!(openai::content(&second), "lo", "{lead:?} {kind:?}");
        }
    }
}

#[test]
fn an_object_is_told_by_its_first_bytes_too() {
    let answer = openai::answer("hello");
    for (kind, body) in [
        ("text/event-stream", answer.clone()),
        ("text/event-stream", format!("\n\n  {answer}")),
        ("text/plain", format!("\u{feff}{answer}")),
        (
            "application/json",
            format!(": PROCESSING\n\n: PROCESSING\n\n{answer}"),
        ),
    ] {
        let script = Script::body(200, &[("Content-Type", kind)], body);
        let a = Upstream::always(script);
        let (gateway, response) = alone(&a, true);
        assert_eq!(words(&response), "hello", "{kind}");
        let counted = Exposition::once(&gateway, |seen| {
            seen.value("ai_gateway_requests_in_flight") == 0.0
        })
        .get("ai_gateway_repairs_total{provider=\"a\",kind=\"content_type\"}");
        assert_eq!(counted.is_some(), kind == "text/event-stream", "{kind}");
        let (_gateway, response) = alone(&a, false);
        assert_eq!(response.json()["choices"][0]["message"]["content"], "hello");
    }
}

#[test]
fn blank_lines_while_a_request_is_in_a_queue() {
    let script = Script::head(
        200,
        &[
            ("Content-Type", "application/json"),
            ("Transfer-Encoding", "chunked"),
        ],
    );
    let blank = " \r\n".repeat(10_000);
    let script = script
        .chunk(&blank)
        .pause(Duration::from_millis(50))
        .chunk(&blank)
        .chunk(openai::answer("hello"));
    let (_gateway, response) = alone(&Upstream::always(script.last_chunk()), false);
    assert_eq!(response.json()["choices"][0]["message"]["content"], "hello");
}

#[test]
fn success_that_is_told_as_an_error() {
    for error in [
        r#"{"code":0,"message":"success"}"#,
        r#"{"message":null,"type":"","code":null}"#,
        r#""""#,
        r#""none""#,
        "[]",
        "{}",
    ] {
        let with_error = |text: &str| text.replacen('{', &format!("{{\"error\":{error},"), 1);
        let plain = Script::json(200, &with_error(&openai::answer("hello")));
        let events = openai::events(&["hello"]);
        let streamed = Script::events(events.iter().map(|event| with_error(event)));
        let a = either(plain, streamed);
        let (_gateway, response) = alone(&a, false);
        assert_eq!(response.json()["choices"][0]["message"]["content"], "hello");
        let (_gateway, response) = alone(&a, true);
        assert_eq!(words(&response), "hello", "{error}");
    }
}

#[test]
fn an_encoding_that_names_none() {
    for coding in ["", "none", "identity", "Identity"] {
        let fields = [
            ("Content-Type", "application/json"),
            ("Content-Encoding", coding),
        ];
        let a = Upstream::always(Script::body(200, &fields, openai::answer("hello")));
        let (_gateway, response) = alone(&a, false);
        assert_eq!(response.json()["choices"][0]["message"]["content"], "hello");
    }
}

#[test]
fn reasoning_under_any_name_arrives_whole_and_begins_the_answer() {
    for name in [
        "reasoning_text",
        "thinking",
        "reasoning_summary",
        "thinking_content",
    ] {
        let thoughts = 100;
        let script = (0..thoughts).fold(Script::stream().event(&openai::role()), |script, n| {
            script.event(&openai::chunk(json!({ name: format!("t{n} ") })))
        });
        let streamed = script
            .event(&openai::text("hello"))
            .event(&openai::stop())
            .done();
        let a = Upstream::always(streamed);
        let (_gateway, response) = alone(&a, true);
        let events = response.events();
        let found = events.iter().filter(|event| event.contains(name)).count();
        assert_eq!(found, thoughts, "{name}");
        // A plain request gets all of it in one text.
        let (_gateway, response) = alone(&a, false);
        let message = &response.json()["choices"][0]["message"];
        let expected: String = (0..thoughts).map(|n| format!("t{n} ")).collect();
        assert_eq!(message[name], expected, "{name}");
    }
}

#[test]
fn a_client_is_told_that_its_stream_lives_before_it_says_anything() {
    let kept = |a: &Upstream| {
        Config::new()
            .provider("a", a)
            .route_with("r", &["stream_keepalive: 50ms"], [("a", "m")])
            .start()
    };
    let go = Signal::new();
    let events = openai::events(&["hello"]);
    let script = events
        .iter()
        .fold(Script::stream().await_signal(&go), |script, event| {
            script.event(event)
        });
    let a = Upstream::always(script.done());
    let gateway = kept(&a);
    let mut connection = gateway.connect();
    connection.send(chat(&openai::request("r", true)));
    let mut stream = connection.stream();
    assert_eq!(stream.status(), 200);
    for _ in 0..3 {
        assert_eq!(stream.piece().expect("a sign of life"), b":\n");
    }
    go.give();
    let first = stream.event().expect("the answer").json();
    assert_eq!(first["routing_summary"]["steps"][0]["success"], true);

    // An answer that comes at once has all its headers.
    let a = Upstream::saying("hello");
    let gateway = kept(&a);
    let response = gateway.ask("r", true);
    assert_eq!(response.header("x-routed-via"), Some("a/m"));
    assert_eq!(words(&response), "hello");
    // Plain requests are not kept.
    let late = Duration::from_millis(150);
    let a = Upstream::saying_late("hello", late);
    let gateway = kept(&a);
    assert_eq!(gateway.ask("r", false).header("x-routed-via"), Some("a/m"));
    // A failure behind the head is an event.
    let refusal = b"HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\n{}";
    let script = Script::default().pause(late).send(*refusal);
    let a = Upstream::always(script);
    let gateway = kept(&a);
    let response = gateway.ask("r", true);
    assert_eq!(response.status, 200, "{response}");
    let events = response.events();
    let error: Value = serde_json::from_str(events.last().unwrap()).unwrap();
    assert_eq!(
        error["error"]["code"], "ROUTE_EXECUTION_FAILED",
        "{response}"
    );
    assert_eq!(response.end, End::Complete, "{response}");
}
