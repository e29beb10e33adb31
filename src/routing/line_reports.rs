//! The ledger's lines as people and metrics see them.

use std::time::Instant;

use crate::config::Step;
use crate::limits::Unit;
use crate::quota::{LineReport, Moment};

use super::ledger::Ledger;
use super::ledger_store::{Skips, TargetQuota};
use super::target::{KeyedModel, key_count};

/// A line and what it covers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LineEntry<'a> {
    /// The index in [`crate::config::Config::providers`].
    pub provider: usize,
    /// The key's index in the provider's list; zero for a provider without keys, and where all are one account.
    pub key: usize,
    /// `None`: all models.
    pub model: Option<&'a str>,
    pub line: LineReport,
    pub accepted_probes: u64,
    pub refused_probes: u64,
    pub refused: u64,
}

/// The requests and tokens that a provider has left for a key and a model, as far as its word is still true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemainingQuota<'a> {
    /// The index in [`crate::config::Config::providers`].
    pub provider: usize,
    /// The key's index in the provider's list; zero for a provider without keys.
    pub key: usize,
    pub model: &'a str,
    /// Calls that began since are subtracted.
    pub requests: Option<u64>,
    /// The same of tokens.
    pub tokens: Option<u64>,
}

/// How often steps were skipped because of the lines of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkippedModel<'a> {
    pub provider: usize,
    pub model: &'a str,
    /// Each reason with its count.
    pub reasons: [(&'static str, u64); 4],
}

impl Ledger {
    /// All lines that there are.
    pub fn lines(&self, now: Instant) -> impl Iterator<Item = LineEntry<'_>> {
        let at = self.clock.at(now);
        self.store.all_lines().map(move |(coverage, line, crowd)| {
            let counts = line.counts();
            LineEntry {
                provider: coverage.provider,
                key: coverage.key.unwrap_or_default(),
                model: coverage.model,
                line: LineReport::of(line, coverage.model.is_some(), crowd, at),
                accepted_probes: counts.accepted_probes,
                refused_probes: counts.refused_probes,
                refused: counts.refused,
            }
        })
    }

    /// The remaining requests and tokens, of the keys and models whose provider tells.
    pub fn quotas(&self, now: Instant) -> impl Iterator<Item = RemainingQuota<'_>> {
        let at = self.clock.at(now);
        let quotas = self.store.models().map(move |(coverage, record)| {
            let least = |is_counted: fn(Unit) -> bool| {
                let lines = record
                    .lines
                    .iter()
                    .filter(move |line| is_counted(line.unit));
                lines.filter_map(|line| line.told_left(at)).min()
            };
            RemainingQuota {
                provider: coverage.provider,
                key: coverage.key.unwrap_or_default(),
                model: &record.model,
                requests: least(|unit| unit == Unit::Requests),
                tokens: least(|unit| unit != Unit::Requests),
            }
        });
        quotas.filter(|quota| quota.requests.is_some() || quota.tokens.is_some())
    }

    /// How often steps were skipped because of lines, by model.
    pub fn skips(&self) -> impl Iterator<Item = SkippedModel<'_>> {
        let skipped = self.store.models().map(|(coverage, record)| {
            let Skips {
                declared,
                told,
                learned,
                concurrent,
            } = record.skips;
            SkippedModel {
                provider: coverage.provider,
                model: &record.model,
                reasons: [
                    ("declared", declared),
                    ("told", told),
                    ("learned", learned),
                    ("concurrent", concurrent),
                ],
            }
        });
        skipped.filter(|model| model.reasons.iter().any(|(_, count)| *count > 0))
    }

    /// The part of a step's limits that is left (0 to 1), the mean of its keys; `None` where none is known. A key without a
    /// known limit counts as whole.
    pub fn share_left(&self, step: &Step, now: Instant) -> Option<f32> {
        let at = self.clock.at(now);
        let keys = key_count(&step.provider);
        let of_key = |key| {
            let target = self.store.target(KeyedModel::new(step, key))?;
            target.lines()?.share_left(at)
        };
        let known: Vec<f32> = (0..keys).filter_map(of_key).collect();
        let unknown = (keys - known.len()) as f32;
        (!known.is_empty()).then(|| (known.iter().sum::<f32>() + unknown) / keys as f32)
    }
}

impl TargetQuota<'_> {
    /// The standing of the line that has the smallest share left, in words; empty where no limit is known.
    pub(super) fn standing_in_words(&self, at: Moment) -> String {
        let lines = self.lines.view();
        if !lines.know_a_limit() {
            return String::new();
        }
        let shares = lines.all().filter_map(|(line, is_own)| {
            let left = line.share_left(at)?;
            Some((line, is_own, left))
        });
        let least = shares.min_by(|(.., one), (.., other)| one.total_cmp(other));
        let words = least.and_then(|(line, is_own, _)| {
            LineReport::of(line, is_own, self.crowd(), at).in_words()
        });
        words.unwrap_or_default()
    }
}
