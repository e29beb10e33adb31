//! The lines of the journal: a counter of a window each, with its absolute totals. The last line about a counter wins, so
//! that lines may be repeated, and a damaged one is passed over.

use std::fmt::Write as _;

use super::book::{AllTime, Book, Counter, MOST_DAYS, MOST_MONTHS, RouteCounter, counter};
use super::ledger::{Accounts, MOST_BOOKS};
use super::totals::Totals;
use crate::json::Object;
use crate::json::raw;
use crate::limits::{Money, PeriodKey};

/// The longest line that is read: names are not longer (bytes).
const LONGEST: usize = 4096;

/// A line of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry(EntryKind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum EntryKind {
    /// The sum of a client's window.
    Sum {
        client: String,
        window: EntryWindow,
        used: Totals,
    },
    /// The name of these accounts among replicas.
    Replica(String),
}

/// The window that a sum is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum EntryWindow {
    /// A day or a month.
    Period(PeriodKey),
    Route(String, PeriodKey),
    AllTime,
}

/// The name of these accounts among replicas: the sums under it are its own after a restart.
fn is_replica(name: &str) -> bool {
    name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl Entry {
    /// The day that it is about; `None` of other windows.
    pub(super) fn day(&self) -> Option<PeriodKey> {
        match &self.0 {
            EntryKind::Sum {
                window: EntryWindow::Period(key),
                ..
            } if !key.is_month() => Some(*key),
            _ => None,
        }
    }
}

/// Reads a line; `None` of one that is none, and of one that a crash or a full disk has cut.
pub fn read_line(line: &str) -> Option<Entry> {
    if line.len() > LONGEST {
        return None;
    }
    let object = Object::parse(line.trim()).ok()?;
    let text = |key| object.get(key).and_then(raw::text);
    if let Some(name) = text("replica") {
        return is_replica(&name).then(|| Entry(EntryKind::Replica(name.into_owned())));
    }
    let number = |key| match object.get(key) {
        None => Some(0),
        Some(value) => raw::whole_number(value),
    };
    let month = text("month").map(|text| PeriodKey::parse(&text).filter(|key| key.is_month()));
    let day = text("day").map(|text| PeriodKey::parse(&text).filter(|key| !key.is_month()));
    let window = match (text("route"), day, month) {
        (Some(route), None, Some(month)) => EntryWindow::Route(route.into_owned(), month?),
        (None, Some(day), None) => EntryWindow::Period(day?),
        (None, None, Some(month)) => EntryWindow::Period(month?),
        (None, None, None) if object.get("total") == Some("true") => EntryWindow::AllTime,
        _ => return None,
    };
    Some(Entry(EntryKind::Sum {
        client: text("client")?.into_owned(),
        window,
        used: Totals {
            requests: number("requests")?,
            input: number("input")?,
            output: number("output")?,
            cached: number("cached")?,
            estimated: number("estimated")?,
            cost: Money(number("cost")?),
        },
    }))
}

impl Accounts {
    /// The lines of all counters that have changed since this was last called.
    pub fn changes(&mut self) -> String {
        self.changed = false;
        let mut out = String::new();
        for book in &mut self.books {
            book.push_lines(&mut out, true);
        }
        out
    }

    /// The lines of all counters.
    pub fn all_lines(&mut self) -> String {
        (self.changed, self.turned) = (false, false);
        let mut out = String::new();
        if let Some(name) = &self.replica {
            let _ = writeln!(out, "{{\"replica\":\"{name}\"}}");
        }
        for book in &mut self.books {
            book.push_lines(&mut out, false);
        }
        out
    }

    /// Whether a day has begun since all lines were last taken: old ones are then of no use any more.
    pub fn has_turned(&self) -> bool {
        self.turned
    }

    /// Takes in what a line says.
    pub(super) fn take_in(&mut self, entry: Entry) {
        let (client, window, used) = match entry.0 {
            EntryKind::Sum {
                client,
                window,
                used,
            } => (client, window, used),
            EntryKind::Replica(name) => return self.replica = Some(name),
        };
        let is_known = self.books.iter().any(|book| book.name == client);
        if !is_known && self.books.len() >= MOST_BOOKS {
            return;
        }
        let index = self.place_of(&client);
        let Some(book) = self.books.get_mut(index) else {
            return;
        };
        match window {
            EntryWindow::Period(key) => {
                let (counters, most) = match key.is_month() {
                    true => (&mut book.months, MOST_MONTHS),
                    false => (&mut book.days, MOST_DAYS),
                };
                if let Some(counter) = counter(counters, key, most) {
                    counter.used = used;
                }
            }
            EntryWindow::Route(route, month) => {
                let known = book.routes.iter_mut().find(|known| known.route == route);
                match known {
                    Some(known) => (known.month, known.used) = (month, used),
                    None => book.use_route(&route, month, &used),
                }
            }
            EntryWindow::AllTime => book.all_time.used = used,
        }
    }
}

impl Book {
    fn push_lines(&mut self, out: &mut String, changed_only: bool) {
        let Self {
            name,
            days,
            months,
            all_time,
            routes,
            ..
        } = self;
        let mut push = |window: &str, used: &Totals, changed: &mut bool| {
            if std::mem::take(changed) || (!changed_only && *used != Totals::default()) {
                push_line(out, name, window, used);
            }
        };
        for Counter {
            key, used, changed, ..
        } in days.iter_mut().chain(months)
        {
            let kind = if key.is_month() { "month" } else { "day" };
            push(&format!("\"{kind}\":\"{key}\""), used, changed);
        }
        let AllTime { used, changed, .. } = all_time;
        push("\"total\":true", used, changed);
        for RouteCounter {
            route,
            month,
            used,
            changed,
        } in routes
        {
            let mut window = String::from("\"route\":");
            raw::push_quoted(&mut window, route);
            // A String takes whatever is written, here and below.
            let _ = write!(window, ",\"month\":\"{month}\"");
            push(&window, used, changed);
        }
    }
}

fn push_line(out: &mut String, client: &str, window: &str, used: &Totals) {
    out.push_str("{\"client\":");
    raw::push_quoted(out, client);
    out.push(',');
    out.push_str(window);
    for (key, amount) in [
        ("requests", used.requests),
        ("input", used.input),
        ("output", used.output),
        ("cached", used.cached),
        ("estimated", used.estimated),
        ("cost", used.cost.0),
    ] {
        if amount > 0 {
            let _ = write!(out, ",\"{key}\":{amount}");
        }
    }
    out.push_str("}\n");
}
