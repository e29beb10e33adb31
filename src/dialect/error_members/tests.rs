use std::time::{Duration, UNIX_EPOCH};

use super::*;

#[test]
fn waits_are_found_wherever_they_stand() {
    let span = |milliseconds| Some(Wait::Span(Duration::from_millis(milliseconds)));
    for (source, body, wait) in [
        (
            "Google AI Studio",
            r#"[{"error":{"code":429,"details":[{"@type":"x/google.rpc.Help"},{"@type":"x/google.rpc.RetryInfo","retryDelay":"45.837906927s"}]}}]"#,
            Some(Wait::Span(Duration::from_nanos(45_837_906_927))),
        ),
        (
            "protobuf's Duration as an object",
            r#"{"error":{"details":[{"retryDelay":{"seconds":"39","nanos":5}}]}}"#,
            span(39_000),
        ),
        (
            "OpenRouter, metadata.headers",
            r#"{"error":{"code":429,"metadata":{"headers":{"X-RateLimit-Limit":"50","X-RateLimit-Remaining":"0","X-RateLimit-Reset":"1790000040000"}}}}"#,
            Some(Wait::Until(UNIX_EPOCH + Duration::from_secs(1_790_000_040))),
        ),
        (
            "Hugging Face, a model that is loading",
            r#"{"error":"Model x is currently loading","estimated_time":20.5}"#,
            span(20_500),
        ),
        (
            "ChatGPT's backend",
            r#"{"error":{"type":"usage_limit_reached","resets_in_seconds":1234,"plan_type":"plus"}}"#,
            span(1_234_000),
        ),
        (
            "Discord's form",
            r#"{"message":"slow","retry_after":1.5,"global":false}"#,
            span(1_500),
        ),
        ("in milliseconds", r#"{"retryAfterMs":2500}"#, span(2_500)),
        (
            "a point in time",
            r#"{"error":{"reset_at":"2026-09-21T14:13:30Z"}}"#,
            Some(Wait::Until(UNIX_EPOCH + Duration::from_secs(1_790_000_010))),
        ),
        (
            "LiteLLM around Google: JSON inside a text",
            r#"{"error":{"message":"litellm.RateLimitError: VertexAIException - {\n \"error\": {\"details\": [{\"retryDelay\": \"33s\"}]}}"}}"#,
            span(33_000),
        ),
        (
            "a retry before a reset",
            r#"{"reset":"9s","retry_after":3}"#,
            span(3_000),
        ),
        (
            "no wait",
            r#"{"retry_after":null,"reset":true,"retry_count":3}"#,
            None,
        ),
        (
            "LiteLLM's budget",
            r#"{"error":{"retry_after":0,"next_available_in":"00:00:40"}}"#,
            span(40_000),
        ),
        ("negative", r#"{"retry_after":-5}"#, None),
        ("prose", r#"{"retry_after":"soon"}"#, None),
        ("no JSON", "retry_after", None),
    ] {
        assert_eq!(ErrorMembers::of(body).wait, wait, "{source}");
    }
}

#[test]
fn names_are_collected_wherever_they_stand() {
    let body = r#"{"error":{"code":400,"status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","reason":"API_KEY_INVALID"}],"metadata":{"raw":"{\"type\":\"insufficient_quota\"}"}}}"#;
    assert_eq!(
        ErrorMembers::of(body).names,
        [
            "400",
            "INVALID_ARGUMENT",
            "API_KEY_INVALID",
            "insufficient_quota"
        ]
    );
}

/// Would break for whoever waits as long as a provider says: a body is read once, from the inside out.
#[test]
fn a_wait_counts_more_than_those_inside_it_or_behind_it() {
    let body =
        r#"{"reset":{"seconds":5,"reset_at":"9s"},"reset_in":"7s","retry_info":{"retry_in":"3s"}}"#;
    let second = |seconds| Some(Wait::Span(Duration::from_secs(seconds)));
    assert_eq!(ErrorMembers::of(body).wait, second(3));
    let (only_resets, _) = body.split_once(",\"retry_info").unwrap();
    let only_resets = format!("{only_resets}}}");
    assert_eq!(ErrorMembers::of(&only_resets).wait, second(5));
}

#[test]
fn what_breaks_off_says_nothing() {
    let body = r#"{"code":"whole","error":{"code":"cut","retry_after":3,"details":[{"reason":"r"#;
    let read = ErrorMembers::of(body);
    assert_eq!((read.names, read.wait), (vec!["whole".to_owned()], None));
}

#[test]
fn a_listener_hears_all_of_the_upper_members() {
    let many = r#"{"code":1},"#.repeat(MOST_MEMBERS);
    let body = format!(r#"{{"many":[{many}1],"error":{{"code":2,"message":"m"}}}}"#);
    let mut heard = Vec::new();
    let (read, is_json) = ErrorMembers::heard(&body, &mut |depth, key, _| {
        if depth < 2 {
            heard.push((depth, key.raw()));
        }
    });
    let upper = [
        (0, r#""many""#),
        (1, r#""code""#),
        (1, r#""message""#),
        (0, r#""error""#),
    ];
    assert_eq!(heard, upper);
    assert!(is_json.is_some());
    assert_eq!(read.names, ["1"]);
}

#[test]
fn what_is_read_is_bounded() {
    let deep = format!("{}{}", r#"{"code":"c","a":"#.repeat(500), "1") + &"}".repeat(500);
    assert_eq!(ErrorMembers::of(&deep).names, ["c"]);
    let wide: Vec<String> = (0..5000).map(|n| format!(r#"{{"code":{n}}}"#)).collect();
    let wide = format!("[{}]", wide.join(","));
    assert_eq!(ErrorMembers::of(&wide).names.len(), MOST_NAMES);
}
