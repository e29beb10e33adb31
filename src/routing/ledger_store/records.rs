//! The records of the ledger: of a provider, of each of its keys, and of each model used with a key.

use std::sync::Arc;
use std::time::Instant;

use crate::config::Provider;
use crate::limits::Limit;
use crate::quota::{Charge, Estimate, Line, LinesOfTargetMut};
use crate::routing::calls_out::CallsOut;
use crate::routing::mark::Mark;
use crate::routing::target::{Coverage, key_count};

use super::stored_lines::TargetQuota;

#[derive(Debug)]
pub(super) struct ProviderRecord {
    pub settings: Arc<Provider>,
    /// The calls that wait for an answer.
    pub waiting: CallsOut,
    pub mark: Option<Mark>,
    /// The marks of models with all keys.
    pub models: Vec<(String, Option<Mark>)>,
    pub keys: Vec<KeyRecord>,
    /// The last answer, or refusal that shows that the provider is up.
    pub alive_at: Option<Instant>,
}

#[derive(Debug, Default)]
pub(super) struct KeyRecord {
    pub mark: Option<Mark>,
    /// The lines that all models share.
    pub lines: Vec<Line>,
    pub calls_out: CallsOut,
    pub models: Vec<ModelRecord>,
    /// The last answer with this key.
    pub alive_at: Option<Instant>,
}

#[derive(Debug, Default)]
pub(in crate::routing) struct ModelRecord {
    pub model: String,
    pub mark: Option<Mark>,
    pub lines: Vec<Line>,
    pub calls_out: CallsOut,
    /// The most calls out that all succeeded.
    pub peak: u32,
    /// The sum of all that was ever charged.
    pub charged: Charge,
    pub estimate: Estimate,
    pub skips: Skips,
    /// The number of the last call, counted over all calls of the ledger; zero for a model never called.
    pub last_call: u64,
}

/// How often steps were skipped because of a target's lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skips {
    pub declared: u64,
    pub told: u64,
    pub learned: u64,
    pub concurrent: u64,
}

impl ProviderRecord {
    pub fn new(provider: &Arc<Provider>) -> Self {
        let quotas = &provider.quotas;
        let lines = |limits: &[Limit]| -> Vec<Line> {
            let lines = limits.iter().map(|limit| {
                let window = Some(limit.rate.window);
                Line::declared(limit.unit, limit.rate.amount, window, quotas.day_resets)
            });
            lines.collect()
        };
        let accounts = if quotas.is_one_account {
            1
        } else {
            key_count(provider)
        };
        let key = |key: usize| {
            if key >= accounts {
                return KeyRecord::default();
            }
            let models = provider
                .models
                .iter()
                .filter(|(_, terms)| !terms.limits.is_empty());
            let models = models.map(|(model, terms)| ModelRecord {
                model: model.clone(),
                lines: lines(&terms.limits),
                ..ModelRecord::default()
            });
            KeyRecord {
                lines: lines(&quotas.limits),
                models: models.collect(),
                ..KeyRecord::default()
            }
        };
        Self {
            settings: Arc::clone(provider),
            waiting: CallsOut::default(),
            mark: None,
            models: Vec::new(),
            keys: (0..key_count(provider)).map(key).collect(),
            alive_at: None,
        }
    }

    /// The key whose lines count for a key: all keys may be one account.
    pub fn account(&self, key: usize) -> usize {
        if self.settings.quotas.is_one_account {
            0
        } else {
            key
        }
    }
}

/// The records of a key and of a model used with it.
pub(in crate::routing) struct RecordsOfKey<'a> {
    pub key: &'a mut Option<Mark>,
    pub alive_at: &'a mut Option<Instant>,
    pub model: &'a mut Option<Mark>,
    pub last_call: &'a mut u64,
}

impl KeyRecord {
    /// The record of a model; `None` before the first call.
    pub fn model(&self, model: &str) -> Option<&ModelRecord> {
        self.models.iter().find(|record| record.model == model)
    }

    /// The marks, and what is counted, of a model, its record made when it is missing.
    pub fn parts<'a>(
        &'a mut self,
        model: &str,
        settings: &'a Arc<Provider>,
    ) -> Option<(RecordsOfKey<'a>, TargetQuota<'a>)> {
        let model = record_of(&mut self.models, model)?;
        let records = RecordsOfKey {
            key: &mut self.mark,
            alive_at: &mut self.alive_at,
            model: &mut model.mark,
            last_call: &mut model.last_call,
        };
        let quota = TargetQuota {
            settings,
            lines: LinesOfTargetMut {
                of_account: &mut self.lines,
                own: &mut model.lines,
            },
            of_account: &mut self.calls_out,
            own: &mut model.calls_out,
            peak: &mut model.peak,
            charged: &mut model.charged,
            estimate: &mut model.estimate,
            skips: &mut model.skips,
        };
        Some((records, quota))
    }

    pub fn marks(
        &self,
        provider: usize,
        key: usize,
    ) -> impl Iterator<Item = (Coverage<'_>, &Mark)> {
        let coverage = move |model| Coverage {
            provider,
            key: Some(key),
            model,
        };
        let own = self.mark.iter().map(move |mark| (coverage(None), mark));
        own.chain(self.models.iter().filter_map(move |record| {
            let mark = record.mark.as_ref()?;
            Some((coverage(Some(record.model.as_str())), mark))
        }))
    }
}

/// The mark of a model with all keys, its place made when it is missing.
pub(super) fn mark_of<'a>(
    models: &'a mut Vec<(String, Option<Mark>)>,
    model: &str,
) -> Option<&'a mut Option<Mark>> {
    let found = models.iter().position(|(known, _)| known == model);
    let at = found.unwrap_or_else(|| {
        models.push((model.to_owned(), None));
        models.len() - 1
    });
    models.get_mut(at).map(|(_, mark)| mark)
}

/// The model's record, made when it is missing. Models come from the configuration, so there are few.
pub(super) fn record_of<'a>(
    models: &'a mut Vec<ModelRecord>,
    model: &str,
) -> Option<&'a mut ModelRecord> {
    let found = models.iter().position(|record| record.model == model);
    let at = found.unwrap_or_else(|| {
        models.push(ModelRecord {
            model: model.to_owned(),
            ..ModelRecord::default()
        });
        models.len() - 1
    });
    models.get_mut(at)
}
