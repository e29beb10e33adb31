//! Streams that take their time to say something. Whatever comes before the first content is held back, at most 64 events
//! or 256 KiB of it, and what is more is dropped: some providers send an empty delta for each hidden reasoning token.

use super::*;

/// More than the debug build needs by itself, far less than what the upstreams here send.
const MOST_MEMORY: usize = 40 << 20;

fn empty() -> String {
    format!("data: {}\n\n", openai::text(""))
}

/// This before a whole stream that says `hello`.
fn before_hello(prelude: &str, times: usize) -> Upstream {
    let head = Script::head(200, &[("Content-Type", "text/event-stream")]);
    let script = openai::events(&["hello"])
        .iter()
        .fold(head.flood(prelude, times), |script, event| {
            script.send(format!("data: {event}\n\n"))
        });
    Upstream::always(script.send("data: [DONE]\n\n").close())
}

fn gateway(a: &Upstream, b: &Upstream) -> Gateway {
    Config::new()
        .provider("a", a)
        .provider("b", b)
        .route("r", [("a", "model-a"), ("b", "model-b")])
        .start()
}

/// The whole answer of the first step, and what it cost to wait for it.
fn says_hello(a: &Upstream) -> (Response, usize) {
    let b = Upstream::saying("from b");
    let gateway = gateway(a, &b);
    let response = gateway.ask("r", true);
    assert_eq!(response.status, 200, "{response}");
    assert_eq!(response.end, End::Complete, "{response}");
    assert_eq!(response.header("x-routed-via"), Some("a/model-a"));
    let events = response.events();
    let (last, chunks) = events.split_last().expect("events");
    assert_eq!(last, "[DONE]");
    let chunks: Vec<Value> = chunks
        .iter()
        .map(|chunk| serde_json::from_str(chunk).expect("JSON"))
        .collect();
    let said: String = chunks.iter().map(openai::content).collect();
    assert_eq!(said, "hello", "{response}");
    let end = &chunks[chunks.len() - 1]["choices"][0]["finish_reason"];
    assert_eq!(end, "stop", "{response}");
    assert_eq!(response.steps().len(), 1, "{response}");
    assert_eq!(b.requests().len(), 0);
    (response, gateway.peak_memory())
}

#[test]
fn two_hundred_empty_deltas_before_the_content() {
    let (response, _) = says_hello(&before_hello(&empty(), 200));
    // 64 held ones, the content, the end, `[DONE]`: the client is not flooded either.
    assert_eq!(response.events().len(), 64 + 3, "{response}");
}

#[test]
fn megabytes_of_empty_deltas_are_not_kept() {
    let piece = empty().repeat(100);
    let times = (4 << 20) / piece.len();
    let (response, memory) = says_hello(&before_hello(&piece, times));
    assert!(response.body.len() < 64 << 10, "{}", response.body.len());
    assert!(memory < MOST_MEMORY, "{memory} bytes");
}

/// One event without content that is larger than all that may be held.
#[test]
fn a_large_event_without_content_is_dropped() {
    let large = openai::chunk(json!({"content": "", "padding": "x".repeat(300 << 10)}));
    let (response, _) = says_hello(&before_hello(&format!("data: {large}\n\n"), 1));
    assert!(response.body.len() < 64 << 10, "{}", response.body.len());
}

#[test]
fn megabytes_of_comments_are_not_kept() {
    let piece = ": keep-alive\n\n".repeat(1000);
    let (response, memory) = says_hello(&before_hello(&piece, 100));
    assert!(response.body.len() < 64 << 10, "{}", response.body.len());
    assert!(memory < MOST_MEMORY, "{memory} bytes");
}

fn flood(piece: &str) -> Upstream {
    let head = Script::head(200, &[("Content-Type", "text/event-stream")]);
    Upstream::always(head.flood(piece.repeat(500), 1_000_000))
}

faults_of! { true;
    /// Data arrives at all times, an answer never does: a timer that only looks when it has to wait would not end it.
    an_endless_flood_of_empty_deltas: "timeout", flood(&empty());
    an_endless_flood_of_comments: "timeout", flood(":\n\n");
    two_hundred_empty_deltas_then_a_cut: "bad_response", Upstream::always(
        Script::head(200, &[("Content-Type", "text/event-stream")]).flood(empty(), 200).close());
    two_hundred_empty_deltas_then_an_error: "rate_limited", Upstream::always(
        Script::head(200, &[("Content-Type", "text/event-stream")]).flood(empty(), 200)
            .send("data: {\"error\":{\"message\":\"slow down\",\"code\":429}}\n\n").close());
    two_hundred_empty_deltas_then_done: "empty_answer", Upstream::always(
        Script::head(200, &[("Content-Type", "text/event-stream")]).flood(empty(), 200)
            .send("data: [DONE]\n\n").close());
}

/// An answer that never says anything is not held in memory while it is waited for.
#[test]
fn a_flood_costs_no_memory() {
    let a = flood(&empty());
    let b = Upstream::saying("from b");
    let gateway = route(&a, &b);
    is_answer_of_b(&gateway.ask("r", true), true);
    let memory = gateway.peak_memory();
    assert!(memory < MOST_MEMORY, "{memory} bytes");
}
