//! The lines in the ledger's storage: those of an account's model, all that there are, and what a reload takes over.

use std::sync::Arc;

use crate::config::Provider;
use crate::limits::{Unit, Window};
use crate::quota::{Charge, Crowd, Estimate, Line, LinesOfTarget, LinesOfTargetMut};
use crate::routing::calls_out::CallsOut;
use crate::routing::ledger_store::{LedgerStore, TargetView};
use crate::routing::target::{Coverage, KeyedModel};

use super::records::{Skips, record_of};

/// All that is counted of a target.
#[derive(Clone, Debug, Default)]
pub(in crate::routing) struct KeptTarget {
    lines: Vec<Line>,
    peak: u32,
    charged: Charge,
    estimate: Estimate,
    skips: Skips,
}

/// All that is counted of an account's model.
pub(in crate::routing) struct TargetQuota<'a> {
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

impl<'a> TargetView<'a> {
    /// The lines that count; `None` where there are none.
    pub fn lines(&self) -> Option<LinesOfTarget<'a>> {
        let lines = LinesOfTarget {
            of_account: &self.account.lines,
            own: self.counted.map_or(&[], |model| &model.lines),
        };
        let is_empty = lines.of_account.is_empty() && lines.own.is_empty();
        (!is_empty).then_some(lines)
    }

    pub fn crowd(&self) -> Crowd {
        Crowd {
            of_account: self.account.calls_out.count(),
            own: self.counted.map_or(0, |model| model.calls_out.count()),
            peak: self.counted.map_or(0, |model| model.peak),
        }
    }

    pub fn estimate(&self) -> Estimate {
        self.counted.map(|model| model.estimate).unwrap_or_default()
    }
}

impl LedgerStore {
    /// The target whose lines count: all keys may be one account.
    pub fn account<'a>(&self, target: KeyedModel<'a>) -> KeyedModel<'a> {
        let provider = self.providers.get(target.provider);
        KeyedModel {
            key: provider.map_or(target.key, |provider| provider.account(target.key)),
            ..target
        }
    }

    /// The counts of a target, to be changed.
    pub fn quota(&mut self, target: KeyedModel<'_>) -> Option<TargetQuota<'_>> {
        let provider = self.providers.get_mut(target.provider)?;
        let account = provider.account(target.key);
        let key = provider.keys.get_mut(account)?;
        let (_, quota) = key.parts(target.model, &provider.settings)?;
        Some(quota)
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
}
