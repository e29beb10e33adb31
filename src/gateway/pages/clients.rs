//! The metrics of clients: what each has used, what it was refused, and what is left of its limits.

use std::collections::BTreeMap;

use crate::gateway::context::Context;
use crate::gateway::shared_accounts::{accounts_of, now};
use crate::limits::{self, Money};
use crate::quota::accounts::{LimitReport, RefusalReason, Tally};
use crate::telemetry::metrics::{Family, FamilyKind, SeriesValue, Unit};

use super::metrics::{counter, gauge};

/// The families of the configuration's clients. None where there is one client without limits: the requests of all are its
/// own. Names of former clients are no labels, so that there are as many series as the configuration has clients.
pub fn of_clients(context: &Context) -> Vec<Family> {
    let config = &context.config;
    let clients = accounts_of(config);
    if clients.len() < 2 && clients.iter().all(|client| client.limits.is_empty()) {
        return Vec::new();
    }
    let mut families = ClientFamilies::new();
    let now = now();
    let mut accounts = context.accounts.lock();
    for client in clients {
        let (place, _) = context.places.of(config, client);
        if let Some((tally, limits)) = accounts.figures(place, now) {
            families.push(&client.name, &tally, limits);
        }
    }
    drop(accounts);
    let mut steps = config.routes.iter().flat_map(|route| &route.steps);
    let has_prices = steps.any(|step| step.price.is_some());
    let ClientFamilies {
        requests,
        tokens,
        cost,
        refusals,
        remaining,
    } = families;
    let cost = has_prices.then_some(cost);
    let families = [
        Some(requests),
        Some(tokens),
        cost,
        Some(refusals),
        Some(remaining),
    ];
    families.into_iter().flatten().collect()
}

struct ClientFamilies {
    requests: Family,
    tokens: Family,
    cost: Family,
    refusals: Family,
    remaining: Family,
}

impl ClientFamilies {
    fn new() -> Self {
        Self {
            requests: counter(
                "ai_gateway.client.requests",
                "Requests of a client: answered (also where it left before the end), failed, or refused before any call.",
            ),
            tokens: counter(
                "ai_gateway.client.tokens",
                "Tokens of a client's requests; the cached ones are part of the input.",
            ),
            cost: Family::new(
                "ai_gateway.client.cost",
                FamilyKind::Counter,
                Unit::Things,
                "The cost of a client's requests at the configured prices, in the configured currency.",
            ),
            refusals: counter(
                "ai_gateway.client.refusals",
                "Requests of a client that were refused before any call, by the reason.",
            ),
            remaining: gauge(
                "ai_gateway.client.limit.remaining",
                Unit::Things,
                "What is left of a client's limit in its window; of money in the configured currency.",
            ),
        }
    }

    fn push(&mut self, client: &str, tally: &Tally, limits: Vec<LimitReport>) {
        let refused = tally.refused.iter().sum();
        for (outcome, count) in [
            ("answered", tally.used.requests),
            ("failed", tally.failed),
            ("refused", refused),
        ] {
            let labels = [("client", client), ("outcome", outcome)];
            self.requests.push(&labels, SeriesValue::Count(count));
        }
        for (kind, count) in [
            ("input", tally.used.input),
            ("output", tally.used.output),
            ("cached", tally.used.cached),
        ] {
            let labels = [("client", client), ("kind", kind)];
            self.tokens.push(&labels, SeriesValue::Count(count));
        }
        let cost = SeriesValue::Level(in_whole(tally.used.cost));
        self.cost.push(&[("client", client)], cost);
        for (reason, count) in RefusalReason::ALL.into_iter().zip(tally.refused) {
            let labels = [("client", client), ("reason", reason.label())];
            self.refusals.push(&labels, SeriesValue::Count(count));
        }
        // Two limits of the same window are one series: the one that is nearer.
        let mut left: BTreeMap<(&str, String), (limits::Unit, u64)> = BTreeMap::new();
        for report in limits {
            let limit = report.limit;
            let key = (limit.unit.label(), limit.rate.window.to_string());
            let least = left.entry(key).or_insert((limit.unit, report.remaining));
            least.1 = least.1.min(report.remaining);
        }
        for ((unit, window), (kind, remaining)) in left {
            let labels = [("client", client), ("unit", unit), ("window", &*window)];
            let value = match kind {
                limits::Unit::Money => SeriesValue::Level(in_whole(Money(remaining))),
                _ => SeriesValue::Count(remaining),
            };
            self.remaining.push(&labels, value);
        }
    }
}

/// Units of money, of which a metric may be a little off.
fn in_whole(money: Money) -> f64 {
    money.0 as f64 / 1e6
}
