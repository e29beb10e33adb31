//! The outcome class of a provider's refusal.

use std::cell::LazyCell;
use std::time::{Duration, SystemTime};

use super::class::Class;
use super::provider_error::ProviderError;
use super::rate_limits::{Headers, left, rate_limit_end, retry_after, speaks_of_an_end};
use super::rule::{Rule, Words, speaks};
use super::rules::{self, WordOfRule};
use crate::text::{contains_in_any_case, same_name};

/// A refusal as it came from a provider: an answer that is no success, or a 200 with an error object in it.
pub struct ProviderRefusal<'a, 'h> {
    pub status: u16,
    pub headers: &'a Headers<'h>,
    pub said: &'a ProviderError,
}

/// Whether a field of an answer's head tells of a refusal, by its name: the other fields need not be looked at.
pub fn tells_of_a_refusal(name: &str) -> bool {
    speaks_of_an_end(name) || CHALLENGES.iter().any(|mark| same_name(name, mark))
}

/// The class of a refusal. `now` is the wall clock, for headers that name a point in time.
pub fn class_of(refusal: &ProviderRefusal<'_, '_>, now: SystemTime) -> Class {
    let status = effective_status(refusal);
    // Those who challenge mark it, whatever the status; a success is none.
    let mut marks = CHALLENGES.iter();
    let is_challenged = marks.any(|name| has_field(refusal.headers, name));
    if is_challenged && !(200..300).contains(&refusal.status) {
        return Class::Blocked;
    }
    // Groq refuses an oversized request with 413 and `rate_limit_exceeded`: no wait will make it fit.
    if status == 413 {
        return Class::TooLarge;
    }
    match decisive(refusal, status, now).map(|heard| heard.rule) {
        Some(Rule(_, _, class)) => *class,
        None => class_of_status(status),
    }
}

/// Whether a refused bill is about this one request, its size or its price: a smaller one would be served, so the key
/// need not rest.
pub fn concerns_this_request_only(class: Class, said: &ProviderError) -> bool {
    // OpenRouter's 402: "This request requires more credits, or fewer max_tokens. You requested up to 65536 tokens, but
    // can only afford 2000."
    const WORDS: [&str; 4] = [
        "fewer max_tokens",
        "can only afford",
        "lower max_tokens",
        "reduce max_tokens",
    ];
    if class != Class::QuotaExhausted {
        return false;
    }
    let message = said.message.to_ascii_lowercase();
    WORDS.iter().any(|words| message.contains(words))
}

/// The wait that a refusal of this class states (at most 24 h); `None` where the provider says nothing of its end.
pub fn stated_wait(
    class: Class,
    refusal: &ProviderRefusal<'_, '_>,
    now: SystemTime,
) -> Option<Duration> {
    let said = refusal.said.wait;
    if class == Class::RateLimited {
        return rate_limit_end(refusal.headers, said, now);
    }
    // The x-ratelimit headers count minutes and stand on every answer; they say nothing of outages and bills.
    retry_after(refusal.headers, now).or_else(|| left(said?, refusal.headers, now))
}

/// The first rule that fits with the first of its words that does; `None` where none fits.
fn decisive(refusal: &ProviderRefusal<'_, '_>, status: u16, now: SystemTime) -> Option<WordOfRule> {
    let said = refusal.said;
    let own = [&said.code, &said.kind].into_iter().flatten();
    let names = || own.clone().chain(&said.names).map(String::as_str);
    let message = LazyCell::new(|| said.message.to_ascii_lowercase());
    let named = |word: &str| names().any(|name| contains_in_any_case(name, word));
    let spoken = |words: &str| speaks(&message, words);
    let passes = || {
        WINDOWS.iter().any(|words| spoken(words))
            || rate_limit_end(refusal.headers, said.wait, now).is_some()
    };
    let fits = |heard: &WordOfRule| {
        let (Rule(words, statuses, _), word) = (heard.rule, heard.word);
        let counts = statuses.iter().any(|statuses| statuses.contains(&status));
        counts
            && match words {
                Words::Code(_) => names().any(|name| name.eq_ignore_ascii_case(word)),
                Words::Named(_) => named(word),
                Words::NamedAndPassing(_) => named(word) && passes(),
                Words::Said(_) | Words::Page(_) => spoken(word),
            }
    };
    let message = said.message.as_str();
    let heard = [
        rules::WORDS_OF_NAMES.keys_in(names()).find(fits),
        rules::WORDS_OF_MESSAGES.keys_in([message]).find(fits),
        said.is_page
            .then(|| rules::words_of_pages().find(fits))
            .flatten(),
    ];
    heard.into_iter().flatten().min_by_key(|heard| heard.place)
}

/// The windows of limits, as messages name them.
const WINDOWS: [&str; 4] = ["per second", "per minute", "per hour", "per day"];

/// The marks of challenges and blocks: Cloudflare, AWS WAF, Vercel, DataDome, Sucuri.
const CHALLENGES: [&str; 5] = [
    "cf-mitigated",
    "x-amzn-waf-action",
    "x-vercel-mitigated",
    "x-datadome",
    "x-sucuri-block",
];

fn has_field(headers: &Headers<'_>, name: &str) -> bool {
    let mut fields = headers.iter();
    fields.any(|(field, _)| same_name(field, name))
}

/// The status that counts: of a 200, the one in `code`. OpenRouter sends `{"error":{"code":429}}` inside a 200.
fn effective_status(refusal: &ProviderRefusal<'_, '_>) -> u16 {
    if !(200..300).contains(&refusal.status) {
        return refusal.status;
    }
    refusal.said.status().unwrap_or(200)
}

fn class_of_status(status: u16) -> Class {
    match status {
        // A 200 comes here only with an error object in it.
        200..=299 => Class::ServerError,
        100..=199 | 300..=399 => Class::BadResponse,
        401 => Class::Unauthorized,
        402 => Class::QuotaExhausted,
        403 => Class::Forbidden,
        404 | 410 => Class::ModelNotFound,
        // 409: text-generation-inference, a model that is loading; 424: its engine failed.
        408 | 409 | 424 | 425 => Class::Transient,
        413 => Class::TooLarge,
        429 => Class::RateLimited,
        400..=499 => Class::Rejected,
        // 500, 502, 503, 504, 520-529 and the rarer ones: all say that the fault is not the request's.
        500..=599 => Class::ServerError,
        _ => Class::BadResponse,
    }
}

#[cfg(test)]
mod cases;
#[cfg(test)]
mod tests;
