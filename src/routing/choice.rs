//! The choice of the next step and key of a walk, from what was tried and what is cooling.

use std::time::Instant;

use crate::config::{Route, Step};

use super::ledger::Ledger;
use super::ledger_store::{KeyedModel, key_count};
use super::mark::Cooling;
use super::order::Sequence;
use super::step_report::StepReport;

/// The steps of a route and what was tried of each.
#[derive(Debug)]
pub(super) struct Choice {
    sequence: Sequence,
    /// The place in the sequence whose turn it is in the first pass.
    cursor: usize,
    steps: Vec<StepProgress>,
}

#[derive(Debug)]
struct StepProgress {
    /// The step has failed in a way that another key will not change.
    closed: bool,
    tried: Vec<bool>,
    retries: u32,
}

impl Choice {
    pub fn new(route: &Route) -> Self {
        let progress = |step: &Step| StepProgress {
            closed: false,
            tried: vec![false; key_count(&step.provider)],
            retries: 0,
        };
        Self {
            sequence: Sequence::default(),
            cursor: 0,
            steps: route.steps.iter().map(progress).collect(),
        }
    }

    /// The same choice among steps in another order; not to be called when it has begun.
    pub fn in_sequence(self, sequence: Sequence) -> Self {
        Self { sequence, ..self }
    }

    /// The first step, in order, with a usable key that was not tried. Steps that are passed over are reported.
    pub fn preferred(
        &mut self,
        route: &Route,
        ledger: &Ledger,
        now: Instant,
        reports: &mut Vec<StepReport>,
    ) -> Option<(usize, usize)> {
        loop {
            let index = self.sequence.at(self.cursor)?;
            let (step, progress) = route.steps.get(index).zip(self.steps.get(index))?;
            let untried = progress.untried_keys();
            let usable =
                untried.filter(|key| ledger.standing(KeyedModel::new(step, *key), now).is_none());
            // The key that rested longest: in turn, so that quotas drain evenly.
            let key = usable.min_by_key(|key| ledger.last_call(KeyedModel::new(step, *key)));
            if let Some(key) = key {
                return Some((index, key));
            }
            let was_tried = progress.tried.contains(&true);
            if let Some(cooling) = ledger.cooling_of(step, now).filter(|_| !was_tried) {
                reports.push(StepReport::skipped(index, step, cooling, now));
            }
            self.cursor += 1;
        }
    }

    /// The untried step and key that is usable by now or cooling on a guess, the soonest first.
    pub fn leftover(&self, route: &Route, ledger: &Ledger, now: Instant) -> Option<(usize, usize)> {
        let mut best: Option<(Instant, usize, usize)> = None;
        let places = 0..route.steps.len();
        for index in places.filter_map(|place| self.sequence.at(place)) {
            let Some((step, progress)) = route.steps.get(index).zip(self.steps.get(index)) else {
                continue;
            };
            for key in progress.untried_keys() {
                let until = match ledger.standing(KeyedModel::new(step, key), now) {
                    None => now,
                    Some(Cooling {
                        stated: false,
                        until,
                        ..
                    }) => until.max(now),
                    Some(Cooling { stated: true, .. }) => continue,
                };
                if best.is_none_or(|(soonest, _, _)| until < soonest) {
                    best = Some((until, index, key));
                }
            }
        }
        best.map(|(_, index, key)| (index, key))
    }

    /// The soonest end, not after `end`, of what providers told; `None` without one. Those steps and keys are open again,
    /// and the first pass begins anew. Keys that were refused on this walk count only before the first wait.
    pub fn soonest_stated(
        &mut self,
        route: &Route,
        ledger: &Ledger,
        end: Instant,
        is_first: bool,
        now: Instant,
    ) -> Option<Instant> {
        let mut soonest: Option<Instant> = None;
        for (step, progress) in route.steps.iter().zip(&mut self.steps) {
            for (key, tried) in progress.tried.iter_mut().enumerate() {
                let standing = ledger.standing(KeyedModel::new(step, key), now);
                let Some(cooling) = standing.filter(|cooling| cooling.stated) else {
                    continue;
                };
                let until = cooling.until;
                if progress.closed || until > end || (*tried && !is_first) {
                    continue;
                }
                *tried = false;
                soonest = Some(soonest.map_or(until, |soonest| soonest.min(until)));
            }
        }
        if soonest.is_some() {
            self.cursor = 0;
        }
        soonest
    }

    pub fn mark_tried(&mut self, step_index: usize, key: usize) {
        let progress = self.steps.get_mut(step_index);
        if let Some(tried) = progress.and_then(|progress| progress.tried.get_mut(key)) {
            *tried = true;
        }
    }

    /// Closes a step to its other keys as well.
    pub fn close(&mut self, step_index: usize) {
        if let Some(progress) = self.steps.get_mut(step_index) {
            progress.closed = true;
        }
    }

    /// The retries of a step so far; `None` of no step.
    pub fn retries(&self, step_index: usize) -> Option<u32> {
        Some(self.steps.get(step_index)?.retries)
    }

    pub fn count_retry(&mut self, step_index: usize) {
        if let Some(progress) = self.steps.get_mut(step_index) {
            progress.retries += 1;
        }
    }
}

impl StepProgress {
    fn untried_keys(&self) -> impl Iterator<Item = usize> {
        let keys = self.tried.iter().enumerate();
        keys.filter(|(_, tried)| !self.closed && !**tried)
            .map(|(key, _)| key)
    }
}
