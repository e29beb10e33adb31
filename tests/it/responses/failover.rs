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
            assert_eq!(
                events.last().unwrap()["response"]["output"][0]["content"][0]["text"],
                "from b"
            );
            events[0]["routing_summary"].clone()
        } else {
            response.json()["routing_summary"].clone()
        };
        assert_eq!(
            summary["steps"][0]["class"], class,
            "stream: {stream}, {response}"
        );
    }
}

/// A stream that breaks off before it has said anything, in this event.
fn opening_with(last: Value) -> Script {
    let mut events = responses::events(&[]);
    events.truncate(4);
    events.push(last);
    responses::stream(&responses::numbered(events))
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

fn failed(code: &str) -> Value {
    let mut frame = responses::frame("failed", json!([]));
    frame["error"] = json!({"code": code, "message": "it went wrong"});
    frame
}

fn whole(status: &str, output: Value) -> Script {
    Script::json(200, &responses::frame(status, output).to_string())
}

faults! {
    server_error: "server_error",
        Script::json(500, r#"{"error":{"message":"m"}}"#), Script::json(500, r#"{"error":{"message":"m"}}"#);
    rate_limited: "rate_limited",
        Script::json(429, r#"{"error":{"message":"m"}}"#), Script::json(429, r#"{"error":{"message":"m"}}"#);
    a_failed_answer: "rate_limited",
        Script::json(200, &failed("rate_limit_exceeded").to_string()),
        opening_with(json!({"type": "response.failed", "response": failed("rate_limit_exceeded")}));
    an_answer_that_failed_by_a_fault_of_the_server: "server_error",
        Script::json(200, &failed("server_error").to_string()),
        opening_with(json!({"type": "response.failed", "response": failed("server_error")}));
    an_answer_that_failed_by_the_prompt: "rejected",
        Script::json(200, &failed("invalid_prompt").to_string()),
        opening_with(json!({"type": "response.failed", "response": failed("invalid_prompt")}));
    a_flat_error_event: "server_error",
        Script::json(200, r#"{"error":{"code":"server_error","message":"m"}}"#),
        opening_with(json!({"type": "error", "code": "server_error", "message": "m", "param": null}));
    an_error_event_with_an_object: "server_error",
        Script::json(200, r#"{"error":{"code":"server_error","message":"m"}}"#),
        opening_with(json!({"type": "error", "error": {"type": "server_error", "message": "m"}}));
    an_error_of_another_shape: "rejected",
        Script::json(200, r#"{"error":{"code":"invalid_prompt","message":"m"}}"#),
        Script::stream().event(r#"{"error":{"code":"invalid_prompt","message":"m"}}"#).last_chunk();
    a_cancelled_answer: "server_error",
        whole("cancelled", json!([])),
        opening_with(json!({"type": "response.failed", "response": {"error": null}}));
    an_answer_that_is_not_finished: "bad_response",
        whole("queued", json!([])), opening_with(json!({"type": "response.queued"}));
    an_empty_answer: "empty_answer",
        whole("completed", json!([])),
        opening_with(json!({"type": "response.completed", "response": responses::frame("completed", json!([]))}));
    an_empty_message: "empty_answer",
        whole("completed", json!([responses::message("")])),
        opening_with(json!({"type": "response.completed", "response": responses::frame("completed", json!([responses::message("")]))}));
    a_chat_completion: "bad_response",
        Script::json(200, &crate::support::openai::answer("hi")),
        Script::events(crate::support::openai::events(&["hi"]));
    a_cut_before_the_content: "bad_response",
        Script::head(200, &[("Content-Length", "500")]).send("{\"id\":").close(),
        responses::begun(&responses::events(&["hi"])[..4]).close();
    an_end_before_the_content: "bad_response",
        Script::json(200, "{\"id\":"), responses::stream(&responses::events(&["hi"])[..4]);
    a_mark_in_place_of_an_end: "bad_response",
        Script::json(200, "[DONE]"), responses::begun(&responses::events(&["hi"])[..4]).done();
    silence: "timeout", Script::default().silence(), responses::begun(&responses::events(&["hi"])[..4]).silence();
}

/// Typed clients abort at an event without a number: better another step's answer.
#[test]
fn a_stream_without_numbers_is_another_steps_turn() {
    let without = responses::events(&["hi"]).into_iter().map(|mut event| {
        event.as_object_mut().unwrap().remove("sequence_number");
        event
    });
    let a = Upstream::always(responses::stream(&without.collect::<Vec<_>>()));
    let b = saying("from b");
    let response = ask(&route(&a, &b), true);
    let step = &events(&response)[0]["routing_summary"]["steps"][0];
    assert_eq!(step["class"], "bad_response");
    assert!(
        step["error"].as_str().unwrap().contains("responses: false"),
        "{step}"
    );
}

/// Frames echo the request, 40 KB each of Codex: more of them than the bound of events without content lets through.
#[test]
fn long_frames_are_held_back_whole() {
    let mut sent = responses::events(&["hi"]);
    let long = "x".repeat(200 * 1024);
    for event in &mut sent[..2] {
        event["response"]["instructions"] = json!(long);
    }
    let a = Upstream::always(responses::stream(&sent));
    let gateway = route(&a, &a);
    let response = ask(&gateway, true);
    assert_eq!(response.header("x-routed-via"), Some("a/model-a"));
    let text = response.text();
    assert!(
        text.contains("event: response.created\n")
            && text.contains("event: response.output_item.added\n")
    );

    let endless = json!({"type": "response.created", "sequence_number": 0, "response": {"instructions": long}});
    let script = (0..30).fold(responses::begun(&[]), |script, _| {
        script.chunk(format!("data: {endless}\n\n"))
    });
    let a = Upstream::always(script.silence());
    let b = saying("from b");
    let response = ask(&route(&a, &b), true);
    assert_eq!(
        response.header("x-routed-via"),
        Some("b/model-b"),
        "{response}"
    );
}

/// A probe allows a token or two, which a model that thinks has nothing to show for.
#[test]
fn an_answer_that_ran_out_of_tokens_is_second_best() {
    let cut = || {
        let mut frame = responses::frame("incomplete", json!([]));
        frame["incomplete_details"] = json!({"reason": "max_output_tokens"});
        Script::json(200, &frame.to_string())
    };
    let a = Upstream::always(cut());
    let b = saying("from b");
    let gateway = route(&a, &b);
    assert_eq!(
        ask(&gateway, false).header("x-routed-via"),
        Some("b/model-b")
    );
    let probe = post(
        &gateway,
        r#"{"model":"r","input":"hi","max_output_tokens":16}"#,
    );
    assert_eq!(probe.header("x-routed-via"), Some("a/model-a"), "{probe}");
    let failing = Upstream::always(Script::json(500, "{}"));
    let gateway = route(&a, &failing);
    let only = ask(&gateway, false);
    assert_eq!(
        (only.status, &only.json()["status"]),
        (200, &json!("incomplete")),
        "{only}"
    );
}
