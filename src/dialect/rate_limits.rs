//! The end of a limit, by the provider's headers and words.

use std::time::{Duration, SystemTime};

use super::limit_words::{unit_of_fields, window_of_fields};
use super::waits::{TimeUnit, Wait, parse_number, parse_wait};
use crate::limits::{Unit, Window as Span};
use crate::text::same_name;

/// The fields of an answer, each a name and a value. Names are compared without regard to case.
pub type Headers<'h> = [(&'h str, &'h str)];

/// The windows that an answer tells of; of most answers none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemainingLimits {
    pub windows: Vec<ToldWindow>,
}

/// A window as the fields of an answer tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToldWindow {
    /// The unit that it counts.
    pub unit: Unit,
    /// Its length, where its name tells one.
    pub window: Option<Span>,
    /// The rest of the window.
    pub remaining: Option<u64>,
    /// The size of a fresh window.
    pub limit: Option<u64>,
    /// The time until the window is fresh again.
    pub resets_in: Option<Duration>,
}

/// Reads the headers of an answer that tell of windows. `now` is the wall clock, which counts where the answer has no
/// `Date`.
pub fn remaining_limits(headers: &Headers<'_>, now: SystemTime) -> RemainingLimits {
    let windows = windows(headers, now).into_iter();
    let told = windows.map(|window| ToldWindow {
        unit: window.unit,
        window: window_of_fields(&window.name).or_else(|| window_of_fields(window.policy)),
        remaining: window.remaining,
        limit: window.limit,
        resets_in: window.reset,
    });
    RemainingLimits {
        windows: told.collect(),
    }
}

/// Whether a field tells of a window, by the beginning of its name.
pub fn tells_of_a_window(name: &str) -> bool {
    // Each answer has a dozen fields or two, of which the first letter tells most apart.
    let beginnings: &[&str] = match name.as_bytes() {
        [b'x' | b'X', ..] => &["x-ratelimit", "x-rate-limit"],
        [b'r' | b'R', ..] => &["ratelimit", "rate-limit"],
        [b'a' | b'A', ..] => &["anthropic-ratelimit"],
        _ => return false,
    };
    let begins = |beginning: &&str| {
        name.get(..beginning.len())
            .is_some_and(|begun| begun.eq_ignore_ascii_case(beginning))
    };
    beginnings.iter().any(begins)
}

/// The wait until a rate limit ends; `None` where nothing states it. It is looked for in this order, because the first
/// ones speak of this very refusal and the later ones of windows that may have nothing to do with it:
///
/// 1. the headers that are spelled like a retry;
/// 2. `said`, the wait in the error's members or in its text;
/// 3. the longest reset among the windows with nothing left: the request needs all of them;
/// 4. the shortest reset among the windows that do not tell what is left: if it is the wrong one, it costs one call,
///    while a longer one could lose a day.
///
/// The reset of a window that has something left says nothing. A zero or a point in the past is no statement either:
/// the provider refused just now, so the caller guesses.
pub fn rate_limit_end(
    headers: &Headers<'_>,
    said: Option<Wait>,
    now: SystemTime,
) -> Option<Duration> {
    let of_windows = || {
        let windows = windows(headers, now);
        longest_used_up(&windows).or_else(|| {
            let untold = windows.iter().filter(|window| window.remaining.is_none());
            untold.filter_map(|window| window.reset).min()
        })
    };
    retry_after(headers, now)
        .or_else(|| left(said?, headers, now))
        .or_else(of_windows)
}

/// The wait in the headers that are spelled like a retry, as `Retry-After` (RFC 9110 section 10.2.3: seconds or an HTTP
/// date) and `retry-after-ms`; `None` where none states a wait. Milliseconds are more exact.
pub fn retry_after(headers: &Headers<'_>, now: SystemTime) -> Option<Duration> {
    let retries = headers.iter().filter(|(name, _)| speaks_of_a_retry(name));
    let retries = retries.filter_map(|(name, value)| {
        let name = name.to_ascii_lowercase();
        let mut words = ["after", "delay", "retry-in"].iter();
        let is_retry = words.any(|word| name.contains(word));
        if !is_retry {
            return None;
        }
        let unit = TimeUnit::of_name(&name);
        let rank = match name.as_str() {
            "retry-after" => 1,
            _ if unit == TimeUnit::Milliseconds => 0,
            _ => 2,
        };
        Some((rank, left(parse_wait(value, unit)?, headers, now)?))
    });
    let first = retries.min_by_key(|(rank, _)| *rank);
    first.map(|(_, left)| left)
}

/// Whether a field is one of those that the end of a limit is read from, by its name.
pub fn speaks_of_an_end(name: &str) -> bool {
    const SIGNS: [&[u8; 5]; 2] = [b"retry", b"reset"];
    tells_of_a_window(name) || has_part(name, &SIGNS) || same_name(name, "date")
}

fn speaks_of_a_retry(name: &str) -> bool {
    has_part(name, &[b"retry"])
}

/// Whether one of these signs is in a name, in any case. All begin alike.
fn has_part<const N: usize>(name: &str, signs: &[&[u8; 5]; N]) -> bool {
    let mut parts = name.as_bytes().windows(5);
    parts.any(|part| {
        matches!(part, [b'r' | b'R', b'e' | b'E', ..])
            && signs.iter().any(|sign| part.eq_ignore_ascii_case(*sign))
    })
}

/// The wait that is left by the clock that wrote the answer's dates; without its `Date`, by ours. A clock of ours that is
/// off would turn waits into the past, or into a day.
pub fn left(wait: Wait, headers: &Headers<'_>, now: SystemTime) -> Option<Duration> {
    let date = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("date"));
    let written = date.and_then(|(_, date)| httpdate::parse_http_date(date.trim()).ok());
    wait.left(written.unwrap_or(now))
}

/// A window in which a provider counts requests or tokens.
#[derive(Debug)]
struct Window<'h> {
    /// The names of its fields without the part that tells them apart.
    name: String,
    policy: &'h str,
    unit: Unit,
    remaining: Option<u64>,
    limit: Option<u64>,
    reset: Option<Duration>,
}

/// The part of a window that a field tells.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FigureKind {
    Remaining,
    Limit,
    Reset,
}

/// Windows that are read, at most.
const MOST_WINDOWS: usize = 32;

/// The windows that the headers tell of. OpenAI, Groq: `x-ratelimit-remaining-requests`; Azure: one hyphen more;
/// Anthropic: `anthropic-ratelimit-requests-remaining`; Mistral: `ratelimitbysize-reset`; OpenRouter:
/// `x-ratelimit-remaining`; Cerebras: a window for each length; the drafts of the IETF: `RateLimit: "day";r=0;t=30` and
/// `RateLimit-Reset: 30`.
fn windows<'h>(headers: &'h Headers<'_>, now: SystemTime) -> Vec<Window<'h>> {
    let mut windows: Vec<Window<'h>> = Vec::new();
    for (name, value) in headers {
        let name = name.to_ascii_lowercase();
        if !tells_of_a_window(&name) && !name.contains("reset") {
            continue;
        }
        if name == "ratelimit" {
            structured(value, headers, now, &mut windows);
        } else if let Some((window, part)) = parted(&name)
            && let Some(window) = window_of(&mut windows, &window, "")
        {
            tell(window, part, value.trim(), &name, headers, now);
        }
    }
    windows.retain(|window| window.remaining.is_some() || window.reset.is_some());
    windows
}

/// The name of a field without the part, and the part; `None` where it tells none.
fn parted(name: &str) -> Option<(String, FigureKind)> {
    let name = name.trim_start_matches("x-");
    let name = name.replacen("rate-limit", "ratelimit", 1);
    // A second word "limit" is the part; that in "ratelimit" is none.
    let words: Vec<&str> = name.split(['-', '_']).collect();
    let part = words.iter().find_map(|word| match *word {
        "remaining" => Some(FigureKind::Remaining),
        "limit" => Some(FigureKind::Limit),
        "reset" | "resets" => Some(FigureKind::Reset),
        _ => None,
    })?;
    // `-after`, `-in`, `-ms` belong to the reset, not to the window.
    let own = words.iter().filter(|word| {
        !matches!(
            **word,
            "remaining" | "limit" | "reset" | "resets" | "after" | "in" | "at" | "ms"
        )
    });
    Some((own.copied().collect::<Vec<_>>().join("-"), part))
}

/// The window of this name, made when it is missing; `None` where there are too many to be true.
fn window_of<'w, 'h>(
    windows: &'w mut Vec<Window<'h>>,
    name: &str,
    policy: &'h str,
) -> Option<&'w mut Window<'h>> {
    let known = windows
        .iter()
        .position(|window| window.name == name && window.policy == policy);
    let at = match known {
        Some(at) => at,
        None if windows.len() >= MOST_WINDOWS => return None,
        None => {
            windows.push(Window {
                name: name.to_owned(),
                policy,
                unit: unit_of_fields(name, policy),
                remaining: None,
                limit: None,
                reset: None,
            });
            windows.len() - 1
        }
    };
    windows.get_mut(at)
}

fn tell(
    window: &mut Window<'_>,
    part: FigureKind,
    value: &str,
    name: &str,
    headers: &Headers<'_>,
    now: SystemTime,
) {
    match part {
        FigureKind::Remaining => window.remaining = parse_count(value),
        FigureKind::Limit => window.limit = parse_count(value),
        FigureKind::Reset => {
            let wait = parse_wait(value, TimeUnit::of_name(name));
            window.reset = wait.and_then(|wait| left(wait, headers, now));
        }
    }
}

/// `RateLimit` of the drafts: `limit=100, remaining=0, reset=50`, later `"day";r=0;t=50, "minute";r=3;t=9`.
fn structured<'h>(
    value: &'h str,
    headers: &Headers<'_>,
    now: SystemTime,
    windows: &mut Vec<Window<'h>>,
) {
    let mut policy = "";
    for item in value.split([',', ';']) {
        let item = item.trim();
        let Some((key, value)) = item.split_once('=') else {
            policy = item;
            continue;
        };
        let part = match key.trim() {
            "r" | "remaining" => FigureKind::Remaining,
            "q" | "limit" => FigureKind::Limit,
            "t" | "reset" => FigureKind::Reset,
            _ => continue,
        };
        if let Some(window) = window_of(windows, "ratelimit", policy) {
            tell(window, part, value.trim(), "ratelimit", headers, now);
        }
    }
}

fn longest_used_up(windows: &[Window<'_>]) -> Option<Duration> {
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

#[cfg(test)]
mod tests;
