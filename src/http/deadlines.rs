//! The deadlines of the connections that the front waits on.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Instant;

/// The event that the front waits for on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Awaited {
    /// The first byte of a new connection.
    FirstByte,
    /// The next request of a kept connection.
    NextRequest,
    /// The rest of a head.
    Head,
    /// The rest of a body, or memory for it.
    Body,
    /// Room at the client for the rest of an answer.
    Room,
    /// The client's end, after an answer that closes.
    Close,
}

/// The number of events that are awaited.
const EVENTS: usize = Awaited::Close as usize + 1;

/// Deadlines in their order, each with the id of its connection.
type Ordered = BTreeSet<(Instant, usize)>;

/// The deadlines of all connections that the front holds, by the event that each waits for, and once more by client. All
/// operations are logarithmic.
#[derive(Default)]
pub(super) struct Deadlines {
    all: [Ordered; EVENTS],
    by_client: BTreeMap<(IpAddr, Awaited), Ordered>,
}

impl Deadlines {
    pub fn insert(&mut self, awaited: Awaited, deadline: Instant, id: usize, client: IpAddr) {
        if let Some(of) = self.all.get_mut(awaited as usize) {
            of.insert((deadline, id));
        }
        let of_client = self.by_client.entry((client, awaited)).or_default();
        of_client.insert((deadline, id));
    }

    pub fn remove(&mut self, awaited: Awaited, deadline: Instant, id: usize, client: IpAddr) {
        if let Some(of) = self.all.get_mut(awaited as usize) {
            of.remove(&(deadline, id));
        }
        if let Some(of_client) = self.by_client.get_mut(&(client, awaited)) {
            of_client.remove(&(deadline, id));
            if of_client.is_empty() {
                self.by_client.remove(&(client, awaited));
            }
        }
    }

    /// The soonest deadline; `None` without connections.
    pub fn next(&self) -> Option<Instant> {
        self.firsts().map(|(deadline, _)| *deadline).min()
    }

    /// A connection whose deadline has come; `None` if there is none yet.
    pub fn expired(&self, now: Instant) -> Option<usize> {
        let due = self.firsts().find(|(deadline, _)| *deadline <= now);
        due.map(|(_, id)| *id)
    }

    /// The connection whose deadline is the soonest of those that wait for the same, which makes it the oldest where all
    /// of them have equal time. `None` without one.
    pub fn oldest(&self, awaited: Awaited) -> Option<(Instant, usize)> {
        self.in_order(awaited).next()
    }

    /// The same among the connections of one client.
    pub fn oldest_of(&self, client: IpAddr, awaited: Awaited) -> Option<(Instant, usize)> {
        let of_client = self.by_client.get(&(client, awaited))?;
        of_client.first().copied()
    }

    /// The connections that wait for the same, the soonest deadline first.
    pub fn in_order(&self, awaited: Awaited) -> impl Iterator<Item = (Instant, usize)> {
        let of = self.all.get(awaited as usize);
        of.into_iter().flatten().copied()
    }

    /// The number of connections that wait for this.
    pub fn count(&self, awaited: Awaited) -> usize {
        self.all.get(awaited as usize).map_or(0, BTreeSet::len)
    }

    fn firsts(&self) -> impl Iterator<Item = &(Instant, usize)> {
        self.all.iter().filter_map(BTreeSet::first)
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
        let [one, other] = [1, 2].map(|last| IpAddr::from([192, 0, 2, last]));
        deadlines.insert(Awaited::NextRequest, at(75), 1, other);
        deadlines.insert(Awaited::Head, at(10), 2, one);
        deadlines.insert(Awaited::NextRequest, at(70), 3, one);
        assert_eq!(deadlines.next(), Some(at(10)));
        assert_eq!(deadlines.expired(at(9)), None);
        assert_eq!(deadlines.expired(at(10)), Some(2));
        deadlines.remove(Awaited::Head, at(10), 2, one);
        assert_eq!(deadlines.next(), Some(at(70)));
        assert_eq!(deadlines.oldest(Awaited::NextRequest), Some((at(70), 3)));
        assert_eq!(deadlines.oldest(Awaited::FirstByte), None);
        let oldest_of = |client| deadlines.oldest_of(client, Awaited::NextRequest);
        assert_eq!(oldest_of(other), Some((at(75), 1)));
        assert_eq!(deadlines.oldest_of(one, Awaited::Head), None);
        assert_eq!(deadlines.count(Awaited::NextRequest), 2);
    }
}
