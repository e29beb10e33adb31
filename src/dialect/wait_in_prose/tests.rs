use std::time::UNIX_EPOCH;

use super::*;

#[test]
fn waits_are_found_in_sentences() {
    for (message, milliseconds) in [
        // OpenAI, Groq.
        ("Rate limit reached. Please try again in 4.3s.", Some(4_300)),
        ("Please try again in 1m30s. Visit us", Some(90_000)),
        ("Please try again in 6ms.", Some(6)),
        (
            "TPD: Limit 100000. Please try again in 7m12.5s. Need more",
            Some(432_500),
        ),
        // Google: behind a list of limits.
        (
            "* Quota exceeded for metric: x, limit: 20\nPlease retry in 36.123s.",
            Some(36_123),
        ),
        ("Your quota will reset after 2m5s.", Some(125_000)),
        ("Your quota will reset after 3h16m17s.", Some(11_777_000)),
        // Azure.
        ("Please retry after 20 seconds.", Some(20_000)),
        (
            "exceeded call rate limit of your current pricing tier. Please retry after 1 day.",
            Some(86_400_000),
        ),
        // GitHub Models, Copilot.
        (
            "Rate limit of 10 per 60s exceeded for UserByModelByMinute. Please wait 42 seconds before retrying.",
            Some(42_000),
        ),
        (
            "Please wait 10 hours 58 minutes before trying again.",
            Some(39_480_000),
        ),
        (
            "Please wait for your limit to reset in 3 hours 49 minutes.",
            Some(13_740_000),
        ),
        // Moonshot.
        ("max RPM: 3, please try again after 1 seconds", Some(1_000)),
        // LiteLLM.
        (
            "No deployments available for selected model, Try again in 60 seconds.",
            Some(60_000),
        ),
        // Others.
        ("try again in 1h2m", Some(3_720_000)),
        ("Try again in 120ms", Some(120)),
        ("try again in 1 minute 30 seconds", Some(90_000)),
        (
            "try again in 1 hour, 2 minutes and 3 seconds",
            Some(3_723_000),
        ),
        ("Try again in 2 minute(s) 5 second(s)", Some(125_000)),
        ("Please retry your request in 15 seconds", Some(15_000)),
        ("Retry-After: 20", Some(20_000)),
        ("slow down (retry_after=7.5)", Some(7_500)),
        ("Wait at least another 30 sec.", Some(30_000)),
        ("Limit resets in: ~4h 12m", Some(15_120_000)),
        (
            "The model will be available again in about 5 minutes",
            Some(300_000),
        ),
        ("we will be back in 2 min", Some(120_000)),
        ("Please try again in a minute", Some(60_000)),
        ("Next request allowed in 12s", Some(12_000)),
        ("You can send another request in 45 seconds", Some(45_000)),
        ("The block expires in 2m", Some(120_000)),
        ("wait an hour", Some(3_600_000)),
        // When to try again, and not the window that is named first.
        (
            "The limit resets in 1 hour at the latest; try again in 9s",
            Some(9_000),
        ),
        ("try again in 5.", None),
        ("try again in a moment", None),
        ("try again later", None),
        ("try again a second time", None),
        ("try again in 0s", None),
        ("retry after -5 seconds", None),
        ("retry after 3 attempts", None),
        ("retry: 3 attempts", None),
        ("retry after", None),
        ("Limit: 20 requests per 60 seconds", None),
        ("waited 30 seconds for an answer", None),
        ("connection reset after 30s", None),
        ("awaiting 5s", None),
        ("", None),
    ] {
        let expected = milliseconds.map(|span| Wait::Span(Duration::from_millis(span)));
        assert_eq!(find_wait(message), expected, "{message}");
    }
}

#[test]
fn points_in_time_are_found_in_sentences() {
    for (message, seconds) in [
        // Anthropic, 400.
        (
            "You have reached your specified API usage limits. You will regain access on 2026-11-01 at 00:00 UTC.",
            Some(1_793_491_200),
        ),
        // LiteLLM.
        (
            "Rate limit exceeded for api_key. Limit resets at: 2026-09-21 14:14:00 UTC",
            Some(1_790_000_040),
        ),
        ("blocked until 2026-09-21T14:14:00Z", Some(1_790_000_040)),
        ("reset at: 1790000040", Some(1_790_000_040)),
        // z.ai: by the clock of China, but it does not say so.
        ("Your limit will reset at 2026-09-21 14:14:00", None),
    ] {
        let expected = seconds.map(|at| Wait::Until(UNIX_EPOCH + Duration::from_secs(at)));
        assert_eq!(find_wait(message), expected, "{message}");
    }
}

#[test]
fn a_long_text_takes_a_time_that_grows_with_it() {
    for piece in [
        "retry ",
        "again in ",
        "wait 1s1s",
        "reset:",
        "until ((((",
        "in in in ",
        "retry 1h",
    ] {
        let text = piece.repeat(200_000 / piece.len());
        let begun = std::time::Instant::now();
        let _ = find_wait(&text);
        // A quadratic search would take minutes.
        assert!(begun.elapsed() < Duration::from_secs(20), "{piece}");
    }
}
