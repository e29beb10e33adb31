//! The cooldown ledger: who is skipped, per provider, key and model, shared by all requests and routes.

use std::sync::Arc;
use std::time::Instant;

use crate::config::{Provider, Step};

use super::budget::{Budget, LIFETIME};
use super::failure::Failure;
use super::lanes::{Counts, Lanes, Place, Target, key_count};
use super::mark::{Cooling, Mark, Strike, strike};
use super::outcome::Scope;
use crate::dialect::class::Class;
use crate::dialect::rate_limits::Told;

/// What is known about the providers of one configuration. It holds nothing for anything that is not configured, so it
/// does not grow. It must not be used with the steps of another configuration (after a reload): carry the knowledge
/// over with [`super::Snapshot`].
#[derive(Debug, Default)]
pub struct Ledger {
    lanes: Lanes,
    /// Numbers the calls: identifies probes and tells which key rested longest.
    serial: u64,
}

/// Something that is cooling, for diagnostics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The place in [`crate::config::Config::providers`].
    pub provider: usize,
    /// `None`: the whole provider.
    pub key: Option<usize>,
    /// `None`: all models.
    pub model: Option<&'a str>,
    pub cooling: Cooling,
}

/// What a provider has told to be left for one of its keys and a model, as far as it is still true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota<'a> {
    /// The place in [`crate::config::Config::providers`].
    pub provider: usize,
    /// The place among the provider's keys; zero for one without keys.
    pub key: usize,
    pub model: &'a str,
    /// Calls that began since are subtracted.
    pub requests: Option<u64>,
    /// As the last answer told.
    pub tokens: Option<u64>,
}

/// A call that has begun and not yet told how it ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    id: u64,
    /// The number of the call among those to its target.
    call: u64,
    started: Instant,
}

impl Ledger {
    pub fn new(providers: &[Arc<Provider>]) -> Self {
        Self {
            lanes: Lanes::new(providers),
            serial: 0,
        }
    }

    /// Everything that is skipped at the moment: what is marked, and what is used up by the provider's own count.
    pub fn cooling(&self, now: Instant) -> impl Iterator<Item = Entry<'_>> {
        let marked = self.lanes.marks();
        let marked = marked.filter_map(move |(place, mark)| Some((place, mark.cooling(now)?)));
        let models = self.lanes.models();
        let unmarked = models.filter(move |(_, lane)| lane.marked(now).is_none());
        let used_up = unmarked.filter_map(move |(place, lane)| Some((place, lane.used_up(now)?)));
        marked.chain(used_up).map(|(place, cooling)| Entry {
            provider: place.provider,
            key: place.key,
            model: place.model,
            cooling,
        })
    }

    /// What is left where providers tell.
    pub fn quotas(&self, now: Instant) -> impl Iterator<Item = Quota<'_>> {
        let quotas = self.lanes.models().map(move |(place, lane)| Quota {
            provider: place.provider,
            key: place.key.unwrap_or_default(),
            model: &lane.model,
            requests: lane
                .counts
                .budget
                .and_then(|budget| budget.left(lane.counts.calls, now)),
            tokens: lane
                .counts
                .tokens
                .and_then(|(left, until)| (until > now).then_some(left)),
        });
        quotas.filter(|quota| quota.requests.is_some() || quota.tokens.is_some())
    }

    /// Why the step would be skipped now, by the key that is soonest usable; `None` if one is usable.
    pub fn cooling_of(&self, step: &Step, now: Instant) -> Option<Cooling> {
        let mut soonest: Option<Cooling> = None;
        for key in 0..key_count(&step.provider) {
            let cooling = self.standing(Target::new(step, key), now)?;
            if soonest.is_none_or(|soonest| cooling.until < soonest.until) {
                soonest = Some(cooling);
            }
        }
        soonest
    }

    /// Why the target is skipped; `None` if it is usable.
    pub(super) fn standing(&self, target: Target<'_>, now: Instant) -> Option<Cooling> {
        let of_marks = self
            .lanes
            .marks_of(target)
            .filter_map(|mark| mark.cooling(now));
        let model = self.lanes.model(target);
        let of_budget = model.and_then(|model| model.used_up(now));
        of_marks.chain(of_budget).reduce(Cooling::and)
    }

    /// When the target was last called, as a number that only grows; zero for never.
    pub(super) fn last_call(&self, target: Target<'_>) -> u64 {
        self.lanes.model(target).map_or(0, |model| model.last_call)
    }

    /// A call begins. Where a cooldown has passed it is the probe, until it ends or `until`.
    pub(super) fn begin(&mut self, target: Target<'_>, now: Instant, until: Instant) -> Ticket {
        self.serial += 1;
        let mut ticket = Ticket {
            id: self.serial,
            call: 0,
            started: now,
        };
        let Some(slots) = self.lanes.slots(target) else {
            return ticket;
        };
        let model = &mut *slots.model;
        let counts = &mut model.counts;
        counts.budget = counts
            .budget
            .and_then(|budget| budget.renewed(counts.calls, now));
        counts.calls += 1;
        model.last_call = ticket.id;
        ticket.call = counts.calls;
        for slot in slots.marks() {
            slot.take_if(|mark| mark.is_forgotten(now));
            if let Some(mark) = slot {
                mark.claim(ticket.id, until);
            }
        }
        ticket
    }

    /// The call ended without telling anything.
    pub(super) fn release(&mut self, target: Target<'_>, ticket: &Ticket) {
        let Some(slots) = self.lanes.slots(target) else {
            return;
        };
        for mark in slots.marks().into_iter().flatten() {
            mark.release(ticket.id);
        }
    }

    /// The call was answered: marks from before it began are refuted, younger ones stay.
    pub(super) fn succeed(
        &mut self,
        target: Target<'_>,
        ticket: &Ticket,
        told: &Told,
        now: Instant,
    ) {
        self.release(target, ticket);
        if let Some(slots) = self.lanes.slots(target) {
            for slot in slots.marks() {
                slot.take_if(|mark| mark.set_at <= ticket.started);
            }
        }
        let Some(slots) = self.lanes.slots(target) else {
            return;
        };
        let model = slots.model;
        let counts = &mut model.counts;
        counts.budget = Budget::after(counts.budget, told, ticket.call, now);
        if let Some(left) = told.remaining_tokens {
            counts.tokens = Some((left, now + told.tokens_reset_in.unwrap_or(LIFETIME)));
        }
        if let Some(span) = told.exhausted_for {
            let nothing_left = || Mark::new(Class::RateLimited, 0, now);
            model.mark.get_or_insert_with(nothing_left).state(span, now);
        }
    }

    /// The call failed.
    pub(super) fn fail(
        &mut self,
        step: &Step,
        key: usize,
        ticket: &Ticket,
        failure: &Failure,
        now: Instant,
    ) {
        let target = Target::new(step, key);
        self.release(target, ticket);
        let Some(slots) = self.lanes.slots(target) else {
            return;
        };
        if failure.class.shows_life() {
            slots.provider.take_if(|mark| mark.set_at <= ticket.started);
        }
        let Some(cooldown) = failure.class.cooldown() else {
            return;
        };
        let slot = match cooldown.scope {
            Scope::Provider => slots.provider,
            Scope::Key => slots.key,
            Scope::KeyModel => {
                // The count was wrong, or others use the key too.
                slots.model.counts.budget = None;
                &mut slots.model.mark
            }
        };
        let new = Strike {
            class: failure.class,
            started: ticket.started,
            now,
            stated: failure.stated.filter(|_| cooldown.heeds_stated),
            guess: cooldown.guess,
            base: step.cooldown,
            private: step.provider.private,
        };
        strike(slot, &new);
    }

    /// What is known to be left, of the keys and models of which anything was told.
    pub(super) fn counts(&self) -> impl Iterator<Item = (Place<'_>, Counts)> {
        let told = self.lanes.models();
        let told = told.map(|(place, lane)| (place, lane.counts));
        told.filter(|(_, counts)| counts.budget.is_some() || counts.tokens.is_some())
    }

    /// Takes over what is left from the ledger of another configuration.
    pub(super) fn restore_counts(&mut self, place: Place<'_>, counts: Counts) {
        if let (Some(key), Some(model)) = (place.key, place.model)
            && let Some(slots) = self.lanes.slots(Target {
                provider: place.provider,
                key,
                model,
            })
        {
            slots.model.counts = counts;
        }
    }

    pub(super) fn marks(&self) -> impl Iterator<Item = (Place<'_>, &Mark)> {
        self.lanes.marks()
    }

    /// Puts a mark from before a restart in its place.
    pub(super) fn restore(&mut self, place: Place<'_>, mark: Mark) {
        if let Some(slot) = self.lanes.slot(place) {
            *slot = Some(mark);
        }
    }
}
