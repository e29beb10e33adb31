//! The lines of a client's book among replicas: each draws portions of its limit from a counter that all share.

use std::time::{Duration, Instant};

use super::book::{Book, Line, RefusalReason};
use super::excess::{Ends, Excess, Resets, SOON};
use super::lines::EntryWindow;
use super::sharing::AccountSharing;
use super::totals::Totals;
use crate::limits::{Period, PeriodKey, Unit, Window};
use crate::quota::Moment;
use crate::quota::portions::{Draw, Limits, Portion, Sharing, Span};
use crate::quota::server_clock::ServerMs;

/// The sharing of a line.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedLine {
    pub(super) portion: Portion,
    /// The window for which is known what of its use here the counter holds already.
    pub(super) begun: Option<ServerMs>,
    /// The counter of a window, as it was found.
    pub(super) found: Option<(ServerMs, u64)>,
}

/// The want of a portion for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shortage {
    /// There may be more in a moment.
    Dry,
    /// All replicas together, or this one with its share, have used all but this.
    UsedUp { left: u64, until: ServerMs },
}

impl Book {
    /// The draws of this book's lines.
    pub(super) fn draws(
        &mut self,
        index: usize,
        sharing: &AccountSharing,
        spans: Spans,
        now: Moment,
        lead: u64,
    ) -> Vec<(String, Draw)> {
        let server_now = now.unix_ms();
        let is_granted = matches!(sharing.moment().sharing, Sharing::Granted { .. });
        // While others are waited for, what is owed is counted and no more is asked for.
        let granted = Sharing::Granted {
            replicas: u32::try_from(sharing.moment().sharing.replicas()).unwrap_or(u32::MAX),
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
            shared.portion.read_clock(sharing.moment().clock);
            let span = limits.span;
            if shared.begun != Some(span.start) {
                let of_span = shared.found.filter(|(start, _)| *start == span.start);
                let is_kept = window.is_some();
                let sums = window.and_then(|window| sharing.told(index, &window));
                let counted = match (own, is_kept, sums, of_span) {
                    // Nothing was used here, or nothing that is remembered over a restart.
                    (0, ..) | (_, false, ..) => Some(0),
                    (own, true, Some((all, ours)), Some((_, counter))) => {
                        // A counter that is behind the sums is new: the limit is, or the server has lost it.
                        let is_whole = counter >= all.of(unit);
                        Some(if is_whole { own.min(ours.of(unit)) } else { 0 })
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

    /// The use of a line's limit in a window of it, reservations included.
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

    /// The use of other replicas of a line in its window, and what they hold of it.
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
pub(super) fn line_name(client: &str, line: &Line) -> String {
    let window = line.limit.rate.window;
    format!("|{client}|{}|{window}", line.limit.unit.label())
}

impl Book {
    /// The want of a portion for a request, where replicas count together; of several the one that lasts longest. Clients
    /// that are charged afterwards wait for no server.
    pub(super) fn want(
        &mut self,
        asked: &Totals,
        locally: bool,
        spans: Spans,
        ends: &Ends,
        told: &dyn Fn(&EntryWindow) -> Option<(Totals, Totals)>,
    ) -> Option<Excess> {
        let locally = locally || self.soft;
        let mut found: Option<Excess> = None;
        let mut dry = Vec::new();
        for (at, line) in self.lines.iter().enumerate() {
            let (unit, amount) = (line.limit.unit, asked.of(line.limit.unit));
            if amount == 0 || self.soft && unit.is_settled_later() {
                continue;
            }
            let Some(shortage) = self.shortage(at, amount, spans, ends.now, told, locally) else {
                continue;
            };
            let (left, resets, is_dry) = match shortage {
                Shortage::Dry => {
                    dry.push((at, amount));
                    (0, Resets::In(SOON), true)
                }
                Shortage::UsedUp { left, until } => {
                    let wait = until.saturating_sub(ends.now.unix_ms());
                    let resets = match line.limit.rate.window {
                        Window::Sliding(_) => Resets::In(Duration::from_millis(wait)),
                        _ => ends.of(line, amount, self.soft),
                    };
                    if left == 0 {
                        // Another replica may put back what it holds.
                        dry.push((at, 1));
                    }
                    (left, resets, false)
                }
            };
            let limit = line.limit;
            let excess = Excess {
                limit,
                used: limit.rate.amount.saturating_sub(left),
                reserved: 0,
                asked: amount,
                resets,
                is_dry,
            };
            let rank = |excess: &Excess| (!excess.is_dry, excess.resets.rank());
            if found.is_none_or(|found| rank(&found) < rank(&excess)) {
                found = Some(excess);
            }
        }
        for (at, amount) in dry {
            self.note_dry(at, amount);
        }
        if let Some(excess) = found.filter(|excess| !excess.is_dry) {
            self.tally.refuse(match excess.limit.unit {
                Unit::Money => RefusalReason::Budget,
                _ => RefusalReason::Limit,
            });
        }
        found
    }
}
