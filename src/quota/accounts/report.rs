//! The usage of a client, for those who ask.

use std::collections::BTreeMap;

use super::book::{Book, Tally};
use super::ledger::{Accounts, BookIndex};
use super::lines::EntryWindow;
use super::shared_lines::Spans;
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
    /// The usage of a client, that of all replicas together; `None` of none.
    pub fn report(&mut self, index: BookIndex, now: Moment) -> Option<Report> {
        let now = self.clocked(now);
        self.turn(now.unix_ms());
        let book = self.book(index)?;
        Some(self.report_on(index.0, book, now))
    }

    /// The usage of every client that has any, or may have.
    pub fn reports(&mut self, now: Moment) -> Vec<Report> {
        let now = self.clocked(now);
        self.turn(now.unix_ms());
        let all_time = EntryWindow::AllTime;
        let books = self.books.iter().enumerate();
        let known = books.filter(|(index, book)| {
            let elsewhere = self.sharing.as_ref();
            let elsewhere = elsewhere.map(|sharing| sharing.others(*index, &all_time));
            let is_used = !book.is_empty() || elsewhere.unwrap_or_default() != Totals::default();
            is_used || !book.lines.is_empty()
        });
        known
            .map(|(index, book)| self.report_on(index, book, now))
            .collect()
    }

    /// The limits of a client and what happened since the process began; none of no client.
    pub fn figures(&mut self, index: BookIndex, now: Moment) -> Option<(Tally, Vec<LimitReport>)> {
        let now = self.clocked(now);
        self.turn(now.unix_ms());
        let book = self.book(index)?;
        Some((book.tally, self.limits_of(index.0, book, now)))
    }

    fn limits_of(&self, index: usize, book: &Book, now: Moment) -> Vec<LimitReport> {
        let (day, month) = (self.turns.day(), self.turns.month());
        let spans = Spans::of(day, month);
        let limits = book.lines.iter().enumerate().map(|(at, line)| {
            let (used, reserved) = book.used(line, now.now, day.key, month.key);
            let elsewhere = match (&self.sharing, spans.window(line.limit.rate.window)) {
                (None, _) => 0,
                (Some(sharing), Some(window)) => sharing.others(index, &window).of(line.limit.unit),
                (Some(_), None) => book.taken_elsewhere(at, spans, now),
            };
            let used = used.saturating_add(elsewhere);
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

    fn report_on(&self, index: usize, book: &Book, now: Moment) -> Report {
        let this_month = self.turns.month().key;
        let mut report = Report {
            client: book.name.clone(),
            limits: self.limits_of(index, book, now),
            months: Vec::new(),
            days: Vec::new(),
            routes: Vec::new(),
        };
        let mut windows: BTreeMap<EntryWindow, Totals> = book.windows().collect();
        if let Some(sharing) = &self.sharing {
            for (window, others) in sharing.others_of(index) {
                windows.entry(window.clone()).or_default().add(others);
            }
        }
        windows.retain(|_, used| *used != Totals::default());
        for (window, used) in windows.into_iter().rev() {
            match window {
                EntryWindow::Period(key) if key.is_month() => {
                    report.months.push(CounterReport { key, used });
                }
                EntryWindow::Period(key) => report.days.push(CounterReport { key, used }),
                EntryWindow::Route(route, month) if month == this_month => {
                    report.routes.push((route, used));
                }
                EntryWindow::Route(..) | EntryWindow::AllTime => {}
            }
        }
        report.routes.reverse();
        report
    }
}
