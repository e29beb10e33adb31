//! The accounts of clients among replicas: each tells the others its sums, and draws portions of every limit from counters
//! that all of them share.
//!
//! Sums are for those who ask what was used; no limit hangs on them but one that is charged afterwards. A limit is kept by
//! its portions, whose draws the server orders. A replica that starts again finds in the sums what of its own use the
//! counters hold already.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::book::{Book, Line};
use super::ledger::Accounts;
use super::lines::EntryWindow;
use super::totals::Totals;
use crate::limits::{Period, PeriodKey, Unit, Window};
use crate::quota::portions::{Draw, Forgotten, Limits, Portion, Sharing, Span};
use crate::quota::server_clock::ServerMs;
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

/// The sharing of a line.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedLine {
    portion: Portion,
    /// The window for which is known what of its use here the counter holds already.
    begun: Option<ServerMs>,
    /// The counter of a window, as it was found.
    found: Option<(ServerMs, u64)>,
}

/// The want of a portion for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shortage {
    /// There may be more in a moment.
    Dry,
    /// All replicas together, or this one with its share, have used all but this.
    UsedUp { left: u64, until: ServerMs },
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

    /// What was under way is lost; all that was told and drawn as well, where the server has forgotten it.
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

    /// What is held and not needed any more, at the end.
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

impl Book {
    /// The draws of this book's lines.
    fn draws(
        &mut self,
        index: usize,
        sharing: &AccountSharing,
        spans: Spans,
        now: Moment,
        lead: u64,
    ) -> Vec<(String, Draw)> {
        let server_now = now.unix_ms();
        let is_granted = matches!(sharing.moment.sharing, Sharing::Granted { .. });
        // While others are waited for, what is owed is counted and no more is asked for.
        let granted = Sharing::Granted {
            replicas: u32::try_from(sharing.moment.sharing.replicas()).unwrap_or(u32::MAX),
        };
        let mut draws = Vec::new();
        for at in 0..self.lines.len() {
            let Some(limits) = self.shared_limits(at, spans, now) else {
                continue;
            };
            let own = self.used_here(at, limits.span, spans, now);
            let name = &self.name;
            let Some(line) = self.lines.get_mut(at) else {
                continue;
            };
            let of_line = line_name(name, line);
            let unit = line.limit.unit;
            let window = spans.window(line.limit.rate.window);
            let shared = line.shared.get_or_insert_default();
            shared.portion.read_clock(sharing.moment.clock);
            let span = limits.span;
            if shared.begun != Some(span.start) {
                let of_span = shared.found.filter(|(start, _)| *start == span.start);
                let is_kept = window.is_some();
                let sums = window.and_then(|window| sharing.windows.get(&(index, window)));
                let counted = match (own, is_kept, sums, of_span) {
                    // Nothing was used here, or nothing that is remembered over a restart.
                    (0, ..) | (_, false, ..) => Some(0),
                    (own, true, Some(sums), Some((_, counter))) => {
                        let all = sums.others.of(unit).saturating_add(sums.own.of(unit));
                        // A counter that is behind the sums is new: the limit is, or the server has lost it.
                        Some(if counter >= all {
                            own.min(sums.own.of(unit))
                        } else {
                            0
                        })
                    }
                    _ => None,
                };
                match counted {
                    Some(counted) => {
                        shared.portion.begin(&limits, own, counted);
                        shared.begun = Some(span.start);
                    }
                    None => {
                        let look = Draw {
                            span,
                            owed: 0,
                            wanted: 0,
                            limit: limits.limit,
                        };
                        draws.push((of_line, look));
                        continue;
                    }
                }
            }
            let of_now = shared
                .portion
                .draws(&limits, server_now, granted, lead, is_granted);
            draws.extend(of_now.map(|draw| (of_line.clone(), draw)));
        }
        draws
    }

    /// The want of a portion of a line for this amount; `None` where one is held, or the line is not shared. `locally` asks
    /// for what may be used without the server's word.
    pub(super) fn shortage(
        &self,
        at: usize,
        amount: u64,
        spans: Spans,
        now: Moment,
        of_sums: impl FnOnce(&EntryWindow) -> Option<(Totals, Totals)>,
        locally: bool,
    ) -> Option<Shortage> {
        let moment = now.shared?;
        let limits = self.shared_limits(at, spans, now)?;
        let line = self.lines.get(at)?;
        let unused = Portion::default();
        let portion = line
            .shared
            .as_deref()
            .map_or(&unused, |shared| &shared.portion);
        let replicas = moment.sharing.replicas();
        let granted = Sharing::Granted { replicas: 1 };
        let held = portion.left(&limits, granted);
        if held >= amount {
            return None;
        }
        let is_granted = matches!(moment.sharing, Sharing::Granted { .. }) && !locally;
        let left = match (is_granted, portion.drawn_by_all(&limits)) {
            (true, None) => return Some(Shortage::Dry),
            (true, Some(all)) => limits.limit.saturating_sub(all).saturating_add(held),
            (false, _) => {
                let unit = line.limit.unit;
                let told = spans.window(line.limit.rate.window);
                let told = told.and_then(|window| of_sums(&window));
                let told = told.map(|(all, own)| (all.of(unit), own.of(unit)));
                held.max(portion.of_remainder(&limits, replicas, told))
            }
        };
        match (left >= amount, is_granted) {
            (true, true) => Some(Shortage::Dry),
            (true, false) => None,
            (false, _) => Some(Shortage::UsedUp {
                left,
                until: limits.span.end,
            }),
        }
    }

    /// Notes that a request was not admitted for want of a portion, so that enough is drawn.
    pub(super) fn note_dry(&mut self, at: usize, amount: u64) {
        if let Some(line) = self.lines.get_mut(at) {
            let shared = line.shared.get_or_insert_default();
            shared.portion.refuse(amount, true);
        }
    }

    /// Charges the portions of all lines, before anything is reserved.
    pub(super) fn charge_portions(&mut self, amounts: &Totals, spans: Spans, now: Moment) {
        let Some(moment) = now.shared else {
            return;
        };
        for at in 0..self.lines.len() {
            let Some(limits) = self.shared_limits(at, spans, now) else {
                continue;
            };
            let Some(line) = self.lines.get_mut(at) else {
                continue;
            };
            let amount = amounts.of(line.limit.unit);
            let shared = line.shared.get_or_insert_default();
            shared.portion.read_clock(moment.clock);
            shared.portion.charge(&limits, amount, now.unix_ms());
        }
    }

    /// The limit of a line and its window; `None` of one that is not shared: of requests in flight, or where another one of
    /// the same window is nearer.
    fn shared_limits(&self, at: usize, spans: Spans, now: Moment) -> Option<Limits> {
        let line = self.lines.get(at)?;
        let Line { limit, .. } = line;
        let rank = |at: usize, line: &Line| (line.limit.rate.amount, at);
        let is_nearer = |(other_at, other): (usize, &Line)| {
            let is_same =
                other.limit.unit == limit.unit && other.limit.rate.window == limit.rate.window;
            is_same && rank(other_at, other) < rank(at, line)
        };
        if limit.unit == Unit::Concurrent || self.lines.iter().enumerate().any(is_nearer) {
            return None;
        }
        let (span, next) = match limit.rate.window {
            Window::AtOnce => return None,
            // A request belongs to the window of its admission alone.
            Window::Day => (spans.day, None),
            Window::Month => (spans.month, None),
            Window::Total => (Span::EVER, None),
            Window::Sliding(length) => {
                let length = u64::try_from(length.as_millis()).ok()?;
                let span = Span::aligned(now.unix_ms(), length, 0);
                (span, span.following())
            }
        };
        let knows = line.shared.as_deref();
        let knows = knows.is_some_and(|shared| shared.portion.knows(span));
        Some(Limits {
            limit: limit.rate.amount,
            span,
            next,
            used: if knows {
                0
            } else {
                self.used_here(at, span, spans, now)
            },
        })
    }

    /// What was used of a line's limit in a window of it, and is reserved.
    fn used_here(&self, at: usize, span: Span, spans: Spans, now: Moment) -> u64 {
        let Some(line) = self.lines.get(at) else {
            return 0;
        };
        if let Window::Sliding(_) = line.limit.rate.window {
            let clock = now.shared.map(|shared| shared.clock);
            let start = clock.and_then(|clock| clock.instant_of(span.start));
            return start.map_or(0, |start| line.log.since(start));
        }
        let (used, reserved) = self.used(line, now.now, spans.day_key, spans.month_key);
        used.saturating_add(reserved)
    }

    /// What other replicas have used of a line in its window, or hold of it.
    pub(super) fn taken_elsewhere(&self, at: usize, spans: Spans, now: Moment) -> u64 {
        let limits = self.shared_limits(at, spans, now);
        let line = self.lines.get(at);
        let shared = line.and_then(|line| line.shared.as_deref());
        let (Some(limits), Some(shared)) = (limits, shared) else {
            return 0;
        };
        let all = shared.portion.drawn_by_all(&limits).unwrap_or_default();
        let held = shared
            .portion
            .left(&limits, Sharing::Granted { replicas: 1 });
        let here = self
            .used_here(at, limits.span, spans, now)
            .saturating_add(held);
        all.saturating_sub(here)
    }
}

/// The windows of the calendar at a moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spans {
    day_key: PeriodKey,
    month_key: PeriodKey,
    day: Span,
    month: Span,
}

impl Spans {
    pub(super) fn of(day: Period, month: Period) -> Self {
        let span = |period: Period| Span {
            start: period.start,
            end: period.end,
        };
        Self {
            day_key: day.key,
            month_key: month.key,
            day: span(day),
            month: span(month),
        }
    }

    /// The window of a book that a limit counts in; `None` of those that no book keeps.
    pub(super) fn window(self, window: Window) -> Option<EntryWindow> {
        match window {
            Window::Day => Some(EntryWindow::Period(self.day_key)),
            Window::Month => Some(EntryWindow::Period(self.month_key)),
            Window::Total => Some(EntryWindow::AllTime),
            Window::AtOnce | Window::Sliding(_) => None,
        }
    }
}

impl SharedLine {
    /// Corrects the charge of a request that was admitted at this moment.
    pub(super) fn settle(&mut self, admitted: Instant, charged: u64, took: u64) {
        self.portion.settle_at(admitted, charged, took);
    }
}

/// The name of a line between replicas. Those of providers' lines begin with the provider's name.
fn line_name(client: &str, line: &Line) -> String {
    let window = line.limit.rate.window;
    format!("|{client}|{}|{window}", line.limit.unit.label())
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
