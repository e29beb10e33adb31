//! The worker threads and the queue between the front and them.
//!
//! A worker is *idle* (parked on a stack; the last to come is the first to be called, so that spare ones grow old and
//! leave), *called* (on its way to a job that waits for it), *busy*, or *lingering*: it has answered and waits a moment
//! for the next request on the same connection. A lingering worker is free. When a job finds nobody idle and no thread
//! can be added, an eventfd, which lingering workers poll beside their connection, calls one of them at once.
//!
//! A busy worker that hands the last bytes of its answer to the system is *finishing*: the client may have the whole
//! answer, and ask again on another connection, before the handler has written its log line and returned. So it counts
//! as free too, and the first job that nobody else takes is its next.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};
use std::{io, mem};

use rustix::event::{EventfdFlags, eventfd};

use crate::sync::lock;

use super::connection::Connection;
use super::finishing::Finishing;
use super::head::Head;

/// How long a worker stays without work.
const IDLE: Duration = Duration::from_secs(10);

/// A request on its way to a worker. It is handed on in a box: moved by value, it would be copied into the frame of
/// every function on the way, and those are the memory that a waiting worker takes.
pub(super) struct Job {
    pub connection: Connection,
    pub head: Head,
    pub received: Instant,
}

/// What a worker was doing when it asks for its next job.
pub(super) enum Occupation {
    Called,
    Busy(Finishing),
    Lingering,
}

pub(super) struct Pool {
    max: usize,
    state: Mutex<State>,
    /// Raised without the lock, which every answer would have to take; lowered under it where it matters.
    finishing: Arc<AtomicUsize>,
    /// Readable while a lingering worker is wanted.
    wanted: OwnedFd,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Box<Job>>,
    idle: Vec<Thread>,
    called: usize,
    lingering: usize,
    alive: usize,
    wanting: bool,
    /// No thread could be started the last time.
    short: bool,
    closed: bool,
}

impl State {
    /// Jobs for which no called worker is coming.
    fn unclaimed(&self) -> usize {
        self.queue.len().saturating_sub(self.called)
    }

    fn busy(&self, finishing: usize) -> usize {
        self.alive
            .saturating_sub(self.idle.len() + self.called + self.lingering + finishing)
    }
}

impl Pool {
    /// Of at most `max` workers, and so many requests at once.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn new(max: usize) -> io::Result<Self> {
        Ok(Self {
            max: max.max(1),
            state: Mutex::default(),
            finishing: Arc::default(),
            wanted: eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?,
        })
    }

    /// For a worker that begins a request.
    pub fn finishing(&self) -> Finishing {
        Finishing::new(&self.finishing)
    }

    /// Hands a job over; `spawn` starts one more worker, which asks for its job [`Occupation::Called`].
    ///
    /// # Errors
    /// The job, when as many are worked on as may be, or no worker is free and none can be started.
    pub fn submit(
        &self,
        job: Box<Job>,
        spawn: impl FnOnce() -> io::Result<()>,
    ) -> Result<(), Box<Job>> {
        let mut state = self.lock();
        let busy = state.busy(self.finishing.load(Ordering::SeqCst));
        if state.closed || busy + state.queue.len() >= self.max {
            return Err(job);
        }
        state.queue.push_back(job);
        if let Some(worker) = state.idle.pop() {
            state.called += 1;
            drop(state);
            worker.unpark();
            return Ok(());
        }
        let mut shortage = None;
        if state.alive < self.max {
            // Started under the lock: that is short, and the counts stay true.
            match spawn() {
                Ok(()) => {
                    state.alive += 1;
                    state.called += 1;
                    state.short = false;
                    return Ok(());
                }
                Err(error) => shortage = (!mem::replace(&mut state.short, true)).then_some(error),
            }
        }
        // With all threads that can be had at work, the limit is where they are.
        let refused = if busy + state.queue.len() > state.alive {
            state.queue.pop_back()
        } else {
            None
        };
        // Somebody lingers, or finishes and takes it next.
        if refused.is_none() && state.lingering > 0 && !mem::replace(&mut state.wanting, true) {
            let _ = rustix::io::write(&self.wanted, &1u64.to_ne_bytes());
        }
        drop(state);
        if let Some(error) = shortage {
            log::warn!("no thread for another worker: {error}");
        }
        refused.map_or(Ok(()), Err)
    }

    /// A write was not the last: the client has to make room first, which may take it long, so its worker is busy after
    /// all. Returns the job that was let in for it meanwhile, to be refused.
    pub fn stall(&self, finishing: &mut Finishing) -> Option<Box<Job>> {
        let mut state = self.lock();
        finishing.lower();
        let busy = state.busy(self.finishing.load(Ordering::SeqCst));
        if busy + state.queue.len() <= state.alive {
            return None;
        }
        let job = state.queue.pop_back();
        self.settle(&mut state);
        job
    }

    /// Waits for the next job. `None`: the worker shall leave.
    #[inline(never)] // frames of their own keep the stack of a waiting worker small
    pub fn next(&self, from: Occupation) -> Option<Box<Job>> {
        let mut state = self.lock();
        match from {
            Occupation::Called => state.called = state.called.saturating_sub(1),
            Occupation::Lingering => state.lingering = state.lingering.saturating_sub(1),
            Occupation::Busy(finishing) => drop(finishing),
        }
        loop {
            if let Some(job) = self.take(&mut state) {
                return Some(job);
            }
            if state.closed {
                return Self::leave(&mut state);
            }
            let me = thread::current();
            let until = Instant::now() + IDLE;
            state.idle.push(me.clone());
            loop {
                drop(state);
                thread::park_timeout(until.saturating_duration_since(Instant::now()));
                state = self.lock();
                match state.idle.iter().position(|idle| idle.id() == me.id()) {
                    None => {
                        state.called = state.called.saturating_sub(1);
                        break;
                    }
                    Some(place) if state.closed || Instant::now() >= until => {
                        state.idle.remove(place);
                        return Self::leave(&mut state);
                    }
                    // Somebody else's unpark: the handler may use the same means.
                    Some(_) => {}
                }
            }
        }
    }

    /// A busy worker begins to linger, unless there is a job, which it then has to do.
    pub fn begin_linger(&self, finishing: Finishing) -> Option<Box<Job>> {
        let mut state = self.lock();
        drop(finishing);
        let job = self.take(&mut state);
        if job.is_none() {
            state.lingering += 1;
        }
        job
    }

    /// A lingering worker asks whether it is wanted for another job; with it, it lingers no more.
    pub fn wanted_elsewhere(&self) -> Option<Box<Job>> {
        let mut state = self.lock();
        let job = self.take(&mut state)?;
        state.lingering = state.lingering.saturating_sub(1);
        Some(job)
    }

    /// A lingering worker has the next request on its connection and wants to go on with it, unless there is a job:
    /// that came first.
    pub fn resume(&self) -> Option<Box<Job>> {
        let mut state = self.lock();
        state.lingering = state.lingering.saturating_sub(1);
        self.take(&mut state)
    }

    /// Lets all workers leave as soon as they have nothing to do.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        for worker in &state.idle {
            worker.unpark();
        }
    }

    /// Workers that answer a request, and those that wait for one.
    pub fn workers(&self) -> (usize, usize) {
        let state = self.lock();
        let busy = state.busy(self.finishing.load(Ordering::SeqCst));
        (busy, state.alive.saturating_sub(busy))
    }

    /// Readable while a lingering worker is wanted.
    pub fn wanted(&self) -> BorrowedFd<'_> {
        self.wanted.as_fd()
    }

    fn take(&self, state: &mut State) -> Option<Box<Job>> {
        if state.unclaimed() == 0 {
            return None;
        }
        let job = state.queue.pop_front();
        self.settle(state);
        job
    }

    /// Wants no lingering worker any more if there is nothing left for it.
    fn settle(&self, state: &mut State) {
        if state.unclaimed() == 0 && mem::take(&mut state.wanting) {
            let _ = rustix::io::read(&self.wanted, &mut [0u8; 8]);
        }
    }

    fn leave(state: &mut State) -> Option<Box<Job>> {
        state.alive = state.alive.saturating_sub(1);
        None
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

#[cfg(test)]
mod tests;
