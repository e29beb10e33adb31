//! `GET /v1/diagnostics/upstream-models`: every provider's model list, asked for in parallel.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::budget::Budget;
use crate::config::Provider;
use crate::gateway::context::Context;
use crate::gateway::model_lists::{self, LIMIT};
use crate::gateway::model_watch;
use crate::gateway::shared_answer::{Fresh, Patience, Rendered};
use crate::http::{Response, ResponseHead};

use super::visit::{Unserved, Visit, to_json};

/// The age of a shared answer.
const FRESH: Duration = Duration::from_secs(10);

/// A waiting caller waits so much longer than a probe may take, and then not any more.
const GRACE: Duration = Duration::from_secs(2);

/// The result of a probe.
#[derive(Debug, Serialize)]
struct ProbeReport {
    ok: bool,
    providers: Vec<ProviderReport>,
}

/// The answer of one provider.
#[derive(Debug, Serialize)]
struct ProviderReport {
    provider: String,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_count: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    response_time_ms: u64,
}

/// The report on all providers, shared by all callers. The endpoint is open and calls out: a crowd costs the providers
/// one call each, and leaves the workers to clients with a key.
pub fn page(visit: &Visit<'_, '_>) -> Result<Response, Unserved> {
    let context = visit.context;
    let patience = Patience {
        client: &visit.exchange.client_socket(),
        deadline: Instant::now() + LIMIT + GRACE,
        most_waiting: context.config.server.max_concurrent_requests / 4,
    };
    let budget = visit.exchange.budget();
    let probe = || {
        let report = probe(context, budget);
        let status = if report.ok { 200 } else { 503 };
        Rendered::new(
            ResponseHead::new(status, "application/json"),
            to_json(&report),
        )
    };
    let answer = context
        .upstream_models
        .get(Fresh::For(FRESH), &patience, probe)?;
    Ok(answer.into())
}

fn probe(context: &Context, budget: &Budget) -> ProbeReport {
    let ask = |provider| ask(provider, context, budget);
    let providers = model_lists::in_parallel(&context.config.providers, ask);
    ProbeReport {
        ok: providers.iter().all(|provider| provider.ok),
        providers,
    }
}

fn ask(provider: &Arc<Provider>, context: &Context, budget: &Budget) -> ProviderReport {
    if !provider.model_list {
        return ProviderReport {
            provider: provider.name.clone(),
            ok: true,
            model_count: None,
            http_status: None,
            error: None,
            response_time_ms: 0,
        };
    }
    let started = Instant::now();
    let key = provider.keys.first();
    let found = model_lists::fetch(provider, key, &context.client, budget, started + LIMIT);
    let response_time_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (http_status, result) = match found {
        Ok(answer) => {
            // Whoever asks, what came is worth a comparison.
            if let Ok(names) = answer.names() {
                model_watch::compare(context, provider, &names);
            }
            (Some(answer.status), answer.count())
        }
        Err(error) => (None, Err(error)),
    };
    ProviderReport {
        provider: provider.name.clone(),
        ok: result.is_ok(),
        model_count: result.as_ref().ok().copied(),
        http_status,
        error: result.err().map(|error| context.redactor.redact(&error)),
        response_time_ms,
    }
}
