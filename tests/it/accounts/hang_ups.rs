//! Clients that leave, and streams that do not tell what they took: charged is what was received, neither all nor nothing.

use super::*;
use crate::support::Signal;

/// A body of some forty bytes of text.
const ASKED: &str = r#"{"model":"r","stream":true,"messages":[{"role":"user","content":"forty letters that are ten tokens or so.."}]}"#;

const USAGE: &str = r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"model-a","choices":[],"usage":{"prompt_tokens":30,"completion_tokens":500,"total_tokens":530}}"#;

/// A client asks a provider that sends these events and then nothing, reads as far as to this text, and leaves. The
/// usage comes back, once nothing is reserved any more.
fn left_after(events: &[String], last_read: Option<&str>) -> Value {
    let mut script = Script::stream();
    for event in events {
        script = script.event(event);
    }
    let never = Signal::new();
    let upstream = Upstream::always(script.await_signal(&never));
    let gateway = gateway(
        &upstream,
        "limits: {requests: 9/day, tokens: 100000/day}",
        &[],
    )
    .start();
    let mut connection = gateway.connect();
    let fields = [("X-Api-Key", HOME), ("Content-Type", "application/json")];
    connection.send(anonymous("POST", "/v1/chat/completions", &fields, ASKED));
    upstream.wait_for_requests(1);
    if let Some(last) = last_read {
        let mut stream = connection.stream();
        let mut read = String::new();
        while !read.contains(last) {
            let piece = stream.piece().expect("it goes on");
            read.push_str(&String::from_utf8_lossy(&piece));
        }
    }
    let reserved = usage(&gateway, HOME, "").json();
    assert_eq!(reserved["limits"][0]["reserved"], 1, "{reserved}");
    connection.reset();
    settled(&gateway, HOME, |report| {
        report["limits"][0]["reserved"] == 0
    })
}

/// What a client has used of requests and of tokens.
fn used(report: &Value) -> (u64, u64) {
    let of = |at: usize| report["limits"][at]["used"].as_u64().unwrap();
    (of(0), of(1))
}

#[test]
fn a_client_that_leaves_before_the_first_content_pays_nothing() {
    let report = left_after(&[openai::role()], None);
    assert_eq!(used(&report), (0, 0), "{report}");
}

/// Its words, and what it asked.
#[test]
fn a_client_that_leaves_amid_an_answer_pays_for_what_it_got() {
    let words = "eighty letters that are twenty tokens or so, as they come out of such a model...";
    let events = [openai::role(), openai::text(words), openai::text(".")];
    let report = left_after(&events, Some("such a model"));
    let (requests, tokens) = used(&report);
    assert_eq!(requests, 1, "{report}");
    assert!((20..=80).contains(&tokens), "{report}");
    assert_eq!(report["months"][0]["estimated"], 1, "{report}");
}

/// All has come but the end: what was told counts, not a guess.
#[test]
fn a_client_that_leaves_after_the_usage_pays_as_told() {
    let events = [
        openai::role(),
        openai::text("fine"),
        openai::stop(),
        USAGE.to_owned(),
    ];
    let report = left_after(&events, Some("\"stop\""));
    // The usage may not have been read yet when its client leaves.
    let (requests, tokens) = used(&report);
    assert_eq!(requests, 1, "{report}");
    match report["months"][0]["estimated"].as_u64() {
        Some(0) => assert_eq!(tokens, 530, "{report}"),
        _ => assert!((10..=80).contains(&tokens), "{report}"),
    }
}

#[test]
fn a_stream_that_tells_no_usage_is_estimated() {
    let words = ["one two ", "three four five ", "six seven eight nine ten "];
    let upstream = Upstream::always(Script::events(openai::events(&words)));
    let gateway = gateway(&upstream, "limits: {tokens: 100000/day}", &[]).start();
    assert_eq!(ask(&gateway, HOME, ASKED).status, 200);
    let report = settled(&gateway, HOME, |report| {
        report["months"][0]["estimated"] == 1
    });
    let month = &report["months"][0];
    let output = month["output_tokens"].as_u64().unwrap();
    assert!((6..=40).contains(&output), "{report}");
    assert!(month["input_tokens"].as_u64().unwrap() >= 10, "{report}");
    assert_eq!(report["limits"][0]["reserved"], 0, "{report}");
}
