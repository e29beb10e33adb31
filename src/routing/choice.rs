//! The choice of the next step and key of a walk, from what was tried and what is cooling.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::{Route, Step};

use super::ledger::Ledger;
use super::order::Sequence;
use super::readiness::Readiness;
use super::step_report::StepReport;
use super::target::{KeyedModel, key_count};
use super::tried_keys::TriedKeys;
use crate::quota::Demand;

/// The steps of a route and what was tried of each.
#[derive(Debug)]
pub(super) struct Choice {
    sequence: Sequence,
    /// The place in the sequence whose turn it is in the first pass.
    cursor: usize,
    steps: Vec<StepProgress>,
    /// The demand of the request.
    demand: Demand,
    /// The end of the wait for a place at the step whose turn it is, once it has begun.
    queue_until: Option<Instant>,
    /// The pauses made because a place or a limit might be free in a moment.
    pauses: u32,
    /// The pauses made because a portion was spent.
    portion_pauses: u32,
}

/// The choice of a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chosen {
    /// A step, and one of its keys.
    Step(usize, usize),
    /// Nothing yet: a place or a limit may be free by then.
    Pause(Instant),
    Nothing,
}

/// A pause for a call that finds out, and all of them; refusals come fast.
const PAUSE: Duration = Duration::from_millis(50);
const MOST_PAUSES: u32 = 8;

/// The pause until a portion may have been drawn, and all of them: 50 ms, in which the server answers or is away.
const PORTION_PAUSE: Duration = Duration::from_millis(10);
const MOST_PORTION_PAUSES: u32 = 5;

/// The time between two looks for a free place.
const QUEUE_PAUSE: Duration = Duration::from_millis(25);

#[derive(Debug)]
struct StepProgress {
    /// The step has failed in a way that another key will not change.
    closed: bool,
    keys: usize,
    /// The keys that were tried.
    tried: TriedKeys,
    retries: u32,
    /// It was told that the step is skipped.
    is_reported: bool,
}

impl Choice {
    pub fn new(route: &Route) -> Self {
        let progress = |step: &Step| StepProgress {
            closed: false,
            keys: key_count(&step.provider),
            tried: TriedKeys::default(),
            retries: 0,
            is_reported: false,
        };
        Self {
            sequence: Sequence::default(),
            cursor: 0,
            steps: route.steps.iter().map(progress).collect(),
            demand: Demand::default(),
            queue_until: None,
            pauses: 0,
            portion_pauses: 0,
        }
    }

    /// Looks at the steps in another order; not to be called when it has begun.
    pub fn follow(&mut self, sequence: Sequence) {
        self.sequence = sequence;
    }

    pub fn ask_for(&mut self, demand: Demand) {
        self.demand = demand;
    }

    pub fn demand(&self) -> Demand {
        self.demand
    }

    /// The step and key to try now, if any.
    pub fn next(
        &mut self,
        route: &Arc<Route>,
        ledger: &mut Ledger,
        now: Instant,
        reports: &mut Vec<StepReport>,
    ) -> Chosen {
        match self.preferred(route, ledger, now, reports) {
            Chosen::Nothing => self.leftover(route, ledger, now),
            chosen => chosen,
        }
    }

    /// The step that would be tried first now.
    pub fn first(&self, route: &Route, ledger: &Ledger, now: Instant) -> Option<usize> {
        let is_ready = |(_, step, progress): &(usize, &Step, &StepProgress)| {
            let mut keys = progress.untried_keys();
            keys.any(|key| ledger.readiness(step, key, &self.demand, now) == Readiness::Ready)
        };
        let first = self.in_order(route).find(is_ready).map(|(index, ..)| index);
        first.or_else(|| Some(self.last_resort(route, ledger, now)?.0))
    }

    /// The first step, in order, with a usable key that was not tried. Steps that are passed over are reported.
    fn preferred(
        &mut self,
        route: &Arc<Route>,
        ledger: &mut Ledger,
        now: Instant,
        reports: &mut Vec<StepReport>,
    ) -> Chosen {
        let mut is_dry = false;
        while let Some(index) = self.sequence.at(self.cursor)
            && let Some((step, progress)) = route.steps.get(index).zip(self.steps.get_mut(index))
        {
            // Each look at the lines of a long route costs: there is one for each key.
            let (mut usable, mut is_closed, mut lacks_portion) = (None, false, false);
            for key in progress.untried_keys() {
                match ledger.readiness(step, key, &self.demand, now) {
                    Readiness::Ready => {
                        let last_call = |key| ledger.last_call(KeyedModel::new(step, key));
                        // The key that rested longest: in turn, so that quotas drain evenly.
                        if usable.is_none_or(|before| last_call(key) < last_call(before)) {
                            usable = Some(key);
                        }
                    }
                    Readiness::Never {
                        is_closed: true, ..
                    } => is_closed = true,
                    Readiness::Dry => lacks_portion = true,
                    _ => {}
                }
            }
            if let Some(key) = usable {
                self.queue_until = None;
                return Chosen::Step(index, key);
            }
            let queue = step.provider.quotas.queue;
            if !queue.is_zero() && is_closed {
                let end = *self.queue_until.get_or_insert(now + queue);
                if now < end {
                    return Chosen::Pause(end.min(now + QUEUE_PAUSE));
                }
            }
            self.queue_until = None;
            for key in progress.untried_keys().filter(|_| lacks_portion) {
                if ledger.readiness(step, key, &self.demand, now) == Readiness::Dry {
                    // More of it is drawn for all that come this way first; of the steps behind it one may do.
                    ledger.note_dry(step, key, &self.demand, !is_dry, now);
                    is_dry = true;
                }
            }
            if !progress.is_reported && progress.tried.is_empty() {
                let report = StepReport::skipped_by(route, index, ledger, now);
                progress.is_reported = report.is_some();
                reports.extend(report);
            }
            self.cursor += 1;
        }
        Chosen::Nothing
    }

    /// The untried step and key of the later passes: after short pauses for what may be free in a moment those whose
    /// limits are only guessed, the surest first; then those that are cooling on a guess, the soonest first.
    fn leftover(&mut self, route: &Route, ledger: &Ledger, now: Instant) -> Chosen {
        let mut all = route.steps.iter().zip(&self.steps);
        let is_dry = all.any(|(step, progress)| {
            let mut keys = progress.untried_keys();
            keys.any(|key| ledger.readiness(step, key, &self.demand, now) == Readiness::Dry)
        });
        let mut all = route.steps.iter().zip(&self.steps);
        let may_open = all.any(|(step, progress)| {
            let mut keys = progress.untried_keys();
            keys.any(|key| {
                let readiness = ledger.readiness(step, key, &self.demand, now);
                readiness == Readiness::Held
                    || matches!(readiness, Readiness::Never { may_open, .. } if may_open)
            })
        });
        if is_dry && self.portion_pauses < MOST_PORTION_PAUSES {
            self.portion_pauses += 1;
            self.cursor = 0;
            return Chosen::Pause(now + PORTION_PAUSE);
        }
        if may_open && self.pauses < MOST_PAUSES {
            self.pauses += 1;
            self.cursor = 0;
            return Chosen::Pause(now + PAUSE);
        }
        match self.last_resort(route, ledger, now) {
            Some((step, key)) => Chosen::Step(step, key),
            None => Chosen::Nothing,
        }
    }

    /// The steps and what was tried of each, in the order in which they are tried.
    fn in_order<'c>(
        &'c self,
        route: &'c Route,
    ) -> impl Iterator<Item = (usize, &'c Step, &'c StepProgress)> {
        let places = 0..route.steps.len();
        places.filter_map(|place| {
            let index = self.sequence.at(place)?;
            Some((index, route.steps.get(index)?, self.steps.get(index)?))
        })
    }

    fn last_resort(&self, route: &Route, ledger: &Ledger, now: Instant) -> Option<(usize, usize)> {
        let mut best: Option<((u8, Instant), usize, usize)> = None;
        for (index, step, progress) in self.in_order(route) {
            for key in progress.untried_keys() {
                let rank = match ledger.readiness(step, key, &self.demand, now) {
                    Readiness::Ready => (0, now),
                    Readiness::Slow => (1, now),
                    Readiness::Soft { until } => (2, until),
                    Readiness::Held => (3, now),
                    Readiness::Cooling { until } => (4, until),
                    Readiness::Never { .. } | Readiness::Dry => continue,
                };
                if best.is_none_or(|(least, _, _)| rank < least) {
                    best = Some((rank, index, key));
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
            // The reports of skipped steps are made anew.
            progress.is_reported = false;
            for key in 0..progress.keys {
                let standing = ledger.standing(KeyedModel::new(step, key), now);
                let Some(cooling) = standing.filter(|cooling| cooling.stated) else {
                    continue;
                };
                let until = cooling.until;
                let is_tried = progress.tried.contains(key);
                if progress.closed || until > end || (is_tried && !is_first) {
                    continue;
                }
                progress.tried.remove(key);
                soonest = Some(soonest.map_or(until, |soonest| soonest.min(until)));
            }
        }
        if soonest.is_some() {
            self.cursor = 0;
        }
        soonest
    }

    pub fn mark_tried(&mut self, step_index: usize, key: usize) {
        if let Some(progress) = self.steps.get_mut(step_index) {
            progress.tried.add(key);
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
        let keys = if self.closed { 0 } else { self.keys };
        (0..keys).filter(|key| !self.tried.contains(*key))
    }
}
