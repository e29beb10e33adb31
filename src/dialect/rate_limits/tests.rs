use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{RemainingLimits, rate_limit_end, remaining_limits, retry_after};

/// Looks a header up in a list.
fn lookup<'a>(fields: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<&'a str> + 'a {
    |name| {
        let mut found = fields.iter().filter(|(field, _)| *field == name);
        found.next().map(|(_, value)| *value)
    }
}

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
        ("1000000000000", Some(86_400.0)),
        ("18446744073709551616", Some(86_400.0)),
        (epoch_soon.as_str(), Some(30.0)),
        (in_90_seconds.as_str(), Some(90.0)),
        (a_minute_ago.as_str(), None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", Some(86_400.0)),
        ("soon", None),
        ("", None),
        ("12abc", None),
    ] {
        let fields = [("retry-after", value)];
        let expected = seconds.map(Duration::from_secs_f64);
        assert_eq!(retry_after(&lookup(&fields), now()), expected, "{value}");
    }
}

#[test]
fn a_date_is_taken_by_the_clock_that_wrote_it() {
    let (written, end) = (date(-3600), date(-3570));
    let fields = [("date", written.as_str()), ("retry-after", end.as_str())];
    assert_eq!(
        retry_after(&lookup(&fields), now()),
        Some(Duration::from_secs(30))
    );
}

#[test]
fn milliseconds_are_more_exact_than_seconds() {
    let fields = [("retry-after-ms", "1500"), ("retry-after", "2")];
    assert_eq!(
        retry_after(&lookup(&fields), now()),
        Some(Duration::from_millis(1500))
    );
    let fields = [("retry-after-ms", "x"), ("retry-after", "2")];
    assert_eq!(
        retry_after(&lookup(&fields), now()),
        Some(Duration::from_secs(2))
    );
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
        let end = rate_limit_end(&lookup(&fields), message, now());
        let end = end.map(|end| end.as_micros() / 1000);
        assert_eq!(end, milliseconds, "{fields:?} {message}");
    }
}

#[test]
fn answers_tell_their_tightest_window_of_requests() {
    let fields = [
        ("x-ratelimit-limit-requests-day", "14400"),
        ("x-ratelimit-remaining-requests-day", "9000"),
        ("x-ratelimit-reset-requests-day", "3600"),
        ("x-ratelimit-limit-requests-minute", "30"),
        ("x-ratelimit-remaining-requests-minute", "4"),
        ("x-ratelimit-reset-requests-minute", "17.5"),
        ("x-ratelimit-remaining-tokens", "1"),
    ];
    let expected = RemainingLimits {
        remaining: Some(4),
        limit: Some(30),
        resets_in: Some(Duration::from_millis(17_500)),
        remaining_tokens: Some(1),
        ..RemainingLimits::default()
    };
    assert_eq!(remaining_limits(&lookup(&fields), now()), expected);
    assert_eq!(
        remaining_limits(&lookup(&[]), now()),
        RemainingLimits::default()
    );
}

#[test]
fn nothing_left_of_requests_or_tokens_is_told() {
    for (fields, expected) in [
        (
            vec![("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "12")],
            Some(12),
        ),
        (
            vec![
                ("x-ratelimit-remaining-tokens", "0"),
                ("x-ratelimit-reset-tokens", "9s"),
            ],
            Some(9),
        ),
        (
            vec![
                ("x-ratelimit-remaining-tokens", "-3"),
                ("x-ratelimit-reset-tokens", "9s"),
            ],
            Some(9),
        ),
        (vec![("x-ratelimit-remaining", "0")], None),
        (
            vec![("x-ratelimit-remaining", "1"), ("x-ratelimit-reset", "12")],
            None,
        ),
        (
            vec![
                ("x-ratelimit-remaining", "none"),
                ("x-ratelimit-reset", "12"),
            ],
            None,
        ),
    ] {
        let exhausted = remaining_limits(&lookup(&fields), now()).exhausted_for;
        assert_eq!(exhausted, expected.map(Duration::from_secs), "{fields:?}");
    }
}
