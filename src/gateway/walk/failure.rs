//! From what went wrong with a provider to the failure that `routing` knows.

use std::time::SystemTime;

use crate::dialect::answer::Flaw;
use crate::dialect::class::Class;
use crate::dialect::classify::tells_of_a_refusal;
use crate::dialect::provider_error::ProviderError;
use crate::routing::Failure;
use crate::upstream::{CallError, Head};

/// The failure that a provider's own words mean, below an error status or inside a 200.
pub fn failure_of_error(head: &Head, said: ProviderError) -> Failure {
    let headers: Vec<(&str, &str)> = head.headers_named(tells_of_a_refusal).collect();
    Failure::of_refusal(head.status, &headers, said, SystemTime::now())
}

/// The same for an error inside a stream under way, whose head has been forgotten.
pub fn failure_of_late_error(said: ProviderError) -> Failure {
    Failure::of_refusal(200, &[], said, SystemTime::now())
}

/// The failure behind a call that gave no answer.
pub fn failure_of(error: &CallError) -> Failure {
    let class = match error {
        CallError::Cancelled => Class::Cancelled,
        CallError::Unreachable(_) => Class::Unreachable,
        CallError::Timeout(_) => Class::Timeout,
        CallError::BadResponse(_) => Class::BadResponse,
    };
    Failure::new(class, &error.to_string())
}

/// The failure behind an answer that looks fine and is not.
pub fn failure_of_flaw(head: &Head, flaw: Flaw) -> Failure {
    let flaw = match flaw {
        Flaw::ErrorObject(said) => return failure_of_error(head, *said),
        other => other,
    };
    let class = class_of_flaw(&flaw);
    Failure {
        status: Some(head.status),
        ..Failure::new(class, &flaw.to_string())
    }
}

/// The class of an answer that looks fine and is not; of a provider's own words, where nothing else is known of them.
pub fn class_of_flaw(flaw: &Flaw) -> Class {
    match flaw {
        Flaw::ErrorObject(_) => Class::ServerError,
        Flaw::NotJson(_)
        | Flaw::NotAnObject
        | Flaw::TooMany(_)
        | Flaw::WrongFormat(_)
        | Flaw::WrongShape(_)
        | Flaw::NoAnswer(_) => Class::BadResponse,
        Flaw::NoChoices | Flaw::EmptyContent | Flaw::Unsayable => Class::EmptyAnswer,
    }
}

/// The provider did not say that it was done: what was to come is not known.
pub fn cut() -> Failure {
    Failure::new(Class::BadResponse, "the stream was cut before its end")
}
