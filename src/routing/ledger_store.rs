//! The ledger's storage: a record for each provider, for each of its keys, and for each model used with a key.

use std::sync::Arc;
use std::time::Instant;

use crate::config::{Provider, Step};

use super::calls_left::CallsLeft;
use super::mark::{Cooling, Mark};
use crate::dialect::class::Class;

/// A provider's model with one of its keys: the unit that is called and skipped.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyedModel<'a> {
    pub provider: usize,
    pub key: usize,
    pub model: &'a str,
}

impl<'a> KeyedModel<'a> {
    pub fn new(step: &'a Step, key: usize) -> Self {
        Self {
            provider: step.provider.index,
            key,
            model: &step.model,
        }
    }
}

/// The part of a provider that a mark covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Coverage<'a> {
    pub provider: usize,
    /// `None`: the whole provider.
    pub key: Option<usize>,
    /// `None`: all models.
    pub model: Option<&'a str>,
}

#[derive(Debug, Default)]
pub(super) struct LedgerStore {
    providers: Vec<ProviderRecord>,
}

#[derive(Debug)]
struct ProviderRecord {
    mark: Option<Mark>,
    /// The marks of models with all keys.
    models: Vec<(String, Option<Mark>)>,
    keys: Vec<KeyRecord>,
    /// The last answer, or refusal that shows that the provider is up.
    alive_at: Option<Instant>,
}

#[derive(Debug, Default)]
struct KeyRecord {
    mark: Option<Mark>,
    models: Vec<ModelRecord>,
    /// The last answer with this key.
    alive_at: Option<Instant>,
}

#[derive(Debug, Default)]
pub(super) struct ModelRecord {
    pub model: String,
    pub mark: Option<Mark>,
    pub limits: KnownLimits,
    /// The number of the last call, counted over all calls of the ledger; zero for a model never called.
    pub last_call: u64,
}

/// The requests and tokens known to be left.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct KnownLimits {
    pub budget: Option<CallsLeft>,
    /// The tokens left by the last answer's word, and the point in time until which that is believed.
    pub tokens: Option<(u64, Instant)>,
    /// The number of calls made so far.
    pub calls: u64,
}

impl ModelRecord {
    /// The cooling by the model's own mark; `None` if it has none that holds.
    pub fn marked(&self, now: Instant) -> Option<Cooling> {
        self.mark.as_ref()?.cooling(now)
    }

    /// The cooling of a model whose provider's count is used up; `None` while calls are left or the count is unknown.
    pub fn used_up(&self, now: Instant) -> Option<Cooling> {
        self.limits.budget?.cooling(self.limits.calls, now)
    }
}

/// The records that concern a target, the widest first.
pub(super) struct TargetRecords<'a> {
    pub provider: &'a mut Option<Mark>,
    pub provider_alive_at: &'a mut Option<Instant>,
    /// The model with all keys.
    pub of_all_keys: &'a mut Option<Mark>,
    pub key: &'a mut Option<Mark>,
    pub key_alive_at: &'a mut Option<Instant>,
    pub model: &'a mut ModelRecord,
}

impl<'a> TargetRecords<'a> {
    pub fn marks(self) -> [&'a mut Option<Mark>; 4] {
        [
            self.provider,
            self.of_all_keys,
            self.key,
            &mut self.model.mark,
        ]
    }
}

/// The number of key records of a provider: without keys there is one.
pub(super) fn key_count(provider: &Provider) -> usize {
    provider.keys.len().max(1)
}

impl LedgerStore {
    pub fn new(providers: &[Arc<Provider>]) -> Self {
        let record = |provider: &Arc<Provider>| ProviderRecord {
            mark: None,
            models: Vec::new(),
            keys: (0..key_count(provider))
                .map(|_| KeyRecord::default())
                .collect(),
            alive_at: None,
        };
        Self {
            providers: providers.iter().map(record).collect(),
        }
    }

    /// The record of the target's model; `None` before the first call.
    pub fn model(&self, target: KeyedModel<'_>) -> Option<&ModelRecord> {
        let key = self.providers.get(target.provider)?.keys.get(target.key)?;
        key.models
            .iter()
            .find(|record| record.model == target.model)
    }

    /// The marks that concern the target, the widest first.
    pub fn marks_of(&self, target: KeyedModel<'_>) -> impl Iterator<Item = &Mark> {
        let provider = self.providers.get(target.provider);
        let key = provider.and_then(|provider| provider.keys.get(target.key));
        let mut models = provider.into_iter().flat_map(|provider| &provider.models);
        let of_all_keys = models.find(|(model, _)| model == target.model);
        let marks = [
            provider.and_then(|provider| provider.mark.as_ref()),
            of_all_keys.and_then(|(_, mark)| mark.as_ref()),
            key.and_then(|key| key.mark.as_ref()),
            self.model(target).and_then(|model| model.mark.as_ref()),
        ];
        marks.into_iter().flatten()
    }

    /// The records of the target, made when they are missing; `None` if there is no such provider or key.
    pub fn records(&mut self, target: KeyedModel<'_>) -> Option<TargetRecords<'_>> {
        let provider = self.providers.get_mut(target.provider)?;
        let key = provider.keys.get_mut(target.key)?;
        Some(TargetRecords {
            provider: &mut provider.mark,
            provider_alive_at: &mut provider.alive_at,
            of_all_keys: mark_of(&mut provider.models, target.model)?,
            key: &mut key.mark,
            key_alive_at: &mut key.alive_at,
            model: record_of(&mut key.models, target.model)?,
        })
    }

    /// Whether another model of the target's provider failed by this class, and neither its time was over when an
    /// attempt began nor did the provider answer since: the provider is the common cause.
    pub fn has_witness_in_provider(
        &self,
        target: KeyedModel<'_>,
        class: Class,
        started: Instant,
    ) -> bool {
        self.providers.get(target.provider).is_some_and(|provider| {
            let mut others = provider.models.iter();
            others.any(|(model, mark)| {
                model != target.model && stands(mark.as_ref(), class, started, provider.alive_at)
            })
        })
    }

    /// The same for another model with the target's key: the key is the common cause.
    pub fn has_witness_of_key(
        &self,
        target: KeyedModel<'_>,
        class: Class,
        started: Instant,
    ) -> bool {
        let provider = self.providers.get(target.provider);
        let key = provider.and_then(|provider| provider.keys.get(target.key));
        key.is_some_and(|key| {
            let mut others = key.models.iter();
            others.any(|other| {
                other.model != target.model
                    && stands(other.mark.as_ref(), class, started, key.alive_at)
            })
        })
    }

    /// The mark with this coverage, a model's record made when it is missing; `None` if there is no such provider or
    /// key.
    pub fn slot(&mut self, coverage: Coverage<'_>) -> Option<&mut Option<Mark>> {
        let provider = self.providers.get_mut(coverage.provider)?;
        let Some(key) = coverage.key else {
            return match coverage.model {
                None => Some(&mut provider.mark),
                Some(model) => mark_of(&mut provider.models, model),
            };
        };
        let key = provider.keys.get_mut(key)?;
        match coverage.model {
            None => Some(&mut key.mark),
            Some(model) => Some(&mut record_of(&mut key.models, model)?.mark),
        }
    }

    /// The records of all models that were ever called, each with its coverage.
    pub fn models(&self) -> impl Iterator<Item = (Coverage<'_>, &ModelRecord)> {
        let providers = self.providers.iter().enumerate();
        let keys = providers.flat_map(|(provider, record)| {
            let keys = record.keys.iter().enumerate();
            keys.map(move |(key, record)| (provider, key, record))
        });
        keys.flat_map(|(provider, key, record)| {
            record.models.iter().map(move |record| {
                let coverage = Coverage {
                    provider,
                    key: Some(key),
                    model: Some(record.model.as_str()),
                };
                (coverage, record)
            })
        })
    }

    /// All marks, each with its coverage.
    pub fn marks(&self) -> impl Iterator<Item = (Coverage<'_>, &Mark)> {
        self.providers
            .iter()
            .enumerate()
            .flat_map(|(provider, record)| {
                let own = record.mark.iter().map(move |mark| {
                    let coverage = Coverage {
                        provider,
                        key: None,
                        model: None,
                    };
                    (coverage, mark)
                });
                let of_models = record.models.iter().filter_map(move |(model, mark)| {
                    let coverage = Coverage {
                        provider,
                        key: None,
                        model: Some(model.as_str()),
                    };
                    Some((coverage, mark.as_ref()?))
                });
                let of_keys = record.keys.iter().enumerate();
                let own = own.chain(of_models);
                own.chain(of_keys.flat_map(move |(key, record)| record.marks(provider, key)))
            })
    }
}

/// Whether a mark is another witness of a failure of this class.
fn stands(mark: Option<&Mark>, class: Class, started: Instant, alive_at: Option<Instant>) -> bool {
    mark.is_some_and(|mark| {
        let refuted = alive_at.is_some_and(|alive| alive > mark.set_at);
        mark.is_witness && mark.class == class && mark.held_at(started) && !refuted
    })
}

/// The mark of a model with all keys, its place made when it is missing.
fn mark_of<'a>(
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
fn record_of<'a>(models: &'a mut Vec<ModelRecord>, model: &str) -> Option<&'a mut ModelRecord> {
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

impl KeyRecord {
    fn marks(&self, provider: usize, key: usize) -> impl Iterator<Item = (Coverage<'_>, &Mark)> {
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
