//! The ledger's storage: a record for each provider, for each of its keys, and for each model used with a key.

mod records;
mod stored_lines;

use std::sync::Arc;
use std::time::Instant;

use crate::config::Provider;
use crate::dialect::class::Class;

use super::calls_out::CallsOut;
use super::mark::Mark;
use super::target::{Coverage, KeyedModel};
pub(super) use records::{ModelRecord, Skips};
use records::{ProviderRecord, mark_of, record_of};
pub(super) use stored_lines::KeptTarget;

#[derive(Debug, Default)]
pub(super) struct LedgerStore {
    providers: Vec<ProviderRecord>,
}

/// The records that concern a target, the widest first.
pub(super) struct TargetRecords<'a> {
    pub provider: &'a mut Option<Mark>,
    pub provider_alive_at: &'a mut Option<Instant>,
    /// The model with all keys.
    pub of_all_keys: &'a mut Option<Mark>,
    pub waiting: &'a mut CallsOut,
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

impl LedgerStore {
    pub fn new(providers: &[Arc<Provider>]) -> Self {
        Self {
            providers: providers.iter().map(ProviderRecord::new).collect(),
        }
    }

    /// The settings of a target's provider.
    pub fn settings(&self, target: KeyedModel<'_>) -> Option<&Arc<Provider>> {
        Some(&self.providers.get(target.provider)?.settings)
    }

    /// The provider's calls that wait for an answer.
    pub fn waiting(&self, target: KeyedModel<'_>) -> Option<&CallsOut> {
        Some(&self.providers.get(target.provider)?.waiting)
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
            waiting: &mut provider.waiting,
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
