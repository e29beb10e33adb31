//! When the front has to look at a connection again, although nothing arrives.

use std::collections::BTreeSet;
use std::time::Instant;

/// What the front waits for on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The first byte of a new connection.
    Fresh,
    /// The next request of a kept one.
    Idle,
    /// The rest of a head.
    Head,
    /// The client's end, after an answer that closes.
    Closing,
}

/// The deadlines of all connections that the front holds, each by its phase. All operations are logarithmic.
#[derive(Default)]
pub(super) struct Deadlines {
    fresh: BTreeSet<(Instant, usize)>,
    idle: BTreeSet<(Instant, usize)>,
    head: BTreeSet<(Instant, usize)>,
    closing: BTreeSet<(Instant, usize)>,
}

impl Deadlines {
    pub fn insert(&mut self, phase: Phase, deadline: Instant, id: usize) {
        self.of_mut(phase).insert((deadline, id));
    }

    pub fn remove(&mut self, phase: Phase, deadline: Instant, id: usize) {
        self.of_mut(phase).remove(&(deadline, id));
    }

    /// The soonest deadline.
    pub fn next(&self) -> Option<Instant> {
        let firsts = [&self.fresh, &self.idle, &self.head, &self.closing].map(BTreeSet::first);
        firsts
            .into_iter()
            .flatten()
            .map(|(deadline, _)| *deadline)
            .min()
    }

    /// A connection whose deadline has come.
    pub fn expired(&self, now: Instant) -> Option<usize> {
        let firsts = [&self.fresh, &self.idle, &self.head, &self.closing].map(BTreeSet::first);
        let due = firsts
            .into_iter()
            .flatten()
            .find(|(deadline, _)| *deadline <= now);
        due.map(|(_, id)| *id)
    }

    /// The connection of this phase whose deadline is the soonest, which is the oldest: all of a phase get equal time.
    pub fn oldest(&self, phase: Phase) -> Option<(Instant, usize)> {
        self.of(phase).first().copied()
    }

    /// How many connections are in this phase.
    pub fn count(&self, phase: Phase) -> usize {
        self.of(phase).len()
    }

    fn of(&self, phase: Phase) -> &BTreeSet<(Instant, usize)> {
        match phase {
            Phase::Fresh => &self.fresh,
            Phase::Idle => &self.idle,
            Phase::Head => &self.head,
            Phase::Closing => &self.closing,
        }
    }

    fn of_mut(&mut self, phase: Phase) -> &mut BTreeSet<(Instant, usize)> {
        match phase {
            Phase::Fresh => &mut self.fresh,
            Phase::Idle => &mut self.idle,
            Phase::Head => &mut self.head,
            Phase::Closing => &mut self.closing,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_soonest_of_all_phases_comes_first() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut deadlines = Deadlines::default();
        assert_eq!(deadlines.next(), None);
        deadlines.insert(Phase::Idle, at(75), 1);
        deadlines.insert(Phase::Head, at(10), 2);
        deadlines.insert(Phase::Idle, at(70), 3);
        assert_eq!(deadlines.next(), Some(at(10)));
        assert_eq!(deadlines.expired(at(9)), None);
        assert_eq!(deadlines.expired(at(10)), Some(2));
        deadlines.remove(Phase::Head, at(10), 2);
        assert_eq!(deadlines.next(), Some(at(70)));
        assert_eq!(deadlines.oldest(Phase::Idle), Some((at(70), 3)));
        assert_eq!(deadlines.oldest(Phase::Fresh), None);
    }
}
