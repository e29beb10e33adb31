//! The bound of the telemetry that waits for a collector. The SDK's queues bound numbers only, and a span can hold a
//! conversation.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Spans or records that wait, those of an export under way included (the specification's `OTEL_BSP_MAX_QUEUE_SIZE`).
pub const MAX_WAITING: usize = 2048;

/// Memory of the spans that wait, and of the records (bytes, each).
pub const MAX_WAITING_BYTES: usize = 4 * 1024 * 1024;

/// The gate in front of one signal's queue. It is no wider than the queue, so that the queue itself never turns
/// anything away.
#[derive(Debug, Default)]
pub struct Gate {
    waiting: AtomicUsize,
    waiting_bytes: AtomicUsize,
    turned_away: AtomicU64,
}

impl Gate {
    /// Takes room for a span or record of this size; `false` if there is none, which is counted. Chance decides between
    /// several of the same moment.
    pub fn admit(&self, bytes: usize) -> bool {
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let bytes_before = self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        let fits = before < MAX_WAITING && bytes_before.saturating_add(bytes) <= MAX_WAITING_BYTES;
        if !fits {
            self.release(1, bytes);
            self.turned_away.fetch_add(1, Ordering::Relaxed);
        }
        fits
    }

    /// Gives back the room of so many that have been exported, or are lost.
    pub fn release(&self, count: usize, bytes: usize) {
        self.waiting.fetch_sub(count, Ordering::Relaxed);
        self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Spans or records that found no room since the start.
    pub fn turned_away(&self) -> u64 {
        self.turned_away.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A collector that does not answer must not fill the memory, neither with many records nor with a few large ones.
    #[test]
    fn what_waits_is_bounded_by_number_and_by_size() {
        let gate = Gate::default();
        let admitted = (0..10 * MAX_WAITING).filter(|_| gate.admit(1)).count();
        assert_eq!(admitted, MAX_WAITING);
        assert_eq!(gate.turned_away(), 9 * MAX_WAITING as u64);
        gate.release(10, 10);
        assert_eq!((0..20).filter(|_| gate.admit(1)).count(), 10);

        let gate = Gate::default();
        let eighth = MAX_WAITING_BYTES / 8;
        assert_eq!((0..100).filter(|_| gate.admit(eighth)).count(), 8);
        gate.release(2, 2 * eighth);
        assert_eq!((0..100).filter(|_| gate.admit(eighth)).count(), 2);
        assert!(!gate.admit(usize::MAX / 2));
    }
}
