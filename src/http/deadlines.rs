//! The deadlines of the connections that the front waits on.

use std::collections::BTreeSet;
use std::time::Instant;

/// The event that the front waits for on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Awaited {
    /// The first byte of a new connection.
    FirstByte,
    /// The next request of a kept connection.
    NextRequest,
    /// The rest of a head.
    Head,
    /// The client's end, after an answer that closes.
    Close,
}

/// The deadlines of all connections that the front holds, by the event that each waits for. All operations are
/// logarithmic.
#[derive(Default)]
pub(super) struct Deadlines {
    fresh: BTreeSet<(Instant, usize)>,
    idle: BTreeSet<(Instant, usize)>,
    head: BTreeSet<(Instant, usize)>,
    closing: BTreeSet<(Instant, usize)>,
}

impl Deadlines {
    pub fn insert(&mut self, awaited: Awaited, deadline: Instant, id: usize) {
        self.of_mut(awaited).insert((deadline, id));
    }

    pub fn remove(&mut self, awaited: Awaited, deadline: Instant, id: usize) {
        self.of_mut(awaited).remove(&(deadline, id));
    }

    /// The soonest deadline; `None` without connections.
    pub fn next(&self) -> Option<Instant> {
        let firsts = [&self.fresh, &self.idle, &self.head, &self.closing].map(BTreeSet::first);
        firsts
            .into_iter()
            .flatten()
            .map(|(deadline, _)| *deadline)
            .min()
    }

    /// A connection whose deadline has come; `None` if there is none yet.
    pub fn expired(&self, now: Instant) -> Option<usize> {
        let firsts = [&self.fresh, &self.idle, &self.head, &self.closing].map(BTreeSet::first);
        let due = firsts
            .into_iter()
            .flatten()
            .find(|(deadline, _)| *deadline <= now);
        due.map(|(_, id)| *id)
    }

    /// The connection whose deadline is the soonest of those that wait for the same, which makes it the oldest: all of them
    /// have equal time. `None` without one.
    pub fn oldest(&self, awaited: Awaited) -> Option<(Instant, usize)> {
        self.of(awaited).first().copied()
    }

    /// The number of connections that wait for this.
    pub fn count(&self, awaited: Awaited) -> usize {
        self.of(awaited).len()
    }

    fn of(&self, awaited: Awaited) -> &BTreeSet<(Instant, usize)> {
        match awaited {
            Awaited::FirstByte => &self.fresh,
            Awaited::NextRequest => &self.idle,
            Awaited::Head => &self.head,
            Awaited::Close => &self.closing,
        }
    }

    fn of_mut(&mut self, awaited: Awaited) -> &mut BTreeSet<(Instant, usize)> {
        match awaited {
            Awaited::FirstByte => &mut self.fresh,
            Awaited::NextRequest => &mut self.idle,
            Awaited::Head => &mut self.head,
            Awaited::Close => &mut self.closing,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_soonest_of_all_comes_first() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut deadlines = Deadlines::default();
        assert_eq!(deadlines.next(), None);
        deadlines.insert(Awaited::NextRequest, at(75), 1);
        deadlines.insert(Awaited::Head, at(10), 2);
        deadlines.insert(Awaited::NextRequest, at(70), 3);
        assert_eq!(deadlines.next(), Some(at(10)));
        assert_eq!(deadlines.expired(at(9)), None);
        assert_eq!(deadlines.expired(at(10)), Some(2));
        deadlines.remove(Awaited::Head, at(10), 2);
        assert_eq!(deadlines.next(), Some(at(70)));
        assert_eq!(deadlines.oldest(Awaited::NextRequest), Some((at(70), 3)));
        assert_eq!(deadlines.oldest(Awaited::FirstByte), None);
    }
}
