use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{RemainingLimits, ToldWindow, rate_limit_end, remaining_limits, retry_after};
use crate::dialect::wait_in_prose::find_wait;
use crate::limits::{Unit, Window};

const EPOCH: u64 = 1_790_000_000;

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(EPOCH)
}

fn date(seconds: i64) -> String {
    let at = EPOCH.checked_add_signed(seconds).unwrap();
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(at))
}

#[test]
fn retry_after_is_read_in_every_form_and_never_believed_beyond_a_day() {
    let (in_90_seconds, a_minute_ago) = (date(90), date(-60));
    let epoch_soon = (EPOCH + 30).to_string();
    for (value, seconds) in [
        ("20", Some(20.0)),
        (" 20 ", Some(20.0)),
        ("1.5", Some(1.5)),
        ("0", None),
        ("-5", None),
        ("604800", Some(86_400.0)),
        ("60s", Some(60.0)),
        ("2 minutes", Some(120.0)),
        // DESIGN section 5: a number that makes no sense is no statement. These were a day.
        ("1000000000000", None),
        ("18446744073709551616", None),
        (epoch_soon.as_str(), Some(30.0)),
        (in_90_seconds.as_str(), Some(90.0)),
        (a_minute_ago.as_str(), None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", None),
        ("soon", None),
        ("", None),
        ("12abc", None),
    ] {
        let fields = [("retry-after", value)];
        let expected = seconds.map(Duration::from_secs_f64);
        assert_eq!(retry_after(&fields, now()), expected, "{value}");
    }
}

#[test]
fn a_date_is_taken_by_the_clock_that_wrote_it() {
    let (written, end) = (date(-3600), date(-3570));
    let fields = [("date", written.as_str()), ("retry-after", end.as_str())];
    assert_eq!(retry_after(&fields, now()), Some(Duration::from_secs(30)));
}

#[test]
fn milliseconds_are_more_exact_than_seconds() {
    let fields = [("retry-after-ms", "1500"), ("retry-after", "2")];
    assert_eq!(
        retry_after(&fields, now()),
        Some(Duration::from_millis(1500))
    );
    let fields = [("retry-after-ms", "x"), ("retry-after", "2")];
    assert_eq!(retry_after(&fields, now()), Some(Duration::from_secs(2)));
}

#[test]
fn the_statement_about_this_refusal_counts_before_the_windows() {
    let epoch_seconds = (EPOCH + 40).to_string();
    let epoch_milliseconds = ((EPOCH + 50) * 1000).to_string();
    let past = (EPOCH - 40).to_string();
    let remaining = "x-ratelimit-remaining-requests";
    let requests = "x-ratelimit-reset-requests";
    let tokens = "x-ratelimit-reset-tokens";
    for (fields, message, milliseconds) in [
        (
            vec![("retry-after", "3"), (remaining, "0"), (requests, "59s")],
            "try again in 9s",
            Some(3_000),
        ),
        (
            vec![(remaining, "0"), (requests, "59s")],
            "try again in 9.5s",
            Some(9_500),
        ),
        (
            vec![(remaining, "0"), (requests, "2m59.5s"), (tokens, "1s")],
            "",
            Some(179_500),
        ),
        (
            vec![
                (remaining, "0"),
                (requests, "1s"),
                ("x-ratelimit-remaining-tokens", "0"),
                (tokens, "6m0s"),
            ],
            "",
            Some(360_000),
        ),
        (
            vec![
                (remaining, "5"),
                (requests, "1h"),
                ("x-ratelimit-remaining-tokens", "0"),
                (tokens, "2s"),
            ],
            "",
            Some(2_000),
        ),
        (vec![(requests, "1h"), (tokens, "2s")], "", Some(2_000)),
        (vec![(remaining, "5"), (requests, "1h")], "", None),
        (vec![("x-ratelimit-reset", "30")], "", Some(30_000)),
        (
            vec![("x-ratelimit-reset", epoch_seconds.as_str())],
            "",
            Some(40_000),
        ),
        (
            vec![("x-ratelimit-reset", epoch_milliseconds.as_str())],
            "",
            Some(50_000),
        ),
        (vec![("x-ratelimit-reset", past.as_str())], "", None),
        (vec![("x-ratelimit-reset", "0")], "", None),
        (vec![("x-ratelimit-reset", "later")], "", None),
        (
            vec![
                ("x-ratelimit-remaining-requests-day", "0"),
                ("x-ratelimit-reset-requests-day", "33011.382867"),
            ],
            "",
            Some(33_011_382),
        ),
        (vec![("retry-after", "0")], "try again in 4.3s", Some(4_300)),
        (vec![], "try again in 0s", None),
        (vec![], "", None),
    ] {
        let end = rate_limit_end(&fields, find_wait(message), now());
        let end = end.map(|end| end.as_micros() / 1000);
        assert_eq!(end, milliseconds, "{fields:?} {message}");
    }
}

#[test]
fn answers_tell_their_windows() {
    let fields = [
        ("x-ratelimit-limit-requests-day", "14400"),
        ("x-ratelimit-remaining-requests-day", "9000"),
        ("x-ratelimit-reset-requests-day", "3600"),
        ("x-ratelimit-limit-requests-minute", "30"),
        ("x-ratelimit-remaining-requests-minute", "4"),
        ("x-ratelimit-reset-requests-minute", "17.5"),
        ("x-ratelimit-remaining-tokens", "-3"),
        ("anthropic-ratelimit-input-tokens-remaining", "900"),
        ("x-ratelimit-remaining-req-minute", "none"),
        ("x-ratelimit-reset-req-minute", "9"),
    ];
    let minute = Window::Sliding(Duration::from_secs(60));
    let told = |unit, window, remaining, limit, reset: Option<u64>| ToldWindow {
        unit,
        window,
        remaining,
        limit,
        resets_in: reset.map(Duration::from_millis),
    };
    let expected = [
        told(
            Unit::Requests,
            Some(Window::Day),
            Some(9_000),
            Some(14_400),
            Some(3_600_000),
        ),
        told(
            Unit::Requests,
            Some(minute),
            Some(4),
            Some(30),
            Some(17_500),
        ),
        told(Unit::Tokens, None, Some(0), None, None),
        told(Unit::InputTokens, None, Some(900), None, None),
        told(Unit::Requests, Some(minute), None, None, Some(9_000)),
    ];
    assert_eq!(remaining_limits(&fields, now()).windows, expected);
    let draft = [("RateLimit", "\"day\";r=70;t=9000, \"minute\";r=0;t=8")];
    let expected = [
        told(
            Unit::Requests,
            Some(Window::Day),
            Some(70),
            None,
            Some(9_000_000),
        ),
        told(Unit::Requests, Some(minute), Some(0), None, Some(8_000)),
    ];
    assert_eq!(remaining_limits(&draft, now()).windows, expected);
    assert_eq!(remaining_limits(&[], now()), RemainingLimits::default());
}

#[test]
fn every_header_that_is_spelled_like_a_retry_or_a_reset_is_read() {
    for (source, fields, seconds) in [
        (
            "Azure: one hyphen more",
            vec![
                ("x-rate-limit-reset-tokens", "55"),
                ("x-ratelimit-remaining-requests", "12"),
            ],
            Some(55),
        ),
        (
            "Anthropic: points in time",
            vec![
                ("anthropic-ratelimit-requests-remaining", "9"),
                ("anthropic-ratelimit-requests-reset", "2026-09-21T15:00:00Z"),
                ("anthropic-ratelimit-input-tokens-remaining", "0"),
                (
                    "anthropic-ratelimit-input-tokens-reset",
                    "2026-09-21T14:14:00Z",
                ),
            ],
            Some(40),
        ),
        (
            "Anthropic: a subscription",
            vec![("anthropic-ratelimit-unified-reset", "1790000090")],
            Some(90),
        ),
        (
            "Mistral",
            vec![
                ("ratelimitbysize-limit", "500000"),
                ("ratelimitbysize-remaining", "0"),
                ("ratelimitbysize-reset", "37"),
                ("x-ratelimit-remaining-req-minute", "3"),
            ],
            Some(37),
        ),
        (
            "the older draft of the IETF",
            vec![("RateLimit-Remaining", "0"), ("RateLimit-Reset", "12")],
            Some(12),
        ),
        (
            "the draft between",
            vec![("RateLimit", "limit=100, remaining=0, reset=50")],
            Some(50),
        ),
        (
            "the newer draft",
            vec![
                ("RateLimit", "\"day\";r=70;t=9000, \"minute\";r=0;t=8"),
                ("RateLimit-Policy", "\"minute\";q=9;w=60"),
            ],
            Some(8),
        ),
        (
            "Discord",
            vec![
                ("X-RateLimit-Reset-After", "1.0"),
                ("X-RateLimit-Remaining", "0"),
            ],
            Some(1),
        ),
        ("in its own name", vec![("x-quota-reset", "33")], Some(33)),
        (
            "Azure Cosmos",
            vec![("x-ms-retry-after-ms", "4000")],
            Some(4),
        ),
        (
            "a retry by another name",
            vec![("X-Retry-After-Seconds", "6")],
            Some(6),
        ),
        (
            "the count of an SDK",
            vec![("x-stainless-retry-count", "3"), ("x-should-retry", "true")],
            None,
        ),
        ("negative", vec![("x-ratelimit-reset", "-30")], None),
        ("a century", vec![("x-ratelimit-reset", "3155760000")], None),
    ] {
        let end = rate_limit_end(&fields, None, now());
        assert_eq!(end, seconds.map(Duration::from_secs), "{source}");
    }
}

#[test]
fn every_point_in_time_is_taken_by_the_clock_that_wrote_it() {
    // The provider is ten years ahead, or we are at 1970.
    let ahead = 10 * 365 * 86_400;
    let written = date(ahead);
    let (seconds, milliseconds) = (
        (EPOCH + 3).checked_add_signed(ahead).unwrap().to_string(),
        ((EPOCH + 3).checked_add_signed(ahead).unwrap() * 1000).to_string(),
    );
    for (name, value) in [
        ("retry-after", seconds.as_str()),
        ("x-ratelimit-reset", &seconds),
        ("x-ratelimit-reset", &milliseconds),
        ("anthropic-ratelimit-tokens-reset", &date(ahead + 3)),
    ] {
        let fields = [("Date", written.as_str()), (name, value)];
        let end = rate_limit_end(&fields, None, now());
        assert_eq!(end, Some(Duration::from_secs(3)), "{name}");
        assert_eq!(
            rate_limit_end(&fields, None, UNIX_EPOCH),
            end,
            "{name}, at 1970"
        );
    }
    let said = find_wait(&format!("reset at: {seconds}"));
    let fields = [("date", written.as_str())];
    assert_eq!(
        rate_limit_end(&fields, said, now()),
        Some(Duration::from_secs(3))
    );
}
