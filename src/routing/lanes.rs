//! Where the ledger keeps what it knows: providers, their keys, and the models used with each key.

use std::sync::Arc;
use std::time::Instant;

use crate::config::{Provider, Step};

use super::budget::Budget;
use super::mark::{Cooling, Mark};

/// One provider, key and model.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    pub provider: usize,
    pub key: usize,
    pub model: &'a str,
}

impl<'a> Target<'a> {
    pub fn new(step: &'a Step, key: usize) -> Self {
        Self {
            provider: step.provider.index,
            key,
            model: &step.model,
        }
    }
}

/// Where a mark stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place<'a> {
    pub provider: usize,
    /// `None`: the whole provider.
    pub key: Option<usize>,
    /// `None`: all models.
    pub model: Option<&'a str>,
}

#[derive(Debug, Default)]
pub(super) struct Lanes {
    providers: Vec<ProviderLane>,
}

#[derive(Debug)]
struct ProviderLane {
    mark: Option<Mark>,
    keys: Vec<KeyLane>,
}

#[derive(Debug, Default)]
struct KeyLane {
    mark: Option<Mark>,
    models: Vec<ModelLane>,
}

#[derive(Debug, Default)]
pub(super) struct ModelLane {
    pub model: String,
    pub mark: Option<Mark>,
    pub counts: Counts,
    /// When the last call was made, on the ledger's count of all calls; zero for never.
    pub last_call: u64,
}

/// What is known to be left.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Counts {
    pub budget: Option<Budget>,
    /// What the last answer told to be left of tokens, and until when that is believed.
    pub tokens: Option<(u64, Instant)>,
    /// Calls made so far.
    pub calls: u64,
}

impl ModelLane {
    pub fn marked(&self, now: Instant) -> Option<Cooling> {
        self.mark.as_ref()?.cooling(now)
    }

    /// Whether the calls made so far are all that the provider said were left.
    pub fn used_up(&self, now: Instant) -> Option<Cooling> {
        self.counts.budget?.cooling(self.counts.calls, now)
    }
}

/// The marks that concern a target, the widest first.
pub(super) struct Slots<'a> {
    pub provider: &'a mut Option<Mark>,
    pub key: &'a mut Option<Mark>,
    pub model: &'a mut ModelLane,
}

impl<'a> Slots<'a> {
    pub fn marks(self) -> [&'a mut Option<Mark>; 3] {
        [self.provider, self.key, &mut self.model.mark]
    }
}

/// How many places for keys a provider has: one without keys counts as one with a single key.
pub(super) fn key_count(provider: &Provider) -> usize {
    provider.keys.len().max(1)
}

impl Lanes {
    pub fn new(providers: &[Arc<Provider>]) -> Self {
        let lane = |provider: &Arc<Provider>| ProviderLane {
            mark: None,
            keys: (0..key_count(provider))
                .map(|_| KeyLane::default())
                .collect(),
        };
        Self {
            providers: providers.iter().map(lane).collect(),
        }
    }

    /// What is known of the target's model with its key; `None` before the first call.
    pub fn model(&self, target: Target<'_>) -> Option<&ModelLane> {
        let key = self.providers.get(target.provider)?.keys.get(target.key)?;
        key.models.iter().find(|lane| lane.model == target.model)
    }

    /// The marks that concern the target, the widest first.
    pub fn marks_of(&self, target: Target<'_>) -> impl Iterator<Item = &Mark> {
        let provider = self.providers.get(target.provider);
        let key = provider.and_then(|provider| provider.keys.get(target.key));
        let marks = [
            provider.and_then(|provider| provider.mark.as_ref()),
            key.and_then(|key| key.mark.as_ref()),
            self.model(target).and_then(|model| model.mark.as_ref()),
        ];
        marks.into_iter().flatten()
    }

    /// The places of the target, made when they are missing; `None` if there is no such provider or key.
    pub fn slots(&mut self, target: Target<'_>) -> Option<Slots<'_>> {
        let provider = self.providers.get_mut(target.provider)?;
        let key = provider.keys.get_mut(target.key)?;
        Some(Slots {
            provider: &mut provider.mark,
            key: &mut key.mark,
            model: lane_of(&mut key.models, target.model)?,
        })
    }

    /// The mark at this place, a model's made when it is missing; `None` if there is no such provider or key.
    pub fn slot(&mut self, place: Place<'_>) -> Option<&mut Option<Mark>> {
        let provider = self.providers.get_mut(place.provider)?;
        let Some(key) = place.key else {
            return Some(&mut provider.mark);
        };
        let key = provider.keys.get_mut(key)?;
        match place.model {
            None => Some(&mut key.mark),
            Some(model) => Some(&mut lane_of(&mut key.models, model)?.mark),
        }
    }

    /// Every model that was ever called with a key, and its place.
    pub fn models(&self) -> impl Iterator<Item = (Place<'_>, &ModelLane)> {
        let providers = self.providers.iter().enumerate();
        let keys = providers.flat_map(|(provider, lane)| {
            let keys = lane.keys.iter().enumerate();
            keys.map(move |(key, lane)| (provider, key, lane))
        });
        keys.flat_map(|(provider, key, lane)| {
            lane.models.iter().map(move |lane| {
                let place = Place {
                    provider,
                    key: Some(key),
                    model: Some(lane.model.as_str()),
                };
                (place, lane)
            })
        })
    }

    /// Every mark and its place.
    pub fn marks(&self) -> impl Iterator<Item = (Place<'_>, &Mark)> {
        self.providers
            .iter()
            .enumerate()
            .flat_map(|(provider, lane)| {
                let own = lane.mark.iter().map(move |mark| {
                    let place = Place {
                        provider,
                        key: None,
                        model: None,
                    };
                    (place, mark)
                });
                let of_keys = lane.keys.iter().enumerate();
                own.chain(of_keys.flat_map(move |(key, lane)| lane.marks(provider, key)))
            })
    }
}

/// The model's lane, made when it is missing. Models come from the configuration, so there are few.
fn lane_of<'a>(models: &'a mut Vec<ModelLane>, model: &str) -> Option<&'a mut ModelLane> {
    let found = models.iter().position(|lane| lane.model == model);
    let at = found.unwrap_or_else(|| {
        models.push(ModelLane {
            model: model.to_owned(),
            ..ModelLane::default()
        });
        models.len() - 1
    });
    models.get_mut(at)
}

impl KeyLane {
    fn marks(&self, provider: usize, key: usize) -> impl Iterator<Item = (Place<'_>, &Mark)> {
        let place = move |model| Place {
            provider,
            key: Some(key),
            model,
        };
        let own = self.mark.iter().map(move |mark| (place(None), mark));
        own.chain(self.models.iter().filter_map(move |lane| {
            let mark = lane.mark.as_ref()?;
            Some((place(Some(lane.model.as_str())), mark))
        }))
    }
}
