//! Everything that a provider can do wrong before its first content: the next step answers, and the client does not notice.

use super::*;

fn falls_back(plain: Script, streamed: Script, class: &str) {
    for stream in [false, true] {
        let (plain, streamed) = (plain.clone(), streamed.clone());
        let a = Upstream::answering(move |request| {
            if request.asks_for_a_stream() {
                streamed.clone()
            } else {
                plain.clone()
            }
        });
        let b = saying("from b");
        let gateway = route(&a, &b);
        let response = ask(&gateway, stream);
        assert_eq!(
            (response.status, &response.end),
            (200, &End::Complete),
            "{response}"
        );
        assert_eq!(
            response.header("x-routed-via"),
            Some("b/model-b"),
            "{response}"
        );
        assert_eq!(response.header("x-fallback-count"), Some("1"));
        let summary = if stream {
            let events = events(&response);
            assert_eq!(events[3]["delta"]["text"], "from b");
            events[0]["message"]["routing_summary"].clone()
        } else {
            response.json()["routing_summary"].clone()
        };
        assert_eq!(
            summary["steps"][0]["class"], class,
            "stream: {stream}, {response}"
        );
    }
}

/// A stream that has not said anything before this event.
fn opening_with(last: Value) -> Script {
    let mut events = messages::events(&[]);
    events.truncate(3);
    events.push(last);
    messages::stream(&events)
}

fn refused(status: u16, kind: &str) -> Script {
    Script::json(status, &messages::error(kind).to_string())
}

fn whole(content: Value, stop_reason: &str) -> Script {
    Script::json(200, &messages::message(content, stop_reason).to_string())
}

macro_rules! faults {
    ($($(#[$meta:meta])* $name:ident: $class:literal, $plain:expr, $streamed:expr;)*) => {$(
        $(#[$meta])*
        #[test]
        fn $name() {
            falls_back($plain, $streamed, $class);
        }
    )*};
}

faults! {
    overloaded: "server_error", refused(529, "overloaded_error"), opening_with(messages::error("overloaded_error"));
    rate_limited: "rate_limited", refused(429, "rate_limit_error"), opening_with(messages::error("rate_limit_error"));
    unauthorized: "unauthorized", refused(401, "authentication_error"), opening_with(messages::error("authentication_error"));
    forbidden: "forbidden", refused(403, "permission_error"), opening_with(messages::error("permission_error"));
    the_bill: "quota_exhausted", refused(402, "billing_error"), opening_with(messages::error("billing_error"));
    no_such_model: "model_not_found", refused(404, "not_found_error"), opening_with(messages::error("not_found_error"));
    too_large: "too_large", refused(413, "request_too_large"), opening_with(messages::error("request_too_large"));
    rejected: "rejected", refused(400, "invalid_request_error"), opening_with(messages::error("invalid_request_error"));
    a_fault_of_the_api: "server_error", refused(500, "api_error"), opening_with(messages::error("api_error"));
    out_of_time: "server_error", refused(504, "timeout_error"), opening_with(messages::error("timeout_error"));
    /// llama.cpp answers in OpenAI's shape here as well.
    an_error_of_openais_shape: "unauthorized",
        Script::json(401, r#"{"error":{"message":"Invalid API Key","type":"authentication_error","code":401}}"#),
        Script::json(401, r#"{"error":{"message":"Invalid API Key","type":"authentication_error","code":401}}"#);
    an_error_inside_a_200: "server_error",
        Script::json(200, &messages::error("overloaded_error").to_string()),
        Script::json(200, &messages::error("overloaded_error").to_string());
    an_empty_answer: "empty_answer", whole(json!([]), "end_turn"), opening_with(messages::end("end_turn"));
    an_empty_text: "empty_answer",
        whole(json!([{"type": "text", "text": ""}]), "end_turn"), messages::stream(&messages::events(&[""]));
    a_chat_completion: "bad_response",
        Script::json(200, &crate::support::openai::answer("hi")),
        Script::events(crate::support::openai::events(&["hi"]));
    a_cut_before_the_content: "bad_response",
        Script::head(200, &[("Content-Length", "500")]).send("{\"id\":").close(),
        messages::begun(&messages::events(&["hi"])[..3]).close();
    an_end_before_the_content: "bad_response",
        Script::json(200, "{\"id\":"), messages::stream(&messages::events(&["hi"])[..3]);
    silence: "timeout", Script::default().silence(), messages::begun(&messages::events(&["hi"])[..3]).silence();
}

#[test]
fn answers_without_a_word_that_are_documented_are_answers() {
    let result = r#"{"model":"r","max_tokens":99,"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"x"}]}],"stream":STREAM}"#;
    let plain = r#"{"model":"r","max_tokens":99,"messages":[{"role":"user","content":"hi"}],"stream":STREAM}"#;
    for (body, stop_reason) in [
        (result, "end_turn"),
        (plain, "refusal"),
        (plain, "stop_sequence"),
    ] {
        let a = Upstream::answering(move |request| {
            if request.asks_for_a_stream() {
                messages::stream(&[
                    messages::start(),
                    messages::end(stop_reason),
                    json!({"type": "message_stop"}),
                ])
            } else {
                whole(json!([]), stop_reason)
            }
        });
        let b = saying("from b");
        let gateway = route(&a, &b);
        for stream in ["false", "true"] {
            let response = post(&gateway, &body.replace("STREAM", stream));
            assert_eq!(
                response.header("x-routed-via"),
                Some("a/model-a"),
                "{stop_reason}: {response}"
            );
        }
    }
}

/// n8n tests its credential with one token.
#[test]
fn a_probe_may_run_out_of_tokens() {
    let a = Upstream::always(whole(json!([]), "max_tokens"));
    let b = saying("from b");
    let gateway = route(&a, &b);
    let probe = r#"{"model":"r","max_tokens":1,"messages":[{"role":"user","content":"Hey"}]}"#;
    assert_eq!(
        post(&gateway, probe).header("x-routed-via"),
        Some("a/model-a")
    );
    assert_eq!(
        ask(&gateway, false).header("x-routed-via"),
        Some("b/model-b")
    );
}

#[test]
fn a_limit_that_an_answer_tells_is_kept() {
    let fields = [
        ("Content-Type", "application/json"),
        ("anthropic-ratelimit-requests-remaining", "0"),
        ("anthropic-ratelimit-requests-reset", "2999-01-01T00:00:00Z"),
    ];
    let a = Upstream::always(Script::body(200, &fields, messages::answer("hello")));
    let b = saying("from b");
    let gateway = route(&a, &b);
    assert_eq!(
        ask(&gateway, false).header("x-routed-via"),
        Some("a/model-a")
    );
    assert_eq!(
        ask(&gateway, false).header("x-routed-via"),
        Some("b/model-b")
    );
    assert_eq!(a.requests().len(), 1);
}
