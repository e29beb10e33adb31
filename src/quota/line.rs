//! A line: what one window of a provider allows, from whichever source that is known, and what was used of it.

use std::time::{Duration, Instant};

use super::amount::Learned;
use super::call_log::CallLog;
use super::grid::Grid;
use super::moment::Moment;
use super::period::{Period, Turn};
use super::portions::Portion;
use super::shared_line::Shortage;
use super::standing::Standing;
use super::suspicion::Suspicion;
use super::told::{Shape, Told};
use super::used::{CalendarCount, Used, bounds};

use crate::dialect::rate_limits::ToldWindow;
use crate::limits::{TimeZone, Unit, Window};

/// Calls arrive later than they are sent: a window is taken for this much longer.
const SHORTEST_GUARD: Duration = Duration::from_millis(50);

/// Calls out at which a line of which nothing is known goes slow.
const SLOW_START: u32 = 8;

/// The time without a refusal after which a call that finds out counts as accepted.
const SHORTEST_CONSENT: Duration = Duration::from_millis(300);

/// The pause between two calls that find out whether a day's limit holds.
const DAILY_PROBE: Duration = Duration::from_secs(3600);

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
    /// What nameless refusals count, while that is in doubt.
    pub(super) suspicion: Suspicion,
    pub(super) counts: Counts,
    /// What this replica may use of it; `None` for a gateway alone, and before the first call.
    pub(super) portion: Option<Box<Portion>>,
    /// The windows that all replicas mean: their length, and a turn less whole windows (milliseconds of the server's time).
    pub(super) shared_windows: Option<(u64, u64)>,
    /// A turn of them is known.
    pub(super) is_phased: bool,
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

/// What a probe finds out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeKind {
    /// Whether the window has turned.
    Turn,
    /// Whether the limit is higher than it was learned to be.
    Growth,
    /// Whether the provider is as lenient as a sliding log is strict.
    Leniency,
}

/// What happened on a line since the start.
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
    /// What it was charged: one, or tokens.
    pub amount: u64,
}

/// A question for a line's standing.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    pub at: Moment,
    /// What the call is going to be charged.
    pub amount: u64,
    /// What it may take at most, where the provider wants that to fit.
    pub reserve: u64,
    /// The calls out, and the most of them that all succeeded.
    pub in_flight: u32,
    pub peak: u32,
}

/// A line as it stands at one moment, with what its ends and probes mean by then.
struct View {
    reset: Option<Instant>,
    fullness: Option<Fullness>,
    is_probed: bool,
    limit: Option<u64>,
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
            is_phased: false,
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

    /// What was used of the window.
    pub fn used_at(&self, at: Moment) -> u64 {
        self.used_since(self.view(at).reset, at)
    }

    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// What the provider tells to be left; `None` where its word is not valid any more, or there was none.
    pub fn told_left(&self, at: Moment) -> Option<u64> {
        self.told?.left(self.charged, self.every(), at.now)
    }

    /// The standing for a call; the first row that fits counts.
    pub fn standing(&self, ask: &Ask) -> Standing {
        let now = ask.at.now;
        if self.unit == Unit::Concurrent {
            let places = self.places(ask.at);
            let is_closed = places.is_some_and(|places| u64::from(ask.in_flight) >= places);
            return if is_closed {
                Standing::Closed
            } else {
                Standing::Open
            };
        }
        let view = self.view(ask.at);
        if let Some(fullness) = view.fullness {
            return self.standing_of_full(fullness, &view, now);
        }
        let fits = |limit: u64| {
            let used = self.used_since(view.reset, ask.at);
            // A call that is larger than the limit is the provider's to refuse.
            used == 0 || used.saturating_add(ask.amount) <= limit
        };
        let keeps_declared = self.declared.is_none_or(fits);
        match self.shortage(ask.amount, ask.at) {
            Some(Shortage::Dry) => return Standing::Dry,
            Some(Shortage::UsedUp { until }) if self.is_declared() => {
                return Standing::Firm { until };
            }
            Some(Shortage::UsedUp { .. }) if view.is_probed => {
                return Standing::Held { is_full: false };
            }
            Some(Shortage::UsedUp { until }) => return self.standing_of_learned(until, now),
            None => {}
        }
        match self.standing_by_told(ask) {
            Some(Standing::Open) if !keeps_declared => {}
            Some(standing) => return standing,
            None => {}
        }
        let Some(limit) = view.limit else {
            let crowd = SLOW_START.max(ask.peak.saturating_mul(2));
            return if ask.in_flight >= crowd && self.unit == Unit::Requests {
                Standing::Slow
            } else {
                Standing::Open
            };
        };
        if fits(limit) {
            return Standing::Open;
        }
        if view.is_probed {
            // One that is configured is not called in spite of it.
            return Standing::Held {
                is_full: !keeps_declared,
            };
        }
        let until = self.frees(&view, limit.saturating_sub(ask.amount), ask.at);
        if !keeps_declared {
            self.standing_of_declared(until, &view, ask.at)
        } else {
            self.standing_of_learned(until, now)
        }
    }

    /// The standing while the provider refuses.
    fn standing_of_full(&self, fullness: Fullness, view: &View, now: Instant) -> Standing {
        match fullness.end {
            Some(until) if self.may_ask_daily(now) => {
                if view.is_probed {
                    Standing::Firm { until }
                } else {
                    Standing::Probe
                }
            }
            Some(until) => Standing::Firm { until },
            None if view.is_probed => Standing::Held { is_full: true },
            None if now < fullness.guess => self.soft(fullness.guess, now),
            None => Standing::Probe,
        }
    }

    /// Whether a day that is used up is due for a call that finds out.
    fn may_ask_daily(&self, now: Instant) -> bool {
        let is_day = matches!(self.window, Some(Window::Day | Window::Month));
        let asked = self.last_refusal.map(|refusal| refusal.at);
        is_day && asked.is_some_and(|at| at + DAILY_PROBE <= now)
    }

    /// The standing by what answers told; `None` where that is not valid any more.
    fn standing_by_told(&self, ask: &Ask) -> Option<Standing> {
        let told = self.told?;
        let every = self.every();
        let left = told.left(self.charged, every, ask.at.now)?;
        let needed = ask.amount.max(ask.reserve);
        // A call that is larger than the limit is the provider's to refuse, once the window is fresh.
        let is_fresh = self.told_limit.is_some_and(|limit| left >= limit);
        if left >= needed.max(1) || is_fresh {
            return Some(Standing::Open);
        }
        let missing = u32::try_from(needed.max(1) - left).unwrap_or(u32::MAX);
        let until = match every {
            Some(every) => (ask.at.now + every.saturating_mul(missing)).min(told.until),
            None => told.until,
        };
        Some(if told.is_stated {
            Standing::Firm { until }
        } else {
            self.soft(until, ask.at.now)
        })
    }

    fn standing_of_declared(&self, until: Instant, view: &View, at: Moment) -> Standing {
        let Some(limit) = self.declared.filter(|_| !self.is_soft_refuted) else {
            return Standing::Firm { until };
        };
        // Bursts on the minute: the last one has almost slid out of the window.
        let soon = self.w().map(|w| (w / 60).max(Duration::from_millis(100)));
        let is_almost_free = soon.is_some_and(|soon| {
            let later = Moment {
                now: at.now + soon,
                ..at
            };
            limit >= 2 && self.used_since(view.reset, later) <= limit / 2
        });
        if is_almost_free {
            self.soft(until, at.now)
        } else {
            Standing::Firm { until }
        }
    }

    fn standing_of_learned(&self, until: Instant, now: Instant) -> Standing {
        let is_unsure = self.learned.is_some_and(|learned| learned.is_unsure(now));
        let w = self.w();
        let is_calendar = matches!(self.used, Used::Counter(_));
        if is_unsure || (w.is_none() && !is_calendar) {
            return Standing::Probe;
        }
        let left = until.saturating_duration_since(now);
        let is_certain = is_calendar || self.period.is_told() || self.shape.bucket().is_some();
        if is_certain && w.is_none_or(|w| left > w.mul_f32(0.15)) {
            Standing::Firm { until }
        } else {
            self.soft(until, now)
        }
    }

    /// Soft until then, and not so soon after a refusal.
    fn soft(&self, until: Instant, now: Instant) -> Standing {
        let part = match self.learned {
            Some(learned) if learned.is_confirmed() => 3,
            _ => 8,
        };
        let from = self.last_refusal.map_or(now, |refusal| {
            refusal.at + until.saturating_duration_since(refusal.at) / part
        });
        Standing::Soft { from, until }
    }

    /// The moment at which the window holds no more than `limit`.
    fn frees(&self, view: &View, limit: u64, at: Moment) -> Instant {
        match &self.used {
            Used::Counter(count) => count.end(at).unwrap_or(at.now),
            Used::Log(log) => {
                let since = self.since(view.reset, at.now);
                let oldest = log.gives_way(since, limit);
                let w = self.w().unwrap_or_default();
                let until = oldest.map_or(at.now, |oldest| oldest + w + guard(w));
                until.max(at.now)
            }
        }
    }

    /// The beginning of what counts.
    fn since(&self, reset: Option<Instant>, now: Instant) -> Instant {
        let by_window = self.w().and_then(|w| now.checked_sub(w + guard(w)));
        match (reset, by_window) {
            (Some(reset), Some(by_window)) => reset.max(by_window),
            (Some(one), None) | (None, Some(one)) => one,
            // Everything: no log reaches back so far.
            (None, None) => now.checked_sub(super::call_log::LONGEST_LOG).unwrap_or(now),
        }
    }

    fn used_since(&self, reset: Option<Instant>, at: Moment) -> u64 {
        match &self.used {
            Used::Log(log) => log.since(self.since(reset, at.now)),
            Used::Counter(count) => count.value(at),
        }
    }

    /// The time in which a bucket gets one back.
    fn every(&self) -> Option<Duration> {
        let limit = u32::try_from(self.told_limit?.max(1)).unwrap_or(u32::MAX);
        Some(self.shape.bucket()? / limit)
    }

    fn view(&self, at: Moment) -> View {
        let limit = self.limit().map(|(limit, _)| limit);
        let turn = self.turn(at);
        let is_turned = turn.is_some();
        let is_out =
            |probe: &Probe| at.now < probe.until && turn.is_none_or(|turn| probe.started > turn.hi);
        let probe = self.probe.filter(is_out);
        let has_consent = probe.is_some_and(|probe| self.has_consent(&probe, at.now));
        let grown = match probe {
            Some(probe) if has_consent && probe.kind == ProbeKind::Growth => {
                self.learned.map_or(0, |learned| learned.next_growth())
            }
            _ => 0,
        };
        View {
            reset: turn.map(|turn| turn.hi).or(self.reset),
            fullness: self.fullness.filter(|_| !is_turned),
            is_probed: probe.is_some() && !has_consent,
            limit: limit.map(|limit| limit.saturating_add(grown)),
        }
    }

    /// The turn that has come by now and is not written down yet.
    pub(super) fn turn(&self, at: Moment) -> Option<Turn> {
        let now = at.now;
        let told = |hi: Instant| Turn {
            lo: hi,
            hi,
            is_told: true,
        };
        if let Some(fullness) = self.fullness {
            if let Some(end) = fullness.end.filter(|end| *end <= now) {
                return Some(told(end));
            }
            return self.turn_by_consent(now);
        }
        let is_new = |hi: &Instant| self.reset.is_none_or(|reset| reset < *hi);
        let by_told = self
            .told
            .filter(|told| told.is_stated && told.until <= now && self.shape.bucket().is_none());
        let by_told = by_told.map(|told| told.until).filter(is_new);
        let by_grid = || self.grid.last_turn(self.period, now).filter(is_new);
        by_told
            .or_else(by_grid)
            .map(told)
            .or_else(|| self.turn_by_consent(now))
    }

    fn turn_by_consent(&self, now: Instant) -> Option<Turn> {
        let probe = self.probe.filter(|probe| probe.kind == ProbeKind::Turn)?;
        self.has_consent(&probe, now)
            .then(|| self.turn_at(probe.started))
    }

    /// The turn that an accepted call shows.
    pub(super) fn turn_at(&self, started: Instant) -> Turn {
        let refused = self.last_refusal.map(|refusal| refusal.started);
        Turn {
            lo: refused.map_or(started, |refused| refused.min(started)),
            hi: started,
            is_told: false,
        }
    }

    /// Whether a probe is out for so long that it was accepted: answers may take half a minute, refusals do not.
    pub(super) fn has_consent(&self, probe: &Probe, now: Instant) -> bool {
        let slowest = self.last_refusal.map(|refusal| refusal.slowest);
        let consent = SHORTEST_CONSENT.max(slowest.unwrap_or_default().saturating_mul(4));
        now.saturating_duration_since(probe.started) > consent
    }

    /// Begins a call. Where the line wants one that finds out, or is called against a guess, it is this one.
    pub fn begin(&mut self, call: &Call, until: Instant, ask: &Ask) {
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

    fn charge(&mut self, call: &Call, at: Moment) {
        self.charged = self.charged.saturating_add(call.amount);
        self.charge_portion(call.amount, at);
        let period = self.horizon();
        match &mut self.used {
            Used::Log(log) => log.add(call.started, call.amount, period),
            Used::Counter(count) => {
                let is_over = count.window.is_none_or(|(_, end)| at.wall >= end);
                if is_over {
                    let window = self.window.unwrap_or(Window::Day);
                    count.window = bounds(window, self.zone, at.wall);
                    count.value = 0;
                }
                count.value = count.value.saturating_add(call.amount);
            }
        }
    }

    /// How far the log reaches back: behind the window, or for an hour where there is none.
    fn horizon(&self) -> Duration {
        const UNKNOWN: Duration = Duration::from_secs(3600);
        self.w()
            .map_or(UNKNOWN, |w| w + guard(w) + w / 8 + Duration::from_secs(1))
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

/// The time that a window is taken to be longer than it is.
pub fn guard(w: Duration) -> Duration {
    SHORTEST_GUARD.max(w / 600)
}
