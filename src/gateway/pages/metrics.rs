//! `GET /metrics`: the instruments, and what the other rooms count, as one list of families.

use std::time::Instant;

use crate::config::Alert;
use crate::gateway::alert_facts::RESULTS;
use crate::gateway::context::Context;
use crate::gateway::shared_answer::Rendered;
use crate::http::{self, Response, ResponseHead};
use crate::routing::Ledger;
use crate::telemetry;
use crate::telemetry::metrics::{
    Distribution, Family, FamilyKind, Process, ROUND_TRIPS, SeriesValue, Unit, prometheus,
};
use crate::telemetry::otlp::Loss;
use crate::{upstream, valkey};

use super::visit::{Unserved, Visit};
use super::{clients, limits};

/// The exposition for Prometheus. It is open by default and long, so that a crowd shares it.
pub fn page(visit: &Visit<'_, '_>) -> Result<Response, Unserved> {
    visit.shared(&visit.context.metrics_page, || {
        let head = ResponseHead::new(200, prometheus::CONTENT_TYPE);
        Rendered::new(head, prometheus::text(&families(visit.context)))
    })
}

/// All families of metrics with their values of now: for `/metrics`, and for any exporter.
pub fn families(context: &Context) -> Vec<Family> {
    let mut families = context.metrics.families();
    families.extend(of_edge(&context.edge.read()));
    families.extend(of_ledger(context, &context.ledger.lock(), Instant::now()));
    families.extend(limits::of_lines(context));
    families.extend(clients::of_clients(context));
    families.extend(of_client(&context.client.stats()));
    families.push(of_unasked(context));
    if let Some(replicas) = &context.replicas {
        families.extend(of_replicas(&replicas.stats()));
    }
    families.extend(of_process());
    families.push(of_log());
    families.extend(of_exports(context));
    families.extend(of_alerts(context));
    families.push(uptime(context));
    families.push(build_info());
    families
}

/// Providers and models are labels, once each, in whatever many routes they stand.
fn of_ledger(context: &Context, ledger: &Ledger, now: Instant) -> [Family; 4] {
    let mut active = gauge(
        "ai_gateway.cooldown.active",
        Unit::Things,
        "1 while a provider's model is skipped, with every key there is for it.",
    );
    let mut remaining = gauge(
        "ai_gateway.cooldown.remaining",
        Unit::Seconds,
        "How long a provider's model will be skipped; 0 when it is not.",
    );
    let mut seen = Vec::new();
    for step in context.config.routes.iter().flat_map(|route| &route.steps) {
        let target = (step.provider.name.as_str(), step.model.as_str());
        if seen.contains(&target) {
            continue;
        }
        seen.push(target);
        let cooling = ledger.cooling_of(step, now);
        let left = cooling.map(|cooling| cooling.until.saturating_duration_since(now));
        let labels = [("provider", target.0), ("model", target.1)];
        active.push(&labels, SeriesValue::Count(u64::from(cooling.is_some())));
        let seconds = left.unwrap_or_default().as_secs_f64();
        remaining.push(&labels, SeriesValue::Level(seconds));
    }
    let [requests, tokens] = quotas(context, ledger, now);
    [active, remaining, requests, tokens]
}

fn quotas(context: &Context, ledger: &Ledger, now: Instant) -> [Family; 2] {
    let mut requests = gauge(
        "ai_gateway.quota.remaining_requests",
        Unit::Things,
        "Requests that a provider has told to be left, less those made since; by the place of its key.",
    );
    let mut tokens = gauge(
        "ai_gateway.quota.remaining_tokens",
        Unit::Things,
        "Tokens that a provider's last answer told to be left; by the place of its key.",
    );
    for quota in ledger.quotas(now) {
        let Some(provider) = context.config.providers.get(quota.provider) else {
            continue;
        };
        let key = quota.key.to_string();
        let labels = [
            ("provider", provider.name.as_str()),
            ("model", quota.model),
            ("key", &*key),
        ];
        for (family, left) in [(&mut requests, quota.requests), (&mut tokens, quota.tokens)] {
            if let Some(left) = left {
                family.push(&labels, SeriesValue::Count(left));
            }
        }
    }
    [requests, tokens]
}

/// Providers at the same address share their connections, and so this figure.
fn of_unasked(context: &Context) -> Family {
    let mut unasked = counter(
        "ai_gateway.upstream.unasked",
        "Times that a provider sent bytes that no request had asked for; its connections are then not kept for 10 minutes.",
    );
    for provider in &context.config.providers {
        let signs = SeriesValue::Count(context.client.unasked(&provider.base_url));
        unasked.push(&[("provider", &provider.name)], signs);
    }
    unasked
}

fn of_replicas(stats: &valkey::Stats) -> [Family; 7] {
    let single =
        |name, unit, help, value| Family::single(name, FamilyKind::Gauge, unit, help, value);
    let mut errors = counter(
        "ai_gateway.shared.errors",
        "Exchanges with the shared server that failed, by kind.",
    );
    for (kind, count) in stats.errors {
        errors.push(&[("kind", kind)], SeriesValue::Count(count));
    }
    let mut portions = counter(
        "ai_gateway.shared.portions",
        "Portions of limits that were drawn: granted whole, or short as the limit had less left.",
    );
    for (outcome, count) in [("granted", stats.granted), ("short", stats.short)] {
        portions.push(&[("outcome", outcome)], SeriesValue::Count(count));
    }
    let mut round_trips = Family::new(
        "ai_gateway.shared.round_trip",
        FamilyKind::Histogram,
        Unit::Seconds,
        "From a question to the shared server to its answer.",
    );
    let (counts, sum) = (stats.round_trips, stats.round_trips_us);
    let round_trip = Distribution::counted(&ROUND_TRIPS, counts, sum);
    round_trips.push(&[], SeriesValue::Distribution(Box::new(round_trip)));
    [
        single(
            "ai_gateway.shared.up",
            Unit::Things,
            "1 while the shared server answers.",
            SeriesValue::Count(u64::from(stats.up)),
        ),
        single(
            "ai_gateway.shared.replicas",
            Unit::Things,
            "Gateways that count together, as far as they were seen lately.",
            SeriesValue::Count(stats.replicas.into()),
        ),
        round_trips,
        errors,
        portions,
        Family::single(
            "ai_gateway.shared.local",
            FamilyKind::Counter,
            Unit::Seconds,
            "How long limits were split because the shared server was away, or other gateways were waited for.",
            SeriesValue::Level(stats.local.as_secs_f64()),
        ),
        single(
            "ai_gateway.shared.clock_offset",
            Unit::Seconds,
            "The shared server's clock less this machine's.",
            SeriesValue::Level(stats.clock_offset_ms.unwrap_or_default() as f64 / 1000.0),
        ),
    ]
}

/// Absent when nothing is exported.
fn of_exports(context: &Context) -> Option<Family> {
    let mut lost = Family::new(
        "ai_gateway.export.lost",
        FamilyKind::Counter,
        Unit::Things,
        "Spans, log records and points of metrics that did not arrive at the collector.",
    );
    for export in &context.exports {
        for loss in Loss::ALL {
            let labels = [("signal", export.signal().name()), ("reason", loss.label())];
            lost.push(&labels, SeriesValue::Count(export.lost(loss)));
        }
    }
    (!context.exports.is_empty()).then_some(lost)
}

/// Absent without alerts.
fn of_alerts(context: &Context) -> Option<Family> {
    let facts = context.alerts.as_ref()?;
    let mut alerts = counter(
        "ai_gateway.alerts",
        "Messages to the receivers of alerts, by what became of them.",
    );
    for (kind, counts) in facts.counts() {
        let of_kind = |alert: &Alert| alert.kind == kind;
        if !context.config.alerts.iter().any(of_kind) {
            continue;
        }
        for (result, count) in RESULTS.into_iter().zip(counts) {
            let labels = [("kind", kind.label()), ("result", result)];
            alerts.push(&labels, SeriesValue::Count(count));
        }
    }
    Some(alerts)
}

fn uptime(context: &Context) -> Family {
    let uptime = context.metrics.started().elapsed().as_secs_f64();
    Family::single(
        "ai_gateway.uptime",
        FamilyKind::Gauge,
        Unit::Seconds,
        "How long the gateway has been counting.",
        SeriesValue::Level(uptime),
    )
}

fn of_edge(reading: &http::EdgeFigures) -> [Family; 4] {
    let mut connections = gauge(
        "ai_gateway.connections",
        Unit::Things,
        "Clients' connections by what they do.",
    );
    for (state, count) in reading.connections {
        connections.push(&[("state", state)], SeriesValue::Count(count));
    }
    let mut workers = gauge(
        "ai_gateway.workers",
        Unit::Things,
        "Threads that answer requests by what they do.",
    );
    workers.push(
        &[("state", "busy")],
        SeriesValue::Count(reading.workers_busy),
    );
    workers.push(
        &[("state", "idle")],
        SeriesValue::Count(reading.workers_idle),
    );
    let accepted = Family::single(
        "ai_gateway.connections.accepted",
        FamilyKind::Counter,
        Unit::Things,
        "Clients' connections since the start.",
        SeriesValue::Count(reading.accepted),
    );
    let mut refused = counter(
        "ai_gateway.refusals",
        "Requests and connections turned away before their request was looked at: malformed, too slow, too many.",
    );
    for (status, count) in reading.refused {
        refused.push(
            &[("status", &status.to_string())],
            SeriesValue::Count(count),
        );
    }
    [connections, workers, accepted, refused]
}

fn of_client(stats: &upstream::Stats) -> [Family; 3] {
    let mut connections = counter(
        "ai_gateway.upstream.connections",
        "Calls to providers by whether their connection had served another call before.",
    );
    for (state, count) in [
        ("new", stats.new_connections),
        ("reused", stats.reused_connections),
    ] {
        connections.push(&[("state", state)], SeriesValue::Count(count));
    }
    let mut failures = counter("ai_gateway.dns.failures", "Lookups of names that failed.");
    failures.push(&[], SeriesValue::Count(stats.dns_failures));
    let mut stale = counter(
        "ai_gateway.dns.stale_answers",
        "Times that an address past its age was used, because no lookup had renewed it yet.",
    );
    stale.push(&[], SeriesValue::Count(stats.stale_answers));
    [connections, failures, stale]
}

fn of_log() -> Family {
    Family::single(
        "ai_gateway.log.lines_lost",
        FamilyKind::Counter,
        Unit::Things,
        "Log lines that standard output did not take: its reader is too slow, or it is full or closed.",
        SeriesValue::Count(telemetry::lines_lost()),
    )
}

fn of_process() -> Vec<Family> {
    let Some(process) = Process::read() else {
        return Vec::new();
    };
    let resident = SeriesValue::Count(process.resident);
    let single =
        |name, unit, help, value| Family::single(name, FamilyKind::Gauge, unit, help, value);
    vec![
        single(
            "ai_gateway.process.resident_memory",
            Unit::Bytes,
            "Resident memory.",
            resident,
        ),
        single(
            "ai_gateway.process.threads",
            Unit::Things,
            "Threads.",
            SeriesValue::Count(process.threads),
        ),
        single(
            "ai_gateway.process.open_fds",
            Unit::Things,
            "Open file descriptors.",
            SeriesValue::Count(process.descriptors),
        ),
    ]
}

fn build_info() -> Family {
    let mut info = gauge(
        "ai_gateway.build_info",
        Unit::Things,
        "1; the version is in the label.",
    );
    info.push(
        &[("version", env!("CARGO_PKG_VERSION"))],
        SeriesValue::Count(1),
    );
    info
}

pub(super) fn gauge(name: &'static str, unit: Unit, help: &'static str) -> Family {
    Family::new(name, FamilyKind::Gauge, unit, help)
}

pub(super) fn counter(name: &'static str, help: &'static str) -> Family {
    Family::new(name, FamilyKind::Counter, Unit::Things, help)
}
