//! The model lists of providers (`GET {base_url}/models`), for the page of diagnostics and for `check --online`.

use std::time::{Duration, Instant};

use rayon::prelude::*;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::walk::ProviderCall;
use crate::budget::{Budget, Charge};
use crate::config::Provider;
use crate::dialect::models::list_of;
use crate::dialect::provider_error::error_of;
use crate::json::raw;
use crate::secret::Secret;
use crate::text::for_people;
use crate::upstream::Client;

/// The time of one provider.
pub const LIMIT: Duration = Duration::from_secs(25);

/// Providers asked at once.
const MOST_THREADS: usize = 32;

/// Bytes of a model list; the longest ones known are about 1 MiB.
const LONGEST_LIST: usize = 8 * 1024 * 1024;

/// The answer of a provider that was reached.
pub struct ListAnswer {
    pub status: u16,
    /// The body, or why it is not whole.
    body: Result<Vec<u8>, String>,
    /// The charge for its memory.
    _charge: Charge,
}

impl ListAnswer {
    /// The number of models.
    ///
    /// # Errors
    /// The count of the provider's models, or the reason why its answer is none, which may hold a key.
    pub fn count(&self) -> Result<usize, String> {
        #[derive(Deserialize)]
        struct ModelList {
            data: Vec<IgnoredAny>,
        }
        let body = self.body.as_ref().map_err(String::clone)?;
        if !(200..300).contains(&self.status) {
            let said = std::str::from_utf8(body).ok().and_then(error_of);
            let message = said.map(|error| error.message).unwrap_or_default();
            let error = format!("HTTP status {} {message}", self.status);
            return Err(for_people(error.trim_end()).to_owned());
        }
        serde_json::from_slice::<ModelList>(body)
            .map(|list| list.data.len())
            .map_err(|_| "the answer is not a model list".to_owned())
    }

    /// The names of the models.
    ///
    /// # Errors
    /// As [`Self::count`].
    pub fn names(&self) -> Result<Vec<String>, String> {
        self.count()?;
        let body = self.body.as_deref().unwrap_or_default();
        let list = std::str::from_utf8(body).ok();
        let mut names = Vec::new();
        let data = list.and_then(|list| raw::member(list, "data"));
        let _ = raw::each_item(data.unwrap_or_default(), &mut |model| {
            let name = raw::member(model, "id").and_then(raw::text);
            names.extend(name.map(|name| name.into_owned()));
        });
        Ok(names)
    }
}

/// Asks a provider for its list, which the budget is charged for. Blocks.
///
/// # Errors
/// The reason why no answer came at all.
pub fn fetch(
    provider: &Provider,
    key: Option<&Secret>,
    client: &Client,
    budget: &Budget,
    deadline: Instant,
) -> Result<ListAnswer, String> {
    let (path, headers) = list_of(&provider.traits);
    let call = ProviderCall {
        provider,
        key,
        base: &provider.base_url,
        path,
        accept: "application/json",
        content_type: "application/json",
        headers,
        body: None,
        deadline,
        client: None,
        trace: &[],
        edits: &[],
    };
    let response = call.send(client, None).map_err(|error| error.to_string())?;
    let mut charge = budget.empty();
    let body = response
        .body
        .read_rest(Vec::new(), LONGEST_LIST, deadline, &mut charge);
    Ok(ListAnswer {
        status: response.head.status,
        body: body.map_err(|error| error.to_string()),
        _charge: charge,
    })
}

/// Asks for all at once, on a pool that lives as long as that. The answers come in the order of `asked`.
pub fn in_parallel<'a, A: Sync, T: Send>(
    asked: &'a [A],
    ask: impl Fn(&'a A) -> T + Sync + Send,
) -> Vec<T> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(asked.len().clamp(1, MOST_THREADS))
        .thread_name(|index| format!("probe-{index}"))
        .stack_size(256 * 1024)
        .build();
    match pool {
        Ok(pool) => pool.install(|| asked.par_iter().map(ask).collect()),
        // No threads to be had: slower, but an answer.
        Err(_) => asked.iter().map(ask).collect(),
    }
}
