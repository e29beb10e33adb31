//! The failure of an attempt: its class, and the provider's words and wait.

use std::time::{Duration, SystemTime};

use crate::dialect::class::Class;
use crate::dialect::classify::{ProviderRefusal, class_of, stated_wait};
use crate::dialect::provider_error::MAX_MESSAGE;
use crate::text::cut;

/// The failure of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub class: Class,
    /// The provider's HTTP status, if it got as far as that.
    pub status: Option<u16>,
    /// The provider's own code.
    pub code: Option<String>,
    /// The message; keys in it are not masked yet (at most [`MAX_MESSAGE`] bytes).
    pub message: String,
    /// The wait that the provider states (at most 24 h, never zero).
    pub stated: Option<Duration>,
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
            message: cut(message, MAX_MESSAGE).to_owned(),
            stated: None,
        }
    }

    /// The failure behind a provider's refusal. `now` is the wall clock, for headers that name a point in time.
    pub fn of_refusal(refusal: &ProviderRefusal<'_, '_>, now: SystemTime) -> Self {
        let class = class_of(refusal, now);
        let heeded = class.cooldown().filter(|cooldown| cooldown.heeds_stated);
        Self {
            status: Some(refusal.status),
            code: refusal.code.map(|code| cut(code, MAX_CODE).to_owned()),
            stated: heeded.and_then(|_| stated_wait(class, refusal, now)),
            ..Self::new(class, refusal.message)
        }
    }
}
