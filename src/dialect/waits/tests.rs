use super::*;

/// 2026-09-21T14:13:20Z.
const NOW: u64 = 1_790_000_000;

fn at(seconds: u64) -> Option<Wait> {
    Some(Wait::Until(UNIX_EPOCH + Duration::from_secs(seconds)))
}

fn span(milliseconds: u64) -> Option<Wait> {
    Some(Wait::Span(Duration::from_millis(milliseconds)))
}

#[test]
fn spans_are_read_as_providers_write_them() {
    for (text, expected) in [
        ("2m59.5s", span(179_500)),
        ("1s", span(1_000)),
        ("6m0s", span(360_000)),
        ("250ms", span(250)),
        ("1h2m", span(3_720_000)),
        ("7.66s", span(7_660)),
        (" 1s ", span(1_000)),
        ("60 seconds", span(60_000)),
        ("1 minute, 30 seconds", span(90_000)),
        ("1d", span(86_400_000)),
        ("400h", span(1_440_000_000)),
        ("00:02:05", span(125_000)),
        ("PT2M5.5S", span(125_500)),
        ("P1DT1H", span(90_000_000)),
        ("PT", None),
        ("12:30", None),
        ("1:2:3:4", None),
        ("20", span(20_000)),
        ("1.5", span(1_500)),
        ("\"30\"", span(30_000)),
        ("50, 50;w=60", span(50_000)),
        ("30;comment=x", span(30_000)),
        ("", None),
        ("s", None),
        ("-1s", None),
        ("-5", None),
        ("+5", None),
        ("1e3", None),
        ("NaN", None),
        ("inf", None),
        ("1x", None),
        ("1s-2", None),
        ("1..5s", None),
        ("12abc", None),
        ("soon", None),
    ] {
        assert_eq!(parse_wait(text, TimeUnit::Seconds), expected, "{text}");
    }
}

#[test]
fn a_name_tells_the_unit_of_a_bare_number() {
    for (name, expected) in [
        ("retry-after", span(1_500_000)),
        ("retry-after-ms", span(1_500)),
        ("x-ms-retry-after-ms", span(1_500)),
        ("retryAfterMilliseconds", span(1_500)),
        ("resets_in_minutes", span(90_000_000)),
        ("resetHours", span(5_400_000_000)),
    ] {
        assert_eq!(
            parse_wait("1500", TimeUnit::of_name(name)),
            expected,
            "{name}"
        );
    }
}

#[test]
fn points_in_time_are_read_in_every_form() {
    for (text, expected) in [
        ("1790000040", at(NOW + 40)),
        ("1790000040000", at(NOW + 40)),
        ("1790000040.0", at(NOW + 40)),
        ("Mon, 21 Sep 2026 14:14:00 GMT", at(NOW + 40)),
        ("2026-09-21T14:14:00Z", at(NOW + 40)),
        ("2026-09-21T14:14:00.123456Z", at(NOW + 40)),
        ("2026-09-21T16:14:00+02:00", at(NOW + 40)),
        ("2026-09-21 09:44:00 -0430", at(NOW + 40)),
        ("2026-09-21 14:14 UTC", at(NOW + 40)),
        ("2026-09-21 at 14:14 UTC", at(NOW + 40)),
        // Without a zone it may be hours off.
        ("2026-09-21T14:14:00", None),
        ("2026-13-21T14:14:00Z", None),
        ("2026-09-21", None),
        ("1790000040000000", None),
    ] {
        assert_eq!(parse_wait(text, TimeUnit::Seconds), expected, "{text}");
    }
}

#[test]
fn what_makes_no_sense_is_no_wait_and_a_day_is_the_longest() {
    let now = UNIX_EPOCH + Duration::from_secs(NOW);
    for (text, seconds) in [
        ("30", Some(30)),
        ("86400", Some(86_400)),
        ("604800", Some(86_400)),
        ("1790000030", Some(30)),
        ("1790100000", Some(86_400)),
        ("0", None),
        ("0s", None),
        ("1789999999", None),
        ("100000000", None),
        ("1000000000000", None),
        ("99999999999", None),
        ("9999999999999", None),
        ("18446744073709551616", None),
        ("99999999999999999999999999999999999999999999", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", None),
        ("9999999h", None),
    ] {
        let left = parse_wait(text, TimeUnit::Seconds).and_then(|wait| wait.left(now));
        assert_eq!(left, seconds.map(Duration::from_secs), "{text}");
    }
}

#[test]
fn waits_are_told_in_words() {
    for (milliseconds, words) in [
        (0, "0.1 s"),
        (1_801, "1.9 s"),
        (5_000, "5.0 s"),
        (59_900, "59.9 s"),
        (59_901, "1m 0s"),
        (60_000, "1m 0s"),
        (124_001, "2m 5s"),
        (3_600_000, "1h 0m"),
        (86_340_000, "23h 59m"),
    ] {
        assert_eq!(in_words(Duration::from_millis(milliseconds)), words);
    }
}
