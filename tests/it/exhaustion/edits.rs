//! What the edits of a request copy counts as memory, too.

use serde_json::json;

use crate::support::gateway::{chat, request};
use crate::support::{Config, Gateway, Script, Step, Upstream, responses};

const MIB: usize = 1 << 20;

/// A gateway with two routes: one whose step has an edit inside the members of a request, and one without any.
fn gateway(upstream: &Upstream, place: &str) -> Gateway {
    let edit = format!("edits: {{drop: [\"{place}\"]}}");
    Config::new()
        .server("body_memory: 12MiB")
        .provider_with(
            "a",
            upstream,
            &["api_key: a-key-of-a-provider", "responses: true"],
        )
        .route("edited", [Step::new("a", "m").with(&edit)])
        .route("plain", [("a", "m")])
        .start()
}

/// Pictures are left out where an edit copies what stands around them, in every dialect.
#[test]
fn a_picture_is_in_memory_once_whatever_is_edited() {
    let picture = "x".repeat(10 * MIB);
    let upstream = Upstream::answering(|request| {
        if request.head.first_line.contains("/responses") {
            Script::json(200, &responses::answer("fine"))
        } else {
            request.answer("fine")
        }
    });
    for (path, place, body) in [
        (
            "/v1/chat/completions",
            "messages[*].name",
            json!({"model": "edited", "messages": [
                {"role": "user", "name": "n", "content": [{"type": "text", "text": picture}]},
            ]}),
        ),
        (
            "/v1/responses",
            "input[*].name",
            json!({"model": "edited", "input": [
                {"role": "user", "name": "n", "content": [{"type": "input_text", "text": picture}]},
            ]}),
        ),
    ] {
        let gateway = gateway(&upstream, place);
        assert_eq!(gateway.ask("plain", false).status, 200);
        let before = gateway.peak_memory();
        let answer = gateway.exchange(request("POST", path, &[], &body.to_string()));
        assert_eq!(answer.status, 200, "{path}: {answer}");
        let sent = upstream.requests().pop().unwrap().json();
        assert!(sent.to_string().len() > 10 * MIB && !sent.to_string().contains("\"name\""));
        let grown = gateway.peak_memory().saturating_sub(before);
        assert!(grown < 12 * MIB + 2 * MIB, "{path}: {} KiB", grown >> 10);
    }
}

/// Many short texts cannot be left out: their copies have to fit into the budget before they are made.
#[test]
fn copies_of_many_short_texts_count() {
    let upstream = Upstream::saying("fine");
    let gateway = gateway(&upstream, "messages[*].name");
    let message = json!({"role": "user", "name": "n", "content": "x".repeat(1000)});
    let of_size = |route: &str, bytes: usize| {
        let messages = vec![&message; bytes / message.to_string().len()];
        let body = json!({"model": route, "messages": messages}).to_string();
        gateway.exchange(chat(&body))
    };
    assert_eq!(of_size("edited", 3 * MIB).status, 200);
    assert_eq!(of_size("plain", 9 * MIB).status, 200);
    let before = gateway.peak_memory();
    let refused = of_size("edited", 9 * MIB);
    assert_eq!(refused.status, 502, "{refused}");
    assert!(refused.to_string().contains("all the memory"), "{refused}");
    assert!(gateway.peak_memory() < before + 2 * MIB);
    assert_eq!(of_size("edited", 3 * MIB).status, 200);
}
