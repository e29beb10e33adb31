//! The sliding log of a line: what was called when, and how much it took.
//!
//! A log of N calls within W is safe for windows that are fixed, that begin with the first call, that slide, and for
//! buckets of size N; so it assumes none of them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Entries that are kept one by one; beyond them calls share slots.
const EXACT: usize = 256;

/// The number of slots that a window is cut into.
const SLOTS: u32 = 256;

/// Entries of a log, at most: the slots of a window and its guard, and those that overlap its ends.
const MOST: usize = 320;

/// A log that has shrunk to so few entries keeps them one by one again.
const EXACT_AGAIN: usize = EXACT / 2;

/// The longest time that a log reaches back (20 days): its moments are milliseconds in 32 bits.
pub const LONGEST_LOG: Duration = Duration::from_secs(20 * 24 * 60 * 60);

/// Calls and their amounts over a time that slides. It holds at most 320 entries of 8 bytes, and no memory before the
/// first call.
#[derive(Clone, Debug, Default)]
pub struct CallLog {
    entries: VecDeque<Entry>,
    /// The sum of all amounts.
    sum: u64,
    /// The moment that offsets count from; `None` before the first call.
    origin: Option<Instant>,
    /// The width of a slot (milliseconds); zero while calls are kept one by one.
    slot: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    /// Milliseconds from the origin to the call, to the last call of a slot.
    at: u32,
    amount: u32,
}

impl CallLog {
    /// Adds a call. What is older than `period` is forgotten. A clock that went backwards is taken for the last call's.
    pub fn add(&mut self, at: Instant, amount: u64, period: Duration) {
        let period = period.min(LONGEST_LOG);
        let mut offset = self.offset(at);
        if self.may_forget(offset, period)
            && let Some(before) = at.checked_sub(period)
        {
            self.forget_before(before);
            offset = self.offset(at);
        }
        if offset > u64::from(u32::MAX / 2) {
            self.begin_at(at.checked_sub(period).unwrap_or(at));
            offset = self.offset(at);
        }
        self.origin.get_or_insert(at);
        let last = self.entries.back().map_or(0, |last| last.at);
        let offset = u32::try_from(offset).unwrap_or(last).max(last);
        let amount = u32::try_from(amount).unwrap_or(u32::MAX);
        self.sum += u64::from(amount);
        let new = Entry { at: offset, amount };
        match self.entries.back_mut() {
            Some(last) if self.slot > 0 && last.at / self.slot == offset / self.slot => {
                last.merge(new);
            }
            _ => self.entries.push_back(new),
        }
        self.compress(period);
    }

    /// Takes amounts out of the call that began at this moment, as of one that was refused. Nothing happens where the log
    /// has forgotten it.
    pub fn take_out(&mut self, at: Instant, amount: u64) {
        let mut left = u32::try_from(amount).unwrap_or(u32::MAX);
        let Some(first) = self.place_of(at) else {
            return;
        };
        // Several calls may have begun in the same millisecond.
        let moment = self.entries.get(first).map(|entry| entry.at);
        let same = self.entries.iter_mut().skip(first);
        for entry in same.take_while(|entry| Some(entry.at) == moment) {
            let taken = left.min(entry.amount);
            entry.amount -= taken;
            self.sum -= u64::from(taken);
            left -= taken;
        }
    }

    /// Replaces what was charged for the call that began at this moment by what it took. Nothing happens where the log
    /// has forgotten it.
    pub fn settle(&mut self, at: Instant, charged: u64, took: u64) {
        if took < charged {
            self.take_out(at, charged - took);
        } else if let Some(place) = self.place_of(at)
            && let Some(entry) = self.entries.get_mut(place)
        {
            let more = u32::try_from(took - charged).unwrap_or(u32::MAX);
            let more = more.min(u32::MAX - entry.amount);
            entry.amount += more;
            self.sum += u64::from(more);
        }
    }

    /// Forgets the calls that began before this moment.
    pub fn forget_before(&mut self, at: Instant) {
        let offset = self.offset(at);
        while let Some(first) = self.entries.front()
            && u64::from(first.at) < offset
        {
            self.sum -= u64::from(first.amount);
            self.entries.pop_front();
        }
        if self.entries.len() < EXACT_AGAIN {
            self.slot = 0;
        }
        if self.entries.is_empty() {
            self.origin = None;
        }
    }

    /// Whether the period that ends at this offset may leave calls behind, or slots where few calls are left.
    fn may_forget(&self, offset: u64, period: Duration) -> bool {
        let period = u64::from(period.subsec_millis()) + period.as_secs() * 1000;
        let begins = offset.saturating_sub(period);
        let first = self.entries.front();
        self.slot > 0 || first.is_none_or(|first| u64::from(first.at) < begins)
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The sum of the calls that began at this moment or later. It walks over older ones only.
    pub fn since(&self, at: Instant) -> u64 {
        let offset = self.offset(at);
        let older = self.entries.iter();
        let older = older.take_while(|entry| u64::from(entry.at) < offset);
        self.sum - older.map(|entry| u64::from(entry.amount)).sum::<u64>()
    }

    /// The beginning of the last burst that had begun by this moment: of at least five calls, behind a pause four times as
    /// long as it. `None` where calls came evenly.
    pub fn last_burst(&self, by: Instant) -> Option<Instant> {
        const CALLS: usize = 5;
        const PAUSE: u32 = 4;
        let end = self.offset(by);
        let known = self.entries.iter().filter(|entry| entry.amount > 0);
        let mut known = known.filter(|entry| u64::from(entry.at) <= end).rev();
        let mut next = known.next()?.at;
        let last = next;
        for (later, entry) in known.enumerate() {
            let pause = next - entry.at;
            if later + 1 >= CALLS && pause > PAUSE.saturating_mul((last - next).max(1)) {
                return Some(self.origin? + Duration::from_millis(next.into()));
            }
            next = entry.at;
        }
        None
    }

    /// The sum of the calls that began at `from` or later, and before `to`.
    pub fn between(&self, from: Instant, to: Instant) -> u64 {
        self.since(from).saturating_sub(self.since(to))
    }

    /// The beginning of the oldest call at this moment or later that has to be forgotten so that no more than `limit` is
    /// left of those since then; `None` where no more is left as it is, or nothing.
    pub fn gives_way(&self, since: Instant, limit: u64) -> Option<Instant> {
        let mut excess = self.since(since).checked_sub(limit)?;
        if excess == 0 {
            return None;
        }
        let offset = self.offset(since);
        let mut counted = self.entries.iter();
        let found = counted.find(|entry| {
            if u64::from(entry.at) < offset {
                return false;
            }
            excess = excess.saturating_sub(u64::from(entry.amount));
            excess == 0
        })?;
        self.moment(*found)
    }

    /// The beginning of the first call at this moment or later that took anything; `None` without one.
    pub fn first_since(&self, at: Instant) -> Option<Instant> {
        let offset = self.offset(at);
        let mut entries = self.entries.iter();
        let first = entries.find(|entry| u64::from(entry.at) >= offset && entry.amount > 0)?;
        self.moment(*first)
    }

    /// The beginning of the oldest call that took anything; `None` without one.
    pub fn first(&self) -> Option<Instant> {
        self.first_since(self.origin?)
    }

    /// Milliseconds from the origin to a moment; zero before it.
    fn offset(&self, at: Instant) -> u64 {
        let since = self.origin.map_or(Duration::ZERO, |origin| {
            at.saturating_duration_since(origin)
        });
        // Not of 128 bits, as `as_millis` has them.
        let seconds = since.as_secs().saturating_mul(1000);
        seconds.saturating_add(u64::from(since.subsec_millis()))
    }

    fn moment(&self, entry: Entry) -> Option<Instant> {
        Some(self.origin? + Duration::from_millis(u64::from(entry.at)))
    }

    /// The place of the entry that holds the call that began at this moment.
    fn place_of(&self, at: Instant) -> Option<usize> {
        if at < self.origin? {
            return None;
        }
        let offset = self.offset(at);
        let place = self
            .entries
            .partition_point(|entry| u64::from(entry.at) < offset);
        let slot = u64::from(self.slot);
        let found = u64::from(self.entries.get(place)?.at);
        let holds = found == offset || (slot > 0 && found / slot == offset / slot);
        holds.then_some(place)
    }

    /// Counts offsets from a later moment, so that they stay small.
    fn begin_at(&mut self, origin: Instant) {
        let shift = u32::try_from(self.offset(origin)).unwrap_or(u32::MAX);
        for entry in &mut self.entries {
            entry.at = entry.at.saturating_sub(shift);
        }
        self.origin = Some(origin);
        // Slots are cut anew, from the new origin.
        self.slot = 0;
    }

    /// Puts calls together where there are too many.
    fn compress(&mut self, period: Duration) {
        let bound = if self.slot == 0 { EXACT } else { MOST };
        if self.entries.len() <= bound {
            return;
        }
        let width = u32::try_from((period / SLOTS).as_millis()).unwrap_or(u32::MAX);
        self.slot = match self.slot {
            0 => width.max(1),
            slot => slot.saturating_mul(2),
        };
        loop {
            self.put_together();
            if self.entries.len() <= MOST {
                return;
            }
            self.slot = self.slot.saturating_mul(2);
        }
    }

    fn put_together(&mut self) {
        let slot = self.slot.max(1);
        let mut together: VecDeque<Entry> = VecDeque::with_capacity(MOST + 1);
        for entry in self.entries.drain(..) {
            match together.back_mut() {
                Some(last) if last.at / slot == entry.at / slot => last.merge(entry),
                _ => together.push_back(entry),
            }
        }
        self.entries = together;
        // Amounts beyond 32 bits were cut.
        let amounts = self.entries.iter().map(|entry| u64::from(entry.amount));
        self.sum = amounts.sum();
    }
}

impl Entry {
    /// Adds a later entry. The slot counts as long as its last call does.
    fn merge(&mut self, later: Self) {
        self.at = later.at;
        self.amount = self.amount.saturating_add(later.amount);
    }
}

#[cfg(test)]
mod tests;
