//! Answers that ran out before their first word, answers that only reason, and JSON that is none.

use super::*;

fn gateway(a: &Upstream, b: &Upstream) -> Gateway {
    with(a, b, "retries: 0")
}

fn with(a: &Upstream, b: &Upstream, line: &str) -> Gateway {
    Config::new()
        .provider("a", a)
        .provider("b", b)
        .route("r", [Step::new("a", "m").with(line), Step::new("b", "m")])
        .start()
}

fn ask(gateway: &Gateway, stream: bool, members: Value) -> Response {
    let mut body: Value = serde_json::from_str(&openai::request("r", stream)).unwrap();
    for (key, value) in members.as_object().unwrap() {
        body[key] = value.clone();
    }
    gateway.post(&body.to_string())
}

/// An answer without a word that ends for this reason.
fn silent(reason: &str) -> Upstream {
    ending(json!({"role": "assistant", "content": ""}), reason)
}

fn ending(message: Value, reason: &str) -> Upstream {
    let answer = json!({"id": "x", "model": openai::UPSTREAM_MODEL, "choices": [
        {"index": 0, "message": message, "finish_reason": reason}
    ]});
    let first = openai::chunk(message);
    let end = openai::chunk_of(json!([{"index": 0, "delta": {}, "finish_reason": reason}]));
    let usage = r#"{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":3}}"#;
    let streamed = Script::events([first.as_str(), &end, usage]);
    either(Script::json(200, &answer.to_string()), streamed)
}

fn reason(response: &Response, stream: bool) -> Value {
    if !stream {
        return response.json()["choices"][0]["finish_reason"].clone();
    }
    let events = response.events();
    assert_eq!(events.last().unwrap(), "[DONE]", "{response}");
    let mut chunks = events[..events.len() - 1]
        .iter()
        .map(|event| serde_json::from_str::<Value>(event).unwrap());
    let named = |chunk: Value| {
        Some(chunk["choices"][0]["finish_reason"].clone()).filter(|reason| !reason.is_null())
    };
    chunks.find_map(named).unwrap_or_default()
}

#[test]
fn a_probe_is_answered_by_the_first_step() {
    for stream in [false, true] {
        for tokens in [
            json!({"max_tokens": 3}),
            json!({"max_completion_tokens": 32}),
        ] {
            let (a, b) = (silent("length"), Upstream::saying("from b"));
            let response = ask(&gateway(&a, &b), stream, tokens);
            assert_eq!(reason(&response, stream), "length", "{response}");
            assert_eq!(response.steps().len(), 1, "{response}");
            assert_eq!(b.requests().len(), 0);
        }
    }
}

#[test]
fn a_longer_answer_without_a_word_is_second_best() {
    for stream in [false, true] {
        for members in [json!({"max_tokens": 500}), json!({})] {
            let (a, b) = (silent("length"), Upstream::saying("from b"));
            let response = ask(&gateway(&a, &b), stream, members.clone());
            is_answer_of_b(&response, stream);
            // No step does better.
            let b = Upstream::always(Script::json(503, "{}"));
            let response = ask(&gateway(&a, &b), stream, members);
            assert_eq!(response.status, 200, "{response}");
            assert_eq!(reason(&response, stream), "length", "{response}");
            assert_eq!(response.header("x-routed-via"), Some("a/m"));
            assert_eq!(response.header("x-fallback-count"), Some("1"));
            if stream {
                assert!(response.text().contains("completion_tokens"), "{response}");
            }
        }
    }
}

#[test]
fn the_first_of_several_is_delivered() {
    let (a, b) = (silent("length"), silent("MAX_TOKENS"));
    let response = ask(&gateway(&a, &b), false, json!({}));
    assert_eq!(reason(&response, false), "length", "{response}");
}

#[test]
fn a_stop_that_the_request_names_explains_silence() {
    for stream in [false, true] {
        let (a, b) = (silent("stop"), Upstream::always(Script::json(503, "{}")));
        let response = ask(&gateway(&a, &b), stream, json!({"stop": ["Hello"]}));
        assert_eq!(reason(&response, stream), "stop", "{response}");
        for nothing in [json!({}), json!({"stop": null}), json!({"stop": []})] {
            let response = ask(&gateway(&a, &b), stream, nothing);
            assert_eq!(response.status, 502, "{response}");
        }
    }
}

#[test]
fn an_answer_that_only_reasons_is_one_unless_the_step_says_otherwise() {
    let thinks = || {
        ending(
            json!({"role": "assistant", "reasoning_content": "hm"}),
            "stop",
        )
    };
    for stream in [false, true] {
        let (a, b) = (thinks(), Upstream::saying("from b"));
        let response = ask(&gateway(&a, &b), stream, json!({}));
        assert!(response.text().contains("\"hm\""), "{response}");
        let response = ask(&with(&a, &b, "reasoning_only: fail"), stream, json!({}));
        is_answer_of_b(&response, stream);
    }
}

#[test]
fn reasoning_that_is_held_back_comes_in_order() {
    let script = (0..200).fold(Script::stream().event(&openai::role()), |script, n| {
        script.event(&openai::chunk(json!({"reasoning": format!("t{n};")})))
    });
    let a = Upstream::always(
        script
            .event(&openai::text("hi"))
            .event(&openai::stop())
            .done(),
    );
    let b = Upstream::saying("from b");
    let response = ask(&with(&a, &b, "reasoning_only: fail"), true, json!({}));
    let events = response.events();
    let said: String = events[..events.len() - 1]
        .iter()
        .map(|event| serde_json::from_str::<Value>(event).unwrap())
        .map(|chunk| {
            chunk["choices"][0]["delta"]["reasoning"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        })
        .collect();
    assert_eq!(said, (0..200).map(|n| format!("t{n};")).collect::<String>());
}

#[test]
fn json_that_was_asked_for_has_to_be_json() {
    let format = || json!({"response_format": {"type": "json_schema", "json_schema": {}}});
    let chatty = Upstream::saying("Sure! {\"a\":1}");
    let good = Upstream::saying("{\"a\":1}");
    let response = ask(&gateway(&chatty, &good), false, format());
    assert_eq!(
        response.json()["choices"][0]["message"]["content"],
        "{\"a\":1}"
    );
    assert_eq!(response.steps()[0]["class"], "bad_response", "{response}");
    // The first one is delivered where none does better.
    let worse = Upstream::saying("{\"a\":");
    let response = ask(&gateway(&chatty, &worse), false, format());
    assert_eq!(response.status, 200, "{response}");
    assert_eq!(
        response.json()["choices"][0]["message"]["content"],
        "Sure! {\"a\":1}"
    );
    // Streams, and routes that are told so, are left alone.
    let response = ask(&gateway(&chatty, &good), true, format());
    assert!(response.text().contains("Sure!"), "{response}");
    let gateway = Config::new()
        .provider("a", &chatty)
        .provider("b", &good)
        .route_with("r", &["check_format: false"], [("a", "m"), ("b", "m")])
        .start();
    assert!(ask(&gateway, false, format()).text().contains("Sure!"));
    // A step that takes the format out of the request has not asked for any.
    let mut members = format();
    members["tools"] = json!([{"type": "function", "function": {"name": "f"}}]);
    let gateway = with(&chatty, &good, "conflict_resolution: tools");
    assert!(ask(&gateway, false, members).text().contains("Sure!"));
}

#[test]
fn thoughts_in_tags_become_reasoning_or_go() {
    let pieces = ["<th", "ink>h", "m</thi", "nk>\n\n", "hel", "lo"];
    let plain = Script::json(200, &openai::answer(&pieces.concat()));
    let a = either(plain, Script::events(openai::events(&pieces)));
    let b = Upstream::saying("from b");
    for (tags, thoughts) in [("reasoning", "hm"), ("strip", "")] {
        let gateway = with(&a, &b, &format!("think_tags: {tags}"));
        let message = ask(&gateway, false, json!({})).json()["choices"][0]["message"].clone();
        assert_eq!(message["content"], "hello");
        assert_eq!(
            message["reasoning_content"].as_str().unwrap_or_default(),
            thoughts
        );
        let response = ask(&gateway, true, json!({}));
        let events = response.events();
        let chunks: Vec<Value> = events[..events.len() - 1]
            .iter()
            .map(|event| serde_json::from_str(event).unwrap())
            .collect();
        let said = |name: &str| -> String {
            let texts = chunks
                .iter()
                .map(|chunk| &chunk["choices"][0]["delta"][name]);
            texts.filter_map(Value::as_str).collect()
        };
        assert_eq!(
            (&*said("content"), &*said("reasoning_content")),
            ("hello", thoughts)
        );
    }
}

#[test]
fn a_plain_request_can_be_streamed_from_the_provider() {
    let b = Upstream::saying("from b");
    let streamed = openai::events(&["hel", "lo"]);
    let a = Upstream::always(Script::events(&streamed));
    let gateway = with(&a, &b, "upstream_stream: always");
    let response = ask(&gateway, false, json!({}));
    let message = &response.json()["choices"][0]["message"];
    assert_eq!(message["content"], "hello", "{response}");
    let sent = a.request().json();
    assert_eq!(sent["stream"], true);
    assert_eq!(sent["stream_options"], json!({"include_usage": true}));
    // A stall is noticed long before the whole answer's time.
    let a = Upstream::always(
        Script::stream()
            .event(&streamed[0])
            .event(&streamed[1])
            .silence(),
    );
    let gateway = with(
        &a,
        &b,
        "upstream_stream: auto\n        stall_timeout: 200ms",
    );
    let response = ask(&gateway, false, json!({}));
    is_answer_of_b(&response, false);
    assert_eq!(response.steps()[0]["class"], "timeout", "{response}");
    // Auto asks for a stream only where the step says how long one may stall.
    let a = Upstream::saying("hello");
    let gateway = with(&a, &b, "upstream_stream: auto");
    assert_eq!(ask(&gateway, false, json!({})).status, 200);
    assert_eq!(a.request().json()["stream"], false);
}

#[test]
fn the_summary_can_be_left_out_of_bodies() {
    let (a, b) = (
        Upstream::saying("hello"),
        Upstream::always(Script::json(503, "{}")),
    );
    let gateway = Config::new()
        .with("routing_summary: false")
        .provider("a", &a)
        .provider("b", &b)
        .route("r", [("a", "m")])
        .route("s", [("b", "m")])
        .start();
    for stream in [false, true] {
        let response = gateway.ask("r", stream);
        assert!(!response.text().contains("routing_summary"), "{response}");
        assert_eq!(response.header("x-routed-via"), Some("a/m"));
    }
    let refused = gateway.ask("s", false).json();
    assert!(refused.get("routing_summary").is_none(), "{refused}");
}
