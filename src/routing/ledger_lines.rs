//! The ledger's lines: what is counted of each call, and what that says of the next one.

use std::time::{Duration, Instant, SystemTime};

use crate::config::Step;

use super::failure::Failure;
use super::ledger::{Ledger, Ticket};
use super::ledger_store::TargetQuota;
use super::mark::guesses;
use super::target::KeyedModel;
use crate::dialect::class::Class;
use crate::dialect::rate_limits::ToldWindow;
use crate::dialect::waits::LONGEST;
use crate::limits::Unit;
use crate::quota::{Charge, Coming, Guesses, Line, LineReport, Moment, RefusedCall, Source};

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

    /// Counts that a step was skipped because of a line.
    pub(super) fn count_skip(&mut self, step: &Step, line: &LineReport) {
        let Some(quota) = self.store.quota(KeyedModel::new(step, 0)) else {
            return;
        };
        let skips = quota.skips;
        let reason = match line.limit {
            _ if line.unit == Unit::Concurrent => &mut skips.concurrent,
            Some((_, Source::Declared)) => &mut skips.declared,
            Some((_, Source::Told)) => &mut skips.told,
            Some((_, Source::Learned)) | None => &mut skips.learned,
        };
        *reason += 1;
    }

    /// Counts what an answer took.
    pub(super) fn settle(
        &mut self,
        target: KeyedModel<'_>,
        ticket: &Ticket,
        input: Option<u64>,
        output: Option<u64>,
    ) {
        let Some(mut quota) = self.store.quota(target) else {
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
        let Some(mut quota) = self.store.quota(target) else {
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
        if ticket.is_counted
            && let Some(mut quota) = self.store.quota(target)
        {
            let lines = &mut quota.lines;
            lines.release(ticket.id, ticket.started, ticket.charge);
        }
    }

    pub(super) fn withdraw_from_lines(&mut self, target: KeyedModel<'_>, ticket: &Ticket) {
        if ticket.is_counted
            && let Some(mut quota) = self.store.quota(target)
        {
            let lines = &mut quota.lines;
            lines.withdraw(ticket.id, ticket.started, ticket.charge);
        }
    }
}

impl TargetQuota<'_> {
    /// Counts a call that begins.
    pub(super) fn begin(&mut self, ticket: &mut Ticket, until: Instant, at: Moment) {
        let quotas = &self.settings.quotas;
        let counts_requests = |lines: &[Line]| lines.iter().any(|line| line.unit == Unit::Requests);
        if quotas.learns
            && !counts_requests(self.lines.of_account)
            && !counts_requests(self.lines.own)
        {
            let line = Line::found(Unit::Requests, None, quotas.day_resets);
            let line = line.charged_so_far(self.charged.requests);
            self.lines.own.push(line);
        }
        let coming = Coming {
            charge: self.estimate.charge(&ticket.demand),
            reserve: match quotas.reserves_tokens {
                true => self.estimate.reserve(&ticket.demand),
                false => Charge::default(),
            },
            crowd: self.crowd(),
            at,
        };
        self.lines.begin(ticket.id, ticket.started, until, &coming);
        ticket.charge = coming.charge;
        *self.charged = self.charged.plus(coming.charge);
        ticket.charged = *self.charged;
        ticket.places = [self.of_account.take(at.now), self.own.take(at.now)];
        ticket.crowd = self.own.count();
    }

    /// Counts the answer to a call, whose headers told of these windows.
    pub(super) fn answered(&mut self, ticket: &Ticket, told: &[ToldWindow], at: Moment) {
        let lines = &mut self.lines;
        lines.succeeded(ticket.id, ticket.started, ticket.charge, at);
        let zone = self.settings.quotas.day_resets;
        lines.tell(told, ticket.charged, *self.charged, zone, at.now);
        *self.peak = (*self.peak).max(ticket.crowd);
    }
}
