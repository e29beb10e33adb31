//! The worker threads and the queue between the front and them.
//!
//! A worker is *idle* (parked on a stack; the last to come is the first to be called, so that spare ones grow old and
//! leave), *called* (on its way to a job that waits for it), *busy*, or *lingering*: it has answered and waits a moment
//! for the next request on the same connection. A lingering worker is free. When a job finds nobody idle and no thread
//! can be added, an eventfd, which lingering workers poll beside their connection, calls one of them at once.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};
use std::{io, mem};

use rustix::event::{EventfdFlags, eventfd};

use super::connection::Connection;
use super::head::Head;

/// How long a worker stays without work.
const IDLE: Duration = Duration::from_secs(10);

/// A request on its way to a worker.
pub(super) struct Job {
    pub connection: Connection,
    pub head: Head,
    pub received: Instant,
}

/// What a worker was doing when it asks for its next job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occupation {
    Called,
    Busy,
    Lingering,
}

pub(super) struct Pool {
    max: usize,
    state: Mutex<State>,
    /// Readable while a lingering worker is wanted.
    wanted: OwnedFd,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
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

    fn busy(&self) -> usize {
        self.alive
            .saturating_sub(self.idle.len() + self.called + self.lingering)
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
            wanted: eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?,
        })
    }

    /// Hands a job over; `spawn` starts one more worker, which asks for its job [`Occupation::Called`].
    ///
    /// # Errors
    /// The job, when as many are worked on as may be, or there is no worker and none can be started.
    #[allow(clippy::result_large_err)] // The job goes back to where it came from, once in an overload.
    pub fn submit(&self, job: Job, spawn: impl FnOnce() -> io::Result<()>) -> Result<(), Job> {
        let mut state = self.lock();
        if state.closed || state.busy() + state.queue.len() >= self.max {
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
        let refused = if state.alive == 0 {
            state.queue.pop_back()
        } else {
            None
        };
        // Either one lingers, or all are busy and the first to finish takes it.
        if state.lingering > 0 && !mem::replace(&mut state.wanting, true) {
            let _ = rustix::io::write(&self.wanted, &1u64.to_ne_bytes());
        }
        drop(state);
        if let Some(error) = shortage {
            log::warn!("no thread for another worker: {error}");
        }
        refused.map_or(Ok(()), Err)
    }

    /// Waits for the next job. `None`: the worker shall leave.
    pub fn next(&self, from: Occupation) -> Option<Job> {
        let mut state = self.lock();
        match from {
            Occupation::Called => state.called = state.called.saturating_sub(1),
            Occupation::Lingering => state.lingering = state.lingering.saturating_sub(1),
            Occupation::Busy => {}
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
    pub fn begin_linger(&self) -> Option<Job> {
        let mut state = self.lock();
        let job = self.take(&mut state);
        if job.is_none() {
            state.lingering += 1;
        }
        job
    }

    /// A lingering worker asks whether it is wanted for another job; with it, it lingers no more.
    pub fn wanted_elsewhere(&self) -> Option<Job> {
        let mut state = self.lock();
        let job = self.take(&mut state)?;
        state.lingering = state.lingering.saturating_sub(1);
        Some(job)
    }

    /// A lingering worker has the next request on its connection and wants to go on with it, unless there is a job:
    /// that came first.
    pub fn resume(&self) -> Option<Job> {
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
        (state.busy(), state.alive.saturating_sub(state.busy()))
    }

    /// Readable while a lingering worker is wanted.
    pub fn wanted(&self) -> BorrowedFd<'_> {
        self.wanted.as_fd()
    }

    fn take(&self, state: &mut State) -> Option<Job> {
        if state.unclaimed() == 0 {
            return None;
        }
        let job = state.queue.pop_front();
        if state.unclaimed() == 0 && mem::take(&mut state.wanting) {
            let _ = rustix::io::read(&self.wanted, &mut [0u8; 8]);
        }
        job
    }

    fn leave(state: &mut State) -> Option<Job> {
        state.alive = state.alive.saturating_sub(1);
        None
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::net::{Ipv4Addr, TcpListener, TcpStream};

    use rustix::event::{PollFd, PollFlags};

    use super::*;
    use crate::config;
    use crate::http::connection::poll_until;

    fn job(id: usize) -> Job {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        Job {
            connection: Connection::new(id, TcpStream::connect(address).unwrap(), address),
            head: Head::parse(b"GET / HTTP/1.0\r\n\r\n", &config::Server::default()).unwrap(),
            received: Instant::now(),
        }
    }

    fn id(job: Option<Job>) -> Option<usize> {
        job.map(|job| job.connection.id)
    }

    fn is_wanted(pool: &Pool) -> bool {
        let wanted = pool.wanted();
        poll_until(&mut [PollFd::new(&wanted, PollFlags::IN)], Instant::now()).unwrap()
    }

    /// This thread plays the workers.
    fn submit(pool: &Pool, id: usize) -> bool {
        pool.submit(job(id), || Ok(())).is_ok()
    }

    #[test]
    fn a_lingering_worker_is_free_for_others_and_called_at_once() {
        let pool = Pool::new(1).unwrap();
        assert!(submit(&pool, 1));
        assert!(!submit(&pool, 2), "one is as many as may be");
        assert_eq!(id(pool.next(Occupation::Called)), Some(1));
        assert!(!submit(&pool, 2), "the worker is busy");
        assert!(pool.begin_linger().is_none());
        assert!(pool.wanted_elsewhere().is_none() && !is_wanted(&pool));
        assert!(submit(&pool, 2) && is_wanted(&pool));
        assert!(!submit(&pool, 3), "the worker is spoken for");
        assert_eq!(id(pool.wanted_elsewhere()), Some(2));
        assert!(!is_wanted(&pool), "the next to linger would spin");
    }

    #[test]
    fn a_job_that_waits_comes_before_the_next_request_of_a_kept_connection() {
        let pool = Pool::new(1).unwrap();
        assert!(submit(&pool, 1));
        assert_eq!(id(pool.next(Occupation::Called)), Some(1));
        assert!(pool.begin_linger().is_none());
        assert!(submit(&pool, 2));
        assert_eq!(id(pool.resume()), Some(2));
        assert!(!submit(&pool, 3), "it is busy with that");
        // The linger is over without another request.
        assert!(pool.begin_linger().is_none());
        assert!(submit(&pool, 4));
        assert_eq!(id(pool.next(Occupation::Lingering)), Some(4));
        assert!(!is_wanted(&pool));
    }

    #[test]
    fn a_job_is_not_taken_from_the_worker_that_was_called_for_it() {
        let pool = Pool::new(2).unwrap();
        assert!(submit(&pool, 1));
        assert_eq!(id(pool.next(Occupation::Called)), Some(1));
        assert!(submit(&pool, 2), "a second worker is called");
        assert!(pool.begin_linger().is_none(), "and the first may linger");
        assert_eq!(id(pool.next(Occupation::Called)), Some(2));
    }

    #[test]
    fn without_a_thread_to_be_had_a_job_waits_for_a_worker_or_is_refused_if_there_is_none() {
        let none = || Err(io::Error::from(io::ErrorKind::WouldBlock));
        let pool = Pool::new(2).unwrap();
        assert_eq!(id(pool.submit(job(1), none).err()), Some(1));
        assert!(submit(&pool, 1));
        assert_eq!(id(pool.next(Occupation::Called)), Some(1));
        assert!(pool.submit(job(2), none).is_ok());
        assert_eq!(id(pool.begin_linger()), Some(2));
    }

    #[test]
    fn an_idle_worker_is_called_before_another_is_started_and_leaves_when_the_pool_closes() {
        let pool = Pool::new(4).unwrap();
        let started = Cell::new(0);
        let count = || {
            started.set(started.get() + 1);
            Ok(())
        };
        assert!(pool.submit(job(1), count).is_ok());
        thread::scope(|scope| {
            let worker = scope.spawn(|| {
                let mut served = vec![id(pool.next(Occupation::Called))];
                while let Some(job) = pool.next(Occupation::Busy) {
                    served.push(Some(job.connection.id));
                }
                served
            });
            for next in 2..50 {
                while pool.lock().idle.is_empty() {
                    thread::yield_now();
                }
                assert!(pool.submit(job(next), count).is_ok());
            }
            while pool.lock().idle.is_empty() {
                thread::yield_now();
            }
            pool.close();
            assert_eq!(
                worker.join().unwrap(),
                (1..50).map(Some).collect::<Vec<_>>()
            );
        });
        assert_eq!(started.get(), 1);
        assert_eq!(pool.lock().alive, 0);
    }
}
