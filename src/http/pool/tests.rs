//! The counts of a pool, with the test's own thread in the place of the workers.

use std::cell::Cell;
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use rustix::event::{PollFd, PollFlags};

use super::*;
use crate::config;
use crate::http::connection::poll_until;

fn job(id: usize) -> Box<Job> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    Box::new(Job {
        connection: Connection::new(id, TcpStream::connect(address).unwrap(), address),
        head: Head::parse(b"GET / HTTP/1.0\r\n\r\n", &config::Server::default()).unwrap(),
        received: Instant::now(),
    })
}

fn id(job: Option<Box<Job>>) -> Option<usize> {
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
    assert!(pool.begin_linger(pool.finishing()).is_none());
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
    assert!(pool.begin_linger(pool.finishing()).is_none());
    assert!(submit(&pool, 2));
    assert_eq!(id(pool.resume()), Some(2));
    assert!(!submit(&pool, 3), "it is busy with that");
    // The linger is over without another request.
    assert!(pool.begin_linger(pool.finishing()).is_none());
    assert!(submit(&pool, 4));
    assert_eq!(id(pool.next(Occupation::Lingering)), Some(4));
    assert!(!is_wanted(&pool));
}

#[test]
fn a_worker_that_finishes_takes_one_job_more_and_gives_it_up_if_its_client_stalls() {
    let pool = Pool::new(1).unwrap();
    let mut finishing = pool.finishing();
    assert!(submit(&pool, 1));
    assert_eq!(id(pool.next(Occupation::Called)), Some(1));
    finishing.raise();
    assert!(submit(&pool, 2) && !submit(&pool, 3));
    assert_eq!(id(pool.stall(&mut finishing)), Some(2));
    assert!(!submit(&pool, 4), "it is busy again");
    finishing.raise();
    assert!(submit(&pool, 5));
    assert_eq!(id(pool.begin_linger(finishing)), Some(5));
    assert!(!submit(&pool, 6), "it is busy with that");
}

#[test]
fn a_job_is_not_taken_from_the_worker_that_was_called_for_it() {
    let pool = Pool::new(2).unwrap();
    assert!(submit(&pool, 1));
    assert_eq!(id(pool.next(Occupation::Called)), Some(1));
    assert!(submit(&pool, 2), "a second worker is called");
    assert!(
        pool.begin_linger(pool.finishing()).is_none(),
        "and the first may linger"
    );
    assert_eq!(id(pool.next(Occupation::Called)), Some(2));
}

#[test]
fn without_a_thread_to_be_had_a_job_waits_for_a_free_worker_or_is_refused_if_there_is_none() {
    let none = || Err(io::Error::from(io::ErrorKind::WouldBlock));
    let pool = Pool::new(2).unwrap();
    assert_eq!(id(pool.submit(job(1), none).err()), Some(1));
    assert!(submit(&pool, 1));
    assert_eq!(id(pool.next(Occupation::Called)), Some(1));
    assert_eq!(id(pool.submit(job(2), none).err()), Some(2));
    let mut finishing = pool.finishing();
    finishing.raise();
    assert!(pool.submit(job(3), none).is_ok());
    assert_eq!(id(pool.begin_linger(finishing)), Some(3));
    assert!(pool.begin_linger(pool.finishing()).is_none());
    assert!(pool.submit(job(4), none).is_ok() && is_wanted(&pool));
    assert_eq!(id(pool.submit(job(5), none).err()), Some(5));
    assert_eq!(id(pool.wanted_elsewhere()), Some(4));
    assert!(submit(&pool, 6), "threads can be had again");
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
            while let Some(job) = pool.next(Occupation::Busy(pool.finishing())) {
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
