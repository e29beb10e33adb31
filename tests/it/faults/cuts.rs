//! An answer cut after each of its bytes: there is no byte after which a part passes for the whole.

use super::*;

/// Asks once for each cut. Plain failures leave no mark, a cut before the first byte would: `0` turns that off.
fn each_cut(whole: &Script, stream: bool, step: usize, check: impl Fn(usize, &Response)) {
    let a = Upstream::saying("from a");
    let b = Upstream::saying("from b");
    let gateway = Config::new()
        .provider("a", &a)
        .provider("b", &b)
        .route_with("r", &["step_cooldown: 0"], [("a", "m"), ("b", "m")])
        .start();
    for bytes in (0..whole.len()).step_by(step) {
        a.then(whole.clone().cut_after(bytes));
        let response = gateway.ask("r", stream);
        assert_eq!(response.status, 200, "{bytes}: {response}");
        assert_eq!(response.end, End::Complete, "{bytes}: {response}");
        check(bytes, &response);
    }
    assert_eq!(a.requests().len(), whole.len().div_ceil(step));
}

#[test]
fn a_plain_answer_with_a_length() {
    let whole = Script::json(200, &openai::answer("from a"));
    each_cut(&whole, false, 1, |_, response| {
        is_answer_of_b(response, false)
    });
}

#[test]
fn a_plain_answer_in_chunks() {
    let fields = [
        ("Content-Type", "application/json"),
        ("Transfer-Encoding", "chunked"),
    ];
    let answer = openai::answer("from a");
    let whole = Script::head(200, &fields)
        .chunk(&answer[..150])
        .chunk(&answer[150..])
        .last_chunk();
    // With the chunk of size zero all has been said (RFC 9112 section 8): from there on either answer is right.
    let after_zero = "\r\n".len();
    each_cut(&whole, false, 1, |bytes, response| {
        if response.header("x-routed-via") == Some("a/m") {
            assert!(bytes + after_zero >= whole.len(), "{bytes}: {response}");
            assert_eq!(openai::content(&response.json()), "from a", "{response}");
        } else {
            is_answer_of_b(response, false);
        }
    });
}

/// Before the content the other step answers; after it the client is told. What the client may rely on is `[DONE]`.
#[test]
fn a_stream() {
    let whole = Script::events(openai::events(&["one ", "two"]));
    let framing_after_done = "\r\n0\r\n\r\n".len();
    each_cut(&whole, true, 3, |bytes, response| {
        let events = response.events();
        let (last, before) = events.split_last().expect("events");
        let said: String = before
            .iter()
            .map(|event| openai::content(&serde_json::from_str(event).expect("JSON")))
            .collect();
        let of_a = response.header("x-routed-via") == Some("a/m");
        if !of_a {
            is_answer_of_b(response, true);
        } else if last == "[DONE]" {
            assert_eq!(said, "one two", "{bytes}: {response}");
            assert!(bytes + framing_after_done >= whole.len(), "{bytes}");
        } else {
            let last: Value = serde_json::from_str(last).expect("JSON");
            assert!(last["error"]["message"].is_string(), "{bytes}: {response}");
            assert!("one two".starts_with(&said), "{bytes}: {response}");
        }
    });
}
