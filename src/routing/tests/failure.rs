use std::time::{Duration, UNIX_EPOCH};

use crate::dialect::class::Class;
use crate::dialect::provider_error::error_of;
use crate::routing::{Failure, NextMove};

fn read(status: u16, code: &str, kind: &str, message: &str, fields: &[(&str, &str)]) -> Failure {
    let body = serde_json::json!({"error": {"code": code, "type": kind, "message": message}});
    let said = error_of(&body.to_string()).unwrap_or_default();
    let now = UNIX_EPOCH + Duration::from_secs(1_790_000_000);
    Failure::of_refusal(status, fields, *said, now)
}

#[test]
fn the_stated_wait_comes_only_from_what_speaks_of_it() {
    let minute = [
        ("x-ratelimit-remaining-requests", "0"),
        ("x-ratelimit-reset-requests", "42s"),
    ];
    let after = [("retry-after", "7")];
    for (status, code, message, fields, seconds) in [
        (429, "", "", &after[..], Some(7)),
        (429, "", "", &minute[..], Some(42)),
        (429, "", "try again in 2s", &[][..], Some(2)),
        (503, "", "", &after[..], Some(7)),
        // The windows of the rate limit say nothing of an outage or of a bill.
        (503, "", "", &minute[..], None),
        (429, "insufficient_quota", "", &minute[..], None),
        (402, "", "", &after[..], Some(7)),
        // A bad key and a bad request do not get better by waiting.
        (401, "", "", &after[..], None),
        (400, "", "", &after[..], None),
        (408, "", "", &after[..], None),
    ] {
        let failure = read(status, code, "", message, fields);
        assert_eq!(
            failure.stated,
            seconds.map(Duration::from_secs),
            "{status} {code} {message}"
        );
    }
}

#[test]
fn a_daily_limit_that_tells_its_end_is_a_rate_limit_until_then() {
    let message =
        "Rate limit reached on tokens per day (TPD): Limit 100000. Please try again in 7m12.5s.";
    let failure = read(429, "rate_limit_exceeded", "tokens", message, &[]);
    assert_eq!(failure.class, Class::RateLimited);
    assert_eq!(failure.stated, Some(Duration::from_millis(432_500)));
}

/// DESIGN section 5: no message for people is longer than 500 characters. It was 2 KiB.
#[test]
fn a_huge_message_is_cut_at_a_character() {
    for message in [
        "ä".repeat(2000),
        "x".repeat(2000),
        format!("x{}", "€".repeat(2000)),
    ] {
        let failure = read(400, "", "", &message, &[]);
        assert_eq!(failure.message.chars().count(), 500);
        assert!(message.starts_with(&failure.message));
    }
}

#[test]
fn a_bill_states_its_end_in_words_and_that_of_one_request_is_marked_as_such() {
    let regained = "You have reached your specified API usage limits. You will regain access on 2026-09-21 at 15:13 UTC.";
    let failure = read(400, "", "invalid_request_error", regained, &[]);
    assert_eq!(failure.class, Class::QuotaExhausted);
    assert_eq!(failure.stated, Some(Duration::from_secs(3580)));
    assert!(!failure.of_this_request);
    let dear = "This request requires more credits, or fewer max_tokens.";
    let failure = read(402, "", "", dear, &[]);
    assert_eq!(failure.class, Class::QuotaExhausted);
    assert!(failure.of_this_request);
}

#[test]
fn only_limits_of_a_key_ask_for_the_next_key() {
    for class in Class::ALL {
        let expected = match class.label() {
            "cancelled" => NextMove::Stop,
            "rate_limited" | "quota_exhausted" | "unauthorized" | "forbidden" => NextMove::NextKey,
            _ => NextMove::NextStep,
        };
        assert_eq!(class.next_move(), expected, "{}", class.label());
    }
}
