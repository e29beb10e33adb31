//! Odd but whole: what providers send that is an answer and must not cost a fallback.

use super::*;

/// The answer of a route with this provider only.
fn ask(upstream: &Upstream, stream: bool) -> Response {
    let gateway = Config::new()
        .provider("a", upstream)
        .route("r", [("a", "m")])
        .start();
    let response = gateway.ask("r", stream);
    assert_eq!(response.status, 200, "{response}");
    assert_eq!(response.end, End::Complete, "{response}");
    response
}

fn words(response: &Response) -> String {
    let events = response.events();
    assert_eq!(
        events.last().map(String::as_str),
        Some("[DONE]"),
        "{response}"
    );
    let json = events[..events.len() - 1]
        .iter()
        .map(|event| serde_json::from_str::<Value>(event).expect("JSON"));
    json.map(|event| openai::content(&event)).collect()
}

/// A stream of these bytes in pieces of this size.
fn in_pieces(text: &str, size: usize) -> Upstream {
    let chunks = text.as_bytes().chunks(size);
    Upstream::always(
        chunks
            .fold(Script::stream(), |script, chunk| script.chunk(chunk))
            .last_chunk(),
    )
}

fn stream_of(words: &str) -> String {
    let events = openai::events(&[words]);
    events
        .iter()
        .map(|event| format!("data: {event}\n\n"))
        .collect()
}

#[test]
fn chunks_of_any_size_and_letters_split_in_their_middle() {
    let text = stream_of("é😀ü") + "data: [DONE]\n\n";
    for size in [1, 2, 3, 7, 100, 10_000] {
        assert_eq!(words(&ask(&in_pieces(&text, size), true)), "é😀ü", "{size}");
    }
}

#[test]
fn line_ends_of_every_kind() {
    let text = stream_of("hello") + "data: [DONE]\n\n";
    for end in ["\r\n", "\r"] {
        let text = text.replace('\n', end);
        for size in [1, 10_000] {
            assert_eq!(
                words(&ask(&in_pieces(&text, size), true)),
                "hello",
                "{end:?}"
            );
        }
    }
}

#[test]
fn events_spelled_differently() {
    let spread = openai::text("hello").replacen(',', ",\ndata: ", 1);
    for text in [
        format!("data:{}\n\ndata:[DONE]\n\n", openai::text("hello")),
        format!(
            "\u{feff}data: {}\n\ndata: [DONE]\n\n",
            openai::text("hello")
        ),
        format!("data: {spread}\n\ndata: [DONE]\n\n"),
        format!(
            "event: message\nid: 7\nretry: 10\ndata: {}\n\ndata: [DONE]\n\n",
            openai::text("hello")
        ),
        format!(
            ": ping\n\n: ping\ndata: {}\n\n: ping\n\ndata: [DONE]\n\n",
            openai::text("hello")
        ),
        format!(
            "\n\n\ndata: {}\n\n\n\ndata: [DONE]\n\n",
            openai::text("hello")
        ),
        format!("data: {}\n\ndata: [DONE]", openai::text("hello")),
        format!("data: {}\n\ndata: [DONE] \n\n", openai::text("hello")),
    ] {
        assert_eq!(
            words(&ask(&in_pieces(&text, 10_000), true)),
            "hello",
            "{text}"
        );
    }
}

#[test]
fn an_event_of_a_megabyte() {
    let long = "x".repeat(1 << 20);
    let a = Upstream::always(Script::events(openai::events(&[&long])));
    assert!(words(&ask(&a, true)) == long);
}

/// Several providers end without `[DONE]`; the finish_reason says that it was all.
#[test]
fn a_stream_with_a_finish_reason_and_no_done() {
    assert_eq!(
        words(&ask(&in_pieces(&stream_of("hello"), 10_000), true)),
        "hello"
    );
}

#[test]
fn usage_in_a_chunk_without_choices() {
    let usage =
        r#"{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}"#;
    let a = Upstream::always(Script::events([
        &openai::text("hello"),
        &openai::stop(),
        usage,
    ]));
    let response = ask(&a, true);
    assert!(
        response.events()[2].contains(r#""total_tokens":3"#),
        "{response}"
    );
}

#[test]
fn streams_with_a_length_and_without_any_framing() {
    let text = stream_of("hello") + "data: [DONE]\n\n";
    let kind = [("Content-Type", "text/event-stream; charset=utf-8")];
    for script in [
        Script::body(200, &kind, &text),
        Script::head(200, &kind).send(text.clone()).close(),
    ] {
        assert_eq!(words(&ask(&Upstream::always(script), true)), "hello");
    }
}

/// Whoever sends `[DONE]` is done, even if the connection hangs afterwards.
#[test]
fn a_stream_that_is_done_and_does_not_close() {
    let script = Script::events(openai::events(&["hello"]));
    let without_last_chunk = script.len() - 5;
    let a = Upstream::always(script.silent_after(without_last_chunk));
    let response = ask(&a, true);
    assert_eq!(words(&response), "hello");
    assert!(response.spent < Duration::from_secs(2), "{response}");
}

#[test]
fn interim_answers_come_first() {
    for interim in [
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
        "HTTP/1.1 102 Processing\r\n\r\n",
    ] {
        for stream in [false, true] {
            let a = Upstream::answering(move |request| {
                let answer = request.answer("hello");
                answer
                    .actions
                    .into_iter()
                    .fold(Script::raw(interim), |mut script, action| {
                        script.actions.push(action);
                        script
                    })
            });
            let response = ask(&a, stream);
            assert!(response.text().contains("hello"), "{interim:?}: {response}");
        }
    }
}

#[test]
fn large_headers_and_old_versions() {
    let body = openai::answer("hello");
    let filler = "x".repeat(1000);
    let many: Vec<(&str, &str)> = std::iter::repeat_n(("X-Filler", filler.as_str()), 60).collect();
    let old = format!("HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{body}");
    let no_reason = format!(
        "HTTP/1.1 200\r\ncontent-length:{}\r\n\r\n{body}",
        body.len()
    );
    for script in [
        Script::body(200, &many, &body),
        Script::raw(old).close(),
        Script::raw(no_reason),
    ] {
        assert_eq!(
            openai::content(&ask(&Upstream::always(script), false).json()),
            "hello"
        );
    }
}

/// A client that asked for a stream can read nothing else.
#[test]
fn plain_json_for_a_stream_becomes_one() {
    let answer = r#"{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"zero"},"finish_reason":"stop"},{"index":1,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}"#;
    let response = ask(&Upstream::always(Script::json(200, answer)), true);
    let events = response.events();
    assert_eq!(words(&response), "zero");
    let chunks: Vec<Value> = events[..events.len() - 1]
        .iter()
        .map(|event| serde_json::from_str(event).unwrap())
        .collect();
    assert!(
        chunks
            .iter()
            .all(|chunk| chunk["object"] == "chat.completion.chunk"),
        "{response}"
    );
    assert!(response.steps()[0]["success"] == true);
    let all = response.text();
    for part in [
        r#""finish_reason":"stop""#,
        r#""finish_reason":"tool_calls""#,
        r#""total_tokens":3"#,
        r#""arguments":"{}""#,
    ] {
        assert!(all.contains(part), "{part}: {response}");
    }
}

/// A client that asked for one object can read nothing else.
#[test]
fn events_for_a_plain_request_become_one_object() {
    let call = |arguments: &str| json!({"tool_calls": [{"index": 0, "function": {"arguments": arguments}}]});
    let a = Upstream::always(Script::events([
        openai::chunk(json!({"role": "assistant", "content": "one ", "reasoning_content": "so "})),
        openai::chunk(json!({"content": "two", "reasoning_content": "what"})),
        openai::chunk(json!({"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}]})),
        openai::chunk(call("{\"a\":")),
        openai::chunk(call("1}")),
        openai::chunk_of(json!([{"index": 0, "delta": {}, "finish_reason": "tool_calls"}])),
        r#"{"id":"chatcmpl-1","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}"#.to_owned(),
    ]));
    let response = ask(&a, false);
    let object = response.json();
    let choice = &object["choices"][0];
    assert_eq!(object["object"], "chat.completion", "{response}");
    assert_eq!(choice["message"]["role"], "assistant");
    assert_eq!(choice["message"]["content"], "one two");
    assert_eq!(choice["message"]["reasoning_content"], "so what");
    let tool = &choice["message"]["tool_calls"][0];
    assert_eq!(
        tool["function"],
        json!({"name": "f", "arguments": "{\"a\":1}"}),
        "{response}"
    );
    assert_eq!(
        (&tool["id"], &choice["finish_reason"]),
        (&json!("c"), &json!("tool_calls"))
    );
    assert_eq!(object["usage"]["total_tokens"], 3);
    assert_eq!(object["model"], "r");
}

/// Providers close idle connections. The request that meets one is sent again, and nobody hears of it.
#[test]
fn a_kept_connection_that_has_died_is_replaced() {
    for stream in [false, true] {
        let a = Upstream::saying("hello");
        let gateway = Config::new()
            .provider("a", &a)
            .route("r", [("a", "m")])
            .start();
        assert_eq!(gateway.ask("r", stream).status, 200);
        // The next request arrives on the kept connection and finds it closing.
        a.then(Script::default().reset());
        let response = gateway.ask("r", stream);
        assert_eq!(response.status, 200, "{response}");
        assert_eq!(response.steps().len(), 1, "{response}");
        assert_eq!(response.steps()[0]["success"], true);
        assert_eq!((a.requests().len(), a.connections()), (3, 2));
    }
}
