//! The consequences of each outcome class: the walk's next move, and the mark in the ledger.

use std::time::Duration;

use crate::dialect::class::Class;

/// The walk's move after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextMove {
    /// The client is gone.
    Stop,
    /// The next usable key of the same step, and the next step after the last key.
    NextKey,
    NextStep,
}

/// The mark that a failure leaves in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cooldown {
    pub scope: MarkScope,
    /// The length when the provider states none.
    pub guess: Guess,
    /// Whether the provider's own word about the length counts.
    pub heeds_stated: bool,
}

/// The part of a provider that a cooldown covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkScope {
    Provider,
    Key,
    /// The model with all keys.
    Model,
    KeyModel,
}

/// The length of a cooldown when the provider states none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guess {
    /// The step's base, doubled with every failure in a row.
    Doubling,
    /// The same, and at least the time that the attempt took (60 s): a frozen server must not cost every request its
    /// timeout.
    AtLeastTheAttempt,
    Fixed(Duration),
}

/// The cooldown of a refused key: by then a bill may be paid or a permission fixed.
const UNAUTHORIZED: Duration = Duration::from_secs(5 * 60);

/// Quotas come back by the day or by payment; an hour loses little of either.
const QUOTA: Duration = Duration::from_secs(60 * 60);

impl Class {
    pub fn next_move(self) -> NextMove {
        match self {
            Self::Cancelled => NextMove::Stop,
            Self::RateLimited | Self::QuotaExhausted | Self::Unauthorized | Self::Forbidden => {
                NextMove::NextKey
            }
            Self::Unreachable
            | Self::Timeout
            | Self::ServerError
            | Self::Blocked
            | Self::ModelNotFound
            | Self::Rejected
            | Self::TooLarge
            | Self::Unsupported
            | Self::Transient
            | Self::BadResponse
            | Self::EmptyAnswer => NextMove::NextStep,
        }
    }

    /// The mark that this class leaves; `None` for a class that says nothing about the next request.
    pub fn cooldown(self) -> Option<Cooldown> {
        let (scope, guess, heeds_stated) = match self {
            Self::Unreachable | Self::Blocked => (MarkScope::Provider, Guess::Doubling, false),
            Self::Timeout => (MarkScope::Model, Guess::AtLeastTheAttempt, false),
            Self::ServerError => (MarkScope::Model, Guess::Doubling, true),
            Self::RateLimited => (MarkScope::KeyModel, Guess::Doubling, true),
            Self::QuotaExhausted => (MarkScope::Key, Guess::Fixed(QUOTA), true),
            Self::Unauthorized => (MarkScope::Key, Guess::Fixed(UNAUTHORIZED), false),
            Self::Forbidden => (MarkScope::KeyModel, Guess::Fixed(UNAUTHORIZED), false),
            Self::Cancelled
            | Self::ModelNotFound
            | Self::Rejected
            | Self::TooLarge
            | Self::Unsupported
            | Self::Transient
            | Self::BadResponse
            | Self::EmptyAnswer => return None,
        };
        Some(Cooldown {
            scope,
            guess,
            heeds_stated,
        })
    }

    /// The wider mark that a second witness of the same class justifies, another model within the time of the first one's
    /// mark; `None` where one model says nothing about the others. Limits are often each model's own.
    pub fn widens_to(self) -> Option<MarkScope> {
        match self {
            Self::Timeout | Self::ServerError => Some(MarkScope::Provider),
            Self::Forbidden => Some(MarkScope::Key),
            Self::Cancelled
            | Self::Unreachable
            | Self::RateLimited
            | Self::QuotaExhausted
            | Self::Unauthorized
            | Self::Blocked
            | Self::ModelNotFound
            | Self::Rejected
            | Self::TooLarge
            | Self::Unsupported
            | Self::Transient
            | Self::BadResponse
            | Self::EmptyAnswer => None,
        }
    }

    /// Whether the same step may answer a moment later.
    pub fn retries(self) -> bool {
        match self {
            Self::ServerError | Self::Unreachable | Self::Transient => true,
            Self::Cancelled
            | Self::Timeout
            | Self::RateLimited
            | Self::QuotaExhausted
            | Self::Unauthorized
            | Self::Forbidden
            | Self::Blocked
            | Self::ModelNotFound
            | Self::Rejected
            | Self::TooLarge
            | Self::Unsupported
            | Self::BadResponse
            | Self::EmptyAnswer => false,
        }
    }

    /// Whether the failure shows that the provider is up: it dealt with the request, if only to refuse it. Such a
    /// failure ends a cooldown of the whole provider.
    pub fn shows_life(self) -> bool {
        match self {
            Self::RateLimited
            | Self::QuotaExhausted
            | Self::Unauthorized
            | Self::Forbidden
            | Self::ModelNotFound
            | Self::Rejected
            | Self::TooLarge
            | Self::Unsupported => true,
            Self::Cancelled
            | Self::Unreachable
            | Self::Timeout
            | Self::ServerError
            | Self::Blocked
            | Self::Transient
            | Self::BadResponse
            | Self::EmptyAnswer => false,
        }
    }
}
