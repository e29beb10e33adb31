//! Scripted providers of the benchmark: free tiers, and the styles in which they refuse.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Ms;

pub const WINDOW: Ms = 6_000;

pub const REFUSAL_TAKES: Ms = 62;

pub const DOWN_TAKES: Ms = 32;

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Style {
    RetryAfterSeconds,
    RetryAfterDate,
    ResetRequests,
    XRateLimit,
    Full,
    Body,
    Bare,
}

pub const STYLES: [Style; 7] = [
    Style::RetryAfterSeconds,
    Style::RetryAfterDate,
    Style::ResetRequests,
    Style::XRateLimit,
    Style::Full,
    Style::Body,
    Style::Bare,
];

/// A scripted provider.
#[derive(Clone, Debug)]
pub struct Tier {
    /// Requests per window, of each key.
    pub limits: Vec<u64>,
    pub style: Style,
    /// The beginning of its windows, within the window.
    pub phase: Ms,
    /// Requests per key in the whole time; zero: no limit.
    pub day: u64,
    /// From, to, and whether it hangs instead of answering 503.
    pub trouble: Option<(Ms, Ms, bool)>,
    pub used: BTreeMap<(usize, u64), u64>,
    pub used_of_day: u64,
}

impl Tier {
    pub fn window(&self, at: Ms) -> u64 {
        (at + WINDOW - self.phase) / WINDOW
    }

    pub fn window_end(&self, at: Ms) -> Ms {
        (self.window(at) + 1) * WINDOW + self.phase - WINDOW
    }
}

pub enum Fate {
    Answer,
    Refusal,
    Down,
    Hangs,
}

pub fn tier(limit: u64, style: Style, phase: Ms) -> Tier {
    Tier {
        limits: vec![limit],
        style,
        phase,
        day: 0,
        trouble: None,
        used: BTreeMap::new(),
        used_of_day: 0,
    }
}

/// The fate of a call, with the headers and the body of its answer.
pub fn fate(
    tier: &mut Tier,
    key: usize,
    at: Ms,
    day_length: Ms,
) -> (Fate, Vec<(String, String)>, String) {
    if let Some((from, to, hangs)) = tier.trouble
        && (from..to).contains(&at)
    {
        let fate = if hangs { Fate::Hangs } else { Fate::Down };
        return (fate, Vec::new(), String::new());
    }
    let (window, end) = (tier.window(at), tier.window_end(at) - at);
    let limit = tier.limits[key];
    let day_gone = tier.day > 0 && tier.used_of_day >= tier.day;
    let used = tier.used.entry((key, window)).or_default();
    let is_taken = !day_gone && *used < limit;
    if is_taken {
        *used += 1;
        tier.used_of_day += 1;
    }
    let left = limit - *used;
    let reset = if day_gone { day_length - at } else { end };
    let mut headers = Vec::new();
    let mut field = |name: &str, value: String| headers.push((name.to_owned(), value));
    if matches!(tier.style, Style::XRateLimit | Style::Full) {
        field("x-ratelimit-limit-requests", limit.to_string());
        field(
            "x-ratelimit-remaining-requests",
            if is_taken { left } else { 0 }.to_string(),
        );
        field("x-ratelimit-reset-requests", go_duration(reset));
    }
    if is_taken {
        return (Fate::Answer, headers, String::new());
    }
    let mut message = "Rate limit exceeded.".to_owned();
    match tier.style {
        Style::RetryAfterSeconds | Style::Full => {
            field("retry-after", reset.div_ceil(1000).max(1).to_string());
        }
        Style::RetryAfterDate => {
            let end = wall(at + reset).duration_since(UNIX_EPOCH).unwrap();
            let whole = end.as_millis().div_ceil(1000) as u64;
            let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(whole));
            field("retry-after", date);
        }
        Style::ResetRequests => field("x-ratelimit-reset-requests", go_duration(reset)),
        Style::Body => {
            let (per, amount) = match day_gone {
                true => ("day (RPD)", tier.day),
                false => ("minute (RPM)", limit),
            };
            message = format!(
                "Rate limit reached for model `m` on requests per {per}: Limit {amount}, Used {amount}, Requested 1. Please \
                 try again in {}.",
                go_duration(reset)
            );
        }
        Style::XRateLimit | Style::Bare => {}
    }
    let body = format!(
        r#"{{"error":{{"message":"{message}","type":"requests","code":"rate_limit_exceeded"}}}}"#
    );
    (Fate::Refusal, headers, body)
}

pub fn wall(at: Ms) -> SystemTime {
    // Not on a whole second.
    UNIX_EPOCH + Duration::from_millis(1_790_000_000_371 + at)
}

fn go_duration(ms: Ms) -> String {
    match ms {
        ..1000 => format!("{}ms", ms.max(1)),
        _ => format!("{}s", ms.div_ceil(100) as f64 / 10.0),
    }
}
