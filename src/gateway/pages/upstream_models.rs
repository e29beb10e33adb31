//! `GET /v1/diagnostics/upstream-models`: every provider's model list, asked for in parallel.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rayon::prelude::*;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::config::Provider;
use crate::dialect::provider_error::error_of;
use crate::gateway::shared_answer::{Fresh, Patience, Rendered};
use crate::gateway::walk::ProviderCall;
use crate::http::{Response, ResponseHead};
use crate::secret::Redactor;
use crate::text::for_people;
use crate::upstream::Client;

use super::visit::{Unserved, Visit, to_json};

/// The age of a shared answer.
const FRESH: Duration = Duration::from_secs(10);

/// The time of one provider.
const LIMIT: Duration = Duration::from_secs(25);

/// A waiting caller waits so much longer than a probe may take, and then not any more.
const GRACE: Duration = Duration::from_secs(2);

/// Providers asked at once.
const MOST_THREADS: usize = 32;

/// Bytes of a model list; the longest ones known are about 1 MiB.
const LONGEST_LIST: usize = 8 * 1024 * 1024;

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
    let probe = || {
        let report = probe(
            &context.config.providers,
            &context.client,
            &context.redactor,
        );
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

/// Asks all providers at once, on a pool that lives as long as the probe.
fn probe(providers: &[Arc<Provider>], client: &Client, redactor: &Redactor) -> ProbeReport {
    let ask = |provider: &Arc<Provider>| ask(provider, client, redactor);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(providers.len().clamp(1, MOST_THREADS))
        .thread_name(|index| format!("probe-{index}"))
        .stack_size(256 * 1024)
        .build();
    let providers: Vec<ProviderReport> = match pool {
        Ok(pool) => pool.install(|| providers.par_iter().map(ask).collect()),
        // No threads to be had: slower, but an answer.
        Err(_) => providers.iter().map(ask).collect(),
    };
    ProbeReport {
        ok: providers.iter().all(|provider| provider.ok),
        providers,
    }
}

fn ask(provider: &Arc<Provider>, client: &Client, redactor: &Redactor) -> ProviderReport {
    let started = Instant::now();
    let found = list_models(provider, client, started + LIMIT);
    let response_time_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (http_status, result) = match found {
        Ok((status, result)) => (Some(status), result),
        Err(error) => (None, Err(error)),
    };
    ProviderReport {
        provider: provider.name.clone(),
        ok: result.is_ok(),
        model_count: result.as_ref().ok().copied(),
        http_status,
        error: result.err().map(|error| redactor.redact(&error)),
        response_time_ms,
    }
}

/// The status and, behind it, the number of models or what is wrong; an error when no answer came at all.
fn list_models(
    provider: &Provider,
    client: &Client,
    deadline: Instant,
) -> Result<(u16, Result<usize, String>), String> {
    let call = ProviderCall {
        provider,
        key: provider.keys.first(),
        base: &provider.base_url,
        path: "/models",
        accept: "application/json",
        content_type: "application/json",
        body: None,
        deadline,
        client: None,
        trace: &[],
        edits: &[],
    };
    let response = call.send(client).map_err(|error| error.to_string())?;
    let status = response.head.status;
    let body = match response.body.read_to_end(LONGEST_LIST, deadline) {
        Ok(body) => body,
        Err(error) => return Ok((status, Err(error.to_string()))),
    };
    Ok((status, count_models(status, &body)))
}

fn count_models(status: u16, body: &[u8]) -> Result<usize, String> {
    #[derive(Deserialize)]
    struct ModelList {
        data: Vec<IgnoredAny>,
    }
    if !(200..300).contains(&status) {
        let said = std::str::from_utf8(body).ok().and_then(error_of);
        let message = said.map(|error| error.message).unwrap_or_default();
        let error = format!("HTTP status {status} {message}");
        return Err(for_people(error.trim_end()).to_owned());
    }
    serde_json::from_slice::<ModelList>(body)
        .map(|list| list.data.len())
        .map_err(|_| "the answer is not a model list".to_owned())
}
