//! A line: what one window of a provider allows, from whichever source that is known, and what was used of it.

use std::time::{Duration, Instant};

use super::amount::Learned;
use super::call_log::CallLog;
use super::grid::Grid;
use super::moment::Moment;
use super::period::{Period, Turn};
use super::portions::Portion;
use super::shared_window::SharedWindows;
use super::standing::Standing;
use super::standing_rules::Ask;
use super::suspicion::Suspicion;
use super::told::{Shape, Told};
use super::used::{CalendarCount, Used};
use crate::dialect::rate_limits::ToldWindow;
use crate::limits::{TimeZone, Unit, Window};

/// The source of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Declared,
    Told,
    Learned,
}

impl Source {
    pub fn label(self) -> &'static str {
        match self {
            Self::Declared => "declared",
            Self::Told => "told",
            Self::Learned => "learned",
        }
    }
}

/// A line.
#[derive(Clone, Debug)]
pub struct Line {
    pub unit: Unit,
    /// The window that is configured, or that the provider named; `None` while only calls tell of it.
    pub window: Option<Window>,
    pub(super) declared: Option<u64>,
    pub(super) told_limit: Option<u64>,
    pub(super) learned: Option<Learned>,
    /// The length of the window, where it does not follow from `window`.
    pub(super) period: Period,
    pub(super) used: Used,
    pub(super) zone: TimeZone,
    /// The last moment known to begin a window: what is older does not count.
    pub(super) reset: Option<Instant>,
    pub(super) fullness: Option<Fullness>,
    pub(super) last_refusal: Option<Refusal>,
    /// The turn that ended the last full window.
    pub(super) last_turn: Option<Turn>,
    pub(super) grid: Grid,
    pub(super) told: Option<Told>,
    pub(super) shape: Shape,
    /// The sum of all that was ever charged.
    pub(super) charged: u64,
    pub(super) probe: Option<Probe>,
    /// Calls on the turn of the window were refused: it is not left to luck any more.
    pub(super) is_soft_refuted: bool,
    /// Windows in a row that were full long before the known limit.
    pub(super) early_ends: u8,
    /// The doubt about the unit that nameless refusals count.
    pub(super) suspicion: Suspicion,
    pub(super) counts: Counts,
    /// The portion of this replica; `None` for a gateway alone, and before the first call.
    pub(super) portion: Option<Box<Portion>>,
    /// The windows that all replicas mean.
    pub(super) shared_windows: Option<SharedWindows>,
    /// The replicas that use it, this one among them.
    pub(super) replicas: u64,
}

/// The state of a line whose provider refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fullness {
    /// The end that the provider told.
    pub end: Option<Instant>,
    /// Without an end: the next try.
    pub guess: Instant,
    /// Refusals in a row of calls that began after the one before.
    pub strikes: u32,
    /// The end lies within so much before what was told.
    pub exactness: Duration,
}

/// The last refusal of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The beginning of the last call that was refused.
    pub started: Instant,
    pub at: Instant,
    /// The slowest of all refusals.
    pub slowest: Duration,
}

/// The one call that finds out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    pub id: u64,
    pub started: Instant,
    /// It has lost its turn by then.
    pub until: Instant,
    pub kind: ProbeKind,
}

/// The finding of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeKind {
    /// Whether the window has turned.
    Turn,
    /// Whether the limit is higher than it was learned to be.
    Growth,
    /// Whether the provider is as lenient as a sliding log is strict.
    Leniency,
}

/// The counts of a line since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub accepted_probes: u64,
    pub refused_probes: u64,
    pub refused: u64,
}

/// A call, as its line sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its number, counted over all calls.
    pub id: u64,
    pub started: Instant,
    /// The charge: one, or tokens.
    pub amount: u64,
}

impl Line {
    /// A line that is configured.
    pub fn declared(unit: Unit, amount: u64, window: Option<Window>, zone: TimeZone) -> Self {
        Self {
            declared: Some(amount),
            ..Self::found(unit, window, zone)
        }
    }

    /// A line of which nothing is known but what it counts.
    pub fn found(unit: Unit, window: Option<Window>, zone: TimeZone) -> Self {
        let used = match window {
            Some(Window::Day | Window::Month | Window::Total) => {
                Used::Counter(CalendarCount::default())
            }
            Some(Window::Sliding(_) | Window::AtOnce) | None => Used::Log(CallLog::default()),
        };
        Self {
            unit,
            window,
            declared: None,
            told_limit: None,
            learned: None,
            period: match window {
                Some(Window::Sliding(w)) => Period::Exact { w, is_told: true },
                _ => Period::Unknown,
            },
            used,
            zone,
            reset: None,
            fullness: None,
            last_refusal: None,
            last_turn: None,
            grid: Grid::default(),
            told: None,
            shape: Shape::default(),
            charged: 0,
            probe: None,
            is_soft_refuted: false,
            early_ends: 0,
            suspicion: Suspicion::default(),
            counts: Counts::default(),
            portion: None,
            shared_windows: None,
            replicas: 1,
        }
    }

    /// Gives the line the window that a refusal names; `false` where something is known of another one.
    pub fn name(&mut self, window: Window) -> bool {
        let is_blank =
            self.last_refusal.is_none() && self.told.is_none() && self.told_limit.is_none();
        if let Some(w) = window.sliding().filter(|_| is_blank) {
            self.window = Some(window);
            self.period = Period::Exact { w, is_told: true };
        }
        is_blank
    }

    /// The line of a target that was charged so much before it was made.
    #[must_use]
    pub fn charged_so_far(self, charged: u64) -> Self {
        Self { charged, ..self }
    }

    /// The limit in force, the smallest that is known, and its source; never below 1. `None` while none is known.
    pub fn limit(&self) -> Option<(u64, Source)> {
        // Every standing asks for it, four times a step of a long route: no iterator.
        let less = |one: Option<(u64, Source)>, other: Option<(u64, Source)>| match (one, other) {
            // Of equal ones the first is the surest.
            (Some((least, _)), Some((n, _))) if least <= n => one,
            (one, None) => one,
            _ => other,
        };
        let declared = self.declared.map(|n| (n, Source::Declared));
        let told = self.told_limit.map(|n| (n, Source::Told));
        let learned = self.learned.map(|learned| (learned.n, Source::Learned));
        let (n, source) = less(less(declared, told), learned)?;
        Some((n.max(1), source))
    }

    /// The amount that is configured.
    pub fn declared_amount(&self) -> Option<u64> {
        self.declared
    }

    pub fn is_declared(&self) -> bool {
        self.declared.is_some()
    }

    /// The length of the window; `None` where it is not known, or is one of the calendar.
    pub fn w(&self) -> Option<Duration> {
        self.shape.bucket().or_else(|| self.period.w())
    }

    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The rest by the provider's word; `None` where that is not valid any more, or there was none.
    pub fn told_left(&self, at: Moment) -> Option<u64> {
        self.told?.left(self.charged, self.every(), at.now)
    }

    /// Begins a call. Where the line wants one that finds out, or is called against a guess, it is this one.
    pub fn begin(&mut self, call: &Call, until: Instant, ask: &Ask) {
        if self.is_at_rest() {
            return self.charge(call, ask.at);
        }
        self.advance(ask.at);
        let kind = match self.standing(ask) {
            Standing::Probe if self.fullness.is_none() && self.learned.is_some() => {
                Some(ProbeKind::Growth)
            }
            Standing::Probe => Some(ProbeKind::Turn),
            Standing::Soft { .. } if self.fullness.is_none() && self.declared.is_some() => {
                Some(ProbeKind::Leniency)
            }
            Standing::Soft { .. } => Some(ProbeKind::Turn),
            _ => None,
        };
        let is_free = self.probe.is_none_or(|probe| probe.until <= call.started);
        if let Some(kind) = kind.filter(|_| is_free) {
            self.probe = Some(Probe {
                id: call.id,
                started: call.started,
                until,
                kind,
            });
        }
        self.charge(call, ask.at);
    }

    /// Whether nothing is known, foretold or being found out: no turn can come, and calls are only counted.
    pub(super) fn is_at_rest(&self) -> bool {
        self.is_without_limit() && self.probe.is_none() && !self.grid.is_known()
    }

    /// Whether no limit is known, told or met.
    pub(super) fn is_without_limit(&self) -> bool {
        self.limit().is_none() && self.told.is_none() && self.fullness.is_none()
    }

    /// Takes note of what an answer's or a refusal's headers say. `charged` is the sum of charges that its call had seen.
    pub fn tell(&mut self, window: &ToldWindow, charged: u64, now: Instant) {
        if let Some(limit) = window.limit.filter(|limit| *limit > 0) {
            self.told_limit = Some(limit);
        }
        self.shape.see(window);
        self.told = Told::after(self.told, window, charged, now);
    }

    /// Forgets the refusals, what was learned of them, and what answers told to be left. What is counted stays.
    pub fn forgive(&mut self) {
        self.fullness = None;
        self.last_refusal = None;
        self.learned = None;
        self.told = None;
        self.probe = None;
        self.early_ends = 0;
        self.suspicion = Suspicion::default();
    }

    /// The line of a provider that has shown itself to be strict.
    #[cfg(test)]
    pub fn refute_leniency(&mut self) {
        self.is_soft_refuted = true;
    }

    /// The sum of all that was charged so far.
    pub fn charged(&self) -> u64 {
        self.charged
    }

    /// The share that is left of the limit, from 0 to 1; `None` without a limit.
    pub fn share_left(&self, at: Moment) -> Option<f32> {
        let (limit, _) = self.limit()?;
        let left = self
            .told_left(at)
            .unwrap_or_else(|| limit.saturating_sub(self.used_at(at)));
        let is_full = self.view(at).fullness.is_some();
        Some(if is_full {
            0.0
        } else {
            (left as f32 / limit as f32).clamp(0.0, 1.0)
        })
    }

    /// The end of what keeps calls away, or of the window; `None` where it is not known.
    pub fn ends(&self, at: Moment) -> Option<Instant> {
        let full = self.view(at).fullness;
        full.map(|full| full.end.unwrap_or(full.guess))
            .or_else(|| match &self.used {
                Used::Counter(count) => count.end(at).filter(|end| *end > at.now),
                Used::Log(_) => self
                    .told
                    .map(|told| told.until)
                    .filter(|until| *until > at.now),
            })
    }
}
