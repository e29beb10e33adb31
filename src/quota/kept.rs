//! The part of a line that survives a reload, whole, or a restart, as far as it is worth it.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::amount::Learned;
use super::line::{Fullness, Line};
use super::moment::Moment;
use super::period::Period;
use super::portions::Portion;
use super::used::{CalendarCount, Used, bounds};
use crate::dialect::waits::LONGEST;
use crate::limits::{Unit, UnixMs, Window};

/// The part of a line that survives a restart: the lessons, and the count of a day or a month.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptLine {
    unit: String,
    /// `day`, `month`, `total`, or milliseconds; absent where only calls tell of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    window: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    n: Option<u64>,
    #[serde(default, skip_serializing_if = "is_zero")]
    conf: u8,
    /// The length of a learned window (milliseconds).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    w_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "is_false")]
    w_told: bool,
    /// A coming turn of the grid (milliseconds since 1970).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    grid_ms: Option<UnixMs>,
    /// The end of a full window (milliseconds since 1970), and whether the provider told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    full_until_ms: Option<UnixMs>,
    #[serde(default, skip_serializing_if = "is_false")]
    full_told: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    used: Option<u64>,
    /// The end of the window that `used` belongs to (milliseconds since 1970).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ends_ms: Option<UnixMs>,
    /// The part of `used` that the counter holds which replicas share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    counted: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(conf: &u8) -> bool {
    *conf == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Line {
    /// The part that survives a restart; `None` where nothing is worth it.
    pub fn keep(&self, at: Moment) -> Option<KeptLine> {
        let count = match &self.used {
            Used::Counter(count) => Some(count).filter(|count| count.value(at) > 0),
            Used::Log(_) => None,
        };
        let full = self.fullness.map(|full| full.end.unwrap_or(full.guess));
        let full = full.filter(|until| *until > at.now);
        if self.learned.is_none() && count.is_none() && full.is_none() {
            return None;
        }
        let learned_w = match self.window {
            Some(_) => None,
            None => self.period.w(),
        };
        let turn = self.grid.next_turn(self.period, at.now);
        let turn = turn.map(|turn| at.wall + turn.saturating_duration_since(at.now));
        Some(KeptLine {
            unit: self.unit.label().to_owned(),
            window: self.window.map(spelled),
            n: self.learned.map(|learned| learned.n),
            conf: self.learned.map_or(0, |learned| learned.conf),
            w_ms: learned_w.map(milliseconds),
            w_told: learned_w.is_some() && self.period.is_told(),
            grid_ms: turn.and_then(unix_ms),
            full_until_ms: full.and_then(|until| unix_ms(at.wall + (until - at.now))),
            full_told: full.is_some() && self.fullness.is_some_and(|full| full.end.is_some()),
            used: count.map(|count| count.value),
            ends_ms: count.and_then(|count| unix_ms(count.window?.1)),
            counted: count
                .and(self.portion.as_deref())
                .map(|portion| portion.counted_at(at.now))
                .filter(|counted| *counted > 0),
        })
    }

    /// Takes over what survived a restart; `written` is the time at which it was written down. The wall clock may have
    /// been set back since, so no wait is longer than it was then.
    pub fn restore(&mut self, kept: &KeptLine, at: Moment, written: Option<UnixMs>) {
        if let Some(n) = kept.n.filter(|n| *n > 0) {
            let w = kept.w_ms.map(Duration::from_millis);
            let known = self.w().or(w).unwrap_or(super::period::MINUTE);
            self.learned = Some(Learned::restored(n, kept.conf, known, at.now));
        }
        if self.window.is_none()
            && let Some(w) = kept.w_ms.filter(|w| (100..=2_592_000_000).contains(w))
        {
            self.period = Period::Exact {
                w: Duration::from_millis(w),
                is_told: kept.w_told,
            };
        }
        if let Some(turn) = kept.grid_ms.and_then(|ms| left(ms, at, written)) {
            self.grid = super::grid::Grid::restored(at.now + turn);
        }
        if let Some(left) = kept.full_until_ms.and_then(|ms| left(ms, at, written)) {
            let until = at.now + left;
            self.fullness = Some(Fullness {
                end: kept.full_told.then_some(until),
                guess: until,
                strikes: 1,
                exactness: Duration::ZERO,
            });
        }
        if let (Used::Counter(count), Some(used)) = (&mut self.used, kept.used) {
            let window = self.window.unwrap_or(Window::Day);
            let current = bounds(window, self.zone, at.wall);
            let is_current = match (current, kept.ends_ms) {
                (Some((begin, _)), Some(ends)) => unix_ms(begin).is_some_and(|begin| ends > begin),
                (None, None) => true,
                _ => false,
            };
            if is_current {
                *count = CalendarCount {
                    value: used,
                    window: current,
                };
                let counted = kept.counted.map(Portion::restored);
                self.portion = counted.map(Box::new);
            }
        }
    }

    /// The same line under another configuration; `None` where nothing but the old one knew of it.
    #[must_use]
    pub fn under(self, declared: Option<u64>) -> Option<Self> {
        let is_worth_it = declared.is_some() || self.learned.is_some() || self.told_limit.is_some();
        let is_found = self.declared.is_none();
        (is_worth_it || is_found).then_some(Self {
            declared,
            // Calls that are out end on the old ledger.
            probe: None,
            ..self
        })
    }
}

impl KeptLine {
    pub fn unit(&self) -> Option<Unit> {
        const UNITS: [Unit; 4] = [
            Unit::Requests,
            Unit::Tokens,
            Unit::InputTokens,
            Unit::OutputTokens,
        ];
        UNITS.into_iter().find(|unit| unit.label() == self.unit)
    }

    /// The window, if it has one; `None` for one that cannot be read.
    pub fn window(&self) -> Option<Option<Window>> {
        let Some(window) = &self.window else {
            return Some(None);
        };
        let window = match window.as_str() {
            "day" => Window::Day,
            "month" => Window::Month,
            "total" => Window::Total,
            length => Window::Sliding(Duration::from_millis(length.parse().ok()?)),
        };
        Some(Some(window))
    }
}

fn spelled(window: Window) -> String {
    match window {
        Window::Sliding(length) => milliseconds(length).to_string(),
        other => other.to_string(),
    }
}

fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn unix_ms(at: SystemTime) -> Option<UnixMs> {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(milliseconds(since))
}

/// The time from now to a point in time, at most as long as when it was written down; `None` for the past.
fn left(ms: UnixMs, at: Moment, written: Option<UnixMs>) -> Option<Duration> {
    let end = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(ms))?;
    let left = end.duration_since(at.wall).ok()?.min(LONGEST);
    let then = match written {
        Some(written) => Duration::from_millis(ms.checked_sub(written)?),
        None => left,
    };
    Some(left.min(then))
}
