//! Durations in Go's spelling (`time.ParseDuration`): `300s`, `1m30s`, `1.5h`, `250ms`, `0`.

use std::time::Duration;

/// The reason why a text is no duration. The text itself is left to the caller, which knows whether it may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// A bare number other than 0.
    NoUnit,
    Form,
    TooLong,
}

/// Reads a duration that is not negative, cut to whole nanoseconds.
pub(super) fn parse(text: &str) -> Result<Duration, Wrong> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Wrong::NoUnit);
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut total = 0;
    while let Some((nanoseconds, behind)) = part(rest)? {
        total = add(total, nanoseconds)?;
        rest = behind;
    }
    // A sign alone has no part.
    if text.len() == rest.len() || text == "+" {
        Err(Wrong::Form)
    } else {
        Ok(Duration::from_nanos(total))
    }
}

/// The number and unit at the beginning in nanoseconds, and what is behind them; `None` at the end.
fn part(text: &str) -> Result<Option<(u64, &str)>, Wrong> {
    if text.is_empty() {
        return Ok(None);
    }
    let (whole, rest) = digits(text);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => digits(rest),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(Wrong::Form);
    }
    let end = rest
        .find(|c: char| c == '.' || c.is_ascii_digit())
        .unwrap_or(rest.len());
    let (unit, behind) = rest.split_at_checked(end).ok_or(Wrong::Form)?;
    let unit = nanoseconds_of(unit).ok_or(Wrong::Form)?;
    let whole = match whole {
        "" => 0,
        whole => whole.parse::<u64>().map_err(|_| Wrong::TooLong)?,
    };
    let nanoseconds = whole.checked_mul(unit).ok_or(Wrong::TooLong)?;
    Ok(Some((
        add(nanoseconds, fraction_of(unit, fraction))?,
        behind,
    )))
}

fn digits(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn nanoseconds_of(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        // The micro sign and the Greek letter, as in Go.
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// The nanoseconds of `0.fraction` of a unit. An hour has 13 digits of nanoseconds, so later digits are nothing.
fn fraction_of(unit: u64, fraction: &str) -> u64 {
    let (numerator, denominator) =
        fraction
            .bytes()
            .take(15)
            .fold((0_u128, 1_u128), |(numerator, denominator), digit| {
                (
                    numerator * 10 + u128::from(digit.saturating_sub(b'0')),
                    denominator * 10,
                )
            });
    u64::try_from(u128::from(unit) * numerator / denominator).unwrap_or(u64::MAX)
}

fn add(a: u64, b: u64) -> Result<u64, Wrong> {
    a.checked_add(b).ok_or(Wrong::TooLong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_spellings_are_read_as_go_reads_them() {
        let cases = [
            ("0", 0),
            ("0s", 0),
            ("300s", 300_000_000_000),
            ("+5s", 5_000_000_000),
            ("1m30s", 90_000_000_000),
            ("1h15m30.918s", 4_530_918_000_000),
            ("1.5h", 5_400_000_000_000),
            ("250ms", 250_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("10ns", 10),
            ("11us", 11_000),
            ("12\u{b5}s", 12_000),
            ("12\u{3bc}s", 12_000),
            ("0.3333333333333333333h", 1_200_000_000_000 - 1),
            ("0.000000000001h", 3),
            ("5m5m", 600_000_000_000),
        ];
        for (text, nanoseconds) in cases {
            assert_eq!(parse(text), Ok(Duration::from_nanos(nanoseconds)), "{text}");
        }
    }

    #[test]
    fn what_go_refuses_is_refused() {
        let cases = [
            ("", Wrong::Form),
            ("+", Wrong::Form),
            ("-5s", Wrong::Form),
            ("5", Wrong::NoUnit),
            ("300", Wrong::NoUnit),
            ("00", Wrong::NoUnit),
            ("1.5", Wrong::Form),
            ("s", Wrong::Form),
            (".", Wrong::Form),
            (".s", Wrong::Form),
            ("5min", Wrong::Form),
            ("1d", Wrong::Form),
            ("5 s", Wrong::Form),
            (" 5s", Wrong::Form),
            ("5S", Wrong::Form),
            ("1m30", Wrong::Form),
            ("1e3s", Wrong::Form),
            ("++5s", Wrong::Form),
            ("99999999h", Wrong::TooLong),
            ("99999999999999999999s", Wrong::TooLong),
        ];
        for (text, wrong) in cases {
            assert_eq!(parse(text), Err(wrong), "{text}");
        }
    }
}
