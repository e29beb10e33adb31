//! `GET /v1/diagnostics/upstream-models`: every provider's model list, asked for in parallel.
//!
//! The endpoint is open and calls out, so its results are shared: one probe is in flight at a time, its answer is
//! reused for some seconds, and only a few requests may wait for it. A crowd of callers costs the providers one call
//! each and leaves the workers to those who have a key.

use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rayon::prelude::*;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::provider_call::ProviderCall;
use crate::config::Provider;
use crate::dialect::provider_error::error_of;
use crate::secret::Redactor;
use crate::sync::{lock, wait};
use crate::upstream::Client;

/// How old a shared answer may be.
const FRESH: Duration = Duration::from_secs(10);

/// How long one provider may take.
const LIMIT: Duration = Duration::from_secs(25);

/// Providers asked at once.
const MOST_THREADS: usize = 32;

/// Bytes of a model list; the longest ones known are about 1 MiB.
const LONGEST_LIST: usize = 8 * 1024 * 1024;

/// What a probe found.
#[derive(Debug, Serialize)]
pub struct Report {
    pub ok: bool,
    pub providers: Vec<ProviderReport>,
}

/// What one provider answered.
#[derive(Debug, Serialize)]
pub struct ProviderReport {
    pub provider: String,
    pub ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_count: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    pub response_time_ms: u64,
}

/// The probe that all callers share.
#[derive(Debug, Default)]
pub struct SharedProbe {
    state: Mutex<State>,
    finished: Condvar,
}

#[derive(Debug, Default)]
struct State {
    in_flight: bool,
    waiting: usize,
    latest: Option<(Instant, Arc<Report>)>,
}

impl SharedProbe {
    /// A fresh report: the shared one, the one in flight, or one of its own. `None` when `most_waiting` requests wait
    /// for it already: each holds a worker, and nobody had to show a key.
    pub fn report(
        &self,
        most_waiting: usize,
        probe: impl FnOnce() -> Report,
    ) -> Option<Arc<Report>> {
        let mut state = self.state();
        loop {
            if let Some((at, report)) = &state.latest
                && at.elapsed() < FRESH
            {
                return Some(Arc::clone(report));
            }
            if !state.in_flight {
                break;
            }
            if state.waiting >= most_waiting {
                return None;
            }
            state.waiting += 1;
            state = wait(&self.finished, state);
            state.waiting -= 1;
        }
        state.in_flight = true;
        drop(state);
        let landing = Landing(self);
        let report = Arc::new(probe());
        landing.0.state().latest = Some((Instant::now(), Arc::clone(&report)));
        Some(report)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// Ends the flight however the probe ended, or nobody would ever probe again.
struct Landing<'a>(&'a SharedProbe);

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        self.0.state().in_flight = false;
        self.0.finished.notify_all();
    }
}

/// Asks all providers at once, on a pool that lives as long as the probe.
pub fn probe(providers: &[Arc<Provider>], client: &Client, redactor: &Redactor) -> Report {
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
    Report {
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
        path: "/models",
        accept: "application/json",
        body: None,
        deadline,
        client: None,
        trace: &[],
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
        return Err(format!("HTTP status {status} {message}")
            .trim_end()
            .to_owned());
    }
    serde_json::from_slice::<ModelList>(body)
        .map(|list| list.data.len())
        .map_err(|_| "the answer is not a model list".to_owned())
}
