//! The accounts of clients among replicas: each tells the others its sums, and draws portions of every limit from counters
//! that all of them share.
//!
//! Sums are for those who ask what was used; no limit hangs on them but one that is charged afterwards. A limit is kept by
//! its portions, whose draws the server orders. A replica that starts again finds in the sums what of its own use the
//! counters hold already.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::book::Book;
use super::ledger::Accounts;
use super::lines::EntryWindow;
use super::shared_lines::{Spans, line_name};
use super::totals::Totals;
use crate::limits::PeriodKey;
use crate::quota::portions::{Draw, Forgotten};
use crate::quota::{Moment, SharedMoment};

/// The most windows that are told, and that are read again, in an exchange.
const MOST_TOLD: usize = 64;
const MOST_READ: usize = 16;

/// The age at which the sums of other replicas in the windows of now are read again.
const STALE: Duration = Duration::from_secs(2);

/// The time for which sums are kept: of days, of months, and of all time, from their last change on (milliseconds).
const A_DAY: u64 = 24 * 3600 * 1000;
const OF_DAYS: u64 = 36 * A_DAY;
const OF_MONTHS: u64 = 400 * A_DAY;
const OF_ALL_TIME: u64 = 3660 * A_DAY;

/// A window of a book.
type Place = (usize, EntryWindow);

/// The state of the sharing of accounts.
#[derive(Clone, Debug)]
pub(super) struct AccountSharing {
    moment: SharedMoment,
    /// The sums of the windows that were read.
    windows: BTreeMap<Place, Sums>,
    /// The windows whose sum has changed here since it was told.
    untold: BTreeSet<Place>,
    /// The windows of the exchange under way.
    asked: Vec<Place>,
}

/// The sums of a window on the server.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    others: Totals,
    /// That of this replica.
    own: Totals,
    read_at: Option<Instant>,
}

/// The words of accounts for an exchange.
#[derive(Debug, Default)]
pub struct AccountNews {
    /// Draws, each with the name of its line between replicas.
    pub draws: Vec<(String, Draw)>,
    pub sums: Vec<ToldSum>,
}

/// A window whose sum is told, or only asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldSum {
    /// The name of the client and the window between replicas.
    pub window: String,
    /// The sum of this replica under its name; `None` where the server has it.
    pub told: Option<(String, String)>,
    /// The time for which it is kept from now on (milliseconds).
    pub lifetime: u64,
}

impl AccountSharing {
    fn new(moment: SharedMoment) -> Self {
        Self {
            moment,
            windows: BTreeMap::new(),
            untold: BTreeSet::new(),
            asked: Vec::new(),
        }
    }

    pub(super) fn moment(&self) -> SharedMoment {
        self.moment
    }

    /// The use of others in a window of a book, as far as it was read.
    pub(super) fn others(&self, book: usize, window: &EntryWindow) -> Totals {
        let sums = self.windows.get(&(book, window.clone()));
        sums.map_or_else(Totals::default, |sums| sums.others)
    }

    /// The sum of this replica as the server has it; `None` before that was read.
    fn told_own(&self, book: usize, window: &EntryWindow) -> Option<Totals> {
        let own = |window: &EntryWindow| {
            let sums = self.windows.get(&(book, window.clone()));
            sums.map(|sums| sums.own)
        };
        let of_month = || match window {
            EntryWindow::Route(_, month) => own(&all_routes(*month)).map(|_| Totals::default()),
            EntryWindow::Period(_) | EntryWindow::AllTime => None,
        };
        own(window).or_else(of_month)
    }

    /// The use of all, and of this replica, in a window of a book, as the server told it last.
    pub(super) fn told(&self, book: usize, window: &EntryWindow) -> Option<(Totals, Totals)> {
        let sums = self.windows.get(&(book, window.clone()))?;
        let mut all = sums.others;
        all.add(&sums.own);
        Some((all, sums.own))
    }

    /// The use of others in all windows of a book that were read.
    pub(super) fn others_of(&self, book: usize) -> impl Iterator<Item = (&EntryWindow, &Totals)> {
        let of_book = self.windows.iter().filter(move |((of, _), _)| *of == book);
        of_book.map(|((_, window), sums)| (window, &sums.others))
    }

    /// Notes that a sum has changed.
    pub(super) fn touch(&mut self, book: usize, window: EntryWindow) {
        self.untold.insert((book, window));
    }
}

impl Accounts {
    /// Begins to share with other replicas, under this name where the journal tells none, or with those of another server. The
    /// number of this sharing comes back.
    pub fn share_anew(&mut self, random: u64, moment: SharedMoment) -> u64 {
        if self.replica.is_none() {
            self.replica = Some(format!("{random:016x}"));
            // The journal is written whole, with the name.
            (self.turned, self.changed) = (true, true);
        }
        self.sharing = Some(Box::new(AccountSharing::new(moment)));
        for line in self.books.iter_mut().flat_map(|book| &mut book.lines) {
            line.shared = None;
        }
        self.touch_all();
        self.sharings += 1;
        self.sharings
    }

    /// The number of the sharing that counts.
    pub fn sharing(&self) -> u64 {
        self.sharings
    }

    /// Shares with nobody any more.
    pub fn share_no_more(&mut self) {
        self.sharing = None;
    }

    /// The state of the sharing from now on.
    pub fn share(&mut self, moment: SharedMoment) {
        if let Some(sharing) = &mut self.sharing {
            sharing.moment = moment;
        }
    }

    /// The moment by the clock that counts: the server's, where replicas share it.
    pub(super) fn clocked(&self, now: Moment) -> Moment {
        let Some(sharing) = &self.sharing else {
            return now;
        };
        let moment = sharing.moment;
        let since_1970 = Duration::from_millis(moment.clock.ms_at(now.now));
        Moment {
            wall: std::time::UNIX_EPOCH + since_1970,
            shared: Some(moment),
            ..now
        }
    }

    /// The words of this replica: what it draws, and the sums that have changed, or are old.
    pub fn account_news(&mut self, now: Moment, lead: u64) -> AccountNews {
        let now = self.clocked(now);
        let (day, month) = self.turn(now.unix_ms());
        let mut news = AccountNews::default();
        let Some(mut sharing) = self.sharing.take() else {
            return news;
        };
        let of_now = [
            EntryWindow::Period(day),
            EntryWindow::Period(month),
            EntryWindow::AllTime,
            all_routes(month),
        ];
        let spans = Spans::of(self.turns.day(), self.turns.month());
        for (index, book) in self.books.iter_mut().enumerate() {
            if book.is_configured {
                news.draws
                    .extend(book.draws(index, &sharing, spans, now, lead));
            }
        }
        let mut asked: Vec<Place> = Vec::new();
        while asked.len() < MOST_TOLD
            && let Some(place) = sharing.untold.pop_first()
        {
            asked.push(place);
        }
        let configured = self.books.iter().enumerate();
        let configured = configured.filter(|(_, book)| book.is_configured);
        let stale = configured.flat_map(|(index, _)| {
            let places = of_now.clone().map(|window| (index, window));
            places.into_iter().filter(|place| {
                let read_at = sharing.windows.get(place).and_then(|sums| sums.read_at);
                let age = read_at.map(|at| now.now.saturating_duration_since(at));
                age.is_none_or(|age| age >= STALE)
            })
        });
        let most = asked.len() + MOST_READ;
        for place in stale {
            if asked.len() < most && !asked.contains(&place) {
                asked.push(place);
            }
        }
        let replica = self.replica.clone().unwrap_or_default();
        for (index, window) in &asked {
            let Some(book) = self.books.get(*index) else {
                continue;
            };
            let own = book.sum_of(window);
            // What another process of this name told is read first: the journal may be behind it.
            let is_new = sharing
                .told_own(*index, window)
                .is_some_and(|told| told != own);
            let field = match window {
                EntryWindow::Route(route, _) => format!("{replica} {route}"),
                EntryWindow::Period(_) | EntryWindow::AllTime => replica.clone(),
            };
            news.sums.push(ToldSum {
                window: format!("{}:{}", book.name, spelled(window)),
                told: is_new.then(|| (field, own.spelled())),
                lifetime: lifetime(window),
            });
        }
        sharing.asked = asked;
        self.sharing = Some(sharing);
        news
    }

    /// Takes in the sums of all replicas, in the order in which they were asked for.
    pub fn take_sums(&mut self, sums: &[BTreeMap<String, String>], now: Instant) {
        let (Some(mut sharing), Some(replica)) = (self.sharing.take(), self.replica.clone()) else {
            return;
        };
        for (place, sums) in std::mem::take(&mut sharing.asked).into_iter().zip(sums) {
            let Some(book) = self.books.get_mut(place.0) else {
                continue;
            };
            let (index, window) = place;
            let mut read: BTreeMap<EntryWindow, Sums> = BTreeMap::new();
            read.entry(window.clone()).or_default();
            for (field, sum) in sums {
                let (of, window) = match (&window, field.split_once(' ')) {
                    // The routes of a month are told together, as others may have used other ones.
                    (EntryWindow::Route(_, month), Some((of, route))) => {
                        (of, EntryWindow::Route(route.to_owned(), *month))
                    }
                    _ => (field.as_str(), window.clone()),
                };
                let sum = Totals::parse(sum).unwrap_or_default();
                let sums = read.entry(window).or_default();
                match of == replica {
                    true => sums.own = sum,
                    false => sums.others.add(&sum),
                }
            }
            for (window, mut sums) in read {
                sums.read_at = Some(now);
                // A crash has cost the journal what the server still knows.
                self.changed |= book.raise(&window, &sums.own);
                if book.sum_of(&window) != sums.own {
                    sharing.untold.insert((index, window.clone()));
                }
                sharing.windows.insert((index, window), sums);
            }
        }
        self.sharing = Some(sharing);
    }

    /// The answers to draws; what was drawn in vain comes back.
    ///
    /// # Errors
    /// The server has lost its data.
    pub fn account_drawn(
        &mut self,
        answers: &[(&str, &Draw, u64)],
    ) -> Result<Vec<(String, Draw)>, Forgotten> {
        let mut in_vain = Vec::new();
        if answers.is_empty() || self.sharing.is_none() {
            return Ok(in_vain);
        }
        for book in &mut self.books {
            let Book { name, lines, .. } = book;
            for line in lines {
                let of_line = line_name(name, line);
                let Some(shared) = &mut line.shared else {
                    continue;
                };
                for (_, draw, counter) in answers.iter().filter(|(of, ..)| *of == of_line) {
                    if draw.amount() == 0 && shared.begun != Some(draw.span.start) {
                        shared.found = Some((draw.span.start, *counter));
                        continue;
                    }
                    let back = shared.portion.drawn(draw, *counter)?;
                    in_vain.extend(back.map(|back| (of_line.clone(), back)));
                }
            }
        }
        Ok(in_vain)
    }

    /// Exchanges under way are lost; all that was told and drawn as well, where the server has forgotten it.
    pub fn accounts_interrupted(&mut self, forgotten: bool) {
        let Some(sharing) = &mut self.sharing else {
            return;
        };
        let asked = std::mem::take(&mut sharing.asked);
        sharing.untold.extend(asked);
        if forgotten {
            sharing.windows.clear();
        }
        for line in self.books.iter_mut().flat_map(|book| &mut book.lines) {
            let Some(shared) = &mut line.shared else {
                continue;
            };
            match forgotten {
                true => shared.portion.forgotten(),
                false => shared.portion.draws_lost(),
            }
            shared.found = None;
        }
        if forgotten {
            self.touch_all();
        }
    }

    /// The draws that are held and not needed any more, at the end.
    pub fn accounts_give_back(&mut self) -> Vec<(String, Draw)> {
        let mut returns = Vec::new();
        for Book { name, lines, .. } in &mut self.books {
            for line in lines {
                let of_line = line_name(name, line);
                let held = line.shared.iter_mut();
                let held = held.flat_map(|shared| shared.portion.give_back());
                returns.extend(held.map(|draw| (of_line.clone(), draw)));
            }
        }
        returns
    }

    fn touch_all(&mut self) {
        let Some(sharing) = &mut self.sharing else {
            return;
        };
        for (index, book) in self.books.iter().enumerate() {
            let used = book
                .windows()
                .filter(|(_, used)| *used != Totals::default());
            sharing
                .untold
                .extend(used.map(|(window, _)| (index, window)));
        }
    }
}

/// The routes of a month, which lie together on the server.
fn all_routes(month: PeriodKey) -> EntryWindow {
    EntryWindow::Route(String::new(), month)
}

fn spelled(window: &EntryWindow) -> String {
    match window {
        EntryWindow::Period(key) => key.to_string(),
        EntryWindow::Route(_, month) => format!("{month}:routes"),
        EntryWindow::AllTime => "total".to_owned(),
    }
}

fn lifetime(window: &EntryWindow) -> u64 {
    match window {
        EntryWindow::Period(key) if !key.is_month() => OF_DAYS,
        EntryWindow::Period(_) | EntryWindow::Route(..) => OF_MONTHS,
        EntryWindow::AllTime => OF_ALL_TIME,
    }
}
