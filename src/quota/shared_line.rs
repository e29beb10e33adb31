//! A line that replicas share: its portion, and what they tell each other of it.

use std::time::{Duration, Instant, UNIX_EPOCH};

use super::amount::Learned;
use super::line::{Fullness, Line, Source};
use super::moment::Moment;
use super::period::{MINUTE, Period};
use super::portions::{Draw, Forgotten, Limits, Portion, Sharing, Span};
use super::server_clock::{ServerClock, ServerMs};
use super::used::{Used, bounds};
use crate::dialect::waits::LONGEST;
use crate::limits::{Unit, Window};

/// A moment of the sharing with other replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedMoment {
    pub clock: ServerClock,
    pub sharing: Sharing,
}

/// The want of a portion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shortage {
    /// There may be more in a moment.
    Dry,
    /// All replicas together, or this one with its share, have used the limit up.
    UsedUp { until: Instant },
}

/// A difference of turns that is none (milliseconds).
const SAME_TURN: u64 = 50;

/// The time by which a turn may be told too late: ends are told in whole seconds (milliseconds).
const ROUNDED: u64 = 1100;

/// What replicas tell each other of a line: `n conf w turn`, zeros where nothing is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Lesson {
    n: u64,
    conf: u8,
    /// The length of the window (milliseconds).
    w: u64,
    /// The server's time of a turn, less whole windows (milliseconds).
    turn: Option<u64>,
}

impl Lesson {
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split(' ').map(|word| word.parse::<u64>().ok());
        let mut number = || numbers.next().flatten();
        let (n, conf, w, turn) = (number()?, number()?, number()?, number()?);
        Some(Self {
            n,
            conf: u8::try_from(conf).unwrap_or(u8::MAX),
            w,
            turn: turn.checked_sub(1),
        })
    }

    fn spelled(self) -> String {
        let turn = self.turn.map_or(0, |turn| turn + 1);
        format!("{} {} {} {turn}", self.n, self.conf, self.w)
    }
}

impl Line {
    /// The want of a portion for a call; `None` where one is held, or none is needed. What a bucket is told to have left
    /// counts the calls of all replicas.
    pub(super) fn shortage(&self, amount: u64, at: Moment) -> Option<Shortage> {
        let (limits, shared, now) = self.limits_at(at)?;
        let unused = Portion::default();
        let portion = self.portion.as_deref().unwrap_or(&unused);
        if portion.admits(&limits, amount.min(limits.limit), now, shared.sharing) {
            return None;
        }
        let by_all = portion.drawn_by_all(&limits);
        let is_used_up = match shared.sharing {
            Sharing::Granted { .. } => by_all.is_some_and(|all| all >= limits.limit),
            Sharing::Split { .. } => true,
        };
        if !is_used_up {
            return Some(Shortage::Dry);
        }
        let end = shared.clock.instant_of(limits.span.end);
        let until = end.map_or(at.now + LONGEST, |end| end.max(at.now));
        Some(Shortage::UsedUp { until })
    }

    /// The places for calls in flight that this gateway may take: its share of those configured (at least 1), as the calls
    /// of other replicas are not known. `None` where none are configured.
    pub(super) fn places(&self, at: Moment) -> Option<u64> {
        let replicas = at.shared.map_or(1, |shared| shared.sharing.replicas());
        Some((self.declared? / replicas).max(1))
    }

    /// Notes that a call was not made for want of a portion, so that enough is drawn; of a call that may be made elsewhere too
    /// (`is_first` is false) no more than for one. True where it was this line.
    pub fn note_dry(&mut self, amount: u64, is_first: bool, at: Moment) -> bool {
        let is_dry = self.shortage(amount, at) == Some(Shortage::Dry);
        if is_dry {
            let portion = self.portion.get_or_insert_default();
            portion.refuse(amount, is_first);
        }
        is_dry
    }

    /// Charges a call to the portion.
    pub(super) fn charge_portion(&mut self, amount: u64, at: Moment) {
        if let Some((limits, shared, now)) = self.limits_at(at) {
            self.replicas = shared.sharing.replicas();
            let portion = self.portion.get_or_insert_default();
            portion.read_clock(shared.clock);
            portion.charge(&limits, amount, now);
        }
    }

    /// What all replicas may have used, as requests come to each alike.
    pub(super) fn used_by_all(&self, at: Moment) -> u64 {
        self.used_at(at).saturating_mul(self.replicas)
    }

    /// Corrects what a call was charged to the portion.
    pub(super) fn correct_portion(&mut self, started: Instant, charged: u64, took: u64) {
        if let Some(portion) = &mut self.portion {
            portion.settle_at(started, charged, took);
        }
    }

    /// The draws that the line needs now.
    pub fn draws(&mut self, at: Moment, lead: u64) -> impl Iterator<Item = Draw> + use<> {
        let limits = self.limits_at(at);
        let draws = limits.map(|(limits, shared, now)| {
            let portion = self.portion.get_or_insert_default();
            portion.read_clock(shared.clock);
            let sharing = shared.sharing;
            // While others are waited for, what is owed is counted and no more is asked for.
            let is_granted = matches!(sharing, Sharing::Granted { .. });
            let granted = Sharing::Granted {
                replicas: u32::try_from(sharing.replicas()).unwrap_or(u32::MAX),
            };
            let draws = portion.draws(&limits, now, granted, lead, is_granted);
            draws.collect::<Vec<_>>()
        });
        draws.into_iter().flatten()
    }

    /// The answer to a draw; what was drawn in vain comes back.
    pub fn drawn(&mut self, draw: &Draw, counter: u64) -> Result<Option<Draw>, Forgotten> {
        match &mut self.portion {
            Some(portion) => portion.drawn(draw, counter),
            None => Ok(None),
        }
    }

    /// The draws under way are lost, and with them all that was drawn where the server has forgotten it.
    pub fn interrupted(&mut self, forgotten: bool) {
        if let Some(portion) = &mut self.portion {
            if forgotten {
                portion.forgotten();
            } else {
                portion.draws_lost();
            }
        }
    }

    /// What is held and not needed any more.
    pub fn give_back(&mut self) -> impl Iterator<Item = Draw> {
        self.portion
            .iter_mut()
            .flat_map(|portion| portion.give_back())
    }

    /// Whether calls are charged to a portion.
    pub fn is_shared(&self) -> bool {
        self.portion.as_deref().is_some_and(Portion::was_charged)
    }

    /// The unit and the window between replicas.
    pub fn shared_name(&self) -> String {
        let unit = self.unit.label();
        match self.window {
            Some(window) => format!("{unit}|{window}"),
            None => format!("{unit}|learned"),
        }
    }

    /// What is known here of the limit and its windows, for others; `None` where they know it as well.
    pub fn lesson(&self, theirs: Option<&str>, at: Moment) -> Option<String> {
        let shared = at.shared?;
        let theirs = theirs.and_then(Lesson::parse).unwrap_or_default();
        let mut lesson = theirs;
        // A server that has lost its data is told the same windows again.
        if let Some((w, turn)) = self.shared_windows.filter(|_| theirs.w == 0) {
            (lesson.w, lesson.turn) = (w, self.is_phased.then_some(turn));
        }
        let learned = self.learned.filter(Learned::is_confirmed);
        if let Some(learned) = learned
            && (learned.conf, learned.n) > (theirs.conf, theirs.n)
        {
            (lesson.n, lesson.conf) = (learned.n, learned.conf);
        }
        let w = self.w().and_then(|w| u64::try_from(w.as_millis()).ok());
        if let Some(w) = w.filter(|w| *w > 0) {
            let is_same = theirs.w.abs_diff(w) <= w / 10;
            if !is_same && (theirs.w == 0 || self.period.is_told()) {
                (lesson.w, lesson.turn) = (w, None);
            }
        }
        // Where no turn is known the window begins with the first call, as that of a provider may.
        let first_call = || match &self.used {
            Used::Log(log) if lesson.turn.is_none() => log.first(),
            _ => None,
        };
        if lesson.w > 0
            && let Some(turn) = self.known_turn(at.now).or_else(first_call)
        {
            let phase = shared.clock.ms_at(turn) % lesson.w;
            // A window that begins a little late loses nothing; one that begins early has calls refused.
            let is_same = |known: u64| {
                let later = (phase + lesson.w - known % lesson.w) % lesson.w;
                later <= SAME_TURN || lesson.w - later <= ROUNDED.max(lesson.w / 60)
            };
            if !lesson.turn.is_some_and(is_same) {
                lesson.turn = Some(phase);
            }
        }
        (lesson != theirs).then(|| lesson.spelled())
    }

    /// Takes over what others have learned, where they know it better, and the windows that all of them mean.
    pub fn take_lesson(&mut self, lesson: &str, now: Instant) {
        let Some(lesson) = Lesson::parse(lesson) else {
            return;
        };
        let w = Duration::from_millis(lesson.w).min(LONGEST);
        if self.period == Period::Unknown && self.window.is_none() && !w.is_zero() {
            self.period = Period::Exact { w, is_told: false };
        }
        self.shared_windows = (lesson.w > 0).then_some((lesson.w, lesson.turn.unwrap_or(0)));
        self.is_phased = lesson.turn.is_some();
        let known = self.learned.map(|learned| (learned.conf, learned.n));
        if lesson.n > 0 && known.is_none_or(|known| known < (lesson.conf, lesson.n)) {
            let w = self.w().unwrap_or(MINUTE);
            self.learned = Some(Learned::restored(lesson.n, lesson.conf, w, now));
        }
    }

    /// A moment at which the provider's window turned or will turn; `None` where none is known.
    fn known_turn(&self, now: Instant) -> Option<Instant> {
        let told = self.fullness.and_then(|fullness| fullness.end);
        told.or_else(|| self.grid.next_turn(self.period, now))
            .or(self.reset)
    }

    /// The end of a full window that the provider told, and the time at which it did.
    pub fn told_end(&self, now: Instant) -> Option<(Instant, Instant)> {
        let end = self.fullness?.end.filter(|end| *end > now)?;
        Some((end, self.last_refusal.map_or(now, |refusal| refusal.at)))
    }

    /// Takes over an end that a provider told another replica.
    pub fn take_end(&mut self, end: Instant) {
        let known = self.fullness.and_then(|fullness| fullness.end);
        if known.is_none_or(|known| known < end) {
            self.fullness = Some(Fullness {
                end: Some(end),
                guess: end,
                strikes: self.fullness.map_or(1, |fullness| fullness.strikes),
                exactness: Duration::ZERO,
            });
        }
    }

    /// The limit and the windows that replicas share, and the server's time; `None` where nothing is shared.
    fn limits_at(&self, at: Moment) -> Option<(Limits, SharedMoment, ServerMs)> {
        let shared = at.shared?;
        let (limit, source) = self.limit()?;
        // What a bucket has left is told with each answer, and counts the calls of all replicas; it has no windows.
        let is_bucket = source == Source::Told && self.shape.bucket().is_some();
        if self.unit == Unit::Concurrent || is_bucket {
            return None;
        }
        let now = shared.clock.ms_at(at.now);
        let (span, next) = self.spans(now)?;
        let is_known = self
            .portion
            .as_deref()
            .is_some_and(|portion| portion.knows(span));
        let used = match &self.used {
            _ if is_known => 0,
            Used::Counter(count) => count.value(at),
            Used::Log(log) => {
                let start = shared.clock.instant_of(span.start);
                start.map_or(0, |start| log.since(start))
            }
        };
        let limits = Limits {
            limit,
            span,
            next,
            used,
        };
        Some((limits, shared, now))
    }

    /// The window of the server's time, and the next one; `None` where no length is known.
    fn spans(&self, now: ServerMs) -> Option<(Span, Option<Span>)> {
        let calendar = |window, now| {
            let wall = UNIX_EPOCH.checked_add(Duration::from_millis(now))?;
            let (start, end) = bounds(window, self.zone, wall)?;
            let ms = |at: std::time::SystemTime| {
                let since = at.duration_since(UNIX_EPOCH).ok()?;
                u64::try_from(since.as_millis()).ok()
            };
            Some(Span {
                start: ms(start)?,
                end: ms(end)?,
            })
        };
        match self.window {
            Some(Window::AtOnce) => None,
            Some(Window::Total) => Some((Span::EVER, None)),
            Some(window @ (Window::Day | Window::Month)) => {
                let span = calendar(window, now)?;
                Some((span, calendar(window, span.end)))
            }
            Some(Window::Sliding(_)) => {
                let length = u64::try_from(self.w()?.as_millis()).ok()?;
                let of_this = self
                    .shared_windows
                    .filter(|(w, _)| w.abs_diff(length) <= length / 10);
                let phase = of_this.map_or(0, |(_, phase)| phase);
                let span = Span::aligned(now, length, phase);
                Some((span, span.following()))
            }
            // Replicas that have learned other lengths would mean other windows.
            None => {
                let (length, phase) = self.shared_windows?;
                let span = Span::aligned(now, length, phase);
                Some((span, span.following()))
            }
        }
    }
}
