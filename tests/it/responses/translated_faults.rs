//! What goes wrong on a provider of chat, before and behind the commit point.

use super::translated::chat_route;
use super::*;
use crate::support::openai;

fn chunks(chunks: &[String]) -> Script {
    chunks
        .iter()
        .fold(Script::stream(), |script, chunk| script.event(chunk))
}

/// What a provider can do wrong before its first content; then a native one answers.
#[test]
fn the_next_step_answers() {
    let error =
        |message: &str| json!({"error": {"message": message, "code": "server_error"}}).to_string();
    for (plain, streamed, class) in [
        (
            Script::json(500, &error("m")),
            Script::json(500, &error("m")),
            "server_error",
        ),
        (
            Script::json(200, &error("m")),
            chunks(&[openai::role(), error("m")]).done(),
            "server_error",
        ),
        (
            Script::json(200, &openai::answer("")),
            chunks(&[openai::role(), openai::stop()]).done(),
            "empty_answer",
        ),
        (
            Script::json(200, "{\"choices\":"),
            chunks(&[openai::role()]).close(),
            "bad_response",
        ),
    ] {
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
            let gateway = Config::new()
                .provider("a", &a)
                .provider_with("b", &b, &["responses: true"])
                .route("r", [("a", "model-a"), ("b", "model-b")])
                .start();
            let response = ask(&gateway, stream);
            assert_eq!(
                response.header("x-routed-via"),
                Some("b/model-b"),
                "{class} {stream}: {response}"
            );
            let summary = if stream {
                events(&response)[0]["routing_summary"].clone()
            } else {
                response.json()["routing_summary"].clone()
            };
            let step = &summary["steps"][0];
            assert_eq!(step["translated"], json!(true), "{step}");
            if class != "bad_response" {
                assert_eq!(step["class"], class, "{response}");
            }
            assert_eq!(summary["steps"][1].get("translated"), None);
        }
    }
}

fn breaks_off(script: Script) {
    let a = Upstream::always(script);
    let b = saying("from b");
    let gateway = Config::new()
        .provider("a", &a)
        .provider_with("b", &b, &["responses: true"])
        .route(
            "r",
            [
                Step::new("a", "model-a").with("stall_timeout: 300ms"),
                Step::new("b", "model-b"),
            ],
        )
        .start();
    let response = ask(&gateway, true);
    assert_eq!(
        (response.status, &response.end),
        (200, &End::Complete),
        "{response}"
    );
    assert_eq!(b.requests().len(), 0, "a second answer was begun");
    let events = events(&response);
    let kinds = kinds(&events);
    assert_eq!(
        kinds,
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.failed",
            "error",
        ],
        "{response}"
    );
    let failed = &events[5]["response"];
    assert_eq!(failed["id"], events[0]["response"]["id"]);
    assert_eq!(
        (&failed["status"], &failed["output"]),
        (&json!("failed"), &json!([]))
    );
    let message = failed["error"]["message"].as_str().unwrap();
    assert!(message.contains("the stream broke"), "{message}");
    assert_eq!(events[6]["error"]["message"], message);
    let line = gateway.wait_for_log(|line| line["msg"] == "request");
    assert!(
        line["error"].is_string(),
        "it passes for a whole answer: {line}"
    );
}

fn begun() -> Script {
    chunks(&[openai::role(), openai::text("one")])
}

#[test]
fn a_cut() {
    breaks_off(begun().pause(std::time::Duration::from_millis(50)).close());
}

#[test]
fn a_stall() {
    breaks_off(begun().silence());
}

#[test]
fn an_error_behind_the_first_content() {
    let error = json!({"error": {"message": "overloaded", "code": "server_error"}}).to_string();
    breaks_off(begun().event(&error).done());
}

/// SDKs retry by these.
#[test]
fn a_refusal_is_an_answer_with_its_status() {
    let refusal = openai::error("slow down", "rate_limit_exceeded");
    let a = Upstream::always(Script::body(
        429,
        &[("Content-Type", "application/json"), ("Retry-After", "7")],
        refusal,
    ));
    let gateway = chat_route(&a);
    for stream in [true, false] {
        let response = ask(&gateway, stream);
        assert_eq!(response.status, 429, "{response}");
        assert!(response.header("retry-after").is_some());
        assert!(response.json()["error"]["message"].is_string());
    }
}

/// The last frame has all that was said: what is kept for it has the bound of an answer.
#[test]
fn an_answer_beyond_its_bound_breaks() {
    let word = openai::text(&"x".repeat(64 * 1024));
    let mut sent = vec![openai::role()];
    sent.extend(std::iter::repeat_n(word, 30));
    let a = Upstream::always(chunks(&sent).done());
    let gateway = Config::new()
        .server("max_answer: 1MiB")
        .provider("a", &a)
        .route("r", [("a", "model-a")])
        .start();
    let response = ask(&gateway, true);
    let events = events(&response);
    let kinds = kinds(&events);
    assert_eq!(kinds[kinds.len() - 2..], ["response.failed", "error"]);
    let message = events.last().unwrap()["message"].as_str().unwrap();
    assert!(message.contains("more than 1048576 bytes"), "{message}");
}
