//! The metrics of limits: what is counted, and what followed from it.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::gateway::context::Context;
use crate::telemetry::metrics::{Family, SeriesValue, Unit};

use super::metrics::{counter, gauge};

/// The families of all lines of which anything is known. All labels come from the configuration, or are of a fixed set.
pub fn of_lines(context: &Context) -> [Family; 6] {
    let mut amount = gauge(
        "ai_gateway.limit.amount",
        Unit::Things,
        "The limit in force of a provider's model and key, and its source; `*` is all models of the key.",
    );
    let mut used = gauge(
        "ai_gateway.limit.used",
        Unit::Things,
        "What was used of the limit in its window.",
    );
    let mut remaining = gauge(
        "ai_gateway.limit.remaining",
        Unit::Things,
        "What is left of the limit, by the provider's word or else by what was counted.",
    );
    let mut refusals: BTreeMap<(usize, &str, &'static str), u64> = BTreeMap::new();
    let mut probes: BTreeMap<(usize, &str, &'static str), u64> = BTreeMap::new();
    let ledger = context.ledger.lock();
    let name = |provider: usize| {
        let provider = context.config.providers.get(provider);
        provider.map_or("", |provider| provider.name.as_str())
    };
    for entry in ledger.lines(Instant::now()) {
        let model = entry.model.unwrap_or("*");
        let unit = entry.line.unit.label();
        let add = |to: &mut BTreeMap<_, u64>, kind, count: u64| {
            if count > 0 {
                *to.entry((entry.provider, model, kind)).or_default() += count;
            }
        };
        add(&mut refusals, unit, entry.refused);
        add(&mut probes, "accepted", entry.accepted_probes);
        add(&mut probes, "refused", entry.refused_probes);
        let Some((limit, source)) = entry.line.limit else {
            continue;
        };
        let (key, window) = (entry.key.to_string(), entry.line.window_label());
        let labels = [
            ("provider", name(entry.provider)),
            ("key", &*key),
            ("model", model),
            ("unit", unit),
            ("window", &*window),
            ("source", source.label()),
        ];
        amount.push(&labels, SeriesValue::Count(limit));
        used.push(&labels, SeriesValue::Count(entry.line.used));
        let left = entry.line.remaining.unwrap_or_default();
        remaining.push(&labels, SeriesValue::Count(left));
    }
    let mut skips: BTreeMap<(usize, &str, &'static str), u64> = BTreeMap::new();
    for skipped in ledger.skips() {
        for (reason, count) in skipped.reasons.into_iter().filter(|(_, count)| *count > 0) {
            *skips
                .entry((skipped.provider, skipped.model, reason))
                .or_default() += count;
        }
    }
    let family = |name_of_family, help, label, counts: BTreeMap<(usize, &str, &str), u64>| {
        let mut family = counter(name_of_family, help);
        for ((provider, model, kind), count) in counts {
            let labels = [
                ("provider", name(provider)),
                ("model", model),
                (label, kind),
            ];
            family.push(&labels, SeriesValue::Count(count));
        }
        family
    };
    [
        amount,
        used,
        remaining,
        family(
            "ai_gateway.limit.skips",
            "Steps that were skipped because of a limit, by its source.",
            "reason",
            skips,
        ),
        family(
            "ai_gateway.limit.probes",
            "Calls that found out whether a limit holds.",
            "outcome",
            probes,
        ),
        family(
            "ai_gateway.limit.refused",
            "Calls that a provider refused because of a limit.",
            "unit",
            refusals,
        ),
    ]
}
