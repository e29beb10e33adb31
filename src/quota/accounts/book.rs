//! The book of a client: its counters by window, and its limits.

use std::collections::VecDeque;
use std::time::Instant;

use super::lines::EntryWindow;
use super::shared_lines::SharedLine;
use super::totals::Totals;
use crate::limits::{Limit, PeriodKey, Window};
use crate::quota::call_log::CallLog;

/// The days and months that are kept.
pub const MOST_DAYS: usize = 35;
pub const MOST_MONTHS: usize = 13;

/// The routes that are counted apart; further ones count in the windows alone.
const MOST_ROUTES: usize = 256;

/// A counter and the window that it belongs to: another window's value is never read for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    pub key: PeriodKey,
    pub used: Totals,
    /// The reservations of requests in flight that were admitted in this window.
    pub reserved: Totals,
    /// It differs from what the journal says.
    pub changed: bool,
}

/// The counter of a route in a month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteCounter {
    pub route: String,
    pub month: PeriodKey,
    pub used: Totals,
    pub changed: bool,
}

/// The counter of all time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllTime {
    pub used: Totals,
    pub reserved: Totals,
    pub changed: bool,
}

/// A limit and, where its window slides, the calls in it.
#[derive(Clone, Debug)]
pub struct Line {
    pub limit: Limit,
    pub log: CallLog,
    /// The sharing with other replicas; `None` for a gateway alone.
    pub(super) shared: Option<Box<SharedLine>>,
}

/// The counts since the process began, for its metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub used: Totals,
    /// Requests that ended without an answer.
    pub failed: u64,
    /// Requests that were refused before any call, by [`RefusalReason`].
    pub refused: [u64; 4],
}

/// The reason for which a client's request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalReason {
    Limit,
    Budget,
    /// The route is not among the client's.
    Route,
    /// The key is good no more.
    Expired,
}

impl RefusalReason {
    pub const ALL: [Self; 4] = [Self::Limit, Self::Budget, Self::Route, Self::Expired];

    pub fn label(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Budget => "budget",
            Self::Route => "route",
            Self::Expired => "expired",
        }
    }
}

impl Tally {
    pub fn refuse(&mut self, reason: RefusalReason) {
        if let Some(count) = self.refused.get_mut(reason as usize) {
            *count += 1;
        }
    }
}

/// The book of a client.
#[derive(Clone, Debug)]
pub struct Book {
    pub name: String,
    pub lines: Vec<Line>,
    /// Tokens and money are not reserved.
    pub soft: bool,
    /// Oldest first, each key once.
    pub days: VecDeque<Counter>,
    pub months: VecDeque<Counter>,
    pub all_time: AllTime,
    pub routes: Vec<RouteCounter>,
    pub in_flight: u64,
    /// The mean of real and estimated tokens of input, in 1/256.
    pub ratio: u32,
    pub tally: Tally,
    /// The configuration has this client.
    pub is_configured: bool,
}

/// The ratio of input tokens before any is known: the estimate is believed (1/256).
const EVEN: u32 = 256;

impl Book {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            lines: Vec::new(),
            soft: false,
            days: VecDeque::new(),
            months: VecDeque::new(),
            all_time: AllTime::default(),
            routes: Vec::new(),
            in_flight: 0,
            ratio: EVEN,
            tally: Tally::default(),
            is_configured: false,
        }
    }

    /// Takes other limits. What was counted for those that stay is kept; a new one counts from now on.
    pub fn limit_by(&mut self, limits: &[Limit], soft: bool) {
        let mut old = std::mem::take(&mut self.lines);
        self.soft = soft;
        self.lines = limits
            .iter()
            .map(|limit| {
                let is_same = |line: &Line| {
                    line.limit.unit == limit.unit && line.limit.rate.window == limit.rate.window
                };
                let known = old.iter().position(is_same);
                let known = known.map(|at| old.swap_remove(at));
                let (log, shared) = known
                    .map(|line| (line.log, line.shared))
                    .unwrap_or_default();
                Line {
                    limit: *limit,
                    log,
                    shared,
                }
            })
            .collect();
    }

    /// The estimate of input tokens, as this client's requests have come out so far.
    pub fn input(&self, estimated: u64) -> u64 {
        estimated.saturating_mul(self.ratio.into()) / u64::from(EVEN)
    }

    /// Learns how an estimate came out: an eighth of it, between a half and twice.
    pub fn learn_ratio(&mut self, estimated: u64, real: u64) {
        if estimated == 0 {
            return;
        }
        let seen = real.saturating_mul(EVEN.into()) / estimated;
        let seen = u32::try_from(seen)
            .unwrap_or(u32::MAX)
            .clamp(EVEN / 2, EVEN * 2);
        self.ratio = (self.ratio * 7 + seen) / 8;
    }

    /// The mean output of a request of this client (tokens); `None` before the first.
    pub fn mean_output(&self) -> Option<u64> {
        let used = &self.all_time.used;
        used.output.checked_div(used.requests)
    }

    /// The amounts used and reserved in the window of a line.
    pub fn used(&self, line: &Line, now: Instant, day: PeriodKey, month: PeriodKey) -> (u64, u64) {
        let unit = line.limit.unit;
        let of = |used: &Totals, reserved: &Totals| (used.of(unit), reserved.of(unit));
        let dated = |counters: &VecDeque<Counter>, key| {
            let found = counters.iter().rev().find(|counter| counter.key == key);
            found.map_or((0, 0), |counter| of(&counter.used, &counter.reserved))
        };
        match line.limit.rate.window {
            Window::AtOnce => (0, self.in_flight),
            Window::Day => dated(&self.days, day),
            Window::Month => dated(&self.months, month),
            Window::Total => of(&self.all_time.used, &self.all_time.reserved),
            // What is reserved stands in the log with what is used.
            Window::Sliding(length) => {
                let since = now.checked_sub(length);
                (since.map_or(0, |since| line.log.since(since)), 0)
            }
        }
    }

    /// Adds to the counters of a day and its month, and of all time.
    pub fn reserve(&mut self, amounts: &Totals, day: PeriodKey, month: PeriodKey) {
        let counters = [
            counter(&mut self.days, day, MOST_DAYS),
            counter(&mut self.months, month, MOST_MONTHS),
        ];
        for counter in counters.into_iter().flatten() {
            counter.reserved.add(amounts);
        }
        self.all_time.reserved.add(amounts);
    }

    /// Takes a reservation back, where there is one, and adds what was used in its place.
    pub fn settle(
        &mut self,
        reserved: Option<&Totals>,
        used: &Totals,
        day: PeriodKey,
        month: PeriodKey,
    ) {
        let counts = *used != Totals::default();
        let counters = [
            counter(&mut self.days, day, MOST_DAYS),
            counter(&mut self.months, month, MOST_MONTHS),
        ];
        for counter in counters.into_iter().flatten() {
            if let Some(reserved) = reserved {
                counter.reserved.take_out(reserved);
            }
            counter.used.add(used);
            counter.changed |= counts;
        }
        if let Some(reserved) = reserved {
            self.all_time.reserved.take_out(reserved);
        }
        self.all_time.used.add(used);
        self.all_time.changed |= counts;
        self.tally.used.add(used);
    }

    /// Adds to the counter of a route in its month. What it had in an earlier one is forgotten.
    pub fn use_route(&mut self, route: &str, month: PeriodKey, used: &Totals) {
        let at = self.routes.iter().position(|known| known.route == route);
        let at = match at {
            Some(at) => at,
            None if self.routes.len() < MOST_ROUTES => {
                self.routes.push(RouteCounter {
                    route: route.to_owned(),
                    month,
                    used: Totals::default(),
                    changed: false,
                });
                self.routes.len() - 1
            }
            None => return,
        };
        let Some(counter) = self.routes.get_mut(at) else {
            return;
        };
        if counter.month < month {
            (counter.month, counter.used) = (month, Totals::default());
        }
        if counter.month == month {
            counter.used.add(used);
            counter.changed = true;
        }
    }

    /// The windows that are kept, and what was used in each.
    pub(super) fn windows(&self) -> impl Iterator<Item = (EntryWindow, Totals)> {
        let periods = self.days.iter().chain(&self.months);
        let periods = periods.map(|counter| (EntryWindow::Period(counter.key), counter.used));
        let routes = self.routes.iter().map(|counter| {
            let window = EntryWindow::Route(counter.route.clone(), counter.month);
            (window, counter.used)
        });
        let all_time = (EntryWindow::AllTime, self.all_time.used);
        periods.chain(routes).chain([all_time])
    }

    /// The use in a window.
    pub(super) fn sum_of(&self, window: &EntryWindow) -> Totals {
        let found = match window {
            EntryWindow::Period(key) => {
                let counters = if key.is_month() {
                    &self.months
                } else {
                    &self.days
                };
                let mut counters = counters.iter().rev();
                let found = counters.find(|counter| counter.key == *key);
                found.map(|counter| counter.used)
            }
            EntryWindow::Route(route, month) => {
                let mut routes = self.routes.iter();
                let found = routes.find(|known| known.route == *route && known.month == *month);
                found.map(|known| known.used)
            }
            EntryWindow::AllTime => Some(self.all_time.used),
        };
        found.unwrap_or_default()
    }

    /// Raises what was used in a window to what is known elsewhere. True where it was less.
    pub(super) fn raise(&mut self, window: &EntryWindow, known: &Totals) -> bool {
        let own = self.sum_of(window);
        let raised = own.largest(known);
        if raised == own {
            return false;
        }
        match window {
            EntryWindow::Period(key) => {
                let (counters, most) = match key.is_month() {
                    true => (&mut self.months, MOST_MONTHS),
                    false => (&mut self.days, MOST_DAYS),
                };
                if let Some(counter) = counter(counters, *key, most) {
                    (counter.used, counter.changed) = (raised, true);
                }
            }
            EntryWindow::Route(route, month) => {
                let mut more = raised;
                more.take_out(&own);
                self.use_route(route, *month, &more);
            }
            EntryWindow::AllTime => (self.all_time.used, self.all_time.changed) = (raised, true),
        }
        true
    }

    /// Whether anything was ever counted, or is reserved.
    pub fn is_empty(&self) -> bool {
        self.all_time.used == Totals::default() && self.in_flight == 0
    }
}

/// The counter of a window, made where it is not there yet; `None` of one that is older than all that are kept.
pub fn counter(
    counters: &mut VecDeque<Counter>,
    key: PeriodKey,
    most: usize,
) -> Option<&mut Counter> {
    // It is that of the present almost always.
    if counters.back().is_some_and(|last| last.key == key) {
        return counters.back_mut();
    }
    let at = counters.iter().rposition(|counter| counter.key <= key);
    let is_there = at
        .and_then(|at| counters.get(at))
        .is_some_and(|counter| counter.key == key);
    let at = match at {
        Some(at) if is_there => at,
        None if counters.len() >= most => return None,
        at => {
            let new = Counter {
                key,
                used: Totals::default(),
                reserved: Totals::default(),
                changed: false,
            };
            let place = at.map_or(0, |at| at + 1);
            counters.insert(place, new);
            if counters.len() > most {
                counters.pop_front();
                place - 1
            } else {
                place
            }
        }
    };
    counters.get_mut(at)
}
