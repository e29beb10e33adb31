//! The readiness of a target for a request, by its marks and its lines.

use std::time::Instant;

use crate::config::Step;
use crate::dialect::class::Class;
use crate::quota::{Charge, Coming, Crowd, Demand, Line, LineReport, Standing};

use super::ledger::Ledger;
use super::ledger_store::TargetView;
use super::mark::Cooling;
use super::target::{Coverage, KeyedModel, key_count};

/// The readiness of a target for a request: the pass of the walk that takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    /// The first pass.
    Ready,
    /// Too many calls of an unknown limit are out.
    Slow,
    /// A guess of a limit says no.
    Soft { until: Instant },
    /// Another request finds out whether a limit holds.
    Held,
    /// A guess of an outage says no, or the provider is silent.
    Cooling { until: Instant },
    /// The portion of this replica is spent.
    Dry,
    /// Never called. A place may become free in a moment.
    Never { may_open: bool, is_closed: bool },
}

impl Ledger {
    /// The readiness of a step with a key for a request.
    pub(super) fn readiness(
        &self,
        step: &Step,
        key: usize,
        demand: &Demand,
        now: Instant,
    ) -> Readiness {
        let Some(target) = self.store.target(KeyedModel::new(step, key)) else {
            return Readiness::Ready;
        };
        let marked = target.cooling(now);
        let is_silent = target.waiting.are_silent(step.timeout, now);
        let never = |may_open, is_closed| Readiness::Never {
            may_open,
            is_closed,
        };
        if marked.is_some_and(|cooling| cooling.stated) {
            return never(false, false);
        }
        match self.quota_standing(&target, Some(demand), now).0 {
            Standing::Firm { .. } => never(false, false),
            Standing::Soft { from, .. } if now < from => never(false, false),
            Standing::Held { is_full: true } => never(true, false),
            Standing::Closed => never(true, true),
            Standing::Dry => Readiness::Dry,
            _ if marked.is_some() || is_silent => Readiness::Cooling {
                until: marked.map_or(now, |cooling| cooling.until.max(now)),
            },
            Standing::Held { is_full: false } => Readiness::Held,
            Standing::Soft { until, .. } => Readiness::Soft { until },
            Standing::Slow => Readiness::Slow,
            Standing::Open | Standing::Probe => Readiness::Ready,
        }
    }

    /// The cooling of a target by its lines; `None` if they let a call through.
    pub(super) fn limited(&self, target: &TargetView<'_>, now: Instant) -> Option<Cooling> {
        let (standing, _) = self.quota_standing(target, None, now);
        cooling_by(standing, now)
    }

    /// The line that keeps a step away, by its key that is usable soonest, and the cooling that it means; `None` where none
    /// does, or a mark does as well.
    pub fn limit_of(&self, step: &Step, now: Instant) -> Option<(Cooling, LineReport)> {
        let at = self.clock.at(now);
        let mut soonest: Option<(Cooling, LineReport)> = None;
        for key in 0..key_count(&step.provider) {
            let target = self.store.target(KeyedModel::new(step, key))?;
            if target.cooling(now).is_some() {
                return None;
            }
            let (standing, line) = self.quota_standing(&target, None, now);
            let cooling = cooling_by(standing, now)?;
            let (line, is_own, crowd) = line?;
            if soonest.is_none_or(|(soonest, _)| cooling.until < soonest.until) {
                let report = LineReport::standing_so(standing, line, is_own, crowd, at);
                soonest = Some((cooling, report));
            }
        }
        soonest
    }

    /// The lines that keep calls away, each with its coverage.
    pub(super) fn used_up(&self, now: Instant) -> impl Iterator<Item = (Coverage<'_>, Cooling)> {
        let at = self.clock.at(now);
        self.store
            .all_lines()
            .filter_map(move |(coverage, line, crowd)| {
                let report = LineReport::of(line, coverage.model.is_some(), crowd, at);
                Some((coverage, cooling_by(report.standing, now)?))
            })
    }

    /// The standing of a target's lines for a demand, or for a request without tokens; and the line that decides.
    fn quota_standing<'a>(
        &self,
        target: &TargetView<'a>,
        demand: Option<&Demand>,
        now: Instant,
    ) -> (Standing, Option<(&'a Line, bool, Crowd)>) {
        let Some(lines) = target.lines() else {
            return (Standing::Open, None);
        };
        let crowd = target.crowd();
        if lines.are_open_to(crowd) {
            return (Standing::Open, None);
        }
        let reserves = target.settings.quotas.reserves_tokens;
        let estimate = target.estimate();
        let least = Charge {
            requests: 1,
            input: 1,
            output: 0,
        };
        let coming = Coming {
            charge: demand.map_or(least, |demand| estimate.charge(demand)),
            reserve: match demand {
                Some(demand) if reserves => estimate.reserve(demand),
                _ => Charge::default(),
            },
            crowd,
            at: self.clock.at(now),
        };
        let (standing, line) = lines.standing(&coming);
        let line = line.map(|(line, is_own)| (line, is_own, crowd));
        (standing, line)
    }
}

/// The cooling that a standing means; `None` where a call is let through.
fn cooling_by(standing: Standing, now: Instant) -> Option<Cooling> {
    let (until, stated) = match standing {
        Standing::Open | Standing::Probe | Standing::Slow => return None,
        Standing::Soft { until, .. } => (until, false),
        Standing::Held { .. } | Standing::Closed | Standing::Dry => (now, false),
        Standing::Firm { until } => (until, true),
    };
    Some(Cooling {
        until,
        stated,
        class: Class::RateLimited,
    })
}
