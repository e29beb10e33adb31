//! The turn of days and months, which never goes backwards.

use crate::limits::{Period, PeriodKey, TimeZone, UnixMs};

/// The time by which a day may lie ahead of the clock and stay: a clock that shows less was right before. One that was
/// years ahead by mistake is not waited for (milliseconds).
const MOST_AHEAD: u64 = 35 * 24 * 3600 * 1000;

/// The day and the month that counters belong to now.
#[derive(Clone, Copy, Debug)]
pub struct Turns {
    zone: TimeZone,
    day: Period,
    month: Period,
}

impl Turns {
    /// The windows of a moment, but none before `latest`, the last day that is known to have begun.
    pub fn new(zone: TimeZone, now: UnixMs, latest: Option<PeriodKey>) -> Self {
        let latest = latest.and_then(|day| zone.end_of_day(day));
        let latest = latest.filter(|end| *end <= now.saturating_add(MOST_AHEAD));
        // The last moment of that day.
        let begin = latest.map_or(now, |end| now.max(end.saturating_sub(1)));
        let day = zone.day(begin);
        Self {
            zone,
            day,
            month: month_of(zone, day),
        }
    }

    /// The clock moves on: true if another day has begun. A clock that jumped back leaves the windows where they are until it
    /// has caught up.
    pub fn turn(&mut self, now: UnixMs) -> bool {
        if (self.day.start..self.day.end).contains(&now) {
            return false;
        }
        let is_behind = now < self.day.start && self.day.start - now <= MOST_AHEAD;
        if !is_behind {
            self.day = self.zone.day(now);
            self.month = month_of(self.zone, self.day);
        }
        !is_behind
    }

    pub fn zone(&self) -> TimeZone {
        self.zone
    }

    pub fn day(&self) -> Period {
        self.day
    }

    pub fn month(&self) -> Period {
        self.month
    }

    /// The day of a moment of the past: the one of now for all that is later.
    pub fn day_of(&self, at: UnixMs) -> PeriodKey {
        match at < self.day.start {
            true => self.zone.day(at).key.min(self.day.key),
            false => self.day.key,
        }
    }
}

fn month_of(zone: TimeZone, day: Period) -> Period {
    zone.month(day.start)
}
