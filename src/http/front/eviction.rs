//! Eviction: connections that make room for others.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::http::body::BodyError;
use crate::http::deadlines::Awaited;
use crate::http::refusal::Refusal;

use super::state::{Front, Phase};

/// The time that a connection has to send a whole head before others may push it out.
const HEAD_GRACE: Duration = Duration::from_secs(1);

/// The clients with the most connections that are looked at: only theirs go before the idle ones of others.
pub(super) const BUSIEST: usize = 4;

/// The most that half heads and the free parts of bodies take up together: all connections with a full head each would
/// be 200 MB (bytes).
const MAX_UNBUDGETED: usize = 16 * 1024 * 1024;

impl Front {
    /// Closes the connection that will be missed the least. `false` if all are in use.
    ///
    /// Of the clients with the most connections: lingering, idle, then heads older than 1 s, then answers and bodies that
    /// make no progress. Of the others the same, but their idle ones last: those are of clients that behave.
    pub(super) fn evict(&mut self, now: Instant) -> bool {
        let busiest = self.edge.clients.busiest(BUSIEST);
        let of_busiest = busiest.into_iter().find_map(|client| {
            let client = Some(client);
            self.oldest(Awaited::Close, client)
                .or_else(|| self.oldest(Awaited::NextRequest, client))
                .or_else(|| self.waiting_in_vain(client, now))
        });
        let evicted = of_busiest
            .or_else(|| self.oldest(Awaited::Close, None))
            .or_else(|| self.waiting_in_vain(None, now))
            .or_else(|| self.oldest(Awaited::NextRequest, None));
        let Some(parked) = evicted.and_then(|id| self.unpark(id)) else {
            return false;
        };
        match parked.phase {
            Phase::Writing(_) => self.cut(parked),
            _ => self.close(parked),
        }
        true
    }

    /// The connection that has lingered longest in silence, of the clients with the most connections first; `None` if
    /// none lingers.
    pub(super) fn longest_lingering(&self) -> Option<usize> {
        let busiest = self.edge.clients.busiest(BUSIEST).into_iter();
        let mut of_busiest = busiest.filter_map(|client| self.oldest(Awaited::Close, Some(client)));
        of_busiest
            .next()
            .or_else(|| self.oldest(Awaited::Close, None))
    }

    /// Keeps the memory that is on no budget within its bound, at the cost of the slowest.
    pub(super) fn bound_unbudgeted(&mut self, now: Instant) {
        while self.buffered > MAX_UNBUDGETED {
            if let Some(parked) = self.unpark_oldest(Awaited::Head) {
                self.refuse(parked, Refusal::TOO_MANY_CONNECTIONS, now);
            } else if let Some(parked) = self.unpark_oldest(Awaited::Body) {
                self.fail_body(parked, BodyError::NoMemory, now);
            } else {
                return;
            }
        }
    }

    /// A connection whose client does not do its part: a head older than 1 s, an answer that is not read, a body that does
    /// not arrive.
    fn waiting_in_vain(&self, client: Option<IpAddr>, now: Instant) -> Option<usize> {
        let grace = self.edge.limits.head_timeout.saturating_sub(HEAD_GRACE);
        let is_old = |(deadline, _): &(Instant, usize)| *deadline <= now + grace;
        let of = |awaited| self.first(awaited, client);
        let heads = [Awaited::Head, Awaited::FirstByte].into_iter();
        let heads = heads.filter_map(|awaited| of(awaited).filter(is_old));
        let unread = || of(Awaited::Room).filter(|room| self.is_stalled(*room));
        let slow = || {
            of(Awaited::Body).filter(|(_, id)| {
                let parked = self.parked.get(id).map(|parked| &parked.phase);
                matches!(parked, Some(Phase::Body(collecting)) if collecting.is_stalled(now))
            })
        };
        let found = heads.min().or_else(unread).or_else(slow);
        found.map(|(_, id)| id)
    }

    fn oldest(&self, awaited: Awaited, client: Option<IpAddr>) -> Option<usize> {
        self.first(awaited, client).map(|(_, id)| id)
    }

    fn first(&self, awaited: Awaited, client: Option<IpAddr>) -> Option<(Instant, usize)> {
        match client {
            Some(client) => self.deadlines.oldest_of(client, awaited),
            None => self.deadlines.oldest(awaited),
        }
    }
}
