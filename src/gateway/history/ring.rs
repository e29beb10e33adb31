//! The last requests, bounded in number and in bytes: the oldest go first.

use std::collections::VecDeque;
use std::sync::Arc;

use super::record::Record;

/// The memory of all records (bytes).
pub const MAX_BYTES: usize = 512 * 1024;

/// Records of requests, the oldest first.
#[derive(Debug, Default)]
pub struct Ring {
    records: VecDeque<Arc<Record>>,
    bytes: usize,
}

impl Ring {
    /// Adds the record of a request that has ended, at most `most` in all. Those that have no place any more come back, to
    /// be dropped out of the lock.
    pub fn add(&mut self, record: Record, most: usize) -> Option<Arc<Record>> {
        self.bytes += record.size();
        self.records.push_back(Arc::new(record));
        let mut gone = None;
        while self.records.len() > most || self.bytes > MAX_BYTES {
            gone = self.records.pop_front();
            self.bytes -= gone.as_deref().map_or(0, Record::size);
        }
        gone
    }

    /// The records, the newest first.
    pub fn newest(&self) -> impl Iterator<Item = &Arc<Record>> {
        self.records.iter().rev()
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::record;
    use super::*;

    #[test]
    fn the_oldest_go_by_number() {
        let mut ring = Ring::default();
        for number in 0..5 {
            ring.add(record(&format!("req-{number}"), 10), 3);
        }
        let ids: Vec<&str> = ring.newest().map(|record| record.id.as_str()).collect();
        assert_eq!(ids, ["req-4", "req-3", "req-2"]);
    }

    /// Long messages of providers.
    #[test]
    fn the_oldest_go_by_bytes() {
        let mut ring = Ring::default();
        for number in 0..1000 {
            ring.add(record(&format!("req-{number}"), 3000), 10_000);
        }
        assert!(ring.bytes <= MAX_BYTES);
        let sizes: usize = ring.newest().map(|record| record.size()).sum();
        assert_eq!(ring.bytes, sizes);
        let count = ring.newest().count();
        assert!((100..200).contains(&count), "{count}");
    }

    #[test]
    fn none_are_kept_where_none_are_wanted() {
        let mut ring = Ring::default();
        ring.add(record("req-1", 10), 0);
        assert_eq!(ring.newest().count(), 0);
        assert_eq!(ring.bytes, 0);
    }
}
