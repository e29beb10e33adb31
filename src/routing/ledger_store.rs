//! The ledger's storage: a record for each provider, for each of its keys, and for each model used with a key.

mod records;
mod stored_lines;

use std::sync::Arc;
use std::time::Instant;

use crate::config::Provider;
use crate::dialect::class::Class;

use super::calls_out::CallsOut;
use super::mark::{Cooling, Mark};
use super::target::{Coverage, KeyedModel};
use records::{KeyRecord, ProviderRecord, RecordsOfKey, mark_of, record_of};
pub(super) use records::{ModelRecord, Skips};
pub(super) use stored_lines::{KeptTarget, TargetQuota};

#[derive(Debug, Default)]
pub(super) struct LedgerStore {
    providers: Vec<ProviderRecord>,
}

/// All that is known of a target, looked up once.
pub(super) struct TargetView<'a> {
    pub settings: &'a Provider,
    /// The provider's calls that wait for an answer.
    pub waiting: &'a CallsOut,
    /// The marks that concern it, the widest first.
    marks: [Option<&'a Mark>; 4],
    model: Option<&'a ModelRecord>,
    /// The key that counts: all may be one account.
    account: &'a KeyRecord,
    /// The account's record of the model; `None` before the first call.
    counted: Option<&'a ModelRecord>,
}

impl TargetView<'_> {
    /// The cooling of the target by its marks; `None` where they let a call through.
    pub fn cooling(&self, now: Instant) -> Option<Cooling> {
        let marks = self.marks.into_iter().flatten();
        marks
            .filter_map(|mark| mark.cooling(now))
            .reduce(Cooling::and)
    }

    /// The number of the target's last call, counted over all calls; zero for a target never called.
    pub fn last_call(&self) -> u64 {
        self.model.map_or(0, |model| model.last_call)
    }
}

/// The records that concern a target, the widest first, and what is counted of it.
pub(super) struct TargetRecords<'a> {
    pub provider: &'a mut Option<Mark>,
    pub provider_alive_at: &'a mut Option<Instant>,
    /// The model with all keys.
    pub of_all_keys: &'a mut Option<Mark>,
    pub waiting: &'a mut CallsOut,
    pub own: RecordsOfKey<'a>,
    pub quota: TargetQuota<'a>,
}

impl TargetRecords<'_> {
    pub fn marks(&mut self) -> [&mut Option<Mark>; 4] {
        [
            self.provider,
            self.of_all_keys,
            self.own.key,
            self.own.model,
        ]
    }
}

impl LedgerStore {
    pub fn new(providers: &[Arc<Provider>]) -> Self {
        Self {
            providers: providers.iter().map(ProviderRecord::new).collect(),
        }
    }

    /// The view of a target; `None` if there is no such provider or key.
    pub fn target(&self, target: KeyedModel<'_>) -> Option<TargetView<'_>> {
        let provider = self.providers.get(target.provider)?;
        let key = provider.keys.get(target.key)?;
        let mut models = provider.models.iter();
        let of_all_keys = models.find(|(model, _)| model == target.model);
        let model = key.model(target.model);
        let place = provider.account(target.key);
        let (account, counted) = if place == target.key {
            (key, model)
        } else {
            let account = provider.keys.get(place)?;
            (account, account.model(target.model))
        };
        Some(TargetView {
            settings: &provider.settings,
            waiting: &provider.waiting,
            marks: [
                provider.mark.as_ref(),
                of_all_keys.and_then(|(_, mark)| mark.as_ref()),
                key.mark.as_ref(),
                model.and_then(|model| model.mark.as_ref()),
            ],
            model,
            account,
            counted,
        })
    }

    /// The records of the target, made when they are missing; `None` if there is no such provider or key.
    pub fn records(&mut self, target: KeyedModel<'_>) -> Option<TargetRecords<'_>> {
        let provider = self.providers.get_mut(target.provider)?;
        let place = provider.account(target.key);
        let settings = &provider.settings;
        let keys = &mut provider.keys;
        let (own, quota) = if place == target.key {
            keys.get_mut(place)?.parts(target.model, settings)?
        } else {
            let [key, account] = keys.get_disjoint_mut([target.key, place]).ok()?;
            let (own, _) = key.parts(target.model, settings)?;
            (own, account.parts(target.model, settings)?.1)
        };
        Some(TargetRecords {
            provider: &mut provider.mark,
            waiting: &mut provider.waiting,
            provider_alive_at: &mut provider.alive_at,
            of_all_keys: mark_of(&mut provider.models, target.model)?,
            own,
            quota,
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
