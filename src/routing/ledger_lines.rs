//! The ledger's lines: what is counted of each call, and what that says of the next one.

use std::time::{Duration, Instant, SystemTime};

use crate::config::Step;

use super::failure::Failure;
use super::ledger::{Ledger, Ticket};
use super::ledger_store::{Coverage, KeyedModel, Skips, key_count};
use super::mark::{Cooling, guesses};
use crate::dialect::class::Class;
use crate::dialect::rate_limits::ToldWindow;
use crate::dialect::waits::LONGEST;
use crate::limits::Unit;
use crate::quota::{
    Charge, Coming, Crowd, Demand, Guesses, Line, LineReport, RefusedCall, Source, Standing,
};

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
    /// Reads the wall clock, where the last reading is old. Days and months go by it.
    pub fn keep_time(&mut self, now: Instant, wall: impl FnOnce() -> SystemTime) {
        self.clock.keep(now, wall);
    }

    /// Whether anything depends on how many tokens a request takes.
    pub fn counts_tokens(&self) -> bool {
        self.counts_tokens
    }

    /// The same ledger, which knows what its lines count.
    #[must_use]
    pub(super) fn with_its_units(mut self) -> Self {
        let mut lines = self.store.all_lines();
        self.counts_tokens = lines.any(|(_, line, _)| line.unit.is_settled_later());
        drop(lines);
        self
    }

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
            let account = self.store.account(KeyedModel::new(step, key));
            let (lines, _) = self.store.lines(account)?;
            lines.share_left(at)
        };
        let known: Vec<f32> = (0..keys).filter_map(of_key).collect();
        let unknown = (keys - known.len()) as f32;
        (!known.is_empty()).then(|| (known.iter().sum::<f32>() + unknown) / keys as f32)
    }

    /// The standing of the line that has the smallest share left, of a step with a key, in words; empty where no limit is
    /// known.
    pub(super) fn standing_in_words(&self, target: KeyedModel<'_>, now: Instant) -> String {
        let Some((lines, calls)) = self.store.lines(self.store.account(target)) else {
            return String::new();
        };
        let at = self.clock.at(now);
        let shares = lines.all().filter_map(|(line, is_own)| {
            let left = line.share_left(at)?;
            Some((line, is_own, left))
        });
        let least = shares.min_by(|(.., one), (.., other)| one.total_cmp(other));
        let words = least.and_then(|(line, is_own, _)| {
            LineReport::of(line, is_own, calls.crowd(), at).in_words()
        });
        words.unwrap_or_default()
    }

    /// The readiness of a step with a key for a request.
    pub(super) fn readiness(
        &self,
        step: &Step,
        key: usize,
        demand: &Demand,
        now: Instant,
    ) -> Readiness {
        let target = KeyedModel::new(step, key);
        let marked = self.marked(target, now);
        let waiting = self.store.waiting(target);
        let is_silent = waiting.is_some_and(|calls| calls.are_silent(step.timeout, now));
        let never = |may_open, is_closed| Readiness::Never {
            may_open,
            is_closed,
        };
        if marked.is_some_and(|cooling| cooling.stated) {
            return never(false, false);
        }
        match self.quota_standing(target, Some(demand), now).0 {
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
    pub(super) fn limited(&self, target: KeyedModel<'_>, now: Instant) -> Option<Cooling> {
        let (standing, _) = self.quota_standing(target, None, now);
        cooling_by(standing, now)
    }

    /// The line that keeps a step away, by its key that is usable soonest, and the cooling that it means; `None` where none
    /// does, or a mark does as well.
    pub fn limit_of(&self, step: &Step, now: Instant) -> Option<(Cooling, LineReport)> {
        let at = self.clock.at(now);
        let mut soonest: Option<(Cooling, LineReport)> = None;
        for key in 0..key_count(&step.provider) {
            let target = KeyedModel::new(step, key);
            if self.marked(target, now).is_some() {
                return None;
            }
            let (standing, line) = self.quota_standing(target, None, now);
            let cooling = cooling_by(standing, now)?;
            let (line, is_own, crowd) = line?;
            if soonest.is_none_or(|(soonest, _)| cooling.until < soonest.until) {
                soonest = Some((cooling, LineReport::of(line, is_own, crowd, at)));
            }
        }
        soonest
    }

    /// Counts that a step was skipped because of a line.
    pub(super) fn count_skip(&mut self, step: &Step, line: &LineReport) {
        let account = self.store.account(KeyedModel::new(step, 0));
        let Some(target) = self.store.lines_mut(account) else {
            return;
        };
        let skips = target.skips;
        let reason = match line.limit {
            _ if line.unit == Unit::Concurrent => &mut skips.concurrent,
            Some((_, Source::Declared)) => &mut skips.declared,
            Some((_, Source::Told)) => &mut skips.told,
            Some((_, Source::Learned)) | None => &mut skips.learned,
        };
        *reason += 1;
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

    /// Counts a call that begins.
    pub(super) fn count(&mut self, target: KeyedModel<'_>, ticket: &mut Ticket, until: Instant) {
        let at = self.clock.at(ticket.started);
        let account = self.store.account(target);
        let Some(mut quota) = self.store.lines_mut(account) else {
            return;
        };
        let quotas = &quota.settings.quotas;
        let counts_requests = |lines: &[Line]| lines.iter().any(|line| line.unit == Unit::Requests);
        if quotas.learns
            && !counts_requests(quota.lines.of_account)
            && !counts_requests(quota.lines.own)
        {
            let line = Line::found(Unit::Requests, None, quotas.day_resets);
            quota
                .lines
                .own
                .push(line.charged_so_far(quota.charged.requests));
        }
        let coming = Coming {
            charge: quota.estimate.charge(&ticket.demand),
            reserve: match quotas.reserves_tokens {
                true => quota.estimate.reserve(&ticket.demand),
                false => Charge::default(),
            },
            crowd: quota.crowd(),
            at,
        };
        quota.lines.begin(ticket.id, ticket.started, until, &coming);
        ticket.charge = coming.charge;
        *quota.charged = quota.charged.plus(coming.charge);
        ticket.charged = *quota.charged;
        ticket.places = [quota.of_account.take(at.now), quota.own.take(at.now)];
        ticket.crowd = quota.own.count();
    }

    /// Counts the answer to a call, whose headers told of these windows.
    pub(super) fn count_answer(
        &mut self,
        target: KeyedModel<'_>,
        ticket: &Ticket,
        told: &[ToldWindow],
        now: Instant,
    ) {
        let at = self.clock.at(now);
        let account = self.store.account(target);
        let Some(mut quota) = self.store.lines_mut(account) else {
            return;
        };
        let lines = &mut quota.lines;
        lines.succeeded(ticket.id, ticket.started, ticket.charge, at);
        let zone = quota.settings.quotas.day_resets;
        lines.tell(told, ticket.charged, *quota.charged, zone, now);
        self.counts_tokens |= told.iter().any(|window| window.unit.is_settled_later());
        *quota.peak = (*quota.peak).max(ticket.crowd);
    }

    /// Counts what an answer took.
    pub(super) fn settle(
        &mut self,
        target: KeyedModel<'_>,
        ticket: &Ticket,
        input: Option<u64>,
        output: Option<u64>,
    ) {
        let account = self.store.account(target);
        let Some(mut quota) = self.store.lines_mut(account) else {
            return;
        };
        quota.estimate.learn(&ticket.demand, input, output);
        let took = Charge {
            requests: 1,
            input: input.unwrap_or(ticket.charge.input),
            output: output.unwrap_or(ticket.charge.output),
        };
        let lines = &mut quota.lines;
        lines.settle(ticket.id, ticket.started, ticket.charge, took);
    }

    /// Counts a failure, and tells whether it is a line's business: then it leaves no mark.
    pub(super) fn count_failure(
        &mut self,
        step: &Step,
        target: KeyedModel<'_>,
        ticket: &Ticket,
        failure: &Failure,
        now: Instant,
    ) -> bool {
        let is_of_a_line = step.provider.quotas.learns
            && !failure.of_this_request
            && match failure.class {
                Class::RateLimited => true,
                // The quota of a day comes back by itself, a bill does not.
                Class::QuotaExhausted => failure.limit.is_some(),
                _ => false,
            };
        if is_of_a_line {
            self.refuse_line(step, target, ticket, failure, now);
        } else if matches!(
            failure.class,
            Class::RateLimited | Class::Unreachable | Class::ServerError
        ) {
            self.withdraw_from_lines(target, ticket);
        } else {
            self.release_lines(target, ticket);
        }
        is_of_a_line
    }

    fn refuse_line(
        &mut self,
        step: &Step,
        target: KeyedModel<'_>,
        ticket: &Ticket,
        failure: &Failure,
        now: Instant,
    ) {
        let at = self.clock.at(now);
        let account = self.store.account(target);
        let Some(mut quota) = self.store.lines_mut(account) else {
            return;
        };
        let said = failure.limit.as_deref();
        let usual = guesses(step.provider.private);
        let guesses = Guesses {
            base: step.cooldown.unwrap_or(usual.base).min(LONGEST),
            ..usual
        };
        let refused = RefusedCall {
            id: ticket.id,
            started: ticket.started,
            charge: ticket.charge,
            charged: ticket.charged,
            named: said.map(|said| said.named).unwrap_or_default(),
            told: said.map_or(&[], |said| &said.told),
            wait: failure.stated,
            exactness: said.map_or(Duration::ZERO, |said| said.exactness),
            guesses: (step.cooldown != Some(Duration::ZERO)).then_some(guesses),
            zone: quota.settings.quotas.day_resets,
        };
        quota.lines.refused(&refused, *quota.charged, at);
        self.is_thirsty = self.clock.shared().is_some();
        let named = refused.named.unit.into_iter();
        let mut units = named.chain(refused.told.iter().map(|window| window.unit));
        // It may be tokens that a refusal without a name is about.
        self.counts_tokens |= refused.named.unit.is_none() || units.any(Unit::is_settled_later);
    }

    pub(super) fn release_lines(&mut self, target: KeyedModel<'_>, ticket: &Ticket) {
        let account = self.store.account(target);
        if ticket.is_counted
            && let Some(mut quota) = self.store.lines_mut(account)
        {
            let lines = &mut quota.lines;
            lines.release(ticket.id, ticket.started, ticket.charge);
        }
    }

    pub(super) fn withdraw_from_lines(&mut self, target: KeyedModel<'_>, ticket: &Ticket) {
        let account = self.store.account(target);
        if ticket.is_counted
            && let Some(mut quota) = self.store.lines_mut(account)
        {
            let lines = &mut quota.lines;
            lines.withdraw(ticket.id, ticket.started, ticket.charge);
        }
    }

    /// The standing of a target's lines for a demand, or for a request without tokens; and the line that decides.
    fn quota_standing(
        &self,
        target: KeyedModel<'_>,
        demand: Option<&Demand>,
        now: Instant,
    ) -> (Standing, Option<(&Line, bool, Crowd)>) {
        let account = self.store.account(target);
        let Some((lines, calls)) = self.store.lines(account) else {
            return (Standing::Open, None);
        };
        let settings = self.store.settings(target);
        let reserves = settings.is_some_and(|provider| provider.quotas.reserves_tokens);
        let least = Charge {
            requests: 1,
            input: 1,
            output: 0,
        };
        let coming = Coming {
            charge: demand.map_or(least, |demand| calls.estimate().charge(demand)),
            reserve: match demand {
                Some(demand) if reserves => calls.estimate().reserve(demand),
                _ => Charge::default(),
            },
            crowd: calls.crowd(),
            at: self.clock.at(now),
        };
        let (standing, line) = lines.standing(&coming);
        let line = line.map(|(line, is_own)| (line, is_own, coming.crowd));
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
