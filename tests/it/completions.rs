//! `POST /v1/completions`: what editors and old clients ask, of providers that have it, have it elsewhere, or have chat alone.

use serde_json::{Value, json};

use crate::support::client::{End, Response};
use crate::support::gateway::request;
use crate::support::{Config, Gateway, Script, Step, Upstream};

const ANSWER: &str = r#"{"id":"cmpl-1","object":"text_completion","created":1700000000,"model":"up","choices":[{"index":0,"text":" world","logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}"#;

fn chunk(text: &str, reason: Value) -> String {
    let text = json!(text);
    format!(
        r#"{{"id":"cmpl-1","object":"text_completion","created":1700000000,"model":"up","choices":[{{"index":0,"text":{text},"logprobs":null,"finish_reason":{reason}}}]}}"#
    )
}

fn two_steps(a: &Upstream, b: &Upstream, line: &str) -> Gateway {
    Config::new()
        .provider("a", a)
        .provider("b", b)
        .route(
            "r",
            [
                Step::new("a", "model-a").with("timeout: 400ms").with(line),
                Step::new("b", "model-b"),
            ],
        )
        .start()
}

fn one_step(a: &Upstream, line: &str) -> Gateway {
    let step = Step::new("a", "model-a").with(line);
    Config::new().provider("a", a).route("r", [step]).start()
}

fn ask(gateway: &Gateway, body: &Value) -> Response {
    let fields = [("Content-Type", "application/json")];
    gateway.exchange(request(
        "POST",
        "/v1/completions",
        &fields,
        &body.to_string(),
    ))
}

fn plain() -> Value {
    json!({"model": "r", "prompt": "hello"})
}

fn streamed() -> Value {
    json!({"model": "r", "prompt": "hello", "stream": true})
}

fn text(response: &Response) -> String {
    response.json()["choices"][0]["text"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn streamed_text(response: &Response) -> String {
    let events = response.events();
    assert_eq!(
        events.last().map(String::as_str),
        Some("[DONE]"),
        "{response}"
    );
    events
        .iter()
        .filter_map(|event| serde_json::from_str::<Value>(event).ok())
        .map(|event| {
            event["choices"][0]["text"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        })
        .collect()
}

#[test]
fn a_plain_answer_passes_but_for_its_model_and_the_summary() {
    let a = Upstream::always(Script::json(200, ANSWER));
    let gateway = one_step(&a, "");
    let response = ask(&gateway, &plain());
    assert_eq!(response.status, 200, "{response}");
    let body = response.text();
    let (answer, _) = body.split_once(r#","routing_summary":"#).unwrap();
    assert_eq!(format!("{answer}}}"), ANSWER.replace(r#""up""#, r#""r""#));
    let sent = a.request();
    assert_eq!(sent.head.first_line, "POST /v1/completions HTTP/1.1");
    assert_eq!(sent.json(), json!({"model": "model-a", "prompt": "hello"}));
    let line = gateway.wait_for_log(|line| line["msg"] == "request");
    assert_eq!(line["completion_tokens"], 1, "{line}");
}

#[test]
fn a_stream_passes_event_by_event() {
    let events = [
        chunk(" wor", Value::Null),
        chunk("ld", Value::Null),
        chunk("", json!("stop")),
    ];
    let a = Upstream::always(Script::events(&events));
    let response = ask(&one_step(&a, ""), &streamed());
    assert_eq!(streamed_text(&response), " world");
    assert_eq!(response.events()[1], events[1].replace(r#""up""#, r#""r""#));
    assert_eq!(response.steps().len(), 1);
}

/// An editor whose cursor needs nothing would be kept waiting for all steps, and get an error in the end.
#[test]
fn nothing_between_a_prompt_and_a_suffix_is_an_answer() {
    let empty = ANSWER.replace(" world", "");
    let with_suffix = json!({"model": "r", "prompt": "f(", "suffix": ")"});
    let b = Upstream::always(Script::json(200, ANSWER));
    let a = Upstream::always(Script::json(200, &empty));
    let response = ask(&two_steps(&a, &b, ""), &with_suffix);
    assert_eq!((text(&response).as_str(), b.requests().len()), ("", 0));
    let response = ask(&two_steps(&a, &b, ""), &plain());
    assert_eq!(
        (text(&response).as_str(), b.requests().len()),
        (" world", 1)
    );
    assert_eq!(response.steps()[0]["class"], "empty_answer");

    let a = Upstream::always(Script::events([chunk("", json!("stop"))]));
    let mut body = with_suffix;
    body["stream"] = json!(true);
    let response = ask(&one_step(&a, ""), &body);
    assert_eq!(
        (response.status, streamed_text(&response).as_str()),
        (200, "")
    );
}

#[test]
fn a_suffix_goes_where_the_provider_takes_it() {
    let chat = r#"{"id":"1","object":"chat.completion","created":1,"model":"codestral","choices":[{"index":0,"message":{"role":"assistant","content":"x"},"finish_reason":"stop"}]}"#;
    let infill = r#"{"index":0,"content":"x","tokens":[],"id_slot":0,"stop":true,"model":"q","tokens_predicted":1,"tokens_evaluated":9,"stop_type":"eos"}"#;
    let body = json!({"model": "r", "prompt": "a", "suffix": "b", "max_tokens": 5, "user": "u"});
    for (line, path, answer, sent) in [
        (
            "",
            "/v1/completions",
            ANSWER,
            json!({"model": "model-a", "prompt": "a", "suffix": "b", "max_tokens": 5, "user": "u"}),
        ),
        (
            "fim: mistral",
            "/v1/fim/completions",
            chat,
            json!({"model": "model-a", "prompt": "a", "suffix": "b", "max_tokens": 5}),
        ),
        (
            "fim: llamacpp",
            "/infill",
            infill,
            json!({"model": "model-a", "user": "u", "input_prefix": "a", "input_suffix": "b", "n_predict": 5}),
        ),
    ] {
        let a = Upstream::always(Script::json(200, answer));
        let response = ask(&one_step(&a, line), &body);
        assert_eq!(response.status, 200, "{line} {response}");
        let answer = response.json();
        assert_eq!(
            (
                &answer["object"],
                &answer["model"],
                &answer["choices"][0]["finish_reason"]
            ),
            (&json!("text_completion"), &json!("r"), &json!("stop")),
            "{response}"
        );
        assert!(["x", " world"].contains(&text(&response).as_str()));
        let request = a.request();
        assert_eq!(request.head.first_line, format!("POST {path} HTTP/1.1"));
        assert_eq!(request.json(), sent);
    }
}

#[test]
fn pieces_of_an_infill_are_streamed_as_completions() {
    let pieces = [
        r#"{"index":0,"content":"x","tokens":[1],"stop":false}"#,
        r#"{"index":0,"content":"y","tokens":[2],"stop":false}"#,
        r#"{"index":0,"content":"","tokens":[],"stop":true,"stop_type":"limit","tokens_predicted":2,"tokens_evaluated":9}"#,
    ];
    let script = pieces
        .iter()
        .fold(Script::stream(), |script, piece| script.event(piece));
    let a = Upstream::always(script.last_chunk());
    let body = json!({"model": "r", "prompt": "a", "suffix": "b", "stream": true});
    let response = ask(&one_step(&a, "fim: llamacpp"), &body);
    assert_eq!(streamed_text(&response), "xy");
    let last: Value = serde_json::from_str(&response.events()[2]).unwrap();
    assert_eq!(last["choices"][0]["finish_reason"], "length");
    assert_eq!(last["usage"]["completion_tokens"], 2);
}

#[test]
fn a_provider_with_chat_alone_is_asked_in_a_message() {
    let a = Upstream::saying("fine");
    let gateway = one_step(&a, "completions: chat");
    let response = ask(
        &gateway,
        &json!({"model": "r", "prompt": "hello", "max_tokens": 9}),
    );
    assert_eq!(text(&response), "fine");
    let sent = a.request();
    assert_eq!(sent.head.first_line, "POST /v1/chat/completions HTTP/1.1");
    assert_eq!(
        sent.json(),
        json!({"model": "model-a", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 9})
    );
    let response = ask(&gateway, &streamed());
    assert_eq!(streamed_text(&response), "fine");
}

#[test]
fn a_step_that_cannot_carry_the_prompt_is_passed_over() {
    let b = Upstream::always(Script::json(200, ANSWER));
    let a = Upstream::saying("not asked");
    let gateway = two_steps(&a, &b, "completions: chat");
    let response = ask(
        &gateway,
        &json!({"model": "r", "prompt": "a", "suffix": "b"}),
    );
    assert_eq!(
        (text(&response).as_str(), a.requests().len()),
        (" world", 0)
    );
    let step = &response.steps()[0];
    assert_eq!(
        (&step["class"], &step["skipped"]),
        (&json!("unsupported"), &json!(true))
    );

    let response = ask(&gateway, &json!({"model": "r", "prompt": [1, 2, 3]}));
    assert_eq!(response.status, 400, "{response}");
    assert_eq!(response.json()["error"]["param"], "prompt");
    let gateway = one_step(&b, "token_ids: true");
    assert_eq!(
        ask(&gateway, &json!({"model": "r", "prompt": [1, 2, 3]})).status,
        200
    );
}

#[test]
fn a_request_that_is_none_is_told_so() {
    let a = Upstream::saying("not asked");
    let gateway = one_step(&a, "");
    for (body, status, code, param) in [
        ("{", 400, "INVALID_JSON", Value::Null),
        (
            r#"{"prompt":"a"}"#,
            400,
            "VALIDATION_FAILED",
            json!("model"),
        ),
        (
            r#"{"model":"r","prompt":"a","stream":1}"#,
            400,
            "VALIDATION_FAILED",
            json!("stream"),
        ),
        (
            r#"{"model":"nobody","prompt":"a"}"#,
            404,
            "ROUTE_NOT_FOUND",
            json!("model"),
        ),
    ] {
        let response = gateway.exchange(request("POST", "/completions", &[], body));
        assert_eq!(response.status, status, "{response}");
        let error = &response.json()["error"];
        assert_eq!(
            (&error["code"], &error["param"]),
            (&json!(code), &param),
            "{response}"
        );
    }
    assert_eq!(gateway.get("/v1/completions").status, 405);
}

#[test]
fn a_plain_fault_costs_a_step() {
    for (fault, class) in [
        (
            Script::json(500, r#"{"error":{"message":"down"}}"#),
            "server_error",
        ),
        (
            Script::json(429, r#"{"error":{"message":"slow down"}}"#),
            "rate_limited",
        ),
        (
            Script::json(200, r#"{"error":{"message":"down"}}"#),
            "server_error",
        ),
        (
            Script::body(200, &[("Content-Type", "text/html")], "<html>hi</html>"),
            "bad_response",
        ),
        (Script::json(200, r#"{"choices":[]}"#), "empty_answer"),
        (
            Script::json(200, r#"{"choices":[{"index":0}]}"#),
            "bad_response",
        ),
        (Script::json(200, ANSWER).cut_after(200), "bad_response"),
        (Script::default().silence(), "timeout"),
    ] {
        let a = Upstream::always(fault);
        let b = Upstream::always(Script::json(200, ANSWER));
        let response = ask(&two_steps(&a, &b, ""), &plain());
        assert_eq!(
            (response.status, text(&response).as_str()),
            (200, " world"),
            "{response}"
        );
        assert_eq!(response.steps()[0]["class"], class, "{response}");
    }
}

#[test]
fn a_fault_before_the_first_text_costs_a_step() {
    let silent = chunk("", Value::Null);
    for (fault, class) in [
        (Script::json(503, "{}"), "server_error"),
        (Script::stream().event(&silent).last_chunk(), "bad_response"),
        (
            Script::stream()
                .event(&silent)
                .event(r#"{"error":{"message":"m"}}"#)
                .last_chunk(),
            "server_error",
        ),
        (
            Script::stream().event(&silent).event("{").last_chunk(),
            "bad_response",
        ),
        (Script::events([&silent]), "empty_answer"),
        (Script::stream().event(&silent).silence(), "timeout"),
    ] {
        let a = Upstream::always(fault);
        let b = Upstream::always(Script::events([chunk(" world", json!("stop"))]));
        let response = ask(&two_steps(&a, &b, ""), &streamed());
        assert_eq!(streamed_text(&response), " world", "{response}");
        assert_eq!(response.steps()[0]["class"], class, "{response}");
    }
}

#[test]
fn a_break_after_the_first_text_is_told() {
    let a = Upstream::always(
        Script::stream()
            .event(&chunk("wor", Value::Null))
            .last_chunk(),
    );
    let b = Upstream::saying("not asked");
    let response = ask(&two_steps(&a, &b, ""), &streamed());
    assert_eq!((response.status, &response.end), (200, &End::Complete));
    let events = response.events();
    assert_eq!(events.len(), 2, "{response}");
    assert!(
        events[1].contains(r#""error""#) && b.requests().is_empty(),
        "{response}"
    );
}

#[test]
fn a_plain_answer_is_streamed_and_a_stream_put_together() {
    let a = Upstream::always(Script::json(200, ANSWER));
    assert_eq!(
        streamed_text(&ask(&one_step(&a, ""), &streamed())),
        " world"
    );
    let events = [chunk(" wor", Value::Null), chunk("ld", json!("stop"))];
    let a = Upstream::always(Script::events(&events));
    let response = ask(&one_step(&a, "upstream_stream: always"), &plain());
    assert_eq!(text(&response), " world");
    assert_eq!(a.request().json()["stream_options"]["include_usage"], true);
}

const CHAT: &str = r#"{"id":"1","object":"chat.completion","created":1,"model":"up","choices":[{"index":0,"message":{"role":"assistant","content":" world"},"finish_reason":"stop"}]}"#;

/// Some servers answer every path with what they know.
#[test]
fn an_answer_of_chat_becomes_one_of_completions() {
    let events = [
        r#"{"id":"1","object":"chat.completion.chunk","created":1,"model":"up","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#,
        r#"{"id":"1","object":"chat.completion.chunk","created":1,"model":"up","choices":[{"index":0,"delta":{"content":" world"}}]}"#,
        r#"{"id":"1","object":"chat.completion.chunk","created":1,"model":"up","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
    ];
    let a = Upstream::answering(move |request| match request.asks_for_a_stream() {
        true => Script::events(events),
        false => Script::json(200, CHAT),
    });
    let gateway = one_step(&a, "");
    let response = ask(&gateway, &plain());
    assert_eq!(text(&response), " world");
    assert_eq!(response.json()["object"], "text_completion");
    assert_eq!(response.json()["choices"][0].get("message"), None);
    assert_eq!(streamed_text(&ask(&gateway, &streamed())), " world");
}

/// Editors cancel most of what they ask: the call ends, and the step is as good as before.
#[test]
fn a_client_that_leaves_ends_the_call_and_cools_nothing() {
    for begun in [
        Script::default().silence(),
        Script::stream()
            .event(&chunk(" wor", Value::Null))
            .silence(),
    ] {
        let a = Upstream::always(Script::json(200, ANSWER));
        a.then(begun);
        let gateway = one_step(&a, "stall_timeout: 30s");
        let mut connection = gateway.connect();
        connection.send(request(
            "POST",
            "/v1/completions",
            &[],
            &streamed().to_string(),
        ));
        a.wait_for_requests(1);
        drop(connection);
        a.wait_for_abandonment(0);
        let line = gateway.wait_for_log(|line| line["msg"] == "request");
        assert_eq!(line["status"], 499, "{line}");
        let response = ask(&gateway, &plain());
        assert_eq!(
            (response.status, response.steps().len()),
            (200, 1),
            "{response}"
        );
    }
}

#[test]
fn only_a_suffix_goes_to_the_place_for_it() {
    for line in ["fim: mistral", "fim: llamacpp"] {
        let a = Upstream::always(Script::json(200, ANSWER));
        let response = ask(&one_step(&a, line), &plain());
        assert_eq!(text(&response), " world");
        assert_eq!(a.request().head.first_line, "POST /v1/completions HTTP/1.1");
        assert_eq!(a.request().json()["prompt"], "hello");
    }
    let a = Upstream::always(Script::json(200, CHAT));
    let body = json!({"model": "r", "prompt": "a", "suffix": "b", "stop": ["x"], "max_tokens": 5, "min_tokens": 1,
        "temperature": 0, "top_p": 1, "random_seed": 3, "n": 1, "logprobs": 2, "echo": false});
    assert_eq!(ask(&one_step(&a, "fim: mistral"), &body).status, 200);
    assert_eq!(
        a.request().json(),
        json!({"model": "model-a", "prompt": "a", "suffix": "b", "stop": ["x"], "max_tokens": 5, "min_tokens": 1,
            "temperature": 0, "top_p": 1, "random_seed": 3})
    );
}

#[test]
fn faults_of_places_for_a_suffix_move_on() {
    let body = json!({"model": "r", "prompt": "a", "suffix": "b"});
    for (line, fault, class) in [
        (
            "fim: mistral",
            Script::json(200, r#"{"choices":[]}"#),
            "empty_answer",
        ),
        (
            "fim: mistral",
            Script::json(404, r#"{"message":"no such model"}"#),
            "model_not_found",
        ),
        (
            "fim: llamacpp",
            Script::json(
                501,
                r#"{"error":{"code":501,"message":"Infill is not supported by this model","type":"not_supported_error"}}"#,
            ),
            "unsupported",
        ),
        (
            "fim: llamacpp",
            Script::json(200, r#"{"error":{"message":"m"}}"#),
            "server_error",
        ),
        (
            "fim: llamacpp",
            Script::json(200, r#"{"index":0}"#),
            "empty_answer",
        ),
    ] {
        let a = Upstream::always(fault);
        let b = Upstream::always(Script::json(200, ANSWER));
        let response = ask(&two_steps(&a, &b, line), &body);
        assert_eq!(
            response.header("x-routed-via"),
            Some("b/model-b"),
            "{response}"
        );
        assert_eq!(response.steps()[0]["class"], class, "{line}: {response}");
    }
}

#[test]
fn what_a_message_cannot_ask_is_not_asked_of_chat() {
    for more in [
        json!({"echo": true}),
        json!({"best_of": 3}),
        json!({"logprobs": 2}),
        json!({"suffix": "b"}),
        json!({"prompt": ["a", "b"]}),
    ] {
        let mut body = plain();
        for (key, value) in more.as_object().unwrap() {
            body[key] = value.clone();
        }
        let a = Upstream::saying("not asked");
        let b = Upstream::always(Script::json(200, ANSWER));
        let response = ask(&two_steps(&a, &b, "completions: chat"), &body);
        assert_eq!(
            response.header("x-routed-via"),
            Some("b/model-b"),
            "{more}: {response}"
        );
        let step = &response.steps()[0];
        assert_eq!(
            (&step["class"], &step["skipped"]),
            (&json!("unsupported"), &json!(true))
        );
        assert!(a.requests().is_empty());
        // A fault of the one real provider is no fault of the client's.
        let b = Upstream::always(Script::json(500, r#"{"error":{"message":"down"}}"#));
        let response = ask(&two_steps(&a, &b, "completions: chat"), &body);
        assert_eq!(response.status, 502, "{more}: {response}");
    }
}

#[test]
fn a_text_of_one_of_several_prompts_is_an_answer() {
    let two = |one: &str, other: &str| {
        let choices = json!([{"index": 0, "text": one, "finish_reason": "stop"}, {"index": 1, "text": other, "finish_reason": "stop"}]);
        Script::json(
            200,
            &json!({"object": "text_completion", "choices": choices}).to_string(),
        )
    };
    let body = json!({"model": "r", "prompt": ["a", "b"]});
    for (answer, via) in [(two("", "x"), "a/model-a"), (two("", ""), "b/model-b")] {
        let a = Upstream::always(answer);
        let b = Upstream::always(two("y", "z"));
        let response = ask(&two_steps(&a, &b, ""), &body);
        assert_eq!(response.header("x-routed-via"), Some(via), "{response}");
        assert_eq!(response.json()["choices"].as_array().unwrap().len(), 2);
    }
}
