//! The targets of calls: a provider's model with one of its keys, and what of them a mark or a line covers.

use crate::config::{Provider, Step};

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

/// The number of key records of a provider: without keys there is one.
pub(super) fn key_count(provider: &Provider) -> usize {
    provider.keys.len().max(1)
}
