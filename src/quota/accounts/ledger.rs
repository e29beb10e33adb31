//! The accounts of all clients: the books of what they used, and the turns of days and months.

use crate::limits::{Limit, Period, PeriodKey, TimeZone, UnixMs};

use super::book::Book;
use super::lines::Entry;
use super::sharing::AccountSharing;
use super::turns::Turns;

/// The most clients whose usage is remembered, those of former configurations among them.
pub(super) const MOST_BOOKS: usize = 4096;

/// The terms of a client, as the configuration has them.
pub struct Terms<'a> {
    pub name: &'a str,
    pub limits: &'a [Limit],
    /// Tokens and money are not reserved.
    pub soft: bool,
}

/// The place of a client's book. It stays the same as long as the process does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BookIndex(pub(super) usize);

/// The accounts of all clients. The configuration never writes a counter.
#[derive(Clone, Debug)]
pub struct Accounts {
    pub(super) turns: Turns,
    pub(super) books: Vec<Book>,
    /// A counter differs from what the journal says.
    pub(super) changed: bool,
    /// A day has begun since the journal was last written whole.
    pub(super) turned: bool,
    /// The name of these accounts among replicas, which outlives the process; `None` before they were first shared.
    pub(super) replica: Option<String>,
    /// The times that it began: another server is another sharing.
    pub(super) sharings: u64,
    /// The sharing with other replicas; `None` for a gateway alone.
    pub(super) sharing: Option<Box<AccountSharing>>,
}

impl Accounts {
    /// Accounts with what a journal says of them.
    pub fn restore(entries: impl Iterator<Item = Entry>, zone: TimeZone, now: UnixMs) -> Self {
        let mut accounts = Self {
            turns: Turns::new(zone, now, None),
            books: Vec::new(),
            changed: false,
            turned: false,
            replica: None,
            sharings: 0,
            sharing: None,
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
            book.is_configured = false;
        }
        let place = |terms: Terms<'t>| {
            let index = self.place_of(terms.name);
            if let Some(book) = self.books.get_mut(index) {
                book.limit_by(terms.limits, terms.soft);
                book.is_configured = true;
            }
            BookIndex(index)
        };
        let places = terms.map(place).collect();
        for book in self.books.iter_mut().filter(|book| !book.is_configured) {
            book.limit_by(&[], false);
        }
        places
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

    pub(super) fn turn(&mut self, now: UnixMs) -> (PeriodKey, PeriodKey) {
        self.turned |= self.turns.turn(now);
        (self.turns.day().key, self.turns.month().key)
    }

    /// The place of the book with this name, made where there is none.
    pub(super) fn place_of(&mut self, name: &str) -> usize {
        let known = self.books.iter().position(|book| book.name == name);
        known.unwrap_or_else(|| {
            self.books.push(Book::new(name));
            self.books.len() - 1
        })
    }

    pub(super) fn book(&self, index: BookIndex) -> Option<&Book> {
        self.books.get(index.0)
    }
}
