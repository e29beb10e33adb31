//! The usage of a client, for those who ask.

use super::book::{Book, Counter, Tally};
use super::ledger::{Accounts, BookIndex};
use super::totals::Totals;
use crate::limits::{Limit, PeriodKey, UnixMs, Window};
use crate::quota::Moment;

/// The usage of a client.
#[derive(Clone, Debug)]
pub struct Report {
    pub client: String,
    pub limits: Vec<LimitReport>,
    /// The latest first.
    pub months: Vec<CounterReport>,
    pub days: Vec<CounterReport>,
    /// The routes of this month.
    pub routes: Vec<(String, Totals)>,
}

/// A limit, and what is left of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitReport {
    pub limit: Limit,
    pub used: u64,
    pub reserved: u64,
    pub remaining: u64,
    /// The end of the window, where it has one.
    pub resets_at: Option<UnixMs>,
}

/// The totals of a day or a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CounterReport {
    pub key: PeriodKey,
    pub used: Totals,
}

impl Accounts {
    /// The usage of a client; `None` of none.
    pub fn report(&mut self, index: BookIndex, now: Moment) -> Option<Report> {
        self.turn(now.unix_ms());
        let book = self.book(index)?;
        Some(self.report_on(book, now))
    }

    /// The usage of every client that has any, or may have.
    pub fn reports(&mut self, now: Moment) -> Vec<Report> {
        self.turn(now.unix_ms());
        let books = self.books.iter();
        let known = books.filter(|book| !book.is_empty() || !book.lines.is_empty());
        known.map(|book| self.report_on(book, now)).collect()
    }

    /// The limits of a client and what happened since the process began; none of no client.
    pub fn figures(&mut self, index: BookIndex, now: Moment) -> Option<(Tally, Vec<LimitReport>)> {
        self.turn(now.unix_ms());
        let book = self.book(index)?;
        Some((book.tally, self.limits_of(book, now)))
    }

    fn limits_of(&self, book: &Book, now: Moment) -> Vec<LimitReport> {
        let (day, month) = (self.turns.day(), self.turns.month());
        let limits = book.lines.iter().map(|line| {
            let (used, reserved) = book.used(line, now.now, day.key, month.key);
            let taken = used.saturating_add(reserved);
            LimitReport {
                limit: line.limit,
                used,
                reserved,
                remaining: line.limit.rate.amount.saturating_sub(taken),
                resets_at: match line.limit.rate.window {
                    Window::Day => Some(day.end),
                    Window::Month => Some(month.end),
                    Window::AtOnce | Window::Sliding(_) | Window::Total => None,
                },
            }
        });
        limits.collect()
    }

    fn report_on(&self, book: &Book, now: Moment) -> Report {
        let month = self.turns.month();
        let routes = book.routes.iter();
        let of_now = routes.filter(|route| route.month == month.key);
        Report {
            client: book.name.clone(),
            limits: self.limits_of(book, now),
            months: reported(book.months.iter()),
            days: reported(book.days.iter()),
            routes: of_now
                .map(|route| (route.route.clone(), route.used))
                .collect(),
        }
    }
}

fn reported<'c>(counters: impl DoubleEndedIterator<Item = &'c Counter>) -> Vec<CounterReport> {
    let used = counters
        .rev()
        .filter(|counter| counter.used != Totals::default());
    let report = |counter: &Counter| CounterReport {
        key: counter.key,
        used: counter.used,
    };
    used.map(report).collect()
}
