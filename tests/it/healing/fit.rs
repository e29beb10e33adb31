//! Requests that cannot fit a step: it is passed over without a call.

use super::{refusing, request, said, text};
use crate::support::{Config, Step, Upstream};

const IMAGE: &str = r#","messages":[{"role":"user","content":[{"type":"text","text":"look"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}]"#;
const TOOLS: &str = r#","tools":[{"type":"function","function":{"name":"f"}}]"#;

#[test]
fn a_step_that_cannot_carry_the_request_is_passed_over() {
    let long = format!(
        r#","messages":[{{"role":"user","content":"{}"}}]"#,
        "x".repeat(6 * 1000)
    );
    let asks = r#","max_tokens":1001"#;
    for (line, members, reason) in [
        ("modalities: [text]", IMAGE, "the step takes no image parts"),
        ("tools: false", TOOLS, "the step takes no tools"),
        ("context_length: 999", &long, "at least 1000 tokens"),
        ("context_length: 1000", asks, "at least 1001 tokens"),
    ] {
        let (first, second) = (Upstream::saying("first"), Upstream::saying("second"));
        let gateway = Config::new()
            .provider("a", &first)
            .provider("b", &second)
            .route("r", [Step::new("a", "m").with(line), Step::new("b", "m")])
            .start();
        let response = gateway.post(&request("r", false, members));
        assert_eq!(text(&response, false), "second", "{line}: {response}");
        let step = &response.steps()[0];
        assert_eq!(step["class"], "unsupported", "{response}");
        assert_eq!(step["skipped"], true, "{response}");
        assert!(
            step["error"].as_str().unwrap().contains(reason),
            "{response}"
        );
        assert!(first.requests().is_empty(), "{line}");
        assert_eq!(text(&gateway.ask("r", false), false), "first", "{line}");
    }
}

/// Nothing else to try: the client is told what is wrong with its request, as a 400 that nobody repeats.
#[test]
fn a_route_without_another_step_says_why() {
    let upstream = Upstream::saying("fine");
    let gateway = Config::new()
        .provider("a", &upstream)
        .route("r", [Step::new("a", "m").with("tools: false")])
        .start();
    let response = gateway.post(&request("r", false, TOOLS));
    assert_eq!(response.status, 400, "{response}");
    assert!(response.text().contains("takes no tools"), "{response}");
}

/// What a refusal has told of the context is known to the next request.
#[test]
fn a_context_length_is_learned() {
    let refusal = said(
        "request (4010 tokens) exceeds the available context size (500 tokens), try increasing it",
    );
    let first = refusing(400, &refusal, |body| body.to_string().len() > 3000);
    let second = Upstream::saying("second");
    let gateway = Config::new()
        .provider("a", &first)
        .provider("b", &second)
        .route("r", [("a", "m"), ("b", "m")])
        .start();
    let long = format!(
        r#","messages":[{{"role":"user","content":"{}"}}]"#,
        "x".repeat(6 * 501)
    );
    for _ in 0..2 {
        let response = gateway.post(&request("r", false, &long));
        assert_eq!(text(&response, false), "second", "{response}");
    }
    assert_eq!(first.requests().len(), 1);
    assert_eq!(text(&gateway.ask("r", false), false), "fine");
}

/// The second request with the same fault must not look like another one: agents shorten their prompt on a 413 only.
#[test]
fn a_request_that_is_known_to_be_too_long_is_told_so() {
    let refusal = said("This model's maximum context length is 500 tokens");
    let first = refusing(400, &refusal, |body| body.to_string().len() > 3000);
    let gateway = Config::new()
        .provider("a", &first)
        .route("r", [("a", "m")])
        .start();
    let long = format!(
        r#","messages":[{{"role":"user","content":"{}"}}]"#,
        "x".repeat(6 * 501)
    );
    for skipped in [false, true] {
        let response = gateway.post(&request("r", false, &long));
        assert_eq!(response.status, 413, "{response}");
        let step = &response.steps()[0];
        assert_eq!(step["class"], "too_large", "{response}");
        assert_eq!(step["skipped"] == true, skipped, "{response}");
    }
    assert_eq!(first.requests().len(), 1);
}
