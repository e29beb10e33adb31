//! Answers that a client's system did not take at once: written as the client makes room, without a thread.

use std::time::{Duration, Instant};

use crate::http::connection::{Connection, Written};
use crate::http::content::Content;
use crate::http::deadlines::Awaited;
use crate::http::outgoing::{Disposition, Outgoing};

use super::eviction::BUSIEST;
use super::state::{Front, Parked, Phase};

/// The time without progress after which an answer is cut when its memory is needed.
const GRACE: Duration = Duration::from_secs(1);

/// The status of an answer whose client has gone, as nginx has it.
const CLIENT_GONE: u16 = 499;

impl Front {
    /// Sends an answer of the front's own, and does with the connection what is to be done after it. `Some` is the
    /// connection for its next request, where the client's system took all at once.
    pub(super) fn say(
        &mut self,
        mut parked: Parked,
        bytes: Vec<u8>,
        then: Disposition,
        now: Instant,
    ) -> Option<Parked> {
        let mut rest = Outgoing::new(bytes, Content::default(), 0, self.edge.budget.empty());
        rest.then = then;
        match rest.write(&parked.connection.socket) {
            Written::All => self.after_answer(parked, then, now),
            Written::Part => {
                rest.begin(now, self.edge.limits.write_timeout);
                parked.phase = Phase::Writing(Box::new(rest));
                self.wait_for_room(parked, now);
                None
            }
            Written::Broken => {
                self.close(parked);
                None
            }
        }
    }

    /// Takes over the rest of a worker's answer.
    pub(super) fn begin_writing(
        &mut self,
        connection: Connection,
        mut rest: Box<Outgoing>,
        now: Instant,
    ) {
        rest.begin(now, self.edge.limits.write_timeout);
        let budget = &self.edge.budget;
        if budget.used() > budget.limit() {
            self.relieve(now);
        }
        // Answers that are being read have all the memory, and as much again: the slowest of them ends.
        let most = self.edge.budget.limit().saturating_mul(2);
        while self.edge.budget.used() > most
            && let Some(parked) = self.unpark_oldest(Awaited::Room)
        {
            self.cut(parked);
        }
        let parked = Parked::new(connection, Phase::Writing(rest), now);
        self.wait_for_room(parked, now);
    }

    /// Writes on, as far as the client has made room.
    pub(super) fn go_on_writing(&mut self, mut parked: Parked, now: Instant) {
        let Phase::Writing(rest) = &mut parked.phase else {
            return self.close(parked);
        };
        let (left, then) = (rest.left(), rest.then);
        match rest.write(&parked.connection.socket) {
            Written::All => {
                if let Some(kept) = self.after_answer(parked, then, now) {
                    self.advance(kept, now);
                }
            }
            Written::Part if rest.left() < left => self.wait_for_room(parked, now),
            Written::Part => self.park(parked),
            Written::Broken => self.cut(parked),
        }
    }

    /// Ends an answer that its client does not take. The line of its request, written when the answer was handed to the
    /// front, does not tell; this one does.
    pub(super) fn cut(&mut self, parked: Parked) {
        if let Phase::Writing(rest) = &parked.phase
            && let Some(id) = rest.request_id.as_deref()
        {
            log::info!(request_id = id, status = CLIENT_GONE, unsent = rest.left(); "answer not taken");
        }
        self.close(parked);
    }

    /// Makes room in the budget, at the cost of those who make the least of theirs: answers that wait for clients that
    /// read nothing, and bodies that arrive too slowly.
    pub(super) fn relieve(&mut self, now: Instant) {
        let budget = self.edge.budget.clone();
        let enough = budget.limit() / 4 * 3;
        while budget.used() > enough
            && let Some(id) = self.stalled_writing()
            && let Some(parked) = self.unpark(id)
        {
            self.cut(parked);
        }
        if budget.used() > enough {
            self.give_up_slow_bodies(now);
        }
    }

    /// Makes room for one who found none: one answer that nobody reads goes, or the bodies that arrive too slowly. What is
    /// wanted may be more than what [`Self::relieve`] leaves free.
    pub(super) fn relieve_one(&mut self, now: Instant) {
        self.edge.pool.dismiss_idle();
        let stalled = self.stalled_writing();
        match stalled.and_then(|id| self.unpark(id)) {
            Some(parked) => self.cut(parked),
            None => self.give_up_slow_bodies(now),
        }
    }

    /// The answer that has waited longest without progress, of the clients with the most connections first; `None` if all
    /// are being read.
    fn stalled_writing(&self) -> Option<usize> {
        let busiest = self.edge.clients.busiest(BUSIEST).into_iter();
        let of_busiest =
            busiest.filter_map(|client| self.deadlines.oldest_of(client, Awaited::Room));
        let all = of_busiest.chain(self.deadlines.oldest(Awaited::Room));
        let mut stalled = all.filter(|room| self.is_stalled(*room));
        stalled.next().map(|(_, id)| id)
    }

    /// Whether there was no progress for a while before this deadline was to come.
    pub(super) fn is_stalled(&self, (deadline, _): (Instant, usize)) -> bool {
        deadline <= Instant::now() + self.edge.limits.write_timeout.saturating_sub(GRACE)
    }

    fn wait_for_room(&mut self, mut parked: Parked, now: Instant) {
        if let Phase::Writing(rest) = &parked.phase {
            parked.deadline = rest.deadline.min(now + self.edge.limits.write_timeout);
        }
        self.park(parked);
    }

    /// The connection for its next request; `None` if there is to be none.
    fn after_answer(
        &mut self,
        mut parked: Parked,
        then: Disposition,
        now: Instant,
    ) -> Option<Parked> {
        match then {
            Disposition::Keep if !self.edge.is_stopping() => {
                parked.phase = Phase::NextRequest;
                parked.deadline = now + self.edge.limits.keep_alive;
                return Some(parked);
            }
            Disposition::Keep | Disposition::Close => self.close(parked),
            Disposition::Discard => self.begin_closing(parked, now),
        }
        None
    }
}
