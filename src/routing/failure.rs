//! The failure of an attempt: its class, and the provider's words and wait.

use std::time::{Duration, SystemTime};

use crate::dialect::class::Class;
use crate::dialect::classify::{
    ProviderRefusal, class_of, concerns_this_request_only, stated_wait,
};
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
        }
    }

    /// The failure behind a provider's refusal. `now` is the wall clock, for headers that name a point in time.
    pub fn of_refusal(refusal: &ProviderRefusal<'_, '_>, now: SystemTime) -> Self {
        let class = class_of(refusal, now);
        let heeded = class.cooldown().filter(|cooldown| cooldown.heeds_stated);
        let said = refusal.said;
        Self {
            status: Some(refusal.status),
            code: said
                .code
                .as_deref()
                .map(|code| cut(code, MAX_CODE).to_owned()),
            stated: heeded.and_then(|_| stated_wait(class, refusal, now)),
            of_this_request: concerns_this_request_only(class, said),
            ..Self::new(class, &said.message)
        }
    }
}
