//! `/api/chat` and `/api/generate`, plain and streamed.

use serde_json::{Value, json};

use super::{config, lines, post};
use crate::support::{Config, Script, Upstream, openai};

fn hi() -> Value {
    json!({"model": "home:latest", "messages": [{"role": "user", "content": "hi"}]})
}

fn with(more: Value) -> Value {
    let mut body = hi();
    let members = body.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    body
}

#[test]
fn a_stream_is_lines_of_json() {
    let upstream = Upstream::saying("unused");
    upstream.then(Script::events(openai::events(&["Par", "is"])).done());
    let gateway = config(&upstream, "").start();
    let response = post(&gateway, "/api/chat", &hi());
    assert_eq!(response.status, 200, "{response}");
    assert_eq!(
        response.header("content-type"),
        Some("application/x-ndjson")
    );
    let lines = lines(&response);
    let content: String = lines
        .iter()
        .map(|line| line["message"]["content"].as_str().unwrap())
        .collect();
    assert_eq!(content, "Paris");
    assert!(lines.iter().all(|line| line["model"] == "home:latest"));
    assert!(lines[0]["routing_summary"].is_object(), "{response}");
    let (last, others) = lines.split_last().unwrap();
    assert_eq!(
        (&last["done"], &last["done_reason"]),
        (&json!(true), &json!("stop"))
    );
    assert!(last["prompt_eval_count"].is_u64() && last["eval_count"].is_u64());
    assert!(others.iter().all(|line| line["done"] == false));
    let sent = upstream.request().json();
    assert_eq!(sent["model"], "model-a");
    assert_eq!(sent["stream_options"], json!({"include_usage": true}));
}

/// `curl -d` says that the body is a form.
#[test]
fn a_plain_answer_is_one_object() {
    let upstream = Upstream::saying("Paris");
    let gateway = config(&upstream, "").start();
    let chat = post(&gateway, "/api/chat", &with(json!({"stream": false})));
    assert_eq!(chat.header("content-type"), Some("application/json"));
    let chat = chat.json();
    assert_eq!(
        chat["message"],
        json!({"role": "assistant", "content": "Paris"})
    );
    assert_eq!(
        (&chat["done"], &chat["model"]),
        (&json!(true), &json!("home:latest"))
    );
    assert!(chat["routing_summary"]["steps"].is_array(), "{chat}");
    let body = json!({"model": "home", "prompt": "hi", "stream": false}).to_string();
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let generated = gateway.exchange(crate::support::gateway::request(
        "POST",
        "/api/generate",
        &form,
        &body,
    ));
    assert_eq!(generated.json()["response"], "Paris", "{generated}");
}

#[test]
fn a_model_is_loaded_without_a_call() {
    let upstream = Upstream::saying("unused");
    let gateway = config(&upstream, "").start();
    let loaded = post(&gateway, "/api/generate", &json!({"model": "home"}));
    assert_eq!(
        (&loaded.json()["done_reason"], loaded.status),
        (&json!("load"), 200)
    );
    let unloaded = post(
        &gateway,
        "/api/chat",
        &json!({"model": "home", "messages": [], "keep_alive": 0}),
    );
    assert_eq!(unloaded.json()["done_reason"], "unload");
    assert_eq!(
        post(&gateway, "/api/chat", &json!({"model": "x"})).status,
        404
    );
    let missing = post(&gateway, "/api/chat", &json!({"messages": []}));
    assert_eq!(
        (missing.status, missing.json()["error"].as_str()),
        (400, Some("model is required"))
    );
    assert!(upstream.requests().is_empty());
}

/// Home Assistant sends results of tools without ids and names.
#[test]
fn calls_of_tools_and_their_results() {
    let call = |index: u64, name: &str| {
        openai::chunk(
            json!({"tool_calls": [{"index": index, "id": format!("id-{index}"), "type": "function", "function": {"name": name, "arguments": "{\"a\":1}"}}]}),
        )
    };
    let upstream = Upstream::saying("done");
    let events = [openai::role(), call(0, "f"), call(1, "g"), openai::stop()];
    upstream.then(Script::events(events).done());
    let gateway = config(&upstream, "").start();
    let tools =
        json!([{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]);
    let streamed = lines(&post(
        &gateway,
        "/api/chat",
        &with(
            json!({"tools": tools, "options": {"num_ctx": 8192}, "keep_alive": -1, "think": false, "format": null}),
        ),
    ));
    let calls: Vec<&Value> = streamed
        .iter()
        .filter_map(|line| line["message"].get("tool_calls"))
        .collect();
    assert_eq!(calls.len(), 2, "{streamed:?}");
    assert_eq!(
        calls[0][0]["function"],
        json!({"index": 0, "name": "f", "arguments": {"a": 1}})
    );
    let calls: Vec<Value> = calls
        .into_iter()
        .map(|calls| json!({"function": {"name": calls[0]["function"]["name"], "arguments": {}}}))
        .collect();
    let second = json!({"model": "home", "stream": false, "messages": [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": "", "tool_calls": calls},
        {"role": "tool", "content": "one"},
        {"role": "tool", "content": "two"},
    ]});
    assert_eq!(
        post(&gateway, "/api/chat", &second).json()["message"]["content"],
        "done"
    );
    let sent = upstream.requests()[1].json();
    let of = |message: usize, key: &str| sent["messages"][message][key].clone();
    let ids = &sent["messages"][1]["tool_calls"];
    assert_eq!(
        (of(2, "tool_call_id"), of(2, "content")),
        (ids[0]["id"].clone(), json!("one"))
    );
    assert_eq!(
        (of(3, "tool_call_id"), of(3, "content")),
        (ids[1]["id"].clone(), json!("two"))
    );
}

#[test]
fn the_next_step_answers_and_all_failures_are_a_text() {
    let words = "no room: see https://x.test/status. Come back later.";
    let bad = Upstream::always(Script::json(503, &openai::error(words, "overloaded")));
    let good = Upstream::saying("Paris");
    let gateway = Config::new()
        .with("ollama: {enabled: true}")
        .provider("a", &bad)
        .provider("b", &good)
        .route("home", [("a", "m"), ("b", "m")])
        .route("alone", [("a", "m")])
        .start();
    let answered = post(&gateway, "/api/chat", &with(json!({"stream": false})));
    assert_eq!(answered.json()["message"]["content"], "Paris", "{answered}");
    assert_eq!(answered.header("x-fallback-count"), Some("1"));
    let failed = post(
        &gateway,
        "/api/chat",
        &json!({"model": "alone", "messages": hi()["messages"]}),
    );
    assert!(failed.status >= 429, "{failed}");
    // Home Assistant speaks it: a sentence with the provider's name and without addresses.
    assert_eq!(
        failed.json()["error"],
        "all 1 steps of route alone failed; the last: a/m: no room: see its address.",
        "{failed}"
    );
    assert_eq!(failed.header("content-type"), Some("application/json"));
}

/// A plain cut the Python client takes for the end, without an error.
#[test]
fn a_stream_that_breaks_ends_with_a_line_that_says_so() {
    let upstream = Upstream::always(
        Script::stream()
            .event(&openai::role())
            .event(&openai::text("Par"))
            .reset(),
    );
    let gateway = config(&upstream, "").start();
    let response = post(&gateway, "/api/chat", &hi());
    assert_eq!(response.status, 200, "{response}");
    let lines = lines(&response);
    let last = lines.last().unwrap();
    assert!(last["error"].is_string(), "{response}");
    assert_eq!(lines[0]["message"]["content"], "Par");
    assert!(lines.iter().all(|line| line["done"] != true));
}

#[test]
fn a_level_of_thinking_that_is_none_is_refused() {
    let upstream = Upstream::saying("unused");
    let gateway = config(&upstream, "").start();
    let response = post(&gateway, "/api/chat", &with(json!({"think": "x"})));
    assert_eq!(response.status, 400);
    let words =
        r#"invalid think value: "x" (must be "high", "medium", "low", "max", true, or false)"#;
    assert_eq!(response.json()["error"], words);
}

/// Open WebUI's tools and scripts send the parts of chat; without them the provider got no question at all.
#[test]
fn a_users_words_arrive_in_whatever_form_they_come() {
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream, "").start();
    let parts = json!([{"type": "text", "text": "what is it?"},
        {"type": "image_url", "image_url": {"url": "http://i"}}]);
    for (content, expected) in [
        (parts.clone(), parts),
        (json!(""), json!("")),
        (Value::Null, json!("")),
    ] {
        let messages = json!([{"role": "user", "content": content}]);
        let answer = post(
            &gateway,
            "/api/chat",
            &json!({"model": "home", "stream": false, "messages": messages}),
        );
        assert_eq!(answer.status, 200, "{answer}");
        let sent = upstream.requests().last().unwrap().json();
        assert_eq!(sent["messages"][0]["content"], expected);
    }
}
