//! Accounts of one client in virtual time.

use std::time::{Duration, Instant, UNIX_EPOCH};

use crate::limits::{Limit, Money, Rate, TimeZone, Unit, Window};
use crate::quota::Moment;
use crate::quota::accounts::*;

pub const MINUTE: u64 = 60_000;
pub const HOUR: u64 = 60 * MINUTE;
pub const DAY: u64 = 24 * HOUR;

/// 2026-11-26T12:00:00Z.
pub const NOON: u64 = 1_795_694_400_000;

/// A clock whose two hands move together, unless one is set.
pub struct Clock {
    pub start: Instant,
    pub passed: u64,
    pub wall: u64,
}

impl Clock {
    pub fn new() -> Self {
        Self {
            start: Instant::now() + Duration::from_secs(10 * 24 * 3600),
            passed: 0,
            wall: NOON,
        }
    }

    pub fn pass(&mut self, ms: u64) {
        self.passed += ms;
        self.wall += ms;
    }

    pub fn now(&self) -> Moment {
        Moment {
            now: self.start + Duration::from_millis(self.passed),
            wall: UNIX_EPOCH + Duration::from_millis(self.wall),
            shared: None,
        }
    }
}

pub fn limit(unit: Unit, amount: u64, window: Window) -> Limit {
    let rate = Rate { amount, window };
    Limit { unit, rate }
}

pub fn requests(amount: u64, window: Window) -> Limit {
    limit(Unit::Requests, amount, window)
}

pub const A_MINUTE: Window = Window::Sliding(Duration::from_millis(MINUTE));

pub fn accounts(limits: &[Limit], soft: bool) -> (Accounts, BookIndex, Clock) {
    let clock = Clock::new();
    let mut accounts = Accounts::restore(std::iter::empty(), TimeZone::Utc, clock.wall);
    let index = configure(&mut accounts, limits, soft);
    (accounts, index, clock)
}

pub fn configure(accounts: &mut Accounts, limits: &[Limit], soft: bool) -> BookIndex {
    let terms = Terms {
        name: "home",
        limits,
        soft,
    };
    accounts.configure(TimeZone::Utc, [terms].into_iter(), NOON)[0]
}

pub fn spent(input: u64, output: u64, cost: u64) -> Spent<'static> {
    Spent {
        route: "r",
        counts: true,
        input,
        output,
        cost: Money(cost),
        ..Spent::default()
    }
}

pub fn used(accounts: &mut Accounts, index: BookIndex, now: Moment) -> Vec<(u64, u64)> {
    let report = accounts.report(index, now).unwrap();
    let limits = report.limits.iter();
    limits.map(|limit| (limit.used, limit.reserved)).collect()
}

pub fn journal(accounts: &mut Accounts, wall: u64) -> Accounts {
    let lines = accounts.all_lines();
    Accounts::restore(lines.lines().filter_map(read_line), TimeZone::Utc, wall)
}
