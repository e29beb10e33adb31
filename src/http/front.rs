//! The front thread: new connections, idle ones, heads and bodies that are not whole yet, and answers that wait for their
//! clients.

mod bodies;
mod closing;
mod drain;
mod eviction;
mod state;
mod writing;

use std::io;
use std::sync::Arc;
use std::time::Instant;

use mio::{Events, Poll, Token};

use super::asked::Asked;
use super::connection::{Connection, Fill};
use super::edge::Edge;
use super::fields::Field;
use super::handler::ContainedHandler;
use super::handoff::Handoff;
use super::head::Head;
use super::listener::{Accepted, Acceptor};
use super::outgoing::Disposition;
use super::pool::Job;
use super::refusal::Refusal;
use super::request_id;
use super::response::{Encoder, Response};
use super::stop::Drained;

use closing::READS_A_TURN;
use drain::Drain;
use state::{Front, Parked, Phase};

pub(super) use state::WAKER;

/// The connections accepted before the others have their turn.
const ACCEPTS_A_TURN: usize = 64;
/// The turns of accepting when the server stops: as many as the listeners' backlog can hold.
const LAST_ACCEPTS: usize = 64;

/// Serves until stopped. The calling thread becomes the front.
///
/// # Errors
/// `poll` fails, which is not expected.
pub(super) fn run(
    poll: Poll,
    edge: Arc<Edge>,
    handler: ContainedHandler,
    acceptor: Acceptor,
) -> io::Result<Drained> {
    Front::new(poll, edge, handler, acceptor)?.run()
}

impl Front {
    fn run(mut self) -> io::Result<Drained> {
        let mut events = Events::with_capacity(256);
        let mut drain: Option<Drain> = None;
        loop {
            let counts = &self.edge.counts;
            counts.connections(&self.deadlines, self.busy.len());
            self.wait(&mut events, drain.as_ref().map(Drain::due))?;
            let now = Instant::now();
            for event in &events {
                let Token(token) = event.token();
                if token > usize::MAX / 2 {
                    // The waker's own number is out of range there, and means nothing but to wake.
                    self.acceptor.ready((WAKER.0 - 1).wrapping_sub(token));
                } else {
                    self.look_at(token, now);
                }
            }
            for id in std::mem::take(&mut self.again) {
                self.look_at(id, now);
            }
            self.accept(now);
            self.take_handoffs(now);
            self.retry_short(now);
            self.bound_unbudgeted(now);
            self.edge.lines.tell_if_due(now);
            while let Some(id) = self.deadlines.expired(now) {
                self.expire(id, now);
            }
            if self.edge.is_stopping() {
                let drain = drain.get_or_insert_with(|| self.begin_drain(now));
                if let Some(drained) = self.go_on(drain, now) {
                    self.edge.lines.close();
                    return Ok(drained);
                }
            }
        }
    }

    /// Waits until something arrives or is due.
    fn wait(&mut self, events: &mut Events, drain: Option<Instant>) -> io::Result<()> {
        let now = Instant::now();
        let again = (!self.again.is_empty()).then_some(now);
        let summary = self.edge.lines.due();
        let times = [
            again,
            self.deadlines.next(),
            self.acceptor.due(now),
            drain,
            summary,
        ];
        let soonest = times.into_iter().flatten().min();
        let timeout = soonest.map(|at| at.saturating_duration_since(now));
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }

    /// Reads what may have arrived on a connection.
    fn look_at(&mut self, id: usize, now: Instant) {
        // It may be gone, or with a worker: the report was made before.
        let Some(parked) = self.unpark(id) else {
            return;
        };
        match parked.phase {
            Phase::Closing { .. } => self.discard(parked, now),
            Phase::Writing(_) => self.go_on_writing(parked, now),
            Phase::Body(_) => self.collect(parked, now),
            Phase::FirstByte | Phase::NextRequest | Phase::Head => self.advance(parked, now),
        }
    }

    fn accept(&mut self, now: Instant) {
        for _ in 0..ACCEPTS_A_TURN {
            match self.acceptor.accept(now) {
                Accepted::New(socket, peer, entrance) => {
                    self.edge.counts.accepted();
                    let mut connection = Connection::new(self.next_id, socket, peer);
                    connection.entrance = entrance;
                    self.next_id += 1;
                    self.admit(connection, now);
                }
                Accepted::Lost => {}
                Accepted::None => return,
                Accepted::Exhausted => {
                    if !self.evict(now) {
                        return self.acceptor.turn_away(now);
                    }
                }
            }
        }
    }

    fn admit(&mut self, connection: Connection, now: Instant) {
        let held = self.parked.len() + self.busy.len();
        if held >= self.edge.limits.max_connections && !self.evict(now) {
            let refusal = Refusal::TOO_MANY_CONNECTIONS;
            self.edge.refused(connection.peer.ip(), refusal);
            // Not even a closing phase for it: that would be one more connection.
            let id = request_id::fresh();
            let response = self.handler.refusal(refusal, &Asked::unread(&id));
            connection.write_now(&Encoder::for_unreadable(&id).encode(&response, None));
            return;
        }
        let permit = self.edge.clients.for_connection(connection.peer.ip());
        let deadline = now + self.edge.limits.head_timeout;
        let mut parked = Parked::new(connection, Phase::FirstByte, deadline);
        match permit {
            Ok(permit) => parked.connection.permit = permit,
            Err(refusal) => return self.refuse(parked, refusal, now),
        }
        // Mostly the request is here already; then the poll never needs to hear of the connection.
        self.advance(parked, now);
    }

    /// Takes the connection as far as what has arrived allows: to a worker, to its end, or back to waiting.
    pub(super) fn advance(&mut self, mut parked: Parked, now: Instant) {
        for _ in 0..READS_A_TURN {
            match parked.connection.next_head(&self.edge.limits) {
                Err(refusal) => return self.refuse(parked, refusal, now),
                Ok(Some(head)) => {
                    let Some(response) = self.handler.instant(&head) else {
                        return self.receive(parked, head, now);
                    };
                    let Some(kept) = self.answer(parked, &head, &response, &[], now) else {
                        return;
                    };
                    parked = kept;
                    continue;
                }
                Ok(None) if parked.connection.buffer.is_empty() => {}
                Ok(None) if !matches!(parked.phase, Phase::Head) => {
                    parked.phase = Phase::Head;
                    parked.deadline = now + self.edge.limits.head_timeout;
                }
                Ok(None) => {}
            }
            match parked.connection.fill_through(&mut self.scratch) {
                Fill::Bytes => {}
                Fill::Blocked => return self.park(parked),
                Fill::End if !parked.connection.buffer.is_empty() => {
                    return self.refuse(parked, Refusal::ENDS_IN_HEAD, now);
                }
                Fill::End | Fill::Broken => return self.close(parked),
            }
        }
        self.park_with_more(parked);
    }

    /// Answers without a worker, with these fields besides the answer's own. Returns the connection for its next request; `None` if it closes, or if the client has to
    /// make room first.
    fn answer(
        &mut self,
        parked: Parked,
        head: &Head,
        response: &Response,
        fields: &[Field],
        now: Instant,
    ) -> Option<Parked> {
        let keep_alive = head.keep_alive && !head.has_body() && !self.edge.is_stopping();
        let keep_alive = keep_alive.then_some(self.edge.limits.keep_alive);
        let bytes = Encoder::for_request(head, fields).encode(response, keep_alive);
        let then = match keep_alive {
            Some(_) => Disposition::Keep,
            None => Disposition::Discard,
        };
        self.say(parked, bytes, then, now)
    }

    pub(super) fn overload(&mut self, job: Box<Job>, now: Instant) {
        let Job {
            permit,
            connection,
            head,
            ..
        } = *job;
        // Before the client can know, and ask again.
        drop(permit);
        self.edge.refused(connection.peer.ip(), Refusal::OVERLOADED);
        let response = self
            .handler
            .refusal(Refusal::OVERLOADED, &Asked::whole(&head));
        let parked = Parked::new(connection, Phase::NextRequest, now);
        let fields = self.handler.fields(&head);
        if let Some(kept) = self.answer(parked, &head, &response, &fields, now) {
            self.park_with_more(kept);
        }
    }

    fn take_handoffs(&mut self, now: Instant) {
        for handoff in self.edge.handoff.take() {
            self.busy.remove(&handoff.id());
            match handoff {
                Handoff::Keep(job) => {
                    let deadline = now + self.edge.limits.keep_alive;
                    let parked = Parked::new(job.into_connection(), Phase::NextRequest, deadline);
                    self.advance(parked, now);
                }
                Handoff::Discard(job) => {
                    let connection = job.into_connection();
                    self.begin_closing(Parked::new(connection, Phase::NextRequest, now), now);
                }
                Handoff::Collect(job, collecting) => {
                    self.take_over(job.into_connection(), collecting, now);
                }
                Handoff::Ready(job) => self.submit(job, now),
                Handoff::Write(job, rest) => self.begin_writing(job.into_connection(), rest, now),
                Handoff::Ended(_) => {}
            }
        }
    }

    /// Begins a graceful stop, after the requests that were sent before it, also those that the poll had no time to report.
    fn begin_drain(&mut self, now: Instant) -> Drain {
        self.acceptor.all_ready();
        for _ in 0..LAST_ACCEPTS {
            self.accept(now);
        }
        self.acceptor.close();
        let waiting: Vec<usize> = self.parked.keys().copied().collect();
        for id in waiting {
            self.look_at(id, now);
        }
        Drain::begin(now, self.edge.limits.shutdown_timeout)
    }
}
