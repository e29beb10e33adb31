//! Routes that mix providers of both kinds: whoever fails, the client gets one whole answer in its own dialect.

use super::*;
use crate::support::{openai, strict_chat};

/// A route over a step that speaks chat and one that speaks Messages, in this order or the other.
fn mixed(chat: &Upstream, native: &Upstream, chat_first: bool) -> Gateway {
    let mut steps = [("a", "model-a"), ("b", "model-b")];
    if !chat_first {
        steps.reverse();
    }
    Config::new()
        .provider("a", chat)
        .provider_with("b", native, &[KIND])
        .route("r", steps)
        .start()
}

fn answers_from(response: &Response, via: &str, text: &str, stream: bool) {
    assert_eq!(
        (response.status, &response.end),
        (200, &End::Complete),
        "{response}"
    );
    assert_eq!(response.header("x-routed-via"), Some(via), "{response}");
    assert_eq!(response.header("x-fallback-count"), Some("1"));
    if stream {
        let events = events(response);
        let texts = events
            .iter()
            .filter_map(|event| event["delta"]["text"].as_str());
        assert_eq!(texts.collect::<String>(), text, "{response}");
        assert_eq!(kinds(&events).last(), Some(&"message_stop"));
        let starts = kinds(&events)
            .into_iter()
            .filter(|kind| *kind == "message_start");
        assert_eq!(starts.count(), 1);
    } else {
        assert_eq!(response.json()["content"][0]["text"], text, "{response}");
    }
}

#[test]
fn chat_fails_and_a_native_step_answers() {
    let failing = [
        Script::json(500, &openai::error("overheated", "server_error")),
        // It has begun, and has said nothing.
        Script::stream()
            .event(&openai::role())
            .event(&openai::error("overheated", "server_error"))
            .last_chunk(),
    ];
    for (script, stream) in failing.into_iter().zip([false, true]) {
        let (chat, native) = (Upstream::always(script), saying("from native"));
        let gateway = mixed(&chat, &native, true);
        answers_from(&ask(&gateway, stream), "b/model-b", "from native", stream);
        // The native step gets the client's own body.
        let sent = native.request().json();
        assert_eq!(sent["messages"], json!([{"role": "user", "content": "hi"}]));
        assert_eq!(sent["max_tokens"], 1024);
    }
}

#[test]
fn a_native_step_fails_and_chat_answers() {
    for (script, stream) in [
        (
            Script::json(529, &messages::error("overloaded_error").to_string()),
            false,
        ),
        (
            Script::json(529, &messages::error("overloaded_error").to_string()),
            true,
        ),
        (
            messages::stream(&[messages::start(), messages::error("overloaded_error")]),
            true,
        ),
    ] {
        let native = Upstream::always(script);
        let chat = strict_chat::upstream(|request| request.answer("from chat"));
        let gateway = mixed(&chat, &native, false);
        answers_from(&ask(&gateway, stream), "a/model-a", "from chat", stream);
    }
}
