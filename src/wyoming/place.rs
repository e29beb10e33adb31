//! The places of connections: how many there are, and which of them are at work.

use std::collections::BTreeMap;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::sync::lock;

/// The connections that there can be.
const MOST: usize = 64;

/// The places of all connections.
#[derive(Default)]
pub struct Places {
    taken: Mutex<BTreeMap<u64, Taken>>,
    left: Condvar,
    is_ending: AtomicBool,
}

struct Taken {
    socket: Arc<TcpStream>,
    is_busy: Arc<AtomicBool>,
}

/// The place of a connection, which is free again when this is dropped.
pub struct Place {
    places: Arc<Places>,
    number: u64,
    is_busy: Arc<AtomicBool>,
}

impl Places {
    /// A place for a connection; `None` where all are taken, or the end has begun.
    pub fn take(self: &Arc<Self>, socket: &Arc<TcpStream>) -> Option<Place> {
        let mut taken = lock(&self.taken);
        if taken.len() >= MOST || self.is_ending() {
            return None;
        }
        let number = taken.keys().last().map_or(0, |last| last.wrapping_add(1));
        let is_busy = Arc::new(AtomicBool::new(false));
        taken.insert(
            number,
            Taken {
                socket: Arc::clone(socket),
                is_busy: Arc::clone(&is_busy),
            },
        );
        Some(Place {
            places: Arc::clone(self),
            number,
            is_busy,
        })
    }

    /// Whether connections end after the request that they are at.
    pub fn is_ending(&self) -> bool {
        self.is_ending.load(Ordering::SeqCst)
    }

    /// Begins the end: connections that wait for their peers close now, the others after their request.
    pub fn begin_end(&self) {
        let taken = lock(&self.taken);
        self.is_ending.store(true, Ordering::SeqCst);
        let idle = taken.values().filter(|taken| !taken.is_busy());
        idle.for_each(Taken::close);
    }

    /// Waits until no connection is at work, and closes those that still are after `patience`.
    pub fn end(&self, patience: Duration) {
        self.begin_end();
        let until = Instant::now() + patience;
        let mut taken = lock(&self.taken);
        while taken.values().any(Taken::is_busy) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let woken = self.left.wait_timeout(taken, left);
            taken = woken.map_or_else(|poisoned| poisoned.into_inner().0, |(taken, _)| taken);
        }
        taken.values().for_each(Taken::close);
    }
}

impl Taken {
    fn is_busy(&self) -> bool {
        self.is_busy.load(Ordering::SeqCst)
    }

    fn close(&self) {
        // It fails for one that is closed.
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

impl Place {
    /// Does a piece of work which the end of the process waits for.
    pub fn at_work<T>(&self, work: impl FnOnce() -> T) -> T {
        self.is_busy.store(true, Ordering::SeqCst);
        let done = work();
        self.is_busy.store(false, Ordering::SeqCst);
        done
    }

    pub fn is_ending(&self) -> bool {
        self.places.is_ending()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.places.taken).remove(&self.number);
        self.places.left.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;

    use super::*;

    fn pair() -> (Arc<TcpStream>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (Arc::new(listener.accept().unwrap().0), peer)
    }

    #[test]
    fn there_are_so_many_places_and_no_more() {
        let (socket, _peer) = pair();
        let places = Arc::new(Places::default());
        let mut held: Vec<Place> = (0..100).map_while(|_| places.take(&socket)).collect();
        assert_eq!(held.len(), MOST);
        held.remove(0);
        assert!(places.take(&socket).is_some());
    }

    #[test]
    fn the_end_waits_for_those_at_work_alone() {
        let ((idle, mut of_idle), (busy, mut of_busy)) = (pair(), pair());
        let places = Arc::new(Places::default());
        let _idle = places.take(&idle).unwrap();
        let place = places.take(&busy).unwrap();
        place.at_work(|| {
            places.begin_end();
            assert_eq!(of_idle.read(&mut [0]).unwrap(), 0);
            std::thread::scope(|scope| {
                scope.spawn(|| places.end(Duration::from_millis(10)));
                assert_eq!(of_busy.read(&mut [0]).unwrap(), 0, "its time is over");
            });
        });
        assert!(places.take(&idle).is_none());
    }
}
