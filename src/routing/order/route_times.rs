//! The measured times of a route's steps, the order that follows from them, and the turn of a probe.

use std::time::{Duration, Instant};

use crate::config::Route;
use crate::dialect::class::Class;

use super::measured_time::{Manner, MeasuredTime};
use super::outlook::StepOutlook;

/// The part of the shortest time by which another one counts as the same: then the configuration's order decides, and
/// requests do not go to and fro between steps of one speed.
const SAME: u32 = 10;

/// The requests from one probe to the next, at least. A step that was never asked is asked sooner.
const BETWEEN_PROBES: u32 = 20;
const BEFORE_THE_UNEXPLORED: u32 = 2;

/// The part of a step's limits that no probe may touch.
const SPARED: f32 = 0.1;

/// The times of the steps of a route.
#[derive(Clone, Debug)]
pub(super) struct RouteTimes {
    pub name: String,
    pub steps: Vec<StepTimes>,
    /// The requests since the last probe, for each manner.
    since_probe: [u32; Manner::ALL.len()],
}

#[derive(Clone, Debug)]
pub(super) struct StepTimes {
    pub provider: String,
    pub model: String,
    pub times: [MeasuredTime; Manner::ALL.len()],
}

impl StepTimes {
    pub fn in_manner(&self, manner: Manner) -> &MeasuredTime {
        let [streams, wholes] = &self.times;
        match manner {
            Manner::Stream => streams,
            Manner::Whole => wholes,
        }
    }

    pub fn in_manner_mut(&mut self, manner: Manner) -> &mut MeasuredTime {
        let [streams, wholes] = &mut self.times;
        match manner {
            Manner::Stream => streams,
            Manner::Whole => wholes,
        }
    }
}

impl RouteTimes {
    pub fn new(route: &Route) -> Self {
        let steps = route.steps.iter().map(|step| StepTimes {
            provider: step.provider.name.clone(),
            model: step.model.clone(),
            times: Default::default(),
        });
        Self {
            name: route.name.to_string(),
            steps: steps.collect(),
            since_probe: Default::default(),
        }
    }

    /// The index of the first step with this provider and model; `None` without one.
    pub fn position(&self, provider: &str, model: &str) -> Option<usize> {
        let mut steps = self.steps.iter();
        steps.position(|step| step.provider == provider && step.model == model)
    }

    /// The steps in the order of their times: those that serve and whose time is known, those that serve, the others.
    pub fn sorted(&self, outlooks: &[StepOutlook], manner: Manner) -> Vec<usize> {
        let serves = |step: &usize| outlooks.get(*step).is_some_and(StepOutlook::serves);
        let (mut serving, mut others): (Vec<usize>, Vec<usize>) =
            (0..outlooks.len()).partition(serves);
        let mut sorted = Vec::with_capacity(outlooks.len());
        // The first one of the list that is about as fast as the fastest, again and again.
        while let Some(best) = serving
            .iter()
            .filter_map(|step| self.mean(*step, manner))
            .min()
        {
            let bound = best.saturating_add(best / SAME);
            let is_as_fast = |step: &usize| self.mean(*step, manner) <= Some(bound);
            let is_known = |step: &usize| self.mean(*step, manner).is_some();
            let place = serving
                .iter()
                .position(|step| is_known(step) && is_as_fast(step));
            sorted.extend(place.map(|place| serving.remove(place)));
        }
        sorted.append(&mut serving);
        sorted.append(&mut others);
        sorted
    }

    /// The step that this request is to measure, of those behind the first of the sorted ones; `None` for most requests.
    pub fn probe(
        &mut self,
        sorted: &[usize],
        outlooks: &[StepOutlook],
        manner: Manner,
        now: Instant,
    ) -> Option<usize> {
        let [streams, wholes] = &mut self.since_probe;
        let since = match manner {
            Manner::Stream => streams,
            Manner::Whole => wholes,
        };
        *since = since.saturating_add(1);
        let since_probe = *since;
        let (first, others) = sorted.split_first()?;
        let best = self.mean(*first, manner)?;
        if since_probe <= BEFORE_THE_UNEXPLORED {
            return None;
        }
        let may_be_probed = |step: &&usize| {
            let outlook = outlooks.get(**step);
            outlook.is_some_and(|outlook| outlook.usable && outlook.left > SPARED)
        };
        let others = others.iter().filter(may_be_probed);
        let due = others.filter_map(|step| {
            let time = self.steps.get(*step)?.in_manner(manner);
            if time.is_unexplored() {
                return Some((None, *step));
            }
            let due = time.probe_due(best);
            let is_due = since_probe > BETWEEN_PROBES && due.is_none_or(|due| due <= now);
            // One that was never measured in this run has waited the longest.
            is_due.then_some((due, *step))
        });
        let (_, step) = due.min()?;
        if let Some(times) = self.steps.get_mut(step) {
            times.in_manner_mut(manner).probe(now);
        }
        self.restart_count(manner);
        Some(step)
    }

    /// Takes in the failure of an attempt that took a time.
    pub fn missed(
        &mut self,
        step: usize,
        manner: Manner,
        class: Class,
        took: Duration,
        now: Instant,
    ) {
        let Some(step) = self.steps.get_mut(step) else {
            return;
        };
        let time = step.in_manner_mut(manner);
        match class {
            Class::Cancelled => time.outlasted(took, now),
            Class::Timeout
            | Class::Unreachable
            | Class::ServerError
            | Class::Blocked
            | Class::ModelNotFound
            | Class::Transient
            | Class::BadResponse
            | Class::EmptyAnswer => time.failed(took, now),
            // It was refused, and fast; the marks of the ledger know for how long.
            Class::RateLimited
            | Class::QuotaExhausted
            | Class::Unauthorized
            | Class::Forbidden
            | Class::Rejected
            | Class::TooLarge
            | Class::Unsupported => time.missed(),
        }
    }

    /// The mean time of a step; `None` before its first answer.
    pub fn mean(&self, step: usize, manner: Manner) -> Option<Duration> {
        self.steps.get(step)?.in_manner(manner).mean()
    }

    fn restart_count(&mut self, manner: Manner) {
        let [streams, wholes] = &mut self.since_probe;
        match manner {
            Manner::Stream => *streams = 0,
            Manner::Whole => *wholes = 0,
        }
    }
}
