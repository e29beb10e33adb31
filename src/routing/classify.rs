//! From a provider's refusal to an outcome class.

use std::time::{Duration, SystemTime};

use crate::dialect::class::Class;
use crate::dialect::rate_limits::{Headers, rate_limit_end, retry_after};
use crate::text::cut;

/// Bytes of a provider's message that are kept.
pub const MAX_MESSAGE: usize = 2 * 1024;

/// A refusal as it came from a provider: an answer that is no success, or a 200 with an error object in it.
pub struct Observed<'a, 'h> {
    pub status: u16,
    /// Looks up a response header by its lower-case name.
    pub headers: &'a Headers<'h>,
    /// `error.code`, a number as its digits.
    pub code: Option<&'a str>,
    /// `error.type`, or Google's `error.status`.
    pub kind: Option<&'a str>,
    pub message: &'a str,
}

/// A failed attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub class: Class,
    /// The provider's HTTP status, if it got as far as that.
    pub status: Option<u16>,
    /// The provider's own code.
    pub code: Option<String>,
    /// At most [`MAX_MESSAGE`] bytes; keys in it are not masked yet.
    pub message: String,
    /// How long the provider says to stay away; at most 24 h, never zero.
    pub stated: Option<Duration>,
}

impl Failure {
    /// A failure without a provider's refusal behind it.
    pub fn new(class: Class, message: &str) -> Self {
        Self {
            class,
            status: None,
            code: None,
            message: cut(message, MAX_MESSAGE).to_owned(),
            stated: None,
        }
    }
}

/// Reads a refusal. `now` is the wall clock, for headers that name a point in time.
pub fn classify(observed: &Observed<'_, '_>, now: SystemTime) -> Failure {
    let class = class_of(observed, now);
    let stated = match class.cooldown() {
        Some(cooldown) if cooldown.heeds_stated => stated(class, observed, now),
        _ => None,
    };
    Failure {
        class,
        status: Some(observed.status),
        code: observed.code.map(|code| cut(code, MAX_CODE).to_owned()),
        message: cut(observed.message, MAX_MESSAGE).to_owned(),
        stated,
    }
}

const MAX_CODE: usize = 128;

fn stated(class: Class, observed: &Observed<'_, '_>, now: SystemTime) -> Option<Duration> {
    if class == Class::RateLimited {
        return rate_limit_end(observed.headers, observed.message, now);
    }
    // The x-ratelimit headers count minutes and stand on every answer; they say nothing of outages and bills.
    retry_after(observed.headers, now)
}

/// Codes in the body are more exact than the status, which proxies and compatibility layers get wrong.
fn class_of(observed: &Observed<'_, '_>, now: SystemTime) -> Class {
    let status = effective_status(observed);
    // Groq refuses an oversized request with 413 and `rate_limit_exceeded`: no wait will make it fit.
    if status == 413 {
        return Class::TooLarge;
    }
    class_of_words(observed, status, now).unwrap_or_else(|| class_of_status(status))
}

/// OpenRouter sends `{"error":{"code":429}}` inside a 200; others set `code` to a status as well.
fn effective_status(observed: &Observed<'_, '_>) -> u16 {
    if !(200..300).contains(&observed.status) {
        return observed.status;
    }
    let code = observed.code.and_then(|code| code.trim().parse().ok());
    code.filter(|code| (400..600).contains(code)).unwrap_or(200)
}

fn class_of_status(status: u16) -> Class {
    match status {
        // A 200 comes here only with an error object in it.
        200..=299 => Class::ServerError,
        100..=199 | 300..=399 => Class::BadResponse,
        401 | 403 => Class::Unauthorized,
        402 => Class::QuotaExhausted,
        404 | 410 => Class::ModelNotFound,
        408 | 425 => Class::Transient,
        413 => Class::TooLarge,
        429 => Class::RateLimited,
        400..=499 => Class::Rejected,
        // 500, 502, 503, 504, 520-529 and the rarer ones: all say that the fault is not the request's.
        500..=599 => Class::ServerError,
        _ => Class::BadResponse,
    }
}

fn class_of_words(observed: &Observed<'_, '_>, status: u16, now: SystemTime) -> Option<Class> {
    let code = observed.code.unwrap_or_default().to_ascii_lowercase();
    let kind = observed.kind.unwrap_or_default().to_ascii_lowercase();
    let message = observed.message.to_ascii_lowercase();
    let named = |words: &[&str]| {
        words
            .iter()
            .any(|word| code.contains(word) || kind.contains(word))
    };

    if named(&[
        "insufficient_quota",
        "billing",
        "insufficient_balance",
        "insufficient_credits",
    ]) {
        return Some(Class::QuotaExhausted);
    }
    if named(&["quota"]) {
        // `token_quota_exceeded` (Cerebras) may be a limit by the minute: that one comes back by itself.
        let passes = status == 429
            && (names_a_window(&message)
                || rate_limit_end(observed.headers, &message, now).is_some());
        return Some(if passes {
            Class::RateLimited
        } else {
            Class::QuotaExhausted
        });
    }
    if named(&[
        "context_length",
        "string_above_max",
        "request_too_large",
        "tokens_limit_reached",
    ]) || (status == 400 && message.contains("maximum context length"))
    {
        return Some(Class::TooLarge);
    }
    if named(&[
        "model_not_found",
        "model_decommissioned",
        "model_not_active",
        "invalid_model",
    ]) || (status == 400 && message.contains("not a valid model"))
    {
        return Some(Class::ModelNotFound);
    }
    // Only where the status leaves it open: a 5xx that mentions them is still a fault of the server.
    if status >= 500 {
        return None;
    }
    if named(&[
        "invalid_api_key",
        "api_key_invalid",
        "authentication_error",
        "unauthenticated",
    ]) || (matches!(status, 200 | 400) && message.contains("api key not valid"))
    {
        return Some(Class::Unauthorized);
    }
    // A refused prompt must not cost the key five minutes (OpenRouter's moderation answers 403).
    if status == 403
        && (named(&["moderation", "content_policy", "content_filter"])
            || message.contains("flagged"))
    {
        return Some(Class::Rejected);
    }
    // Not under 401 and the like, where the status is the plainer word.
    let open = matches!(status, 200 | 400 | 429);
    if open && named(&["rate_limit", "resource_exhausted", "too_many_requests"]) {
        return Some(Class::RateLimited);
    }
    if status == 200 && named(&["overloaded", "server_error", "internal", "unavailable"]) {
        return Some(Class::ServerError);
    }
    if status == 200 && named(&["invalid_request"]) {
        return Some(Class::Rejected);
    }
    None
}

fn names_a_window(message: &str) -> bool {
    const WINDOWS: [&str; 4] = ["per second", "per minute", "per hour", "per day"];
    WINDOWS.iter().any(|window| message.contains(window))
}
