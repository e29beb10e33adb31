//! What a provider says reaches the client byte for byte, but for the name of its model and the summary.

use super::*;

#[test]
fn a_whole_answer_is_the_providers_but_for_the_model_and_the_summary() {
    let a = saying("hello");
    let gateway = route(&a, &a);
    let response = ask(&gateway, false);
    assert_eq!(response.status, 200, "{response}");
    let text = response.text();
    let (answer, summary) = text
        .split_once(r#","routing_summary":"#)
        .expect("a summary");
    let expected = messages::answer("hello").replace(messages::UPSTREAM_MODEL, "r");
    assert_eq!(format!("{answer}}}"), expected);
    assert!(summary.starts_with(r#"{"route_name":"r""#));
    assert_eq!(response.header("x-routed-via"), Some("a/model-a"));
    assert_eq!(
        response.header("request-id"),
        response.header("x-request-id")
    );
    let line = gateway.wait_for_log(|line| line["msg"] == "request");
    assert_eq!(
        (&line["prompt_tokens"], &line["completion_tokens"]),
        (&json!(3), &json!(5))
    );
}

#[test]
fn a_stream_is_the_providers_event_by_event() {
    let a = saying("hello");
    let gateway = route(&a, &a);
    let response = ask(&gateway, true);
    assert_eq!(
        (response.status, &response.end),
        (200, &End::Complete),
        "{response}"
    );
    assert_eq!(
        response.header("request-id"),
        response.header("x-request-id")
    );
    let mut events = events(&response);
    let message = events[0]["message"].as_object_mut().unwrap();
    assert_eq!(
        message.remove("routing_summary").expect("a summary")["route_name"],
        "r"
    );
    let mut expected = messages::events(&["hello"]);
    expected[0]["message"]["model"] = json!("r");
    assert_eq!(events, expected);
    let line = gateway.wait_for_log(|line| line["msg"] == "request");
    assert_eq!(
        (&line["prompt_tokens"], &line["completion_tokens"]),
        (&json!(3), &json!(5))
    );
}

/// A block that is written anew is refused when it comes back.
#[test]
fn a_request_reaches_its_provider_byte_for_byte() {
    let a = saying("hello");
    let gateway = route(&a, &a);
    let body = r#"{ "max_tokens":1e3, "model":"r","system":[{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}],
        "messages":[{"role":"user","content":"hi"},{"role":"assistant","content":[ {"signature":"ErU\/","thinking":"hm","type":"thinking"},{"type":"text","text":"a"}]},{"role":"system","content":"y"},{"role":"user","content":"go on"}],
        "context_management":{"edits":[]},"unknown":null}"#;
    assert_eq!(post(&gateway, body).status, 200);
    assert_eq!(
        a.request().text(),
        body.replace(r#""model":"r""#, r#""model":"model-a""#)
    );
}

#[test]
fn the_head_of_a_call_is_what_the_api_wants() {
    let a = saying("hello");
    let key = "api_key: key-of-a-0123456789";
    let versioned = a.base_url();
    let root = versioned.trim_end_matches("/v1").to_owned();
    let gateway = Config::new()
        .provider_with("bearer", root.as_str(), &[KIND, key])
        .provider_with("key", versioned.as_str(), &[KIND, key, "auth: x-api-key"])
        .provider_with(
            "edited",
            root.as_str(),
            &[KIND, "edits: {headers: {anthropic-beta: -b}}"],
        )
        .route("bearer", [("bearer", "m")])
        .route("key", [("key", "m")])
        .route("edited", [("edited", "m")])
        .start();
    let fields = [
        ("anthropic-beta", "a,b"),
        ("anthropic-beta", "c"),
        ("anthropic-version", "2024-01-01"),
        ("x-app", "cli"),
        ("user-agent", "claude-cli/2"),
    ];
    for (route, fields, path, expected) in [
        (
            "bearer",
            &[][..],
            "/v1/messages",
            &[
                ("authorization", Some("Bearer key-of-a-0123456789")),
                ("x-api-key", None),
                ("anthropic-version", Some("2023-06-01")),
                ("anthropic-beta", None),
            ][..],
        ),
        (
            "key",
            &fields,
            "/v1/messages",
            &[
                ("authorization", None),
                ("x-api-key", Some("key-of-a-0123456789")),
                ("anthropic-version", Some("2024-01-01")),
                ("anthropic-beta", Some("a,b,c")),
                ("x-app", None),
            ],
        ),
        (
            "edited",
            &fields,
            "/v1/messages",
            &[("anthropic-beta", Some("a,c")), ("x-api-key", None)],
        ),
    ] {
        let body = messages::request(route, false);
        let response = gateway.exchange(request("POST", "/v1/messages?beta=true", fields, &body));
        assert_eq!(response.status, 200, "{response}");
        let sent = a.requests().pop().unwrap().head;
        assert_eq!(sent.first_line, format!("POST {path} HTTP/1.1"), "{route}");
        for (name, value) in expected {
            assert_eq!(sent.get(name), *value, "{route} {name}");
        }
        assert!(sent.get("user-agent").unwrap().starts_with("ai-gateway/"));
    }
}

/// Both headers at once, as some setups send them: one that is a client's counts.
#[test]
fn either_header_may_hold_the_key() {
    use crate::support::config::CLIENT_KEY;
    use crate::support::gateway::anonymous;
    let a = saying("hello");
    let gateway = route(&a, &a);
    let bearer = format!("Bearer {CLIENT_KEY}");
    for (fields, status) in [
        (&[("x-api-key", CLIENT_KEY)][..], 200),
        (&[("authorization", bearer.as_str())], 200),
        (
            &[
                ("x-api-key", CLIENT_KEY),
                ("authorization", bearer.as_str()),
            ],
            200,
        ),
        (
            &[
                ("x-api-key", "sk-ant-other"),
                ("authorization", bearer.as_str()),
            ],
            200,
        ),
        (
            &[
                ("x-api-key", CLIENT_KEY),
                ("authorization", "Bearer sk-ant-other"),
            ],
            200,
        ),
        (&[("x-api-key", "sk-ant-other")], 401),
    ] {
        let body = messages::request("r", false);
        let response = gateway.exchange(anonymous("POST", "/v1/messages", fields, &body));
        assert_eq!(response.status, status, "{fields:?}: {response}");
    }
}

#[test]
fn an_answer_in_the_other_form_is_turned_into_the_one_asked_for() {
    let a = Upstream::answering(|request| {
        if request.asks_for_a_stream() {
            Script::json(200, &messages::answer("hello"))
        } else {
            messages::stream(&messages::events(&["hel", "lo"]))
        }
    });
    let gateway = route(&a, &a);
    let whole = ask(&gateway, false).json();
    assert_eq!(whole["content"], json!([{"type": "text", "text": "hello"}]));
    assert_eq!(
        (&whole["model"], &whole["stop_reason"]),
        (&json!("r"), &json!("end_turn"))
    );
    assert_eq!(
        whole["usage"],
        json!({"input_tokens": 3, "output_tokens": 5})
    );
    let events = events(&ask(&gateway, true));
    assert_eq!(
        kinds(&events),
        [
            "message_start",
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop"
        ]
    );
    assert_eq!(events[0]["message"]["model"], "r");
}

/// Some servers send no names, end with the mark of chat, or leave the last event out.
#[test]
fn names_and_ends_that_are_missing_are_added() {
    let mut sent = messages::events(&["hello"]);
    sent.pop();
    let unnamed = sent.iter().fold(Script::stream(), |script, event| {
        script.event(&event.to_string())
    });
    for script in [unnamed.clone().last_chunk(), unnamed.done()] {
        let a = Upstream::always(script);
        let gateway = route(&a, &a);
        let response = ask(&gateway, true);
        let events = events(&response);
        assert_eq!(kinds(&events).last(), Some(&"message_stop"), "{response}");
        assert_eq!(kinds(&events).len(), messages::events(&["hello"]).len());
    }
}

#[test]
fn a_thinking_block_that_nobody_signed_is_cut_out_of_a_request() {
    let a = saying("hello");
    let gateway = route(&a, &a);
    let body = r#"{"model":"r","max_tokens":9,"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"thinking","thinking":"x","signature":"aigw:1"},{"type":"text","text":"a"}]},{"role":"user","content":"b"}]}"#;
    assert_eq!(post(&gateway, body).status, 200);
    assert_eq!(
        a.request().json()["messages"][1]["content"],
        json!([{"type": "text", "text": "a"}])
    );
}
