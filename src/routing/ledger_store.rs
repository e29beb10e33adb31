//! The ledger's storage: a record for each provider, for each of its keys, and for each model used with a key.

use std::sync::Arc;
use std::time::Instant;

use crate::config::{Provider, Step};
use crate::limits::{Limit, Unit, Window};

use super::calls_out::CallsOut;
use super::mark::Mark;
use crate::dialect::class::Class;
use crate::quota::{Charge, Crowd, Estimate, Line, LinesOfTarget, LinesOfTargetMut};

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

impl Coverage<'_> {
    /// Whether it keeps a model of a provider away; any of the provider's where none is named.
    pub fn concerns(&self, provider: usize, model: Option<&str>) -> bool {
        let is_of = |asked| self.model.is_none_or(|model| model == asked);
        self.provider == provider && model.is_none_or(is_of)
    }
}

#[derive(Debug, Default)]
pub(super) struct LedgerStore {
    providers: Vec<ProviderRecord>,
}

#[derive(Debug)]
struct ProviderRecord {
    settings: Arc<Provider>,
    /// The calls that wait for an answer.
    waiting: CallsOut,
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
    /// The lines that all models share.
    lines: Vec<Line>,
    calls_out: CallsOut,
    models: Vec<ModelRecord>,
    /// The last answer with this key.
    alive_at: Option<Instant>,
}

#[derive(Debug, Default)]
pub(super) struct ModelRecord {
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

/// All that is counted of a target.
#[derive(Clone, Debug, Default)]
pub(super) struct KeptTarget {
    lines: Vec<Line>,
    peak: u32,
    charged: Charge,
    estimate: Estimate,
    skips: Skips,
}

/// How often steps were skipped because of a target's lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skips {
    pub declared: u64,
    pub told: u64,
    pub learned: u64,
    pub concurrent: u64,
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

/// The calls of an account's model.
pub(super) struct TargetCalls<'a> {
    of_account: &'a CallsOut,
    /// `None` before the first call.
    pub model: Option<&'a ModelRecord>,
}

impl TargetCalls<'_> {
    pub fn crowd(&self) -> Crowd {
        Crowd {
            of_account: self.of_account.count(),
            own: self.model.map_or(0, |model| model.calls_out.count()),
            peak: self.model.map_or(0, |model| model.peak),
        }
    }

    pub fn estimate(&self) -> Estimate {
        self.model.map(|model| model.estimate).unwrap_or_default()
    }
}

/// All that is counted of an account's model.
pub(super) struct TargetQuota<'a> {
    pub settings: &'a Arc<Provider>,
    pub lines: LinesOfTargetMut<'a>,
    pub of_account: &'a mut CallsOut,
    pub own: &'a mut CallsOut,
    pub peak: &'a mut u32,
    pub charged: &'a mut Charge,
    pub estimate: &'a mut Estimate,
    pub skips: &'a mut Skips,
}

impl TargetQuota<'_> {
    pub fn crowd(&self) -> Crowd {
        Crowd {
            of_account: self.of_account.count(),
            own: self.own.count(),
            peak: *self.peak,
        }
    }
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

    /// The target whose lines count: all keys may be one account.
    pub fn account<'a>(&self, target: KeyedModel<'a>) -> KeyedModel<'a> {
        let settings = self.settings(target);
        let is_shared = settings.is_some_and(|provider| provider.quotas.is_one_account);
        KeyedModel {
            key: if is_shared { 0 } else { target.key },
            ..target
        }
    }

    /// The lines of an account's model, and its record; `None` where there are none.
    pub fn lines(&self, account: KeyedModel<'_>) -> Option<(LinesOfTarget<'_>, TargetCalls<'_>)> {
        let key = self
            .providers
            .get(account.provider)?
            .keys
            .get(account.key)?;
        let mut models = key.models.iter();
        let model = models.find(|record| record.model == account.model);
        let lines = LinesOfTarget {
            of_account: &key.lines,
            own: model.map_or(&[], |model| &model.lines),
        };
        let is_empty = lines.of_account.is_empty() && lines.own.is_empty();
        (!is_empty).then_some((
            lines,
            TargetCalls {
                of_account: &key.calls_out,
                model,
            },
        ))
    }

    /// The lines of an account's model, to be changed.
    pub fn lines_mut(&mut self, account: KeyedModel<'_>) -> Option<TargetQuota<'_>> {
        let provider = self.providers.get_mut(account.provider)?;
        let key = provider.keys.get_mut(account.key)?;
        let model = record_of(&mut key.models, account.model)?;
        Some(TargetQuota {
            settings: &provider.settings,
            lines: LinesOfTargetMut {
                of_account: &mut key.lines,
                own: &mut model.lines,
            },
            of_account: &mut key.calls_out,
            own: &mut model.calls_out,
            peak: &mut model.peak,
            charged: &mut model.charged,
            estimate: &mut model.estimate,
            skips: &mut model.skips,
        })
    }

    /// The line with this coverage, made where it is missing and may be learned; `None` otherwise.
    pub fn line_mut(
        &mut self,
        coverage: Coverage<'_>,
        unit: Unit,
        window: Option<Window>,
    ) -> Option<&mut Line> {
        let provider = self.providers.get_mut(coverage.provider)?;
        let quotas = &provider.settings.quotas;
        let key = provider.keys.get_mut(coverage.key?)?;
        let lines = match coverage.model {
            None => &mut key.lines,
            Some(model) => &mut record_of(&mut key.models, model)?.lines,
        };
        let known = lines
            .iter()
            .position(|line| line.unit == unit && line.window == window);
        let at = match known {
            Some(at) => at,
            None if !quotas.learns || coverage.model.is_none() => return None,
            None => {
                lines.push(Line::found(unit, window, quotas.day_resets));
                lines.len() - 1
            }
        };
        lines.get_mut(at)
    }

    /// All that is counted, by account and model.
    pub fn kept_targets(&self) -> impl Iterator<Item = (Coverage<'_>, KeptTarget)> {
        let providers = self.providers.iter().enumerate();
        let keys = providers.flat_map(|(provider, record)| {
            let keys = record.keys.iter().enumerate();
            keys.map(move |(key, record)| (provider, key, record))
        });
        keys.flat_map(|(provider, key, record)| {
            let coverage = move |model| Coverage {
                provider,
                key: Some(key),
                model,
            };
            let shared = (!record.lines.is_empty()).then(|| {
                let target = KeptTarget {
                    lines: record.lines.clone(),
                    ..KeptTarget::default()
                };
                (coverage(None), target)
            });
            let own = record.models.iter().filter(|model| !model.lines.is_empty());
            shared.into_iter().chain(own.map(move |model| {
                let target = KeptTarget {
                    lines: model.lines.clone(),
                    peak: model.peak,
                    charged: model.charged,
                    estimate: model.estimate,
                    skips: model.skips,
                };
                (coverage(Some(model.model.as_str())), target)
            }))
        })
    }

    /// Takes over what was counted under another configuration.
    pub fn take_over(&mut self, coverage: Coverage<'_>, kept: &KeptTarget) {
        let Some(provider) = self.providers.get_mut(coverage.provider) else {
            return;
        };
        let quotas = &provider.settings.quotas;
        let Some(key) = coverage.key.and_then(|key| provider.keys.get_mut(key)) else {
            return;
        };
        let lines = match coverage.model {
            None => &mut key.lines,
            Some(model) => {
                let Some(record) = record_of(&mut key.models, model) else {
                    return;
                };
                record.peak = kept.peak;
                record.charged = kept.charged;
                record.estimate = kept.estimate;
                record.skips = kept.skips;
                &mut record.lines
            }
        };
        for old in &kept.lines {
            let known = lines
                .iter_mut()
                .find(|line| line.unit == old.unit && line.window == old.window);
            let declared = known.as_ref().and_then(|line| line.declared_amount());
            let under = old.clone().under(declared);
            match (known, under) {
                (Some(line), Some(under)) => *line = under,
                (None, Some(under)) if quotas.learns => lines.push(under),
                _ => {}
            }
        }
    }

    /// All lines that there are, each with its coverage and the calls out.
    pub fn all_lines(&self) -> impl Iterator<Item = (Coverage<'_>, &Line, Crowd)> {
        let providers = self.providers.iter().enumerate();
        let keys = providers.flat_map(|(provider, record)| {
            let keys = record.keys.iter().enumerate();
            keys.map(move |(key, record)| (provider, key, record))
        });
        keys.flat_map(|(provider, key, record)| {
            let of_account = record.calls_out.count();
            let coverage = move |model| Coverage {
                provider,
                key: Some(key),
                model,
            };
            let shared = record.lines.iter().map(move |line| {
                let crowd = Crowd {
                    of_account,
                    ..Crowd::default()
                };
                (coverage(None), line, crowd)
            });
            let own = record.models.iter().flat_map(move |model| {
                let crowd = Crowd {
                    of_account,
                    own: model.calls_out.count(),
                    peak: model.peak,
                };
                let lines = model.lines.iter();
                lines.map(move |line| (coverage(Some(model.model.as_str())), line, crowd))
            });
            shared.chain(own)
        })
    }

    /// All lines that there are, each with its coverage, to be changed.
    pub fn all_lines_mut(&mut self) -> impl Iterator<Item = (Coverage<'_>, &mut Line)> {
        let providers = self.providers.iter_mut().enumerate();
        let keys = providers.flat_map(|(provider, record)| {
            let keys = record.keys.iter_mut().enumerate();
            keys.map(move |(key, record)| (provider, key, record))
        });
        keys.flat_map(|(provider, key, record)| {
            let coverage = move |model| Coverage {
                provider,
                key: Some(key),
                model,
            };
            let shared = record.lines.iter_mut();
            let shared = shared.map(move |line| (coverage(None), line));
            let own = record.models.iter_mut().flat_map(move |model| {
                let (name, lines) = (model.model.as_str(), model.lines.iter_mut());
                lines.map(move |line| (coverage(Some(name)), line))
            });
            shared.chain(own)
        })
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

impl ProviderRecord {
    fn new(provider: &Arc<Provider>) -> Self {
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
