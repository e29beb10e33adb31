//! The accounts of clients: what each may use, what it has used, and what is reserved for its requests in flight.
//!
//! A request is admitted and reserved for in one step, before the first call; it is settled once, in the windows of its
//! admission. A counter carries its window, and another window's value is never read, so that nothing has to be reset.

mod admission;
mod book;
mod lines;
mod report;
#[cfg(test)]
mod tests;
mod totals;
mod turns;

use crate::limits::{Limit, Period, PeriodKey, TimeZone, UnixMs};

use book::Book;
use turns::Turns;

pub use admission::{Booking, Excess, Left, LineLeft, Resets, Spent, Wanted};
pub use book::Tally;
pub use lines::{Entry, read_line};
pub use report::{CounterReport, LimitReport, Report};
pub use totals::Totals;

/// The most clients whose usage is remembered, those of former configurations among them.
const MOST_BOOKS: usize = 4096;

/// The terms of a client, as the configuration has them.
pub struct Terms<'a> {
    pub name: &'a str,
    pub limits: &'a [Limit],
    /// Tokens and money are not reserved.
    pub soft: bool,
}

/// The place of a client's book. It stays the same as long as the process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookIndex(usize);

/// The accounts of all clients. The configuration never writes a counter.
#[derive(Clone, Debug)]
pub struct Accounts {
    turns: Turns,
    books: Vec<Book>,
    /// A counter differs from what the journal says.
    changed: bool,
    /// A day has begun since the journal was last written whole.
    turned: bool,
}

impl Accounts {
    /// Accounts with what a journal says of them.
    pub fn restore(entries: impl Iterator<Item = Entry>, zone: TimeZone, now: UnixMs) -> Self {
        let mut accounts = Self {
            turns: Turns::new(zone, now, None),
            books: Vec::new(),
            changed: false,
            turned: false,
        };
        let mut latest = None;
        for entry in entries {
            latest = latest.max(entry.day());
            accounts.take_in(entry);
        }
        accounts.turns = Turns::new(zone, now, latest);
        accounts
    }

    /// Takes the terms of a configuration; the places of its clients come back in their order. The counters of a client stay
    /// with its name.
    pub fn configure<'t>(
        &mut self,
        zone: TimeZone,
        terms: impl Iterator<Item = Terms<'t>>,
        now: UnixMs,
    ) -> Vec<BookIndex> {
        if zone != self.turns.zone() {
            self.turns = Turns::new(zone, now, Some(self.turns.day().key));
        }
        for book in &mut self.books {
            book.limit_by(&[], false);
        }
        let place = |terms: Terms<'t>| {
            let index = self.place_of(terms.name);
            if let Some(book) = self.books.get_mut(index) {
                book.limit_by(terms.limits, terms.soft);
            }
            BookIndex(index)
        };
        terms.map(place).collect()
    }

    /// Whether a counter differs from what the journal says.
    pub fn has_changed(&self) -> bool {
        self.changed
    }

    /// The day that is counted in.
    pub fn day(&self) -> Period {
        self.turns.day()
    }

    pub fn zone(&self) -> TimeZone {
        self.turns.zone()
    }

    fn turn(&mut self, now: UnixMs) -> (PeriodKey, PeriodKey) {
        self.turned |= self.turns.turn(now);
        (self.turns.day().key, self.turns.month().key)
    }

    /// The place of the book with this name, made where there is none.
    fn place_of(&mut self, name: &str) -> usize {
        let known = self.books.iter().position(|book| book.name == name);
        known.unwrap_or_else(|| {
            self.books.push(Book::new(name));
            self.books.len() - 1
        })
    }

    fn book(&self, index: BookIndex) -> Option<&Book> {
        self.books.get(index.0)
    }
}
