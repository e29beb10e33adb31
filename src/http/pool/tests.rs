//! The counts of a pool, with the test's own thread in the place of the workers.

use std::cell::Cell;
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use rustix::event::{PollFd, PollFlags};

use super::*;
use crate::budget::Budget;
use crate::config;
use crate::http::connection::poll_until;

fn job(pool: &Pool, id: usize) -> Box<Job> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    Box::new(Job {
        permit: pool.permit(),
        connection: Connection::new(id, TcpStream::connect(address).unwrap(), address),
        head: Head::parse(b"GET / HTTP/1.0\r\n\r\n", &config::EdgeLimits::default()).unwrap(),
        received: Instant::now(),
        body: Body::Read,
        small_body: None,
        charge: Budget::new(0, || {}).empty(),
        client_permit: None,
    })
}

fn id(job: Option<Box<Job>>) -> Option<usize> {
    job.map(|job| job.connection.id)
}

fn is_wanted(pool: &Pool) -> bool {
    let wanted = pool.wanted();
    let now = Instant::now();
    poll_until(&mut [PollFd::new(&wanted, PollFlags::IN)], now, now).unwrap()
}

/// The test's own thread plays the workers.
fn submit(pool: &Pool, id: usize) -> bool {
    pool.submit(job(pool, id), || Ok(())).is_ok()
}

fn submit_without_threads(pool: &Pool, id: usize) -> bool {
    let none = || Err(io::Error::from(io::ErrorKind::WouldBlock));
    pool.submit(job(pool, id), none).is_ok()
}

/// A worker that was called, and the job that it has taken.
fn start(pool: &Pool) -> (WorkerState, Box<Job>) {
    let mut worker = WorkerState::Called;
    let job = pool.next(&mut worker).unwrap();
    assert_eq!(worker, WorkerState::Busy);
    (worker, job)
}

#[test]
fn no_step_leads_out_of_the_diagram() {
    use WorkerState::*;
    for (from, step, to) in [
        (Idle, Transition::Work, Called),
        (Called, Transition::Work, Busy),
        (Busy, Transition::Work, Busy),
        (Lingering, Transition::Work, Busy),
        (Lingering, Transition::Continue, Busy),
        (Busy, Transition::Linger, Lingering),
        (Lingering, Transition::Linger, Lingering),
        (Called, Transition::Rest, Idle),
        (Busy, Transition::Rest, Idle),
        (Lingering, Transition::Rest, Idle),
        (Idle, Transition::Leave, Left),
        (Left, Transition::Work, Left),
    ] {
        assert_eq!(from.after(step), to, "{from:?} {step:?}");
    }
}

#[test]
fn a_lingering_worker_is_free_for_others_and_called_at_once() {
    let pool = Pool::new(1).unwrap();
    assert!(submit(&pool, 1));
    assert!(!submit(&pool, 2), "one is as many as may be");
    let (mut worker, mut first) = start(&pool);
    assert!(!submit(&pool, 2), "the worker is busy");
    first.permit.release();
    assert!(pool.step(&mut worker, Transition::Linger).is_none());
    assert!(pool.step(&mut worker, Transition::Linger).is_none() && !is_wanted(&pool));
    assert!(submit(&pool, 2) && is_wanted(&pool));
    assert!(!submit(&pool, 3), "the worker is spoken for");
    assert_eq!(id(pool.step(&mut worker, Transition::Linger)), Some(2));
    assert!(!is_wanted(&pool), "the next to linger would spin");
}

#[test]
fn a_job_that_waits_comes_before_the_next_request_of_a_kept_connection() {
    let pool = Pool::new(1).unwrap();
    assert!(submit(&pool, 1));
    let (mut worker, mut first) = start(&pool);
    first.permit.release();
    assert!(pool.step(&mut worker, Transition::Linger).is_none());
    assert!(submit(&pool, 2));
    first.permit.take();
    let second = pool.step(&mut worker, Transition::Continue);
    drop(first);
    assert!(!submit(&pool, 3), "it is busy with that");
    assert_eq!(id(second), Some(2));
    // The linger is over without another request.
    assert!(pool.step(&mut worker, Transition::Linger).is_none());
    assert!(submit(&pool, 4));
    assert_eq!(id(pool.next(&mut worker)), Some(4));
    assert!(!is_wanted(&pool));
}

#[test]
fn a_request_that_goes_on_after_a_linger_is_in_flight() {
    let pool = Pool::new(1).unwrap();
    assert!(submit(&pool, 1));
    let (mut worker, mut first) = start(&pool);
    first.permit.release();
    assert!(pool.step(&mut worker, Transition::Linger).is_none());
    first.permit.take();
    assert!(pool.step(&mut worker, Transition::Continue).is_none());
    assert_eq!((worker, pool.workers()), (WorkerState::Busy, (1, 0)));
    assert!(!submit(&pool, 2));
}

#[test]
fn the_permit_of_a_whole_answer_admits_one_job_more() {
    let pool = Pool::new(1).unwrap();
    assert!(submit(&pool, 1));
    let (mut worker, mut first) = start(&pool);
    assert!(pool.is_full());
    first.permit.release();
    assert!(submit(&pool, 2) && !submit(&pool, 3));
    let second = pool.step(&mut worker, Transition::Linger);
    assert!(!submit(&pool, 4), "the worker is busy with that");
    assert_eq!(id(second), Some(2));
}

#[test]
fn a_job_is_not_taken_from_the_worker_that_was_called_for_it() {
    let pool = Pool::new(2).unwrap();
    assert!(submit(&pool, 1));
    let (mut worker, mut first) = start(&pool);
    assert!(submit(&pool, 2), "a second worker is called");
    first.permit.release();
    let waiting = pool.step(&mut worker, Transition::Linger);
    assert!(waiting.is_none(), "and the first may linger");
    assert_eq!(id(Some(start(&pool).1)), Some(2));
}

#[test]
fn without_a_thread_to_be_had_a_job_waits_for_a_free_worker_or_is_refused_if_there_is_none() {
    let pool = Pool::new(2).unwrap();
    assert!(!submit_without_threads(&pool, 1));
    assert!(submit(&pool, 1));
    let (mut worker, mut first) = start(&pool);
    assert!(!submit_without_threads(&pool, 2));
    first.permit.release();
    assert!(submit_without_threads(&pool, 3));
    let mut third = pool.step(&mut worker, Transition::Linger).unwrap();
    assert_eq!(third.connection.id, 3);
    third.permit.release();
    assert!(pool.step(&mut worker, Transition::Linger).is_none());
    assert!(submit_without_threads(&pool, 4) && is_wanted(&pool));
    assert!(!submit_without_threads(&pool, 5));
    let fourth = pool.step(&mut worker, Transition::Linger);
    assert!(submit(&pool, 6), "threads can be had again");
    assert_eq!(id(fourth), Some(4));
}

#[test]
fn an_idle_worker_is_called_before_another_is_started_and_leaves_when_the_pool_closes() {
    let pool = Pool::new(4).unwrap();
    let started = Cell::new(0);
    let count = || {
        started.set(started.get() + 1);
        Ok(())
    };
    let await_idle = || {
        while pool.lock().parked.is_empty() {
            thread::yield_now();
        }
    };
    assert!(pool.submit(job(&pool, 1), count).is_ok());
    thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let (mut worker, mut served) = (WorkerState::Called, Vec::new());
            while let Some(job) = pool.next(&mut worker) {
                served.push(job.connection.id);
            }
            (worker, served)
        });
        for next in 2..50 {
            await_idle();
            assert!(pool.submit(job(&pool, next), count).is_ok());
        }
        await_idle();
        pool.close();
        let expected = (WorkerState::Left, (1..50).collect::<Vec<_>>());
        assert_eq!(worker.join().unwrap(), expected);
    });
    assert_eq!((started.get(), pool.lock().alive()), (1, 0));
}
