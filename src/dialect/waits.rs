//! Durations as providers write them: `2m59.5s`, `250ms`, `1h2m`, `4.3`, and inside sentences.

use std::time::Duration;

/// A day: no provider's limit lasts longer, and a wrong number must not lock a step out for good.
pub const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// A span such as `2m59.5s`, `250ms`, `1h2m` or `1d` (at most [`LONGEST`]); `None` for a number without a unit.
pub fn parse_span(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total = 0.0_f64;
    while !rest.is_empty() {
        let (number, after) = split_number(rest)?;
        let unit_length = after
            .find(|c: char| !c.is_ascii_alphabetic() && c != 'µ')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(unit_length)?;
        total += number * seconds_of(unit)?;
        rest = after;
    }
    (!text.trim().is_empty()).then(|| capped(total))
}

/// Plain seconds such as `20` or `1.5`, without sign and exponent (at most [`LONGEST`]); `None` for any
/// other text.
pub fn parse_seconds(text: &str) -> Option<Duration> {
    parse_number(text).map(capped)
}

/// A plain decimal number; `None` where there is a sign or an exponent.
pub fn parse_number(text: &str) -> Option<f64> {
    let (number, rest) = split_number(text.trim())?;
    rest.is_empty().then_some(number)
}

/// The wait inside a sentence such as `Please try again in 7m12.5s.` or `retry after 20 seconds`; `None` without one.
pub fn find_wait(message: &str) -> Option<Duration> {
    const LEADS: [&str; 6] = [
        "try again in ",
        "retry in ",
        "try again after ",
        "retry after ",
        "available in ",
        "reset in ",
    ];
    let lower = message.to_ascii_lowercase();
    LEADS.iter().find_map(|lead| {
        let at = lower.find(lead)?.checked_add(lead.len())?;
        wait_at_start(lower.get(at..)?)
    })
}

/// Reads as many `number unit` pairs as there are: `4.3s`, `1 minute 30 seconds`, `1h2m`, `20 seconds`.
fn wait_at_start(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = None;
    while let Some((number, after)) = split_number(rest.trim_start()) {
        let after = after.trim_start();
        let length = after
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(after.len());
        let Some((unit, after)) = after.split_at_checked(length) else {
            break;
        };
        let Some(seconds) = seconds_of(unit) else {
            break;
        };
        total = Some(total.unwrap_or(0.0) + number * seconds);
        rest = after.strip_prefix(',').unwrap_or(after);
        rest = rest.trim_start().strip_prefix("and ").unwrap_or(rest);
    }
    total.map(capped)
}

fn seconds_of(unit: &str) -> Option<f64> {
    Some(match unit {
        "d" | "day" | "days" => 86_400.0,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3_600.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "ms" | "millisecond" | "milliseconds" => 1e-3,
        "us" | "µs" => 1e-6,
        "ns" => 1e-9,
        _ => return None,
    })
}

/// Digits with at most one point among them, and what follows. A point that ends a sentence stays behind.
fn split_number(text: &str) -> Option<(f64, &str)> {
    let whole = digits(text);
    let fraction = text
        .get(whole..)
        .and_then(|rest| rest.strip_prefix('.'))
        .map_or(0, digits);
    let length = match (whole, fraction) {
        (0, _) => return None,
        (_, 0) => whole,
        (_, _) => whole + 1 + fraction,
    };
    let (number, rest) = text.split_at_checked(length)?;
    Some((number.parse().ok()?, rest))
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// A wait as a person reads it, never as none at all: `0.1 s`, `1.9 s`, `2m 5s`, `23h 59m`.
pub fn in_words(span: Duration) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    // Rounded up, as a wait that is named too short is a wait that fails.
    let tenths = span.as_millis().div_ceil(100).max(1);
    if tenths < 600 {
        return format!("{}.{} s", tenths / 10, tenths % 10);
    }
    let seconds = span.as_secs() + u64::from(span.subsec_nanos() > 0);
    match seconds {
        0..HOUR => format!("{}m {}s", seconds / MINUTE, seconds % MINUTE),
        _ => format!("{}h {}m", seconds / HOUR, seconds % HOUR / MINUTE),
    }
}

fn capped(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).map_or(LONGEST, |span| span.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_providers_write_them() {
        for (text, milliseconds) in [
            ("2m59.5s", Some(179_500)),
            ("1s", Some(1_000)),
            ("6m0s", Some(360_000)),
            ("250ms", Some(250)),
            ("1h2m", Some(3_720_000)),
            ("7.66s", Some(7_660)),
            (" 1s ", Some(1_000)),
            ("1d", Some(86_400_000)),
            ("400h", Some(86_400_000)),
            ("", None),
            ("12", None),
            ("s", None),
            ("-1s", None),
            ("1x", None),
            ("1s-2", None),
            ("1..5s", None),
        ] {
            let expected = milliseconds.map(Duration::from_millis);
            assert_eq!(parse_span(text), expected, "{text}");
        }
    }

    #[test]
    fn plain_numbers_allow_no_tricks() {
        for (text, milliseconds) in [
            ("20", Some(20_000)),
            ("1.5", Some(1_500)),
            ("1000000000000", Some(86_400_000)),
            (
                "99999999999999999999999999999999999999999999",
                Some(86_400_000),
            ),
            ("-5", None),
            ("+5", None),
            ("1e3", None),
            ("NaN", None),
            ("inf", None),
            ("5,", None),
            ("", None),
        ] {
            let expected = milliseconds.map(Duration::from_millis);
            assert_eq!(parse_seconds(text), expected, "{text}");
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

    #[test]
    fn waits_are_found_in_sentences() {
        for (message, milliseconds) in [
            ("Rate limit reached. Please try again in 4.3s.", Some(4_300)),
            ("Please retry after 20 seconds.", Some(20_000)),
            ("Please try again in 1m30s. Visit us", Some(90_000)),
            (
                "TPD: Limit 100000. Please try again in 7m12.5s. Need more",
                Some(432_500),
            ),
            ("try again in 1h2m", Some(3_720_000)),
            ("Please retry in 36.123s", Some(36_123)),
            ("Try again in 120ms", Some(120)),
            ("try again in 1 minute 30 seconds", Some(90_000)),
            (
                "try again in 1 hour, 2 minutes and 3 seconds",
                Some(3_723_000),
            ),
            ("try again in 5.", None),
            ("try again in a moment", None),
            ("try again later", None),
            ("retry after", None),
            ("", None),
        ] {
            let expected = milliseconds.map(Duration::from_millis);
            assert_eq!(find_wait(message), expected, "{message}");
        }
    }
}
