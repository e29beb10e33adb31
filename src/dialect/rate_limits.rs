//! The end of a limit, by the provider's headers and words.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::waits::{LONGEST, find_wait, parse_number, parse_seconds, parse_span};

/// The look-up of a response header by its lower-case name.
pub type Headers<'h> = dyn Fn(&str) -> Option<&'h str> + 'h;

/// The remaining limits, as a successful answer tells them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RemainingLimits {
    /// The requests left in the tightest window.
    pub remaining: Option<u64>,
    /// The requests that the window holds when it is fresh.
    pub limit: Option<u64>,
    /// The time until that window is fresh again.
    pub resets_in: Option<Duration>,
    /// The tokens left in the tightest window of tokens.
    pub remaining_tokens: Option<u64>,
    /// The time until that window is fresh again.
    pub tokens_reset_in: Option<Duration>,
    /// The time until the last used-up window, of requests or of tokens, is open again; `None` where none is used up.
    pub exhausted_for: Option<Duration>,
}

/// Reads the `x-ratelimit-*` headers of an answer. `now` is the wall clock.
pub fn remaining_limits(headers: &Headers<'_>, now: SystemTime) -> RemainingLimits {
    let windows = windows(headers, now);
    let requests = tightest(&windows, true);
    let tokens = tightest(&windows, false);
    RemainingLimits {
        remaining: requests.and_then(|window| window.remaining),
        limit: requests.and_then(|window| window.limit),
        resets_in: requests.and_then(|window| window.reset),
        remaining_tokens: tokens.and_then(|window| window.remaining),
        tokens_reset_in: tokens.and_then(|window| window.reset),
        exhausted_for: longest_used_up(&windows),
    }
}

/// The window of requests, or else of tokens, with the least left.
fn tightest(windows: &[Window], of_requests: bool) -> Option<&Window> {
    let counting = windows
        .iter()
        .filter(|window| window.counts_requests == of_requests && window.remaining.is_some());
    counting.min_by_key(|window| window.remaining)
}

/// The wait until a rate limit ends; `None` where nothing states it. It is looked for in this order, because the first
/// ones speak of this very refusal and the later ones of windows that may have nothing to do with it:
///
/// 1. `retry-after-ms`, `Retry-After`;
/// 2. a wait in the text;
/// 3. the longest reset among the windows with nothing left: the request needs all of them;
/// 4. the shortest reset among the windows that do not tell what is left: if it is the wrong one, it costs one call,
///    while a longer one could lose a day.
///
/// The reset of a window that has something left says nothing. A zero or a point in the past is no statement either:
/// the provider refused just now, so the caller guesses.
pub fn rate_limit_end(headers: &Headers<'_>, message: &str, now: SystemTime) -> Option<Duration> {
    let of_windows = || {
        let windows = windows(headers, now);
        longest_used_up(&windows).or_else(|| {
            let untold = windows.iter().filter(|window| window.remaining.is_none());
            untold.filter_map(|window| window.reset).min()
        })
    };
    retry_after(headers, now)
        .or_else(|| find_wait(message).filter(|wait| !wait.is_zero()))
        .or_else(of_windows)
}

/// The wait in `retry-after-ms`, else in `Retry-After` (RFC 9110 section 10.2.3: seconds or an HTTP date), fractions
/// included; `None` where neither states a wait.
pub fn retry_after(headers: &Headers<'_>, now: SystemTime) -> Option<Duration> {
    let milliseconds = || {
        let value = parse_number(headers("retry-after-ms")?)?;
        Duration::try_from_secs_f64(value / 1e3).ok()
    };
    let seconds = || {
        let value = headers("retry-after")?.trim();
        match parse_number(value) {
            // Not by the RFC, but a point in time is the only sense that such a number makes.
            Some(number) if epoch(number).is_some_and(|end| is_within_a_day(end, now)) => {
                until(epoch(number)?, now)
            }
            Some(_) => parse_seconds(value),
            None => {
                let end = httpdate::parse_http_date(value).ok()?;
                until(end, server_time(headers).unwrap_or(now))
            }
        }
    };
    milliseconds()
        .or_else(seconds)
        .filter(|wait| !wait.is_zero())
        .map(|wait| wait.min(LONGEST))
}

/// The clock that wrote the dates of this answer: without it a skewed clock of ours would turn waits into the past.
fn server_time(headers: &Headers<'_>) -> Option<SystemTime> {
    httpdate::parse_http_date(headers("date")?.trim()).ok()
}

/// A window in which a provider counts requests or tokens.
struct Window {
    counts_requests: bool,
    remaining: Option<u64>,
    limit: Option<u64>,
    reset: Option<Duration>,
}

/// The headers of one window.
struct HeaderNames {
    counts_requests: bool,
    remaining: &'static str,
    limit: &'static str,
    reset: &'static str,
}

macro_rules! names {
    ($($suffix:literal $counts_requests:literal),* $(,)?) => {
        [$(HeaderNames {
            counts_requests: $counts_requests,
            remaining: concat!("x-ratelimit-remaining", $suffix),
            limit: concat!("x-ratelimit-limit", $suffix),
            reset: concat!("x-ratelimit-reset", $suffix),
        }),*]
    };
}

/// OpenAI, Groq: `-requests`, `-tokens`; OpenRouter: no suffix; Cerebras: one for each length.
const NAMES: [HeaderNames; 9] = names![
    "" true,
    "-requests" true,
    "-requests-minute" true,
    "-requests-hour" true,
    "-requests-day" true,
    "-tokens" false,
    "-tokens-minute" false,
    "-tokens-hour" false,
    "-tokens-day" false,
];

fn windows(headers: &Headers<'_>, now: SystemTime) -> Vec<Window> {
    let field = |name: &str| headers(name).map(str::trim);
    let window = |names: &HeaderNames| Window {
        counts_requests: names.counts_requests,
        remaining: field(names.remaining).and_then(parse_count),
        limit: field(names.limit).and_then(parse_count),
        reset: field(names.reset).and_then(|value| parse_reset(value, now)),
    };
    NAMES
        .iter()
        .map(window)
        .filter(|window| window.remaining.is_some() || window.reset.is_some())
        .collect()
}

fn longest_used_up(windows: &[Window]) -> Option<Duration> {
    let used_up = windows.iter().filter(|window| window.remaining == Some(0));
    used_up.filter_map(|window| window.reset).max()
}

/// A count of what is left. Some write fractions; below one nothing is left, below zero neither.
fn parse_count(text: &str) -> Option<u64> {
    if text.strip_prefix('-').and_then(parse_number).is_some() {
        return Some(0);
    }
    let number = parse_number(text)?;
    // `as` saturates, and the fraction is dropped on purpose.
    Some(number as u64)
}

/// `2m59.5s`, seconds, or a point in time as epoch seconds or milliseconds. Zero and the past are none.
fn parse_reset(text: &str, now: SystemTime) -> Option<Duration> {
    let span = match parse_number(text) {
        Some(number) => match epoch(number) {
            Some(end) => until(end, now)?,
            None => parse_seconds(text)?,
        },
        None => parse_span(text)?,
    };
    (!span.is_zero()).then_some(span)
}

/// The point in time that a large number names: seconds since 1970 from the year 2001 on, milliseconds above 10^11.
fn epoch(number: f64) -> Option<SystemTime> {
    let seconds = match number {
        n if n < 1e9 => return None,
        n if n < 1e11 => n,
        n => n / 1e3,
    };
    UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(seconds).ok()?)
}

fn is_within_a_day(end: SystemTime, now: SystemTime) -> bool {
    end.duration_since(now).is_ok_and(|span| span <= LONGEST)
}

fn until(end: SystemTime, now: SystemTime) -> Option<Duration> {
    end.duration_since(now).ok().map(|span| span.min(LONGEST))
}

#[cfg(test)]
mod tests;
