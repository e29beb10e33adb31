//! Waits as providers write them in a field: `2m59.5s`, `250ms`, `39s`, `4.3`, an HTTP date, RFC 3339, seconds since 1970.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A day: no provider's limit lasts longer, and a wrong number must not lock a step out for good.
pub const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest wait that makes sense, a year and a day: a number beyond it is a mistake and no statement.
const SANE: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// A wait in the provider's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    Span(Duration),
    /// A point in time by the provider's clock.
    Until(SystemTime),
}

impl Wait {
    /// Whether it is a wait at all; of a point in time only the clock can tell.
    pub fn is_sane(self) -> bool {
        match self {
            Self::Span(span) => !span.is_zero() && span <= SANE,
            Self::Until(_) => true,
        }
    }

    /// The wait that is left at `now`, by the clock of the provider (at most [`LONGEST`]); `None` for the past, for no
    /// wait at all and for more than a year.
    pub fn left(self, now: SystemTime) -> Option<Duration> {
        let span = match self {
            Self::Span(span) => span,
            Self::Until(end) => end.duration_since(now).ok()?,
        };
        Self::Span(span).is_sane().then(|| span.min(LONGEST))
    }
}

/// Hours, minutes and seconds as .NET writes them (`00:02:05`), and the durations of ISO 8601 (`PT2M5S`), in seconds.
fn clock_or_iso(value: &str) -> Option<f64> {
    if let Some(iso) = value.strip_prefix('P') {
        let (seconds, rest) = span_at_start_of(&iso.replace('T', ""))?;
        return rest.then_some(seconds);
    }
    let mut parts = value.split(':');
    let [hours, minutes, seconds] = [parts.next()?, parts.next()?, parts.next()?].map(parse_number);
    let total = hours? * 3600.0 + minutes? * 60.0 + seconds?;
    parts.next().is_none().then_some(total)
}

/// The seconds that a text begins with, and whether they are all of it.
fn span_at_start_of(text: &str) -> Option<(f64, bool)> {
    let (seconds, rest) = span_at_start(text)?;
    Some((seconds, rest.trim().is_empty()))
}

/// The unit of a number that has none of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// Large numbers are points in time.
    Seconds,
    Milliseconds,
    Minutes,
    Hours,
}

impl TimeUnit {
    /// The unit that the name of a field or member ends in: `retry-after-ms`, `resetInMinutes`; seconds where it names
    /// none.
    pub fn of_name(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        if name.ends_with("ms") || name.contains("milli") {
            Self::Milliseconds
        } else if name.ends_with("minutes") {
            Self::Minutes
        } else if name.ends_with("hours") {
            Self::Hours
        } else {
            Self::Seconds
        }
    }
}

/// The wait in the value of a field; `None` for any other text, a sign or an exponent.
pub fn parse_wait(value: &str, unit: TimeUnit) -> Option<Wait> {
    let value = value.trim().trim_matches(['"', '\'']).trim();
    whole_wait(value, unit).or_else(|| {
        // A list, or an item with parameters (RFC 9651): the first one counts.
        let first = value.split([',', ';']).next()?.trim();
        (first.len() < value.len())
            .then(|| whole_wait(first, unit))
            .flatten()
    })
}

fn whole_wait(value: &str, unit: TimeUnit) -> Option<Wait> {
    let span = |seconds| Duration::try_from_secs_f64(seconds).ok().map(Wait::Span);
    if let Some(number) = parse_number(value) {
        return match unit {
            TimeUnit::Milliseconds if number >= EPOCH_MILLISECONDS => {
                epoch(number).map(Wait::Until)
            }
            TimeUnit::Milliseconds => span(number / 1e3),
            TimeUnit::Minutes => span(number * 60.0),
            TimeUnit::Hours => span(number * 3600.0),
            TimeUnit::Seconds if number >= EPOCH_SECONDS => epoch(number).map(Wait::Until),
            TimeUnit::Seconds => span(number),
        };
    }
    if let Some((seconds, true)) = span_at_start_of(value) {
        return span(seconds);
    }
    if let Some(seconds) = clock_or_iso(value) {
        return span(seconds);
    }
    let date = httpdate::parse_http_date(value).ok();
    date.or_else(|| timestamp_at_start(value)).map(Wait::Until)
}

/// Seconds since 1970 from the year 2001 on.
const EPOCH_SECONDS: f64 = 1e9;
/// Milliseconds since 1970 from the year 1973 on.
const EPOCH_MILLISECONDS: f64 = 1e11;
/// Milliseconds since 1970 up to the year 5138: larger numbers mean nothing.
const EPOCH_END: f64 = 1e14;

/// The point in time that a large number names, in seconds or milliseconds since 1970; `None` where it names none.
fn epoch(number: f64) -> Option<SystemTime> {
    let seconds = match number {
        n if !(EPOCH_SECONDS..EPOCH_END).contains(&n) => return None,
        n if n < EPOCH_MILLISECONDS => n,
        n => n / 1e3,
    };
    UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(seconds).ok()?)
}

/// A plain decimal number; `None` where there is a sign or an exponent.
pub fn parse_number(text: &str) -> Option<f64> {
    let (number, rest) = split_number(text.trim())?;
    rest.is_empty().then_some(number)
}

/// As many `number unit` pairs as there are, in seconds, and what follows: `4.3s`, `1 minute 30 seconds`, `1h2m`,
/// `10 hours, 58 minutes`; `None` where there is none.
pub fn span_at_start(text: &str) -> Option<(f64, &str)> {
    let mut rest = text;
    let mut total = None;
    while let Some((number, after)) = split_number(rest.trim_start()) {
        let after = after.trim_start();
        let length = after
            .find(|c: char| !c.is_alphabetic() && c != 'µ')
            .unwrap_or(after.len());
        let Some((unit, after)) = after.split_at_checked(length) else {
            break;
        };
        let Some(seconds) = seconds_of(unit) else {
            break;
        };
        total = Some(total.unwrap_or(0.0) + number * seconds);
        rest = after.strip_prefix("(s)").unwrap_or(after);
        let next = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        let next = next.strip_prefix("and ").unwrap_or(next);
        // A comma or an "and" that no further pair follows belongs to the sentence.
        if split_number(next).is_some() {
            rest = next;
        }
    }
    total.map(|total| (total, rest))
}

/// The seconds in a unit, however it is written; `None` for any other word.
pub fn seconds_of(unit: &str) -> Option<f64> {
    Some(match unit.to_ascii_lowercase().as_str() {
        "w" | "week" | "weeks" => 604_800.0,
        "d" | "day" | "days" => 86_400.0,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3_600.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "ms" | "msec" | "msecs" | "millis" | "millisecond" | "milliseconds" => 1e-3,
        "us" | "µs" | "μs" => 1e-6,
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

/// The point in time that a text begins with: `2026-01-01T00:00:30.5Z`, `2026-01-01 at 00:00 UTC`,
/// `2026-01-01 08:00:30 +08:00`; `None` for any other text, and without a zone, as it may be hours off.
pub fn timestamp_at_start(text: &str) -> Option<SystemTime> {
    let (year, rest) = digits_at_start(text, 4)?;
    let (month, rest) = digits_at_start(rest.strip_prefix('-')?, 2)?;
    let (day, rest) = digits_at_start(rest.strip_prefix('-')?, 2)?;
    let rest = ["T", "t", " at ", ", ", " "]
        .iter()
        .find_map(|between| rest.strip_prefix(between))?;
    let (hour, rest) = digits_at_start(rest, 2)?;
    let (minute, rest) = digits_at_start(rest.strip_prefix(':')?, 2)?;
    let (second, rest) = match rest.strip_prefix(':') {
        Some(rest) => digits_at_start(rest, 2)?,
        None => (0, rest),
    };
    // Fractions of a second do not matter.
    let rest = match rest.strip_prefix('.') {
        Some(fraction) => fraction.get(digits(fraction)..)?,
        None => rest,
    };
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 24 || minute > 59 {
        return None;
    }
    let of_day = (hour * 60 + minute) * 60 + second - zone_at_start(rest.trim_start())?;
    let seconds = days_since_1970(year, month, day) * 86_400 + of_day;
    UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).ok()?))
}

/// The offset of a zone from UTC (seconds).
fn zone_at_start(text: &str) -> Option<i64> {
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        b'Z' | b'z' => return Some(0),
        _ => {
            let name = text.get(..3)?;
            let is_utc = name.eq_ignore_ascii_case("utc") || name.eq_ignore_ascii_case("gmt");
            return is_utc.then_some(0);
        }
    };
    let (hours, rest) = digits_at_start(text.get(1..)?, 2)?;
    let (minutes, _) = digits_at_start(rest.strip_prefix(':').unwrap_or(rest), 2)?;
    Some(sign * (hours * 60 + minutes) * 60)
}

fn digits_at_start(text: &str, count: usize) -> Option<(i64, &str)> {
    let (number, rest) = text.split_at_checked(count)?;
    (digits(number) == count).then_some((number.parse().ok()?, rest))
}

/// The days from 1970-01-01 to a date of the Gregorian calendar (Howard Hinnant, `days_from_civil`).
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
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

#[cfg(test)]
mod tests;
