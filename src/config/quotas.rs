//! The quotas of a provider, as `limits:` and its neighbours tell them; those of single models stand in `models:`.

use std::time::Duration;

use super::limits::{self, Holder};
use super::section::Section;
use crate::limits::{Limit, TimeZone};

/// The quotas of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// Over all models of a key, or of the account.
    pub limits: Vec<Limit>,
    /// Whether all keys are one account; else each is one of its own.
    pub is_one_account: bool,
    /// The time zone in which its days and months turn.
    pub day_resets: TimeZone,
    /// Whether input and the most output have to fit into what is left.
    pub reserves_tokens: bool,
    /// Whether limits are learned from refusals.
    pub learns: bool,
    /// The longest wait for a place where as many requests are out as may be.
    pub queue: Duration,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            limits: Vec::new(),
            is_one_account: false,
            day_resets: TimeZone::Utc,
            reserves_tokens: false,
            learns: true,
            queue: Duration::ZERO,
        }
    }
}

/// Hosts whose days turn at midnight of the Pacific time.
const PACIFIC: [&str; 1] = ["generativelanguage.googleapis.com"];

/// Hosts that refuse requests whose input and most output together do not fit into what is left.
const RESERVING: [&str; 2] = ["api.cerebras.ai", "api.groq.com"];

/// Reads the quotas of a provider at this host. `learns` is what the whole configuration says.
pub(super) fn quotas(table: &Section, host: &str, learns: bool) -> Quotas {
    let accounts = [("each", false), ("shared", true)];
    let checks = [("reserve", true), ("settle", false)];
    let is_one_account = table
        .get("account")
        .and_then(|value| value.choice(&accounts));
    let reserves_tokens = table
        .get("token_check")
        .and_then(|value| value.choice(&checks));
    let queue = table.get("queue").and_then(|value| value.duration());
    let own_learns = table.get("learn_limits").and_then(|value| value.flag());
    let usual_zone = if PACIFIC.contains(&host) {
        TimeZone::Pacific
    } else {
        TimeZone::Utc
    };
    Quotas {
        limits: limits::limits(table, Holder::Provider),
        is_one_account: is_one_account.unwrap_or(false),
        day_resets: limits::time_zone(table, "day_resets").unwrap_or(usual_zone),
        reserves_tokens: reserves_tokens.unwrap_or(RESERVING.contains(&host)),
        learns: own_learns.unwrap_or(learns),
        queue: queue.unwrap_or_default(),
    }
}
