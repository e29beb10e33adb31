//! The worker threads, and the queue of jobs between the front and them.
//!
//! # The states of a worker
//!
//! ```text
//!   start --> Called -- Work --> Busy -- Linger --> Lingering
//!               ^                 ^                    |
//!             Work                +-- Work, Continue --+
//!               |
//!              Idle <-- Rest -- Called, Busy, Lingering
//!               |
//!               +-- Leave --> Left
//! ```
//!
//! *Idle* workers are parked on a stack: the last to come is the first to be called, so that spare ones grow old and
//! leave. A *called* worker is on its way to a job in the queue. A *lingering* one has answered and waits a moment for
//! the next request on the same connection. It is free: when a job finds no idle worker and no thread can be added, an
//! eventfd, which lingering workers poll beside their connection, calls one of them at once.
//!
//! # Admission
//!
//! A request in flight holds a [`Permit`], and there are as many as there may be requests at once. It is released with
//! the last write of the answer, not when the handler returns: a client that has its whole answer may ask again on
//! another connection before the log line is written. The job that is admitted then waits for that worker, which does not
//! wait for its client: what the client's system does not take goes back to the front.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};
use std::{io, mem};

use rustix::event::{EventfdFlags, eventfd};

use crate::budget::Charge;
use crate::sync::lock;

use super::body::Body;
use super::connection::Connection;
use super::head::Head;
use super::permits::{ClientPermit, InFlight, Permit};

/// The time that a worker stays without work.
const IDLE: Duration = Duration::from_secs(10);

/// A request on its way to a worker. It is handed on in a box: moved by value, it would be copied into the frame of
/// every function on the way, and those are the memory that a waiting worker takes.
pub(super) struct Job {
    /// Dropped first: a client that sees the end of its connection may ask again at once.
    pub permit: Permit,
    pub connection: Connection,
    pub head: Head,
    /// The time at which the head was whole.
    pub received: Instant,
    pub body: Body,
    /// A small body that was read, until the front has the connection back; see [`Handoff`](super::handoff::Handoff).
    pub small_body: Option<Arc<Vec<u8>>>,
    /// The memory of the body, until the answer is sent.
    pub charge: Charge,
    /// Held by a client behind a proxy while it waits for its answer; `None` also before it was asked for.
    pub client_permit: Option<ClientPermit>,
}

impl Job {
    /// The connection, without the request that was answered on it.
    pub fn into_connection(self: Box<Self>) -> Connection {
        self.connection
    }
}

/// The state of a worker. The worker keeps it, the pool changes and counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WorkerState {
    Called,
    Busy,
    Lingering,
    Idle,
    Left,
}

/// A transition from one state to another; see the diagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transition {
    /// A job of the queue.
    Work,
    /// The next request of the same connection.
    Continue,
    Linger,
    Rest,
    Leave,
}

impl WorkerState {
    fn after(self, step: Transition) -> Self {
        match (self, step) {
            (Self::Idle, Transition::Work) => Self::Called,
            (Self::Called | Self::Busy | Self::Lingering, Transition::Work) => Self::Busy,
            (Self::Lingering, Transition::Continue) => Self::Busy,
            (Self::Busy, Transition::Linger) => Self::Lingering,
            (Self::Called | Self::Busy | Self::Lingering, Transition::Rest) => Self::Idle,
            (_, Transition::Leave) => Self::Left,
            (
                state,
                Transition::Work | Transition::Continue | Transition::Linger | Transition::Rest,
            ) => state,
        }
    }
}

pub(super) struct Pool {
    max: usize,
    in_flight: InFlight,
    roster: Mutex<Roster>,
    /// Readable while a lingering worker is wanted.
    wanted: OwnedFd,
}

#[derive(Default)]
struct Roster {
    queue: VecDeque<Box<Job>>,
    /// The threads of the idle workers.
    parked: Vec<Thread>,
    called: usize,
    busy: usize,
    lingering: usize,
    idle: usize,
    left: usize,
    /// The eventfd is readable.
    wanting: bool,
    /// The last attempt to start a thread failed.
    short: bool,
    /// The idle workers that are to leave.
    dismissed: usize,
    closed: bool,
}

impl Pool {
    /// A pool without threads yet, for at most `max` requests at once.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn new(max: usize) -> io::Result<Self> {
        Ok(Self {
            max: max.max(1),
            in_flight: InFlight::default(),
            roster: Mutex::default(),
            wanted: eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?,
        })
    }

    /// A permit for a new job, not held before the job is admitted.
    pub fn permit(&self) -> Permit {
        self.in_flight.permit()
    }

    /// Admits a job to the queue; `spawn` starts one more worker, which begins [`WorkerState::Called`].
    ///
    /// # Errors
    /// The job, at the limit of requests in flight, or when no worker is free and no thread can be started.
    pub fn submit(
        &self,
        mut job: Box<Job>,
        spawn: impl FnOnce() -> io::Result<()>,
    ) -> Result<(), Box<Job>> {
        let mut roster = self.lock();
        if roster.closed || self.in_flight.count() >= self.max {
            return Err(job);
        }
        job.permit.take();
        roster.queue.push_back(job);
        if let Some(worker) = roster.parked.pop() {
            roster.shift(&mut WorkerState::Idle, Transition::Work);
            drop(roster);
            worker.unpark();
            return Ok(());
        }
        let mut shortage = None;
        if roster.alive() < self.max {
            // Started under the lock: that is short, and the counts stay true.
            match spawn() {
                Ok(()) => {
                    roster.called += 1;
                    roster.short = false;
                    return Ok(());
                }
                Err(error) => shortage = (!mem::replace(&mut roster.short, true)).then_some(error),
            }
        }
        let refused = self.over_capacity(&mut roster);
        if refused.is_none() && roster.lingering > 0 && !mem::replace(&mut roster.wanting, true) {
            let _ = rustix::io::write(&self.wanted, &1u64.to_ne_bytes());
        }
        drop(roster);
        if let Some(error) = shortage {
            log::warn!("no thread for another worker: {error}");
        }
        refused.map_or(Ok(()), Err)
    }

    /// Whether a job would be refused now. Without the lock.
    pub fn is_full(&self) -> bool {
        self.in_flight.count() >= self.max
    }

    /// Whether the last eighth of the workers is being used. Without the lock.
    pub fn is_short(&self) -> bool {
        self.in_flight.count() >= self.max - self.max.div_ceil(8)
    }

    /// Takes a step, unless a job waits for which no other worker is called: that is then the worker's to do, and is
    /// returned. `None` if the step was taken.
    pub fn step(&self, worker: &mut WorkerState, step: Transition) -> Option<Box<Job>> {
        self.step_in(&mut self.lock(), worker, step)
    }

    /// Waits for the next job. `None` when the worker leaves: it was idle for long, or the pool is closed.
    pub fn next(&self, worker: &mut WorkerState) -> Option<Box<Job>> {
        let mut roster = self.lock();
        while *worker != WorkerState::Left {
            let job = self.step_in(&mut roster, worker, Transition::Rest);
            if job.is_some() {
                return job;
            }
            roster = self.park(roster, worker);
        }
        None
    }

    /// Lets all workers leave as soon as they have nothing to do.
    pub fn close(&self) {
        let mut roster = self.lock();
        roster.closed = true;
        roster.parked.iter().for_each(Thread::unpark);
    }

    /// Lets the workers that are idle now leave: their memory is wanted.
    pub fn dismiss_idle(&self) {
        let mut roster = self.lock();
        roster.dismissed = roster.parked.len();
        roster.parked.iter().for_each(Thread::unpark);
    }

    /// The numbers of workers that answer a request, and of those that are free.
    pub fn workers(&self) -> (usize, usize) {
        let roster = self.lock();
        let busy = self.in_flight.count().saturating_sub(roster.queue.len());
        (busy, roster.alive().saturating_sub(busy))
    }

    /// Readable while a lingering worker is wanted.
    pub fn wanted(&self) -> BorrowedFd<'_> {
        self.wanted.as_fd()
    }

    fn step_in(
        &self,
        roster: &mut Roster,
        worker: &mut WorkerState,
        step: Transition,
    ) -> Option<Box<Job>> {
        let own_claim = usize::from(*worker == WorkerState::Called);
        if roster.unclaimed() + own_claim == 0 {
            roster.shift(worker, step);
            return None;
        }
        let job = roster.queue.pop_front();
        roster.shift(
            worker,
            if job.is_some() {
                Transition::Work
            } else {
                step
            },
        );
        self.settle(roster);
        job
    }

    /// Parks an idle worker until it is called or leaves.
    fn park<'p>(
        &'p self,
        mut roster: MutexGuard<'p, Roster>,
        worker: &mut WorkerState,
    ) -> MutexGuard<'p, Roster> {
        let me = thread::current();
        let until = Instant::now() + IDLE;
        roster.parked.push(me.clone());
        loop {
            let index = roster.parked.iter().position(|other| other.id() == me.id());
            let Some(index) = index else {
                // The call has counted it already.
                *worker = WorkerState::Called;
                return roster;
            };
            let left = until.saturating_duration_since(Instant::now());
            if roster.closed || left.is_zero() || roster.dismissed > 0 {
                roster.dismissed = roster.dismissed.saturating_sub(1);
                roster.parked.remove(index);
                roster.shift(worker, Transition::Leave);
                return roster;
            }
            drop(roster);
            // It may return without a call: the handler may use the same means.
            thread::park_timeout(left);
            roster = self.lock();
        }
    }

    /// The last job of the queue, if more requests are in flight than there are threads: where none can be added, that is
    /// the limit.
    fn over_capacity(&self, roster: &mut Roster) -> Option<Box<Job>> {
        if self.in_flight.count() <= roster.alive() {
            return None;
        }
        let job = roster.queue.pop_back();
        self.settle(roster);
        job
    }

    /// Calls no lingering worker any more if no job is left for it.
    fn settle(&self, roster: &mut Roster) {
        if roster.unclaimed() == 0 && mem::take(&mut roster.wanting) {
            let _ = rustix::io::read(&self.wanted, &mut [0u8; 8]);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Roster> {
        lock(&self.roster)
    }
}

impl Roster {
    /// The number of jobs for which no called worker is coming.
    fn unclaimed(&self) -> usize {
        self.queue.len().saturating_sub(self.called)
    }

    fn alive(&self) -> usize {
        self.called + self.busy + self.lingering + self.idle
    }

    fn shift(&mut self, worker: &mut WorkerState, step: Transition) {
        let from = self.count(*worker);
        *from = from.saturating_sub(1);
        *worker = worker.after(step);
        *self.count(*worker) += 1;
    }

    fn count(&mut self, state: WorkerState) -> &mut usize {
        match state {
            WorkerState::Called => &mut self.called,
            WorkerState::Busy => &mut self.busy,
            WorkerState::Lingering => &mut self.lingering,
            WorkerState::Idle => &mut self.idle,
            WorkerState::Left => &mut self.left,
        }
    }
}

#[cfg(test)]
mod tests;
