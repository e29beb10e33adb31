//! What follows from each outcome class: the walk's next move, and what the ledger skips.

use std::time::Duration;

use crate::dialect::class::Class;

/// What the walk does after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextMove {
    /// Nobody is waiting any more.
    Stop,
    /// The next usable key of the same step, and the next step after the last key.
    NextKey,
    NextStep,
}

/// What a failure makes the ledger skip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cooldown {
    pub scope: Scope,
    /// For how long when the provider does not say.
    pub guess: Guess,
    /// Whether the provider's own word about the time counts.
    pub heeds_stated: bool,
}

/// How much of a provider a cooldown covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Provider,
    Key,
    KeyModel,
}

/// A cooldown of which the provider did not tell the length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guess {
    /// From the step's base, doubling with every failure in a row.
    Doubling,
    Fixed(Duration),
}

/// A bad key is tried again after this time: somebody may have paid a bill or fixed a permission.
const UNAUTHORIZED: Duration = Duration::from_secs(5 * 60);

/// Quotas come back by the day or by payment; an hour loses little of either.
const QUOTA: Duration = Duration::from_secs(60 * 60);

impl Class {
    pub fn next_move(self) -> NextMove {
        match self {
            Self::Cancelled => NextMove::Stop,
            Self::RateLimited | Self::QuotaExhausted | Self::Unauthorized => NextMove::NextKey,
            Self::Unreachable
            | Self::Timeout
            | Self::ServerError
            | Self::ModelNotFound
            | Self::Rejected
            | Self::TooLarge
            | Self::Transient
            | Self::BadResponse
            | Self::EmptyAnswer => NextMove::NextStep,
        }
    }

    /// What to skip after this failure; `None` when it says nothing about the next request.
    pub fn cooldown(self) -> Option<Cooldown> {
        let (scope, guess, heeds_stated) = match self {
            Self::Unreachable | Self::Timeout => (Scope::Provider, Guess::Doubling, false),
            Self::ServerError => (Scope::Provider, Guess::Doubling, true),
            Self::RateLimited => (Scope::KeyModel, Guess::Doubling, true),
            Self::QuotaExhausted => (Scope::Key, Guess::Fixed(QUOTA), true),
            Self::Unauthorized => (Scope::Key, Guess::Fixed(UNAUTHORIZED), false),
            Self::Cancelled
            | Self::ModelNotFound
            | Self::Rejected
            | Self::TooLarge
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

    /// Whether the same step may answer a moment later.
    pub fn retries(self) -> bool {
        match self {
            Self::ServerError | Self::Unreachable | Self::Transient => true,
            Self::Cancelled
            | Self::Timeout
            | Self::RateLimited
            | Self::QuotaExhausted
            | Self::Unauthorized
            | Self::ModelNotFound
            | Self::Rejected
            | Self::TooLarge
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
            | Self::ModelNotFound
            | Self::Rejected
            | Self::TooLarge => true,
            Self::Cancelled
            | Self::Unreachable
            | Self::Timeout
            | Self::ServerError
            | Self::Transient
            | Self::BadResponse
            | Self::EmptyAnswer => false,
        }
    }
}
