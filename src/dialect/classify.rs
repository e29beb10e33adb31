//! The outcome class of a provider's refusal: a table of rules.

use std::ops::RangeInclusive;
use std::time::{Duration, SystemTime};

use super::class::Class;
use super::rate_limits::{Headers, rate_limit_end, retry_after};

/// A refusal as it came from a provider: an answer that is no success, or a 200 with an error object in it.
pub struct ProviderRefusal<'a, 'h> {
    pub status: u16,
    /// The look-up of a response header by its lower-case name.
    pub headers: &'a Headers<'h>,
    /// The `error.code`, a number as its digits.
    pub code: Option<&'a str>,
    /// The `error.type`, or Google's `error.status`.
    pub kind: Option<&'a str>,
    pub message: &'a str,
}

/// A row of the table: the words to look for, the statuses under which they count, and the class that they mean.
struct Rule(Words, Statuses, Class);

/// Words in lower case; one of them is enough.
enum Words {
    /// Words within the code or the type.
    Named(&'static [&'static str]),
    /// Words within the code or the type, of a limit that comes back by itself: the refusal names its window or its
    /// end.
    NamedAndPassing(&'static [&'static str]),
    /// Words within the message.
    Said(&'static [&'static str]),
}
use Words::{Named, NamedAndPassing, Said};

type Statuses = &'static [RangeInclusive<u16>];

const ANY: Statuses = &[0..=u16::MAX];
/// A 5xx that mentions the words is still a fault of the server.
const BELOW_500: Statuses = &[0..=499];
/// Statuses that leave it open; under 401 and the like the status is the plainer word.
const OPEN: Statuses = &[200..=200, 400..=400, 429..=429];
const ERROR_IN_200: Statuses = &[200..=200];

/// The meaning of providers' words. The first row that fits decides; where none does, the status does. Codes in bodies
/// are more exact than the status, which proxies and compatibility layers get wrong.
const RULES: &[Rule] = &[
    // OpenAI: insufficient_quota, billing_hard_limit_reached, billing_not_active. DeepSeek: insufficient_balance.
    // OpenRouter: insufficient_credits.
    Rule(
        Named(&[
            "insufficient_quota",
            "billing",
            "insufficient_balance",
            "insufficient_credits",
        ]),
        ANY,
        Class::QuotaExhausted,
    ),
    // Cerebras: token_quota_exceeded and request_quota_exceeded may be limits by the minute.
    Rule(
        NamedAndPassing(&["quota"]),
        &[429..=429],
        Class::RateLimited,
    ),
    Rule(Named(&["quota"]), ANY, Class::QuotaExhausted),
    // OpenAI: context_length_exceeded, string_above_max_length. Anthropic: request_too_large. GitHub Models:
    // tokens_limit_reached.
    Rule(
        Named(&[
            "context_length",
            "string_above_max",
            "request_too_large",
            "tokens_limit_reached",
        ]),
        ANY,
        Class::TooLarge,
    ),
    // OpenAI's older models and vLLM say it without a code.
    Rule(
        Said(&["maximum context length"]),
        &[400..=400],
        Class::TooLarge,
    ),
    // OpenAI: model_not_found. Groq: model_decommissioned, model_not_active. Mistral: invalid_model.
    Rule(
        Named(&[
            "model_not_found",
            "model_decommissioned",
            "model_not_active",
            "invalid_model",
        ]),
        ANY,
        Class::ModelNotFound,
    ),
    // OpenRouter: "... is not a valid model ID".
    Rule(
        Said(&["not a valid model"]),
        &[400..=400],
        Class::ModelNotFound,
    ),
    // OpenAI: invalid_api_key. Google: API_KEY_INVALID, UNAUTHENTICATED. Anthropic: authentication_error.
    Rule(
        Named(&[
            "invalid_api_key",
            "api_key_invalid",
            "authentication_error",
            "unauthenticated",
        ]),
        BELOW_500,
        Class::Unauthorized,
    ),
    // Google refuses a bad key with 400 and INVALID_ARGUMENT.
    Rule(
        Said(&["api key not valid"]),
        &[200..=200, 400..=400],
        Class::Unauthorized,
    ),
    // A refused prompt must not cost the key five minutes. OpenRouter's moderation answers 403; OpenAI:
    // content_policy_violation; Azure: content_filter.
    Rule(
        Named(&["moderation", "content_policy", "content_filter"]),
        &[403..=403],
        Class::Rejected,
    ),
    Rule(Said(&["flagged"]), &[403..=403], Class::Rejected),
    // OpenAI: rate_limit_exceeded. Google: RESOURCE_EXHAUSTED. Cerebras: too_many_requests_error.
    Rule(
        Named(&["rate_limit", "resource_exhausted", "too_many_requests"]),
        OPEN,
        Class::RateLimited,
    ),
    // Anthropic: overloaded_error. OpenAI: server_error. Google: INTERNAL, UNAVAILABLE.
    Rule(
        Named(&["overloaded", "server_error", "internal", "unavailable"]),
        ERROR_IN_200,
        Class::ServerError,
    ),
    // OpenAI: invalid_request_error.
    Rule(Named(&["invalid_request"]), ERROR_IN_200, Class::Rejected),
];

/// The class of a refusal. `now` is the wall clock, for headers that name a point in time.
pub fn class_of(refusal: &ProviderRefusal<'_, '_>, now: SystemTime) -> Class {
    let status = effective_status(refusal);
    // Groq refuses an oversized request with 413 and `rate_limit_exceeded`: no wait will make it fit.
    if status == 413 {
        return Class::TooLarge;
    }
    let lower = |text: &str| text.to_ascii_lowercase();
    let code = lower(refusal.code.unwrap_or_default());
    let kind = lower(refusal.kind.unwrap_or_default());
    let message = lower(refusal.message);
    let named = |words: &[&str]| {
        let mut words = words.iter();
        words.any(|word| code.contains(word) || kind.contains(word))
    };
    let said = |words: &[&str]| words.iter().any(|word| message.contains(word));
    let passes = || said(&WINDOWS) || rate_limit_end(refusal.headers, &message, now).is_some();
    let fits = |Rule(words, statuses, _): &&Rule| {
        statuses.iter().any(|statuses| statuses.contains(&status))
            && match words {
                Named(words) => named(words),
                NamedAndPassing(words) => named(words) && passes(),
                Said(words) => said(words),
            }
    };
    let rule = RULES.iter().find(fits);
    rule.map_or_else(|| class_of_status(status), |Rule(_, _, class)| *class)
}

/// The wait that a refusal of this class states (at most 24 h); `None` where the provider says nothing of its end.
pub fn stated_wait(
    class: Class,
    refusal: &ProviderRefusal<'_, '_>,
    now: SystemTime,
) -> Option<Duration> {
    if class == Class::RateLimited {
        return rate_limit_end(refusal.headers, refusal.message, now);
    }
    // The x-ratelimit headers count minutes and stand on every answer; they say nothing of outages and bills.
    retry_after(refusal.headers, now)
}

/// The windows of limits, as messages name them.
const WINDOWS: [&str; 4] = ["per second", "per minute", "per hour", "per day"];

/// The status that counts: of a 200, the one in `code`. OpenRouter sends `{"error":{"code":429}}` inside a 200.
fn effective_status(refusal: &ProviderRefusal<'_, '_>) -> u16 {
    if !(200..300).contains(&refusal.status) {
        return refusal.status;
    }
    let code = refusal.code.and_then(|code| code.trim().parse().ok());
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

#[cfg(test)]
mod tests;
