//! Answers with nothing in them that the client's dialect can say: pictures for Messages and Ollama, thoughts that were not
//! asked for.

use serde_json::{Value, json};

use crate::support::gateway::request;
use crate::support::{Config, Gateway, Response, Script, Upstream, openai};

const PICTURE: &str = "data:image/png;base64,iVBORw0KGgo=";

fn picture() -> String {
    openai::chunk(json!({"images": [{"type": "image_url", "image_url": {"url": PICTURE}}]}))
}

fn thought() -> String {
    openai::chunk(json!({"reasoning_content": "hm"}))
}

/// A route whose first step answers with these chunks, and whose second one with a text.
fn route(first: &Upstream, second: &Upstream) -> Gateway {
    Config::new()
        .with("ollama: {enabled: true}")
        .provider("a", first)
        .provider("b", second)
        .route("r", [("a", "model-a"), ("b", "model-b")])
        .start()
}

fn drawing(chunks: Vec<String>) -> Upstream {
    Upstream::always(Script::events(chunks))
}

fn ask(gateway: &Gateway, path: &str, think: Value) -> Response {
    let mut body = json!({"model": "r", "max_tokens": 64, "stream": true,
        "messages": [{"role": "user", "content": "draw"}]});
    if path == "/api/chat" {
        body["think"] = think;
    }
    gateway.exchange(request("POST", path, &[], &body.to_string()))
}

/// Both ended as a message without a word, and no other step was asked.
#[test]
fn a_picture_that_cannot_be_said_goes_to_the_next_step() {
    for path in ["/v1/messages", "/api/chat"] {
        for chunks in [
            vec![openai::role(), picture(), openai::stop()],
            // More of it than is held back.
            std::iter::repeat_n(picture(), 100)
                .chain([openai::stop()])
                .collect(),
        ] {
            let (first, second) = (drawing(chunks), Upstream::saying("in words"));
            let gateway = route(&first, &second);
            let response = ask(&gateway, path, json!(true));
            assert_eq!(response.status, 200, "{response}");
            assert!(response.text().contains("in words"), "{path}: {response}");
            assert_eq!(response.header("x-fallback-count"), Some("1"));
            let failed = &response.text();
            assert!(failed.contains("empty_answer"), "{path}: {response}");
        }
    }
}

/// Words beside the picture are an answer.
#[test]
fn a_picture_beside_words_leaves_the_words() {
    for path in ["/v1/messages", "/api/chat"] {
        let chunks = vec![picture(), openai::text("a cat"), openai::stop()];
        let (first, second) = (drawing(chunks), Upstream::saying("unused"));
        let gateway = route(&first, &second);
        let response = ask(&gateway, path, json!(true));
        assert!(response.text().contains("a cat"), "{path}: {response}");
        assert!(second.requests().is_empty());
    }
}

/// Behind the commit point no other step can follow.
#[test]
fn a_picture_behind_thoughts_is_a_break() {
    for (path, think, name) in [
        ("/v1/messages", Value::Null, "event: error"),
        ("/api/chat", json!(true), "{\"error\":"),
        ("/api/chat", json!(false), "{\"error\":"),
    ] {
        let chunks = vec![thought(), picture(), openai::stop()];
        let (first, second) = (drawing(chunks), Upstream::saying("unused"));
        let gateway = route(&first, &second);
        let response = ask(&gateway, path, think.clone());
        let text = response.text();
        assert!(text.contains(name), "{path} {think}: {response}");
        assert!(
            !text.contains("message_stop") && !text.contains("\"done\":true"),
            "{path} {think}: {response}"
        );
        assert!(second.requests().is_empty());
    }
}

/// Clients that ask for no thoughts got an empty message of a model that had nothing but thoughts.
#[test]
fn thoughts_that_are_not_shown_are_no_answer() {
    for (path, think, is_answer) in [
        ("/v1/messages", Value::Null, false),
        ("/api/chat", json!(false), false),
        ("/api/chat", json!(true), true),
    ] {
        let chunks = vec![thought(), openai::stop()];
        let (first, second) = (drawing(chunks), Upstream::saying("unused"));
        let gateway = route(&first, &second);
        let response = ask(&gateway, path, think.clone());
        let text = response.text();
        let ended = text.contains("message_stop") || text.contains("\"done\":true");
        assert_eq!(ended, is_answer, "{path} {think}: {response}");
    }
}

/// An answer that ran out of tokens while it thought says so itself, and n8n asks for one token to see whether a key is
/// good.
#[test]
fn an_answer_that_ran_out_of_tokens_says_so() {
    let length = json!([{"index": 0, "delta": {}, "finish_reason": "length"}]);
    for stream in [true, false] {
        let chunks = vec![thought(), openai::chunk_of(length.clone())];
        let (first, second) = (drawing(chunks), Upstream::saying("unused"));
        let gateway = route(&first, &second);
        let body = json!({"model": "r", "max_tokens": 1, "stream": stream,
            "messages": [{"role": "user", "content": "Hey"}]});
        let response = gateway.exchange(request("POST", "/v1/messages", &[], &body.to_string()));
        assert_eq!(response.status, 200, "{response}");
        let ended = r#""stop_reason":"max_tokens""#;
        assert!(response.text().contains(ended), "{stream}: {response}");
        assert!(second.requests().is_empty());
    }
}
