//! The cooldown ledger: the marks on providers, keys and models, shared by all requests and routes.

use std::sync::Arc;
use std::time::Instant;

use crate::config::{Provider, Step};

use super::calls_left::{CallsLeft, LIFETIME};
use super::failure::Failure;
use super::ledger_store::{Coverage, KeyedModel, KnownLimits, LedgerStore, key_count};
use super::mark::{Cooling, Mark, Strike, strike};
use super::outcome::MarkScope;
use crate::dialect::class::Class;
use crate::dialect::rate_limits::RemainingLimits;

/// The knowledge about the providers of one configuration. It holds nothing for anything that is not configured, so it
/// does not grow. It must not be used with the steps of another configuration (after a reload): carry the knowledge
/// over with [`super::Snapshot`].
#[derive(Debug, Default)]
pub struct Ledger {
    store: LedgerStore,
    /// Numbers the calls: identifies probes and tells which key rested longest.
    serial: u64,
}

/// A provider, key or model that is cooling, for diagnostics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoolingEntry<'a> {
    /// The index in [`crate::config::Config::providers`].
    pub provider: usize,
    /// `None`: the whole provider.
    pub key: Option<usize>,
    /// `None`: all models.
    pub model: Option<&'a str>,
    pub cooling: Cooling,
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
    /// The tokens left by the last answer's word.
    pub tokens: Option<u64>,
}

/// A call that has begun and whose outcome the ledger has not been told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    id: u64,
    /// The call's number among those to its target.
    call: u64,
    started: Instant,
    /// A failure is a witness against the whole provider or key.
    pub is_witness: bool,
}

impl Ledger {
    pub fn new(providers: &[Arc<Provider>]) -> Self {
        Self {
            store: LedgerStore::new(providers),
            serial: 0,
        }
    }

    /// The providers, keys and models that are skipped at `now`: marked, or used up by the provider's own count.
    pub fn cooling(&self, now: Instant) -> impl Iterator<Item = CoolingEntry<'_>> {
        let marked = self.store.marks();
        let marked =
            marked.filter_map(move |(coverage, mark)| Some((coverage, mark.cooling(now)?)));
        let models = self.store.models();
        let unmarked = models.filter(move |(_, record)| record.marked(now).is_none());
        let used_up =
            unmarked.filter_map(move |(coverage, record)| Some((coverage, record.used_up(now)?)));
        marked
            .chain(used_up)
            .map(|(coverage, cooling)| CoolingEntry {
                provider: coverage.provider,
                key: coverage.key,
                model: coverage.model,
                cooling,
            })
    }

    /// The remaining requests and tokens, of the keys and models whose provider tells.
    pub fn quotas(&self, now: Instant) -> impl Iterator<Item = RemainingQuota<'_>> {
        let quotas = self
            .store
            .models()
            .map(move |(coverage, record)| RemainingQuota {
                provider: coverage.provider,
                key: coverage.key.unwrap_or_default(),
                model: &record.model,
                requests: record
                    .limits
                    .budget
                    .and_then(|budget| budget.left(record.limits.calls, now)),
                tokens: record
                    .limits
                    .tokens
                    .and_then(|(left, until)| (until > now).then_some(left)),
            });
        quotas.filter(|quota| quota.requests.is_some() || quota.tokens.is_some())
    }

    /// The cooling of a step, by its key that is usable soonest; `None` if a key is usable now.
    pub fn cooling_of(&self, step: &Step, now: Instant) -> Option<Cooling> {
        let mut soonest: Option<Cooling> = None;
        for key in 0..key_count(&step.provider) {
            let cooling = self.standing(KeyedModel::new(step, key), now)?;
            if soonest.is_none_or(|soonest| cooling.until < soonest.until) {
                soonest = Some(cooling);
            }
        }
        soonest
    }

    /// The cooling of a target; `None` if it is usable.
    pub(super) fn standing(&self, target: KeyedModel<'_>, now: Instant) -> Option<Cooling> {
        let of_marks = self
            .store
            .marks_of(target)
            .filter_map(|mark| mark.cooling(now));
        let model = self.store.model(target);
        let of_budget = model.and_then(|model| model.used_up(now));
        of_marks.chain(of_budget).reduce(Cooling::and)
    }

    /// The number of the target's last call, counted over all calls; zero for a target never called.
    pub(super) fn last_call(&self, target: KeyedModel<'_>) -> u64 {
        self.store.model(target).map_or(0, |model| model.last_call)
    }

    /// Begins a call. Where a cooldown has passed, the call is the probe, until it ends or `until`.
    pub(super) fn begin(&mut self, target: KeyedModel<'_>, now: Instant, until: Instant) -> Ticket {
        self.serial += 1;
        let mut ticket = Ticket {
            id: self.serial,
            call: 0,
            started: now,
            is_witness: true,
        };
        let Some(records) = self.store.records(target) else {
            return ticket;
        };
        let model = &mut *records.model;
        let limits = &mut model.limits;
        limits.budget = limits
            .budget
            .and_then(|budget| budget.renewed(limits.calls, now));
        limits.calls += 1;
        model.last_call = ticket.id;
        ticket.call = limits.calls;
        for slot in records.marks() {
            slot.take_if(|mark| mark.is_forgotten(now));
            if let Some(mark) = slot {
                mark.claim(ticket.id, until);
            }
        }
        ticket
    }

    /// Ends a call that says nothing about the provider.
    pub(super) fn release(&mut self, target: KeyedModel<'_>, ticket: &Ticket) {
        let Some(records) = self.store.records(target) else {
            return;
        };
        for mark in records.marks().into_iter().flatten() {
            mark.release(ticket.id);
        }
    }

    /// Ends a call that was answered: marks from before it began are refuted, younger ones stay.
    pub(super) fn succeed(
        &mut self,
        target: KeyedModel<'_>,
        ticket: &Ticket,
        seen: &RemainingLimits,
        now: Instant,
    ) {
        self.release(target, ticket);
        if let Some(records) = self.store.records(target) {
            *records.provider_alive_at = Some(now);
            *records.key_alive_at = Some(now);
            for slot in records.marks() {
                slot.take_if(|mark| mark.set_at <= ticket.started);
            }
        }
        let Some(records) = self.store.records(target) else {
            return;
        };
        let model = records.model;
        let limits = &mut model.limits;
        limits.budget = CallsLeft::after(limits.budget, seen, ticket.call, now);
        if let Some(left) = seen.remaining_tokens {
            limits.tokens = Some((left, now + seen.tokens_reset_in.unwrap_or(LIFETIME)));
        }
        if let Some(span) = seen.exhausted_for {
            let nothing_left = || Mark::new(Class::RateLimited, 0, now);
            model.mark.get_or_insert_with(nothing_left).state(span, now);
        }
    }

    /// Ends a call that failed, with the mark that its class asks for.
    pub(super) fn fail(
        &mut self,
        step: &Step,
        key: usize,
        ticket: &Ticket,
        failure: &Failure,
        now: Instant,
    ) {
        let target = KeyedModel::new(step, key);
        let class = failure.class;
        self.release(target, ticket);
        let widens_to = class.widens_to().filter(|_| ticket.is_witness);
        let wider = widens_to.filter(|scope| match scope {
            MarkScope::Key => self.store.has_witness_of_key(target, class, ticket.started),
            MarkScope::Provider | MarkScope::Model | MarkScope::KeyModel => {
                let store = &self.store;
                store.has_witness_in_provider(target, class, ticket.started)
            }
        });
        let Some(records) = self.store.records(target) else {
            return;
        };
        if class.shows_life() {
            *records.provider_alive_at = Some(now);
            for slot in [records.provider, records.of_all_keys] {
                slot.take_if(|mark| mark.set_at <= ticket.started);
            }
        }
        let Some(cooldown) = class.cooldown().filter(|_| !failure.of_this_request) else {
            return;
        };
        let new = Strike {
            class,
            started: ticket.started,
            now,
            stated: failure.stated.filter(|_| cooldown.heeds_stated),
            guess: cooldown.guess,
            base: step.cooldown,
            private: step.provider.private,
            is_witness: ticket.is_witness,
        };
        for scope in [Some(cooldown.scope), wider].into_iter().flatten() {
            if let Some(slot) = self.slot(target, scope) {
                strike(slot, &new);
            }
        }
    }

    /// The place of a target's mark of this scope.
    fn slot(&mut self, target: KeyedModel<'_>, scope: MarkScope) -> Option<&mut Option<Mark>> {
        let records = self.store.records(target)?;
        Some(match scope {
            MarkScope::Provider => records.provider,
            MarkScope::Model => records.of_all_keys,
            MarkScope::Key => records.key,
            MarkScope::KeyModel => {
                // The count was wrong, or others use the key too.
                records.model.limits.budget = None;
                &mut records.model.mark
            }
        })
    }

    /// The known limits, of the keys and models whose provider has told any.
    pub(super) fn limits(&self) -> impl Iterator<Item = (Coverage<'_>, KnownLimits)> {
        let models = self.store.models();
        let known = models.map(|(coverage, record)| (coverage, record.limits));
        known.filter(|(_, limits)| limits.budget.is_some() || limits.tokens.is_some())
    }

    /// Takes over known limits from the ledger of another configuration.
    pub(super) fn restore_limits(&mut self, coverage: Coverage<'_>, limits: KnownLimits) {
        if let (Some(key), Some(model)) = (coverage.key, coverage.model)
            && let Some(records) = self.store.records(KeyedModel {
                provider: coverage.provider,
                key,
                model,
            })
        {
            records.model.limits = limits;
        }
    }

    pub(super) fn marks(&self) -> impl Iterator<Item = (Coverage<'_>, &Mark)> {
        self.store.marks()
    }

    /// The mark of a provider, key or model; `None` without one.
    pub(super) fn mark(&self, coverage: Coverage<'_>) -> Option<&Mark> {
        let mut marks = self.store.marks();
        marks
            .find(|(known, _)| *known == coverage)
            .map(|(_, mark)| mark)
    }

    /// Drops a mark.
    pub(super) fn forget(&mut self, coverage: Coverage<'_>) {
        if let Some(slot) = self.store.slot(coverage) {
            *slot = None;
        }
    }

    /// Puts back a mark from before a restart.
    pub(super) fn restore(&mut self, coverage: Coverage<'_>, mark: Mark) {
        if let Some(slot) = self.store.slot(coverage) {
            *slot = Some(mark);
        }
    }
}
