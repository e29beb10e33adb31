//! The failure of an attempt: its class, and the provider's words and wait.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::dialect::class::Class;
use crate::dialect::classify::{
    ProviderRefusal, class_of, concerns_this_request_only, stated_wait,
};
use crate::dialect::limit_words::{NamedLimit, named_limit};
use crate::dialect::provider_error::ProviderError;
use crate::dialect::rate_limits::{Headers, ToldWindow, remaining_limits};
use crate::text::{cut, for_people};

/// The failure of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub class: Class,
    /// The provider's HTTP status, if it got as far as that.
    pub status: Option<u16>,
    /// The provider's own code.
    pub code: Option<String>,
    /// The message; keys in it are not masked yet (at most 500 characters).
    pub message: String,
    /// The wait that the provider states (at most 24 h, never zero).
    pub stated: Option<Duration>,
    /// The failure is about this one request, its size or its price, and says nothing of the next one: no mark.
    pub of_this_request: bool,
    /// The limit behind the refusal, where there is one.
    pub limit: Option<Box<LimitRefusal>>,
}

/// The limit behind a refusal, as the refusal tells of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitRefusal {
    pub named: NamedLimit,
    /// The end lies within so much before the one that is stated: it was rounded up.
    pub exactness: Duration,
    /// The windows that its headers tell of.
    pub told: Vec<ToldWindow>,
}

/// Bytes of a provider's code that are kept.
const MAX_CODE: usize = 128;

impl Failure {
    /// A failure without a provider's refusal behind it.
    pub fn new(class: Class, message: &str) -> Self {
        Self {
            class,
            status: None,
            code: None,
            message: for_people(message).to_owned(),
            stated: None,
            of_this_request: false,
            limit: None,
        }
    }

    /// The failure behind a provider's refusal, by its status, its headers and its words. `now` is the wall clock, for
    /// headers that name a point in time.
    pub fn of_refusal(
        status: u16,
        headers: &Headers<'_>,
        said: ProviderError,
        now: SystemTime,
    ) -> Self {
        let refusal = ProviderRefusal {
            status,
            headers,
            said: &said,
        };
        let class = class_of(&refusal, now);
        let heeded = class.cooldown().filter(|cooldown| cooldown.heeds_stated);
        let stated = heeded.and_then(|_| stated_wait(class, &refusal, now));
        Self {
            class,
            status: Some(status),
            stated,
            of_this_request: concerns_this_request_only(class, &said),
            limit: limit_behind(class, &refusal, stated, now).map(Box::new),
            code: said
                .code
                .map(|code| shortened(code, |code| cut(code, MAX_CODE))),
            message: shortened(said.message, for_people),
        }
    }
}

/// A text that is mostly short enough. One that is not does not keep its room.
fn shortened(text: String, cut: impl Fn(&str) -> &str) -> String {
    let kept = cut(&text);
    if kept.len() < text.len() {
        kept.to_owned()
    } else {
        text
    }
}

/// The limit behind a refusal; `None` where there is none, or one that is no window but a bill.
fn limit_behind(
    class: Class,
    refusal: &ProviderRefusal<'_, '_>,
    stated: Option<Duration>,
    now: SystemTime,
) -> Option<LimitRefusal> {
    let named = match class {
        Class::RateLimited => named_limit(refusal.said),
        // The quota of a day or a minute comes back by itself.
        Class::QuotaExhausted => {
            Some(named_limit(refusal.said)).filter(|named| named.window.is_some())?
        }
        _ => return None,
    };
    Some(LimitRefusal {
        named,
        exactness: stated.map_or(Duration::ZERO, |stated| exactness(stated, now)),
        told: remaining_limits(refusal.headers, now).windows,
    })
}

/// How much may have been added to an end when it was rounded up: a second to whole ones, be they spans or points in
/// time.
fn exactness(stated: Duration, now: SystemTime) -> Duration {
    const SECOND: Duration = Duration::from_secs(1);
    let end = now.duration_since(UNIX_EPOCH).unwrap_or_default() + stated;
    // The clock has a microsecond or so of its own.
    let is_whole = |span: Duration| span.subsec_micros().min(1_000_000 - span.subsec_micros()) < 10;
    if is_whole(stated) || is_whole(end) {
        SECOND
    } else if stated.subsec_micros().is_multiple_of(100_000) {
        SECOND / 10
    } else {
        SECOND / 100
    }
}
