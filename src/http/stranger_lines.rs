//! The lines that strangers may have in the log: requests without a key, and whatever the edge turns away.
//!
//! A request of 26 bytes makes a line of 359. So the first ones of each address have a line each, and all others of the
//! minute one together. The addresses are counted in a table of fixed size (Metwally, Agrawal, El Abbadi: *Efficient
//! computation of frequent and top-k elements in data streams*, 2005): an address that is in none of its places takes that
//! of the rarest one and goes on from its count, so that nobody gets more lines by coming from many addresses, and the
//! busiest ones are always in it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::heapsort::sorted_by_key;
use crate::sync::lock;

use super::permits::counted_as;

/// The time that one summary is for.
const WINDOW: Duration = Duration::from_secs(60);

/// The lines of one address in that time.
const LINES: u64 = 10;

/// The addresses that are counted; with [`LINES`], the bound of all lines.
const MOST_ADDRESSES: usize = 64;

/// The addresses that a summary names.
const NAMED: usize = 3;

/// The lines of strangers, shared by all threads.
#[derive(Default)]
pub struct StrangerLines(Mutex<Option<Minute>>);

impl StrangerLines {
    /// Whether an answer of this status to a stranger has a line of its own. One that has none is counted.
    pub fn admit(&self, address: IpAddr, status: u16) -> bool {
        let now = Instant::now();
        let mut minute = lock(&self.0);
        let over = minute.take_if(|minute| minute.ends <= now);
        let current = minute.get_or_insert_with(|| Minute::new(now + WINDOW));
        let has_line = current.count(address, status);
        drop(minute);
        over.iter().for_each(Minute::tell);
        has_line
    }

    /// The time at which a summary is due; `None` while every answer has had its line.
    pub(super) fn due(&self) -> Option<Instant> {
        let minute = lock(&self.0);
        let minute = minute.as_ref().filter(|minute| minute.without_line > 0);
        minute.map(|minute| minute.ends)
    }

    /// Writes the summary that is due.
    pub(super) fn tell_if_due(&self, now: Instant) {
        let over = lock(&self.0).take_if(|minute| minute.ends <= now);
        over.iter().for_each(Minute::tell);
    }

    /// Writes the last summary.
    pub(super) fn close(&self) {
        let last = lock(&self.0).take();
        last.iter().for_each(Minute::tell);
    }
}

/// The answers to strangers within the time of one summary.
struct Minute {
    ends: Instant,
    addresses: Vec<(IpAddr, u64)>,
    /// The answers that have no line, by their status.
    by_status: BTreeMap<u16, u64>,
    without_line: u64,
}

impl Minute {
    fn new(ends: Instant) -> Self {
        Self {
            ends,
            addresses: Vec::new(),
            by_status: BTreeMap::new(),
            without_line: 0,
        }
    }

    /// Counts an answer. True if it has a line.
    fn count(&mut self, address: IpAddr, status: u16) -> bool {
        let address = counted_as(address);
        let known = self
            .addresses
            .iter()
            .position(|(known, _)| *known == address);
        let place = known.unwrap_or_else(|| self.place_for(address));
        let count = self.addresses.get_mut(place).map(|(_, count)| {
            *count += 1;
            *count
        });
        let has_line = count.is_some_and(|count| count <= LINES);
        if !has_line {
            *self.by_status.entry(status).or_default() += 1;
            self.without_line += 1;
        }
        has_line
    }

    /// A place for an address that has none: a new one, or that of the rarest one, with its count.
    fn place_for(&mut self, address: IpAddr) -> usize {
        if self.addresses.len() < MOST_ADDRESSES {
            self.addresses.push((address, 0));
            return self.addresses.len() - 1;
        }
        let places = self.addresses.iter_mut().enumerate();
        let rarest = places.min_by_key(|(_, (_, count))| *count);
        rarest.map_or(MOST_ADDRESSES, |(place, (rarest, _))| {
            *rarest = address;
            place
        })
    }

    fn busiest(&self) -> String {
        let addresses = self.addresses.iter().copied();
        let addresses = sorted_by_key(addresses, |(address, count)| {
            (std::cmp::Reverse(*count), *address)
        });
        list(
            addresses
                .into_iter()
                .take(NAMED)
                .map(|(address, count)| match address {
                    IpAddr::V4(_) => (address.to_string(), count),
                    IpAddr::V6(_) => (format!("{address}/64"), count),
                }),
        )
    }

    /// The line for all answers that have none; nothing where there are none.
    fn tell(&self) {
        if self.without_line == 0 {
            return;
        }
        let statuses = list(
            self.by_status
                .iter()
                .map(|(status, count)| (*status, *count)),
        );
        log::info!(
            answers = self.without_line,
            statuses = statuses.as_str(),
            busiest = self.busiest().as_str();
            "more of strangers, without a line each"
        );
    }
}

/// `401: 1, 404: 2`.
fn list(counts: impl Iterator<Item = (impl fmt::Display, u64)>) -> String {
    let texts: Vec<String> = counts.map(|(of, count)| format!("{of}: {count}")).collect();
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    fn minute() -> Minute {
        Minute::new(Instant::now())
    }

    fn lines(minute: &mut Minute, address: &str, answers: usize) -> usize {
        let address = address.parse().unwrap();
        (0..answers).filter(|_| minute.count(address, 401)).count()
    }

    #[test]
    fn each_address_has_its_first_lines() {
        let mut minute = minute();
        assert_eq!(lines(&mut minute, "192.0.2.1", 500), 10);
        assert_eq!(lines(&mut minute, "192.0.2.2", 3), 3);
        assert_eq!(lines(&mut minute, "192.0.2.2", 20), 7);
        assert_eq!(lines(&mut minute, "2001:db8:0:1::1", 9), 9);
        assert_eq!(lines(&mut minute, "2001:db8:0:1:ffff::2", 9), 1);
        assert_eq!(minute.without_line, 490 + 13 + 8);
        assert_eq!(
            minute.busiest(),
            "192.0.2.1: 500, 192.0.2.2: 23, 2001:db8:0:1::/64: 18"
        );
    }

    /// However many addresses a stranger has, the memory, the lines and the order of the busiest stay.
    #[test]
    fn many_addresses_get_no_more_lines_and_hide_nobody() {
        let mut minute = minute();
        let mut all = 0;
        for n in 0..100_000_u32 {
            let address = IpAddr::V6(Ipv6Addr::from_bits(u128::from(n) << 64));
            all += usize::from(minute.count(address, 404));
            if n % 10 == 0 {
                all += lines(&mut minute, "192.0.2.1", 1);
            }
        }
        assert!(all <= MOST_ADDRESSES * LINES as usize, "{all}");
        assert_eq!(minute.addresses.len(), MOST_ADDRESSES);
        assert!(
            minute.busiest().starts_with("192.0.2.1: 1"),
            "{}",
            minute.busiest()
        );
        let counted: u64 = minute.by_status.values().sum();
        assert_eq!(counted + all as u64, 110_000);
    }

    #[test]
    fn a_summary_is_due_only_where_something_has_no_line() {
        let all = StrangerLines::default();
        let address = "192.0.2.1".parse().unwrap();
        for _ in 0..LINES {
            assert!(all.admit(address, 401));
        }
        assert_eq!(all.due(), None);
        assert!(!all.admit(address, 401));
        let due = all.due().unwrap();
        all.tell_if_due(due - Duration::from_nanos(1));
        assert!(!all.admit(address, 401));
        all.tell_if_due(due);
        assert_eq!(all.due(), None);
        assert!(all.admit(address, 401), "a new minute");
    }
}
