//! The last requests, bounded in number and in bytes: the oldest go first.

use std::collections::VecDeque;
use std::sync::Arc;

use super::record::{Record, taken};

/// The memory of all records and of the ring itself (bytes).
pub const MAX_BYTES: usize = 512 * 1024;

/// Records of requests and the memory of each (bytes), the oldest first.
#[derive(Debug, Default)]
pub struct Ring {
    records: VecDeque<(Arc<Record>, usize)>,
    /// The memory of the records (bytes).
    bytes: usize,
}

impl Ring {
    /// Adds the record of a request that has ended, at most `most` in all. The last of those that have no place any more
    /// comes back, to be dropped out of the lock.
    pub fn add(&mut self, record: Arc<Record>, size: usize, most: usize) -> Option<Arc<Record>> {
        // Room for one more may double the ring: then it counts for as much.
        self.records.reserve(1);
        let mut gone = None;
        while !self.records.is_empty()
            && (self.records.len() >= most || self.size() + size > MAX_BYTES)
        {
            let (oldest, of_oldest) = self.records.pop_front().unzip();
            self.bytes -= of_oldest.unwrap_or_default();
            gone = oldest;
        }
        if most == 0 {
            return gone;
        }
        self.bytes += size;
        self.records.push_back((record, size));
        gone
    }

    /// The memory of the records and of the ring itself (bytes).
    fn size(&self) -> usize {
        self.bytes + taken(self.records.capacity() * size_of::<(Arc<Record>, usize)>())
    }

    /// The records, the newest first.
    pub fn newest(&self) -> impl Iterator<Item = &Arc<Record>> {
        self.records.iter().rev().map(|(record, _)| record)
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::record;
    use super::*;

    fn add(ring: &mut Ring, mut record: Record, most: usize) {
        let size = record.bound();
        ring.add(Arc::new(record), size, most);
    }

    #[test]
    fn the_oldest_go_by_number() {
        let mut ring = Ring::default();
        for number in 0..5 {
            add(&mut ring, record(&format!("req-{number}"), 10), 3);
        }
        let ids: Vec<&str> = ring.newest().map(|record| &*record.id).collect();
        assert_eq!(ids, ["req-4", "req-3", "req-2"]);
    }

    /// Each allocation of a record, without a step of malloc's left out: long messages of providers at the cut of a record, and
    /// many small records, of which the ring itself and the allocator take a good part.
    #[test]
    fn the_oldest_go_by_bytes() {
        for (bytes, standings, most_count) in [(3000, 0, 200), (2000, 20, 200), (0, 3, 3000)] {
            let mut ring = Ring::default();
            for number in 0..10_000 {
                let mut standings: Vec<String> = (0..standings)
                    .map(|it| format!("open, {it} used"))
                    .collect();
                standings.reserve_exact(8);
                let record = Record {
                    cost: Some("0.000120".to_owned()),
                    standings,
                    ..record(&format!("req-{number}"), bytes)
                };
                add(&mut ring, record, 20_000);
                assert!(ring.size() <= MAX_BYTES);
            }
            let of_record = |record: &Arc<Record>| {
                let (text, counters) = (size_of::<String>(), 16);
                let standings = record.standings.iter().map(String::capacity);
                let mut allocations: Vec<usize> = standings.collect();
                allocations.extend([
                    counters + record.route.as_ref().unwrap().len(),
                    record.cost.as_ref().unwrap().capacity(),
                    counters + size_of::<Record>(),
                    counters + record.id.len(),
                    counters + text,
                    record.summary.as_ref().unwrap().capacity(),
                    record.standings.capacity() * text,
                ]);
                let heads = allocations.iter().filter(|it| **it > 0).count() * 8;
                allocations.iter().sum::<usize>() + heads
            };
            let all: usize = ring.newest().map(of_record).sum();
            let all = all + ring.records.capacity() * 16;
            let count = ring.newest().count();
            assert!(all <= MAX_BYTES, "{all} bytes in {count} records");
            assert!(all > MAX_BYTES * 3 / 4, "{all} bytes in {count} records");
            assert!((100..most_count).contains(&count), "{count}");
        }
    }

    #[test]
    fn none_are_kept_where_none_are_wanted() {
        let mut ring = Ring::default();
        add(&mut ring, record("req-1", 10), 0);
        assert_eq!(ring.newest().count(), 0);
        assert_eq!(ring.bytes, 0);
    }
}
