//! The admission of a request, and its settlement.

use std::time::{Duration, Instant};

use super::book::{Book, RefusalReason};
use super::excess::{Ends, Excess};
use super::ledger::{Accounts, BookIndex};
use super::lines::EntryWindow;
use super::shared_lines::Spans;
use super::totals::Totals;
use crate::limits::{Money, PeriodKey, Unit, UnixMs, Window};
use crate::quota::Moment;

/// The output that is reserved for a request that does not bound it (tokens): twice the client's mean, within these.
const LEAST_OUTPUT: u64 = 256;
const MOST_OUTPUT: u64 = 4096;

/// The largest use of a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'p> {
    /// The estimate of its tokens of input.
    pub input: u64,
    /// The most tokens of output that it asks for; `None` where it does not say.
    pub max_output: Option<u64>,
    /// The answer has tokens at all.
    pub has_output: bool,
    /// The prices of the steps that may answer.
    pub prices: &'p [crate::limits::Price],
    /// Where replicas count together: the server is not waited for any more, and this one's share has to do.
    pub locally: bool,
}

/// A request under way: what is reserved for it, and where it is settled.
#[derive(Debug)]
pub struct Booking {
    book: BookIndex,
    at: Instant,
    /// The windows of its admission.
    day: PeriodKey,
    month: PeriodKey,
    reserved: Totals,
    /// The tokens of input as estimated, without what this client's requests have taught.
    estimated: u64,
}

/// The use of a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent<'r> {
    pub route: &'r str,
    /// It has an answer, or its client left while there was one: it counts as a request.
    pub counts: bool,
    pub input: u64,
    pub output: u64,
    pub cached: u64,
    /// The tokens are an estimate.
    pub is_estimate: bool,
    pub cost: Money,
}

/// The rest of a line's limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineLeft {
    pub amount: u64,
    pub left: u64,
    /// Until all of it is free again.
    pub reset: Duration,
}

/// The lines of requests and of tokens with the smallest share left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    pub requests: Option<LineLeft>,
    pub tokens: Option<LineLeft>,
}

impl Accounts {
    /// Admits a request and reserves for it, or neither.
    ///
    /// # Errors
    /// The limit that it would exceed; of several the one that lasts longest.
    pub fn admit(
        &mut self,
        index: BookIndex,
        wanted: &Wanted<'_>,
        now: Moment,
    ) -> Result<Booking, Excess> {
        let now = self.clocked(now);
        let (day, month) = self.turn(now.unix_ms());
        let ends = Ends {
            now,
            day: self.turns.day().end,
            month: self.turns.month().end,
        };
        let spans = Spans::of(self.turns.day(), self.turns.month());
        let sharing = self.sharing.as_deref();
        let Some(book) = self.books.get_mut(index.0) else {
            return Ok(Booking::free(index, now.now, day, month));
        };
        let asked = book.charge(wanted);
        let excesses = book.lines.iter().filter_map(|line| {
            let (mut used, reserved) = book.used(line, now.now, day, month);
            let unit = line.limit.unit;
            let asked = match unit {
                Unit::Concurrent => 1,
                _ => asked.of(unit),
            };
            let amount = line.limit.rate.amount;
            if let Some(sharing) = sharing.filter(|_| book.soft)
                && let Some(window) = spans.window(line.limit.rate.window)
            {
                let others = sharing.others(index.0, &window);
                used = used.saturating_add(others.of(unit));
            }
            let taken = used.saturating_add(reserved);
            let fits = match book.soft && unit.is_settled_later() {
                true => taken < amount,
                false => taken.saturating_add(asked) <= amount,
            };
            // What costs nothing is not refused for the money that is gone.
            (!fits && asked > 0).then(|| Excess {
                limit: line.limit,
                used,
                reserved,
                asked,
                resets: ends.of(line, asked, book.soft),
                is_dry: false,
            })
        });
        if let Some(excess) = excesses.max_by_key(|excess| excess.resets.rank()) {
            book.tally.refuse(match excess.limit.unit {
                Unit::Money => RefusalReason::Budget,
                _ => RefusalReason::Limit,
            });
            return Err(excess);
        }
        if let Some(sharing) = sharing
            && let Some(excess) = book.want(&asked, wanted.locally, spans, &ends, &|window| {
                sharing.told(index.0, window)
            })
        {
            return Err(excess);
        }
        let reserved = match book.soft {
            true => Totals {
                requests: 1,
                ..Totals::default()
            },
            false => asked,
        };
        book.charge_portions(&reserved, spans, now);
        book.reserve(&reserved, day, month);
        book.in_flight += 1;
        for line in &mut book.lines {
            if let Window::Sliding(length) = line.limit.rate.window {
                let amount = reserved.of(line.limit.unit);
                line.log.add(now.now, amount, length);
            }
        }
        Ok(Booking {
            book: index,
            at: now.now,
            day,
            month,
            reserved,
            estimated: wanted.input,
        })
    }

    /// Settles a request: what was reserved goes, what it has taken comes in its place, in the windows of its admission.
    /// True if this is the first change since the journal was written.
    pub fn settle(&mut self, booking: Booking, spent: &Spent<'_>, now: Instant) -> bool {
        let Booking {
            book,
            at,
            day,
            month,
            reserved,
            estimated,
        } = booking;
        let used = spent.totals();
        let Some(book) = self.books.get_mut(book.0) else {
            return false;
        };
        book.settle(Some(&reserved), &used, day, month);
        book.in_flight = book.in_flight.saturating_sub(1);
        for line in &mut book.lines {
            let Window::Sliding(length) = line.limit.rate.window else {
                continue;
            };
            let (charged, took) = (reserved.of(line.limit.unit), used.of(line.limit.unit));
            match charged {
                // Nothing was reserved; what came late counts from now on.
                0 if took > 0 => line.log.add(now, took, length),
                _ => line.log.settle(at, charged, took),
            }
        }
        for line in &mut book.lines {
            if let Some(shared) = &mut line.shared {
                let unit = line.limit.unit;
                shared.settle(at, reserved.of(unit), used.of(unit));
            }
        }
        if !spent.is_estimate && spent.counts && spent.input > 0 {
            book.learn_ratio(estimated, spent.input);
        }
        self.note(booking.book, spent, &used, day, month)
    }

    /// Counts a request of a client without limits. True as of [`Self::settle`].
    pub fn count(&mut self, index: BookIndex, spent: &Spent<'_>, wall: UnixMs) -> bool {
        self.turn(wall);
        let day = self.turns.day_of(wall);
        let month = day.month();
        let used = spent.totals();
        let Some(book) = self.books.get_mut(index.0) else {
            return false;
        };
        book.settle(None, &used, day, month);
        self.note(index, spent, &used, day, month)
    }

    /// Counts a request that is refused without a look at the limits.
    pub fn refuse(&mut self, index: BookIndex, reason: RefusalReason) {
        if let Some(book) = self.books.get_mut(index.0) {
            book.tally.refuse(reason);
        }
    }

    /// The rest of a client's limits; nothing of one without limits.
    pub fn left(&self, index: BookIndex, now: Moment) -> Left {
        let now = self.clocked(now);
        let spans = Spans::of(self.turns.day(), self.turns.month());
        let mut left = Left::default();
        let Some(book) = self.book(index) else {
            return left;
        };
        let ends = Ends {
            now,
            day: self.turns.day().end,
            month: self.turns.month().end,
        };
        let (day, month) = (self.turns.day().key, self.turns.month().key);
        for (at, line) in book.lines.iter().enumerate() {
            let place = match line.limit.unit {
                Unit::Requests => &mut left.requests,
                Unit::Tokens | Unit::InputTokens | Unit::OutputTokens => &mut left.tokens,
                Unit::Concurrent | Unit::Money => continue,
            };
            let (used, reserved) = book.used(line, now.now, day, month);
            let amount = line.limit.rate.amount;
            let elsewhere = match self.sharing {
                Some(_) => book.taken_elsewhere(at, spans, now),
                None => 0,
            };
            let taken = used.saturating_add(reserved).saturating_add(elsewhere);
            let this = LineLeft {
                amount,
                left: amount.saturating_sub(taken),
                reset: ends.full(line),
            };
            let is_less = |other: &LineLeft| {
                u128::from(this.left) * u128::from(other.amount)
                    < u128::from(other.left) * u128::from(this.amount)
            };
            if place.as_ref().is_none_or(is_less) {
                *place = Some(this);
            }
        }
        left
    }

    fn note(
        &mut self,
        index: BookIndex,
        spent: &Spent<'_>,
        used: &Totals,
        day: PeriodKey,
        month: PeriodKey,
    ) -> bool {
        let Some(book) = self.books.get_mut(index.0) else {
            return false;
        };
        if *used == Totals::default() {
            book.tally.failed += 1;
            return false;
        }
        book.use_route(spent.route, month, used);
        if let Some(sharing) = &mut self.sharing {
            for window in [
                EntryWindow::Period(day),
                EntryWindow::Period(month),
                EntryWindow::Route(spent.route.to_owned(), month),
                EntryWindow::AllTime,
            ] {
                sharing.touch(index.0, window);
            }
        }
        !std::mem::replace(&mut self.changed, true)
    }
}

impl Booking {
    fn free(book: BookIndex, at: Instant, day: PeriodKey, month: PeriodKey) -> Self {
        Self {
            book,
            at,
            day,
            month,
            reserved: Totals::default(),
            estimated: 0,
        }
    }

    pub fn book(&self) -> BookIndex {
        self.book
    }
}

impl Book {
    /// The reservation of a request, unless the client is charged afterwards. Money is that of the dearest step.
    fn charge(&self, wanted: &Wanted<'_>) -> Totals {
        let input = self.input(wanted.input);
        let guess = || {
            let mean = self.mean_output().unwrap_or(LEAST_OUTPUT);
            mean.saturating_mul(2).clamp(LEAST_OUTPUT, MOST_OUTPUT)
        };
        let output = match wanted.has_output {
            true => wanted.max_output.unwrap_or_else(guess),
            false => 0,
        };
        let costs = wanted.prices.iter().map(|price| price.of(input, 0, output));
        Totals {
            requests: 1,
            input,
            output,
            cost: costs.max().unwrap_or_default(),
            ..Totals::default()
        }
    }
}

impl Spent<'_> {
    fn totals(&self) -> Totals {
        Totals {
            requests: u64::from(self.counts),
            input: self.input,
            output: self.output,
            cached: self.cached.min(self.input),
            estimated: u64::from(self.is_estimate && self.counts),
            cost: self.cost,
        }
    }
}
