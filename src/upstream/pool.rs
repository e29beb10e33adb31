//! The connection pool.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::sync::lock;

use super::connection::Connection;
use super::unasked::Distrusted;
use super::wire::Look;

/// The idle timeout of a connection. Servers close theirs after 60 s (nginx: 75 s) or so; those are found out by the
/// look before use, and a call that meets one anyway is repeated (90 s).
const IDLE_AGE: Duration = Duration::from_secs(90);

/// The interval of the sweep for expired connections, which also meets origins that are called no more (10 s).
const SWEEP: Duration = Duration::from_secs(10);

/// Idle connections by origin, the youngest first in use: those that a burst has opened age and go.
///
/// Taking one and giving one back are a look-up and a push under one lock, whatever their number is. ureq's own pool
/// scans all of them each time, so it had to be kept small, and the second of two bursts met as many TLS handshakes as
/// the first. Of origins there are a few dozen at most, which are compared faster than hashed.
pub(super) struct ConnectionPool {
    idle: Mutex<IdleConnections>,
    most: usize,
    distrusted: Arc<Distrusted>,
    /// A count by its clones: each connection has one, those in use and in the making too.
    counted: Arc<()>,
}

#[derive(Default)]
struct IdleConnections {
    origins: Vec<IdleOfOrigin>,
    count: usize,
    /// `None`: the first sweep is due.
    next_sweep: Option<Instant>,
    closed: bool,
}

/// The idle connections of an origin, the youngest last.
struct IdleOfOrigin {
    origin: Box<str>,
    queue: VecDeque<IdleConnection>,
}

struct IdleConnection {
    connection: Box<Connection>,
    since: Instant,
}

impl ConnectionPool {
    /// A pool with a bound (connections).
    pub fn new(most: usize, distrusted: Arc<Distrusted>) -> Self {
        Self {
            idle: Mutex::default(),
            most,
            distrusted,
            counted: Arc::new(()),
        }
    }

    /// A quiet connection to `origin`, the youngest. Others that are met on the way are closed. `None`: a fresh one is
    /// needed.
    pub fn take(&self, origin: &str, now: Instant) -> Option<Box<Connection>> {
        loop {
            if self.distrusted.contains(origin, || now) {
                self.drop_idle(origin);
                return None;
            }
            // The lock is not held while a connection is looked at.
            let mut waiting = self.lock().pop(origin)?;
            if waiting.is_old(now) {
                continue;
            }
            match waiting.connection.wire.look() {
                Look::Quiet => return Some(waiting.connection),
                Look::Unasked => self.note_unasked(origin, now),
                Look::Closed => {}
            }
        }
    }

    /// Notes that an origin has sent bytes that no request had asked for. Its idle connections are closed.
    pub fn note_unasked(&self, origin: &str, now: Instant) {
        self.distrusted.note_sign(origin, now);
        self.drop_idle(origin);
    }

    /// Whether an answer over a connection that had served another call before may be that call's second one.
    pub fn distrusts(&self, origin: &str) -> bool {
        self.distrusted.contains(origin, Instant::now)
    }

    /// Keeps a connection whose last answer has been read to its end, if it is quiet. In a full pool the oldest one of
    /// the origin that has the most makes room.
    ///
    /// The look before its next call would find the same, but perhaps late or never: others are taken before it, or it
    /// ends unused. A sign concerns those others as well, the ones in use included, so it is looked for here, too,
    /// as far as the last read has not settled it.
    pub fn put(&self, mut connection: Box<Connection>, now: Instant) {
        let look = connection.wire.look_behind_answer();
        if look == Look::Unasked {
            self.note_unasked(connection.origin(), now);
        }
        if self.most == 0
            || look != Look::Quiet
            || self.distrusted.contains(connection.origin(), || now)
        {
            return;
        }
        connection.wire.drop_buffers();
        // Closing is a system call each, so it waits until the lock is free again.
        let _surplus = {
            let mut idle = self.lock();
            if idle.closed {
                return;
            }
            let mut surplus = idle.sweep(now);
            if idle.count >= self.most {
                surplus.extend(idle.pop_oldest());
            }
            idle.push(IdleConnection {
                connection,
                since: now,
            });
            surplus
        };
    }

    /// Counts one more connection, which is about to be made. If that is one too many, an idle one ends.
    pub fn one_more(&self) -> Arc<()> {
        let counted = Arc::clone(&self.counted);
        // The pool's own clone is not counted.
        let _surplus = if Arc::strong_count(&counted) - 1 > self.most {
            self.lock().pop_oldest()
        } else {
            None
        };
        counted
    }

    /// Closes the idle connections, and keeps none from now on.
    pub fn close(&self) {
        let _all = {
            let mut idle = self.lock();
            idle.closed = true;
            idle.count = 0;
            std::mem::take(&mut idle.origins)
        };
    }

    fn drop_idle(&self, origin: &str) {
        let _idle = self.lock().remove(origin);
    }

    fn lock(&self) -> MutexGuard<'_, IdleConnections> {
        lock(&self.idle)
    }
}

impl IdleConnection {
    fn is_old(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= IDLE_AGE
    }
}

impl IdleConnections {
    fn pop(&mut self, origin: &str) -> Option<IdleConnection> {
        let waiting = self.of(origin)?.queue.pop_back()?;
        self.count -= 1;
        Some(waiting)
    }

    fn of(&mut self, origin: &str) -> Option<&mut IdleOfOrigin> {
        self.origins.iter_mut().find(|idle| *idle.origin == *origin)
    }

    fn remove(&mut self, origin: &str) -> Option<VecDeque<IdleConnection>> {
        let queue = std::mem::take(&mut self.of(origin)?.queue);
        self.count -= queue.len();
        Some(queue)
    }

    fn push(&mut self, waiting: IdleConnection) {
        self.count += 1;
        match self.of(waiting.connection.origin()) {
            Some(idle) => idle.queue.push_back(waiting),
            None => self.origins.push(IdleOfOrigin {
                origin: waiting.connection.origin().into(),
                queue: VecDeque::from([waiting]),
            }),
        }
    }

    fn pop_oldest(&mut self) -> Option<IdleConnection> {
        let longest = self
            .origins
            .iter_mut()
            .max_by_key(|idle| idle.queue.len())?;
        let oldest = longest.queue.pop_front()?;
        self.count -= 1;
        Some(oldest)
    }

    /// The connections that are past their idle timeout; empty unless a sweep is due.
    fn sweep(&mut self, now: Instant) -> Vec<IdleConnection> {
        let mut expired = Vec::new();
        if self.next_sweep.is_some_and(|at| now < at) {
            return expired;
        }
        self.next_sweep = Some(now + SWEEP);
        self.origins.retain_mut(|IdleOfOrigin { queue, .. }| {
            let end = queue.partition_point(|waiting| waiting.is_old(now));
            expired.extend(queue.drain(..end));
            !queue.is_empty()
        });
        self.count -= expired.len();
        expired
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::super::socket::Socket;
    use super::*;

    /// Connections for a pool, each with its far end, which stays open.
    struct Net(TcpListener, Vec<TcpStream>);

    impl Net {
        fn new() -> Self {
            Self(TcpListener::bind("127.0.0.1:0").unwrap(), Vec::new())
        }

        fn connection(&mut self, origin: &str) -> Box<Connection> {
            let near = TcpStream::connect(self.0.local_addr().unwrap()).unwrap();
            near.set_nonblocking(true).unwrap();
            self.1.push(self.0.accept().unwrap().0);
            let wire = Box::new(Socket::new(near, false));
            Box::new(Connection::new(origin, wire, Arc::default()))
        }
    }

    fn counted(pool: &ConnectionPool, origin: &str, now: Instant) -> usize {
        std::iter::from_fn(|| pool.take(origin, now)).count()
    }

    /// The connections of a burst must go again when there is no other burst, so the same few are taken always.
    #[test]
    fn the_youngest_is_taken_first_and_the_old_ones_go() {
        let (mut net, pool, start) = (
            Net::new(),
            ConnectionPool::new(10, Arc::default()),
            Instant::now(),
        );
        let later = start + IDLE_AGE / 2;
        pool.put(net.connection("http://a"), start);
        pool.put(net.connection("http://b"), start);
        pool.put(net.connection("http://a"), later);
        let youngest = pool.take("http://a", later).unwrap();
        let end = start + IDLE_AGE;
        pool.put(youngest, later);
        assert_eq!(counted(&pool, "http://a", end), 1);
        // `b` is called no more; a connection that is given back to another origin ends it.
        pool.put(net.connection("http://a"), end);
        assert_eq!(pool.lock().count, 1);
        assert_eq!(pool.lock().origins.len(), 1);
    }

    /// Descriptors are few; and one provider's idle connections must not cost the others a handshake per call.
    #[test]
    fn a_full_pool_takes_room_from_the_origin_that_has_most() {
        let (mut net, pool, now) = (
            Net::new(),
            ConnectionPool::new(3, Arc::default()),
            Instant::now(),
        );
        for origin in ["http://a", "http://a", "http://b", "http://a", "http://b"] {
            pool.put(net.connection(origin), now);
        }
        assert_eq!(pool.lock().count, 3);
        assert_eq!(counted(&pool, "http://a", now), 1);
        assert_eq!(counted(&pool, "http://b", now), 2);
        let none = ConnectionPool::new(0, Arc::default());
        none.put(net.connection("http://a"), now);
        assert_eq!(counted(&none, "http://a", now), 0);
    }

    #[test]
    fn a_closed_pool_is_empty_and_stays_so() {
        let (mut net, pool, now) = (
            Net::new(),
            ConnectionPool::new(3, Arc::default()),
            Instant::now(),
        );
        pool.put(net.connection("http://a"), now);
        pool.close();
        pool.put(net.connection("http://a"), now);
        assert_eq!(counted(&pool, "http://a", now), 0);
    }

    /// A provider that has closed while the connection was idle.
    #[test]
    fn a_dead_connection_is_passed_over() {
        let (mut net, pool, now) = (
            Net::new(),
            ConnectionPool::new(3, Arc::default()),
            Instant::now(),
        );
        pool.put(net.connection("http://a"), now);
        pool.put(net.connection("http://a"), now);
        drop(net.1.pop());
        assert_eq!(counted(&pool, "http://a", now), 1);
    }
}
