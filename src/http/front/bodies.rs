//! Requests on their way to a worker: their bodies are collected first, without a thread.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::http::body::{Body, BodyError, EARLY_END};
use crate::http::collecting::{Arrival, Collecting, Progress, arrival};
use crate::http::connection::{Connection, Fill};
use crate::http::deadlines::Awaited;
use crate::http::framing::Framing;
use crate::http::head::Head;
use crate::http::permits::ClientPermit;
use crate::http::pool::Job;
use crate::http::worker;

use super::closing::READS_A_TURN;
use super::state::{Front, Parked, Phase};

/// The time that a request waits for memory.
const PATIENCE: Duration = Duration::from_secs(1);

/// The bodies that are looked at for slow ones, the oldest first: each look costs the same whatever their number.
const LOOKS: usize = 64;

impl Front {
    /// Receives a request whose head is whole: hands it to a worker, or waits for its body.
    pub(super) fn receive(&mut self, mut parked: Parked, head: Head, now: Instant) {
        let connection = &mut parked.connection;
        let buffered = connection.buffer.len() as u64;
        let is_here = match head.framing {
            Framing::Empty => true,
            Framing::Length(length) => length <= buffered,
            Framing::Chunked => false,
        };
        if !is_here && self.edge.pool.is_full() {
            let job = self.job(parked, head, now);
            return self.overload(job, now);
        }
        if !is_here && !self.handler.wants_body(&head) {
            // Answered by its head alone, and so at once.
            let job = self.job(parked, head, now);
            return self.submit(job, now);
        }
        let edge = Arc::clone(&self.edge);
        match arrival(head, now, connection, &edge.limits, &edge.budget) {
            Arrival::Ready(head, body, charge) => {
                let mut job = self.job(parked, head, now);
                (job.body, job.charge) = (body, charge);
                self.submit(job, now);
            }
            Arrival::Pending(collecting) => self.begin_body(parked, collecting, now),
        }
    }

    /// Takes over a request from a worker, whose body is not whole.
    pub(super) fn take_over(
        &mut self,
        connection: Connection,
        collecting: Box<Collecting>,
        now: Instant,
    ) {
        let parked = Parked::new(connection, Phase::NextRequest, now);
        if self.handler.wants_body(&collecting.head) {
            self.begin_body(parked, collecting, now);
        } else {
            self.hand_over(parked, collecting, Some(EARLY_END), now);
        }
    }

    fn begin_body(&mut self, mut parked: Parked, mut collecting: Box<Collecting>, now: Instant) {
        let peer = parked.connection.peer.ip();
        match self.edge.clients.for_request(peer, &collecting.head) {
            Ok(permit) => collecting.permit = permit,
            // The worker is told the same, and refuses it.
            Err(_) => return self.hand_over(parked, collecting, Some(EARLY_END), now),
        }
        let go_on = b"HTTP/1.1 100 Continue\r\n\r\n";
        if std::mem::take(&mut collecting.awaits_continue) && !parked.connection.write_now(go_on) {
            return self.close(parked);
        }
        parked.phase = Phase::Body(collecting);
        self.collect(parked, now);
    }

    /// Takes the body as far as what has arrived allows.
    pub(super) fn collect(&mut self, mut parked: Parked, now: Instant) {
        for _ in 0..READS_A_TURN {
            let Phase::Body(mut collecting) = std::mem::replace(&mut parked.phase, Phase::Head)
            else {
                return self.close(parked);
            };
            match collecting.take(&mut parked.connection) {
                Progress::Whole => return self.hand_over(parked, collecting, None, now),
                Progress::Failed(error) => {
                    return self.hand_over(parked, collecting, Some(error), now);
                }
                Progress::NoMemory => return self.wait_for_memory(parked, collecting, now),
                Progress::Part => {}
            }
            let scratch = &mut self.scratch;
            let filled = collecting.read(&mut parked.connection, now, |connection| {
                connection.fill_through(scratch)
            });
            match filled {
                Fill::Bytes => {}
                Fill::Blocked => {
                    parked.deadline = collecting.deadline;
                    parked.phase = Phase::Body(collecting);
                    return self.park(parked);
                }
                Fill::End => return self.hand_over(parked, collecting, Some(EARLY_END), now),
                Fill::Broken => {
                    return self.hand_over(parked, collecting, Some(BodyError::Gone), now);
                }
            }
            parked.phase = Phase::Body(collecting);
        }
        if let Phase::Body(collecting) = &parked.phase {
            parked.deadline = collecting.deadline;
        }
        self.park_with_more(parked);
    }

    /// Gives up a body: its time, or that of its wait for memory, is over, or the server's is.
    pub(super) fn fail_body(&mut self, mut parked: Parked, error: BodyError, now: Instant) {
        match std::mem::replace(&mut parked.phase, Phase::Head) {
            Phase::Body(collecting) => self.hand_over(parked, collecting, Some(error), now),
            _ => self.close(parked),
        }
    }

    /// The failure of a body whose deadline has come.
    pub(super) fn lateness(parked: &Parked, now: Instant) -> BodyError {
        match &parked.phase {
            Phase::Body(collecting) if now < collecting.deadline => BodyError::NoMemory,
            _ => BodyError::TimedOut,
        }
    }

    /// Tries those again that wait for memory.
    pub(super) fn retry_short(&mut self, now: Instant) {
        if self.edge.budget.was_wanted() {
            self.relieve_one(now);
        }
        if self.short.is_empty() {
            return;
        }
        // Before the try: what is given back from now on is reported.
        self.edge.budget.await_return();
        for id in std::mem::take(&mut self.short) {
            if let Some(parked) = self.unpark(id) {
                self.collect(parked, now);
            }
        }
    }

    /// Gives up the bodies that arrive more slowly than their memory is worth.
    pub(super) fn give_up_slow_bodies(&mut self, now: Instant) {
        let oldest = self.deadlines.in_order(Awaited::Body).take(LOOKS);
        let slow = oldest.filter(|(_, id)| {
            let parked = self.parked.get(id).map(|parked| &parked.phase);
            matches!(parked, Some(Phase::Body(collecting)) if collecting.is_slow(now))
        });
        for (_, id) in slow.collect::<Vec<_>>() {
            if let Some(parked) = self.unpark(id) {
                self.fail_body(parked, BodyError::TimedOut, now);
            }
        }
    }

    fn wait_for_memory(
        &mut self,
        mut parked: Parked,
        mut collecting: Box<Collecting>,
        now: Instant,
    ) {
        let since = *collecting.waiting_since.get_or_insert(now);
        parked.deadline = collecting.deadline.min(since + PATIENCE);
        parked.phase = Phase::Body(collecting);
        let is_new = since == now;
        self.short.insert(parked.connection.id);
        self.park(parked);
        if is_new {
            self.edge.budget.await_return();
            self.relieve_one(now);
            self.relieve(now);
        }
    }

    /// Hands a request to a worker, with its body or the failure of it.
    fn hand_over(
        &mut self,
        parked: Parked,
        mut collecting: Box<Collecting>,
        error: Option<BodyError>,
        now: Instant,
    ) {
        let (received, permit) = (collecting.received, collecting.permit.take());
        let (head, body, charge) = match error {
            None => collecting.into_whole(),
            Some(error) => collecting.into_failed(error),
        };
        let mut job = self.job(parked, head, received);
        (job.body, job.charge, job.client_permit) = (body, charge, permit);
        self.submit(job, now);
    }

    /// A job of a request whose body is not collected.
    fn job(&self, mut parked: Parked, head: Head, received: Instant) -> Box<Job> {
        self.unregister(&mut parked);
        let client_permit: Option<ClientPermit> = None;
        Box::new(Job {
            permit: self.edge.pool.permit(),
            connection: parked.connection,
            body: Body::announced(&head),
            small_body: None,
            head,
            received,
            charge: self.edge.budget.empty(),
            client_permit,
        })
    }

    /// Hands the request to a worker, or answers that there is none.
    pub(super) fn submit(&mut self, job: Box<Job>, now: Instant) {
        if self.edge.is_ending() {
            return self.overload(job, now);
        }
        let (id, socket) = (job.connection.id, Arc::clone(&job.connection.socket));
        self.busy.insert(id, socket);
        let (edge, handler) = (&self.edge, &self.handler);
        if edge.pool.is_short() {
            // A client that makes most of the workers wait for it makes room for the others.
            let share = (edge.limits.max_concurrent_requests / 2).max(1);
            edge.stalls.reclaim(share, now);
        }
        if let Err(job) = edge.pool.submit(job, || worker::spawn(edge, handler)) {
            self.busy.remove(&id);
            self.overload(job, now);
        }
    }
}
