//! What waits for the collector: encoded already, and bounded by number and by bytes.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::wire;

/// Spans or records that wait at most (the specification's `OTEL_BSP_MAX_QUEUE_SIZE`).
pub const MOST_WAITING: usize = 2048;

/// Bytes that wait at most, of spans and of records each.
pub const MOST_BYTES: usize = 4 * 1024 * 1024;

/// Spans or records of one export (the specification's `OTEL_BSP_MAX_EXPORT_BATCH_SIZE`), and from how many bytes on
/// there are enough: collectors refuse what is too large.
const BATCH: usize = 512;
const BATCH_BYTES: usize = MOST_BYTES / 4;

/// The field of spans, records and metrics within their scope's message.
pub const ITEM: u8 = 2;

/// One signal's, between those who have something to tell and the thread that delivers it.
#[derive(Debug, Default)]
pub struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    turned_away: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    batches: VecDeque<Batch>,
    waiting: usize,
    bytes: usize,
    closed: bool,
}

/// What goes into one export.
#[derive(Debug, Default)]
pub struct Batch {
    pub count: usize,
    /// As they stand in their scope's message.
    pub items: Vec<u8>,
}

impl Queue {
    /// One more, which is dropped and counted if there is no room for it.
    pub fn push(&self, item: &[u8]) {
        let mut state = self.state();
        let fits = state.waiting < MOST_WAITING && state.bytes + item.len() <= MOST_BYTES;
        if !fits || state.closed {
            self.turned_away.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if state.batches.back().is_none_or(Batch::is_full) {
            state.batches.push_back(Batch::default());
        }
        let (mut added, mut is_full) = (0, false);
        if let Some(batch) = state.batches.back_mut() {
            let before = batch.items.len();
            wire::bytes(&mut batch.items, ITEM, item);
            batch.count += 1;
            (added, is_full) = (batch.items.len() - before, batch.is_full());
        }
        state.bytes += added;
        state.waiting += 1;
        // The thread sleeps until there is a first one, and from then on until there is no reason to wait for more.
        let wakes = state.waiting == 1 || is_full;
        drop(state);
        if wakes {
            self.changed.notify_one();
        }
    }

    /// The next batch: a full one at once, else what has come until `delay` after the first. `None` is the end.
    pub fn take(&self, delay: Duration) -> Option<Batch> {
        let mut state = self.state();
        let mut due = None;
        loop {
            let is_full = state.batches.front().is_some_and(Batch::is_full);
            let is_due = due.is_some_and(|due| Instant::now() >= due);
            if is_full || is_due || state.closed {
                let batch = state.batches.pop_front()?;
                state.waiting -= batch.count;
                state.bytes -= batch.items.len();
                return Some(batch);
            }
            if state.waiting == 0 {
                let woken = self.changed.wait(state);
                state = woken.unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let now = Instant::now();
            let due = *due.get_or_insert(now + delay);
            let woken = self.changed.wait_timeout(state, due - now);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Nothing more comes; what is there can still be taken.
    pub fn close(&self) {
        self.state().closed = true;
        self.changed.notify_one();
    }

    /// How many have been turned away so far.
    pub fn turned_away(&self) -> u64 {
        self.turned_away.load(Ordering::Relaxed)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Batch {
    fn is_full(&self) -> bool {
        self.count >= BATCH || self.items.len() >= BATCH_BYTES
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    /// A collector that does not answer must not fill the memory, neither with many records nor with a few large ones.
    #[test]
    fn what_waits_is_bounded_by_number_and_by_size() {
        let queue = Queue::default();
        for _ in 0..10 * MOST_WAITING {
            queue.push(b"x");
        }
        assert_eq!(queue.turned_away(), 9 * MOST_WAITING as u64);
        assert_eq!(queue.take(LONG).unwrap().count, BATCH);
        for _ in 0..BATCH + 1 {
            queue.push(b"x");
        }
        assert_eq!(queue.turned_away(), 9 * MOST_WAITING as u64 + 1);

        let queue = Queue::default();
        for _ in 0..100 {
            queue.push(&vec![0; MOST_BYTES / 8]);
        }
        assert!(
            (92..94).contains(&queue.turned_away()),
            "{}",
            queue.turned_away()
        );
        queue.push(&vec![0; MOST_BYTES + 1]);
        let batch = queue.take(LONG).unwrap();
        assert_eq!((batch.count, batch.items.len() >> 20), (2, 1));
    }

    #[test]
    fn a_batch_is_taken_when_it_is_full_or_old_enough() {
        let queue = Queue::default();
        let started = Instant::now();
        let delay = Duration::from_millis(30);
        thread::scope(|scope| {
            let taken = scope.spawn(|| queue.take(delay));
            queue.push(b"one");
            queue.push(b"two");
            let batch = taken.join().unwrap().unwrap();
            assert!((1..=2).contains(&batch.count));
            assert!(started.elapsed() >= delay);
        });
        let queue = Queue::default();
        thread::scope(|scope| {
            let taken = scope.spawn(|| queue.take(LONG));
            for _ in 0..BATCH {
                queue.push(b"x");
            }
            assert_eq!(taken.join().unwrap().unwrap().count, BATCH);
        });
    }

    #[test]
    fn the_end_gives_what_is_left() {
        let queue = Queue::default();
        queue.push(b"x");
        queue.close();
        queue.push(b"too late");
        assert_eq!(queue.take(LONG).unwrap().items, [ITEM << 3 | 2, 1, b'x']);
        assert!(queue.take(LONG).is_none());
        let queue = Queue::default();
        thread::scope(|scope| {
            let taken = scope.spawn(|| queue.take(LONG));
            queue.close();
            assert!(taken.join().unwrap().is_none());
        });
    }
}
