//! Streams that fail after they have begun to speak. Nothing can be taken back then: the client is told, in an event that
//! its library raises as an error, and hears nothing of another step.

use super::*;
use crate::support::gateway::chat;

/// The pause lets the content through before a fault that would be read together with it and prevent the commit.
fn begun() -> Script {
    Script::stream()
        .event(&openai::role())
        .event(&openai::text("one"))
        .pause(Duration::from_millis(50))
}

fn breaks_off(script: Script) -> Response {
    let a = Upstream::always(script);
    let b = Upstream::saying("from b");
    let gateway = Config::new()
        .provider("a", &a)
        .provider("b", &b)
        .route(
            "r",
            [
                Step::new("a", "model-a").with("stall_timeout: 300ms"),
                Step::new("b", "model-b"),
            ],
        )
        .start();
    let response = gateway.ask("r", true);
    assert_eq!(response.status, 200, "{response}");
    assert_eq!(
        response.end,
        End::Complete,
        "the HTTP body ends as its framing says"
    );
    let events = response.events();
    let (last, before) = events.split_last().expect("events");
    let last: Value =
        serde_json::from_str(last).unwrap_or_else(|_| panic!("no error event: {response}"));
    let error = &last["error"];
    assert!(
        error["message"]
            .as_str()
            .is_some_and(|text| !text.is_empty()),
        "{response}"
    );
    assert!(
        error["type"].is_string() && error.get("code").is_some(),
        "{response}"
    );
    let said: String = before
        .iter()
        .map(|event| openai::content(&serde_json::from_str(event).expect("JSON before the error")))
        .collect();
    assert_eq!(said, "one", "{response}");
    assert_eq!(b.requests().len(), 0, "a second answer was begun");
    assert!(response.spent < Duration::from_millis(800), "{response}");
    let line = gateway.wait_for_log(|line| line["msg"] == "request");
    assert_eq!(line["served_by"], "a/model-a", "{line}");
    assert!(
        line["error"].is_string(),
        "it passes for a whole answer: {line}"
    );
    response
}

macro_rules! broken_streams {
    ($($(#[$meta:meta])* $name:ident: $script:expr;)*) => {$(
        $(#[$meta])*
        #[test]
        fn $name() {
            breaks_off($script);
        }
    )*};
}

broken_streams! {
    cut: begun().close();
    reset: begun().reset();
    cut_within_an_event: begun().chunk("data: {\"choices\":[{\"del").close();
    cut_within_a_chunk: begun().send("100\r\ndata: ").close();
    a_bad_chunk_size: begun().send("no size\r\n").close();
    stalled: begun().silence();
    stalled_within_an_event: begun().chunk("data: {\"choices\":").silence();
    comments_then_cut: begun().chunk(": still here\n\n").close();
    an_error_event: begun().event(r#"{"error":{"message":"the model fell over","code":502}}"#).last_chunk();
    an_error_event_then_done: begun().event(r#"{"error":{"message":"the model fell over","code":502}}"#).done();
    an_error_text: begun().event(r#"{"error":"the model fell over"}"#).last_chunk();
    an_event_that_is_no_json: begun().event("{{{").done();
    /// A proxy in between timed out and closed properly: neither a finish_reason nor `[DONE]` was seen.
    a_clean_end_that_is_none: begun().last_chunk();
    /// One of two choices has finished, the other one is in the middle of its sentence.
    a_clean_end_for_one_choice_of_two: begun()
        .event(&openai::chunk_of(json!([{"index": 1, "delta": {"content": ""}, "finish_reason": "stop"}])))
        .last_chunk();
}

/// The provider's own words reach the client.
#[test]
fn the_error_says_what_the_provider_said() {
    let response = breaks_off(
        begun()
            .event(r#"{"error":{"message":"the model fell over","code":502}}"#)
            .last_chunk(),
    );
    assert!(
        response.text().contains("the model fell over"),
        "{response}"
    );
}

/// A close-delimited stream that is reset is not a complete one.
#[test]
fn reset_without_framing() {
    let events = format!("data: {}\n\n", openai::text("one"));
    let head = Script::head(200, &[("Content-Type", "text/event-stream")]);
    breaks_off(head.send(events).pause(Duration::from_millis(50)).reset());
}

/// A client must not be told to come back for a stream that merely ended: the next one works.
#[test]
fn the_gateway_goes_on_after_a_broken_stream() {
    let a = Upstream::saying("from a");
    a.then(begun().close());
    let gateway = Config::new()
        .provider("a", &a)
        .route("r", [("a", "m")])
        .start();
    assert!(gateway.ask("r", true).text().contains("error"));
    let response = gateway.ask("r", true);
    assert_eq!(response.status, 200, "{response}");
    assert_eq!(response.events().last().map(String::as_str), Some("[DONE]"));
}

/// A provider that sends its whole stream at once, under another content type. Each of its small events grows by the
/// route's name; all of them at once would take many times what they took to arrive.
#[test]
fn a_stream_that_is_all_there_is_passed_on_in_pieces() {
    let route = "r".repeat(1000);
    let mut stream = format!("data:{}\n\n", openai::text("hello"));
    stream.push_str(&"data:{}\n\n".repeat(100_000));
    stream.push_str("data: [DONE]\n\n");
    let a = Upstream::always(Script::json(200, &stream));
    let gateway = Config::new()
        .provider("a", &a)
        .route(&route, [("a", "model-a")])
        .start();
    let mut client = gateway.connect();
    client.send(chat(&openai::request(&route, true)));
    let mut answer = client.stream();
    let mut last = Vec::new();
    while let Some(piece) = answer.piece() {
        assert!(piece.len() < 128 * 1024, "{}", piece.len());
        last = piece;
    }
    assert!(last.ends_with(b"data: [DONE]\n\n"));
    assert!(
        gateway.peak_memory() < 40 << 20,
        "{}",
        gateway.peak_memory()
    );
}
