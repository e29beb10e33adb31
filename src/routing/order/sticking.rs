//! The steps that conversations stick to: a bounded map from their numbers.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::conversation::Fingerprint;

/// The most conversations that are remembered; then those that were silent the longest go. A map of so many takes less
/// than 384 KiB, with the room that it grows into.
const MOST: usize = 3584;

/// The part of the conversations that goes at once, so that a full map is not searched for each new one.
const LEAVING: usize = MOST / 16;

/// A step of a route, by its places in the memory of orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StepPlace {
    pub route: u16,
    pub step: u16,
}

#[derive(Clone, Copy, Debug)]
struct Stick {
    place: StepPlace,
    until: Instant,
    /// The number of its last answer among all.
    answer: u64,
}

/// The conversations and their steps.
#[derive(Clone, Debug, Default)]
pub(super) struct Sticking {
    sticks: HashMap<Fingerprint, Stick>,
    answers: u64,
}

impl Sticking {
    /// The step of a conversation; `None` for a new one, and one that was silent too long.
    pub fn step_of(&self, conversation: Fingerprint, now: Instant) -> Option<StepPlace> {
        let stick = self.sticks.get(&conversation)?;
        (stick.until > now).then_some(stick.place)
    }

    /// Has a conversation go on at the step that answered it, for a time.
    pub fn stick(
        &mut self,
        conversation: Fingerprint,
        place: StepPlace,
        span: Duration,
        now: Instant,
    ) {
        self.answers += 1;
        let stick = Stick {
            place,
            until: now + span,
            answer: self.answers,
        };
        if self.sticks.len() >= MOST && !self.sticks.contains_key(&conversation) {
            self.make_room(now);
        }
        self.sticks.insert(conversation, stick);
    }

    /// Lets go of a conversation: its step is cooling, or full.
    pub fn loosen(&mut self, conversation: Fingerprint) {
        self.sticks.remove(&conversation);
    }

    /// The conversations that stick to steps of a route now.
    pub fn count(&self, route: u16, now: Instant) -> usize {
        let sticks = self.sticks.values();
        sticks
            .filter(|stick| stick.place.route == route && stick.until > now)
            .count()
    }

    /// Moves all conversations to the places of another configuration; those without one go.
    pub fn moved(mut self, place: impl Fn(StepPlace) -> Option<StepPlace>) -> Self {
        self.sticks.retain(|_, stick| match place(stick.place) {
            Some(place) => {
                stick.place = place;
                true
            }
            None => false,
        });
        self
    }

    fn make_room(&mut self, now: Instant) {
        self.sticks.retain(|_, stick| stick.until > now);
        let Some(surplus) = (self.sticks.len() + LEAVING).checked_sub(MOST) else {
            return;
        };
        let mut answers: Vec<u64> = self.sticks.values().map(|stick| stick.answer).collect();
        if surplus < answers.len() {
            let (_, oldest_kept, _) = answers.select_nth_unstable(surplus);
            let oldest_kept = *oldest_kept;
            self.sticks.retain(|_, stick| stick.answer >= oldest_kept);
        }
    }

    /// The memory that the map takes, from above: a slot has one more byte, and the map grows by doubling (bytes).
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        let slot = size_of::<(Fingerprint, Stick)>() + 1;
        (self.sticks.capacity() * 8 / 7).next_power_of_two() * slot
    }
}
