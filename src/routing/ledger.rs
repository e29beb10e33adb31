//! The cooldown ledger: the marks on providers, keys and models, shared by all requests and routes.

use std::sync::Arc;
use std::time::Instant;

use crate::config::{Provider, Step};

use super::calls_out::Place;
use super::failure::Failure;
use super::ledger_store::{LedgerStore, TargetRecords};
use super::mark::{Cooling, Mark, Strike, strike};
use super::outcome::MarkScope;
use super::target::{Coverage, KeyedModel, key_count};
use crate::dialect::rate_limits::RemainingLimits;
use crate::quota::{Charge, Clock, Demand};

/// The knowledge about the providers of one configuration. It holds nothing for anything that is not configured, so it
/// does not grow. It must not be used with the steps of another configuration (after a reload): carry the knowledge
/// over with [`super::Snapshot`].
#[derive(Debug, Default)]
pub struct Ledger {
    pub(super) store: LedgerStore,
    /// Numbers the calls: identifies probes and tells which key rested longest.
    serial: u64,
    pub(super) clock: Clock,
    /// A line counts tokens.
    pub(super) counts_tokens: bool,
    /// A portion ran dry, or a provider has refused: other replicas are to be told at once.
    pub(super) is_thirsty: bool,
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

/// A call that has begun and whose outcome the ledger has not been told.
#[derive(Clone, Debug)]
pub(super) struct Ticket {
    pub id: u64,
    pub started: Instant,
    /// A failure is a witness against the whole provider or key.
    pub is_witness: bool,
    /// The demand that the call was charged for.
    pub demand: Demand,
    pub charge: Charge,
    /// All that had been charged to the target when the call had begun.
    pub charged: Charge,
    /// The calls of the target that were out, with this one.
    pub crowd: u32,
    /// The lines have not been told its end.
    pub is_counted: bool,
    pub waiting: Place,
    pub places: [Place; 2],
}

impl Ticket {
    /// The ticket of a call that has ended, as far as the lines are concerned.
    #[must_use]
    pub fn ended(mut self) -> Self {
        self.is_counted = false;
        self.waiting.give_back();
        self.places.iter_mut().for_each(Place::give_back);
        self
    }
}

impl TargetRecords<'_> {
    /// The place of the mark of this scope.
    fn mark(&mut self, scope: MarkScope) -> &mut Option<Mark> {
        match scope {
            MarkScope::Provider => self.provider,
            MarkScope::Model => self.of_all_keys,
            MarkScope::Key => self.own.key,
            MarkScope::KeyModel => self.own.model,
        }
    }

    /// Ends what a call may have been let through for.
    fn release(&mut self, ticket: &Ticket) {
        for mark in self.marks().into_iter().flatten() {
            mark.release(ticket.id);
        }
    }
}

impl Ledger {
    pub fn new(providers: &[Arc<Provider>]) -> Self {
        Self {
            store: LedgerStore::new(providers),
            serial: 0,
            clock: Clock::default(),
            counts_tokens: false,
            is_thirsty: false,
        }
        .with_its_units()
    }

    /// The providers, keys and models that are skipped at `now`: marked, or used up by what is counted.
    pub fn cooling(&self, now: Instant) -> impl Iterator<Item = CoolingEntry<'_>> {
        let marked = self.store.marks();
        let marked =
            marked.filter_map(move |(coverage, mark)| Some((coverage, mark.cooling(now)?)));
        marked
            .chain(self.used_up(now))
            .map(|(coverage, cooling)| CoolingEntry {
                provider: coverage.provider,
                key: coverage.key,
                model: coverage.model,
                cooling,
            })
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
        let target = self.store.target(target)?;
        let of_marks = target.cooling(now);
        let of_lines = self.limited(&target, now);
        match (of_marks, of_lines) {
            (Some(one), Some(other)) => Some(one.and(other)),
            (one, other) => one.or(other),
        }
    }

    /// The number of the target's last call, counted over all calls; zero for a target never called.
    pub(super) fn last_call(&self, target: KeyedModel<'_>) -> u64 {
        let target = self.store.target(target);
        target.map_or(0, |target| target.last_call())
    }

    /// Begins a call. Where a cooldown has passed, the call is the probe, until it ends or `until`. The standing of the
    /// target's limits before it comes back as well, in words; empty where none is known.
    pub(super) fn begin(
        &mut self,
        target: KeyedModel<'_>,
        demand: Demand,
        now: Instant,
        until: Instant,
    ) -> (Ticket, String) {
        self.serial += 1;
        let mut ticket = Ticket {
            id: self.serial,
            started: now,
            is_witness: true,
            demand,
            charge: Charge::default(),
            charged: Charge::default(),
            crowd: 0,
            is_counted: true,
            waiting: Place::default(),
            places: Default::default(),
        };
        let at = self.clock.at(now);
        let Some(mut records) = self.store.records(target) else {
            return (ticket, String::new());
        };
        ticket.waiting = records.waiting.take(now);
        *records.own.last_call = ticket.id;
        for slot in records.marks() {
            slot.take_if(|mark| mark.is_forgotten(now));
            if let Some(mark) = slot {
                mark.claim(ticket.id, until);
            }
        }
        let standing = records.quota.standing_in_words(at);
        records.quota.begin(&mut ticket, until, at);
        (ticket, standing)
    }

    /// Ends a call that says nothing about the provider.
    pub(super) fn release(&mut self, target: KeyedModel<'_>, ticket: &Ticket) {
        self.release_marks(target, ticket);
        self.release_lines(target, ticket);
    }

    /// Ends a call that was not made.
    pub(super) fn withdraw(&mut self, target: KeyedModel<'_>, ticket: &Ticket) {
        self.release_marks(target, ticket);
        self.withdraw_from_lines(target, ticket);
    }

    fn release_marks(&mut self, target: KeyedModel<'_>, ticket: &Ticket) {
        if let Some(mut records) = self.store.records(target) {
            records.release(ticket);
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
        let at = self.clock.at(now);
        let Some(mut records) = self.store.records(target) else {
            return;
        };
        records.release(ticket);
        for slot in records.marks() {
            slot.take_if(|mark| mark.set_at <= ticket.started);
        }
        records.waiting.heard(ticket.started, true, now);
        *records.provider_alive_at = Some(now);
        *records.own.alive_at = Some(now);
        records.quota.answered(ticket, &seen.windows, at);
        let mut told = seen.windows.iter();
        self.counts_tokens |= told.any(|window| window.unit.is_settled_later());
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
        let is_of_a_line = self.count_failure(step, target, ticket, failure, now);
        let widens_to = class.widens_to().filter(|_| ticket.is_witness);
        let wider = widens_to.filter(|scope| match scope {
            MarkScope::Key => self.store.has_witness_of_key(target, class, ticket.started),
            MarkScope::Provider | MarkScope::Model | MarkScope::KeyModel => {
                let store = &self.store;
                store.has_witness_in_provider(target, class, ticket.started)
            }
        });
        let Some(mut records) = self.store.records(target) else {
            return;
        };
        records.release(ticket);
        records.waiting.heard(ticket.started, false, now);
        if class.shows_life() {
            *records.provider_alive_at = Some(now);
            for slot in [&mut *records.provider, &mut *records.of_all_keys] {
                slot.take_if(|mark| mark.set_at <= ticket.started);
            }
        }
        if is_of_a_line {
            return;
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
            strike(records.mark(scope), &new);
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

    /// Forgets what keeps a model of a provider away: its marks, and what refusals taught of its limits; for all of the
    /// provider's without a model. The number of the coolings that ended so comes back. What is counted of limits that are
    /// declared or told stays.
    pub fn forgive(&mut self, provider: usize, model: Option<&str>, now: Instant) -> usize {
        let before = self.coolings_of(provider, model, now);
        let meant = self
            .marks()
            .filter(|(coverage, _)| coverage.concerns(provider, model));
        let meant: Vec<(Option<usize>, Option<String>)> = meant
            .map(|(coverage, _)| (coverage.key, coverage.model.map(str::to_owned)))
            .collect();
        for (key, model) in &meant {
            self.forget(Coverage {
                provider,
                key: *key,
                model: model.as_deref(),
            });
        }
        for (coverage, line) in self.store.all_lines_mut() {
            if coverage.concerns(provider, model) {
                line.forgive();
            }
        }
        before.saturating_sub(self.coolings_of(provider, model, now))
    }

    /// The number of the coolings of a provider's model; of all the provider's without one.
    pub fn coolings_of(&self, provider: usize, model: Option<&str>, now: Instant) -> usize {
        let entries = self.cooling(now).map(|entry| Coverage {
            provider: entry.provider,
            key: entry.key,
            model: entry.model,
        });
        entries
            .filter(|coverage| coverage.concerns(provider, model))
            .count()
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
