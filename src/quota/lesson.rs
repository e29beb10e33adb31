//! Lessons: what replicas tell each other of a line's limit and its windows.

use std::time::{Duration, Instant};

use super::amount::Learned;
use super::line::{Fullness, Line};
use super::moment::Moment;
use super::period::{MINUTE, Period};
use super::server_clock::ServerClock;
use super::shared_window::SharedWindows;
use super::used::Used;
use crate::dialect::waits::LONGEST;

/// A difference of turns that is none (milliseconds).
const SAME_TURN: u64 = 50;

/// The time by which a turn may be told too late: ends are told in whole seconds (milliseconds).
const ROUNDED: u64 = 1100;

/// The knowledge of a line that replicas tell each other: `n conf w turn found`, zeros where nothing is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Lesson {
    n: u64,
    conf: u8,
    /// The length of the window (milliseconds).
    w: u64,
    /// The server's time of a turn, less whole windows (milliseconds).
    turn: Option<u64>,
    /// The turn is one of the provider's windows, and not only the first call.
    is_found: bool,
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
            // Older gateways do not tell it.
            is_found: number().is_some_and(|found| found > 0),
        })
    }

    fn spelled(self) -> String {
        let turn = self.turn.map_or(0, |turn| turn + 1);
        let found = u8::from(self.is_found);
        format!("{} {} {} {turn} {found}", self.n, self.conf, self.w)
    }
}

impl Line {
    /// The limit and its windows as they are known here, for others; `None` where they know it as well.
    pub fn lesson(&self, theirs: Option<&str>, at: Moment) -> Option<String> {
        let shared = at.shared?;
        let theirs = theirs.and_then(Lesson::parse).unwrap_or_default();
        let mut lesson = theirs;
        // A server that has lost its data is told the same windows again.
        if let Some(windows) = self.shared_windows.filter(|_| theirs.w == 0) {
            (lesson.w, lesson.turn, lesson.is_found) =
                (windows.length, windows.turn, windows.is_found);
        }
        let learned = self.learned.filter(Learned::is_confirmed);
        if let Some(learned) = learned
            && (learned.conf, learned.n) > (theirs.conf, theirs.n)
        {
            (lesson.n, lesson.conf) = (learned.n, learned.conf);
        }
        let w = self.w().and_then(|w| u64::try_from(w.as_millis()).ok());
        if let Some(w) = w.filter(|w| *w > 0) {
            let is_same = lesson.w.abs_diff(w) <= w / 10;
            if !is_same && (lesson.w == 0 || self.period.is_told()) {
                (lesson.w, lesson.turn, lesson.is_found) = (w, None, false);
            }
        }
        if lesson.w > 0 {
            self.tell_turn(&mut lesson, shared.clock, at.now);
        }
        (lesson != theirs).then(|| lesson.spelled())
    }

    /// Puts a turn of the windows into a lesson, where a better one is known here.
    fn tell_turn(&self, lesson: &mut Lesson, clock: ServerClock, now: Instant) {
        let phase_of = |turn: Instant| clock.ms_at(turn) % lesson.w;
        if let Some(turn) = self.known_turn(now) {
            let phase = phase_of(turn);
            // A window that begins a little late loses nothing; one that begins early has calls refused.
            let is_same = |known: u64| {
                let later = (phase + lesson.w - known % lesson.w) % lesson.w;
                later <= SAME_TURN || lesson.w - later <= ROUNDED.max(lesson.w / 60)
            };
            if !(lesson.is_found && lesson.turn.is_some_and(is_same)) {
                (lesson.turn, lesson.is_found) = (Some(phase), true);
            }
        } else if lesson.turn.is_none()
            && let Used::Log(log) = &self.used
        {
            // The window begins with the first call, as that of a provider may.
            lesson.turn = log.first().map(phase_of);
        }
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
        self.shared_windows = (lesson.w > 0).then_some(SharedWindows {
            length: lesson.w,
            turn: lesson.turn,
            is_found: lesson.is_found,
        });
        let known = self.learned.map(|learned| (learned.conf, learned.n));
        if lesson.n > 0 && known.is_none_or(|known| known < (lesson.conf, lesson.n)) {
            let w = self.w().unwrap_or(MINUTE);
            self.learned = Some(Learned::restored(lesson.n, lesson.conf, w, now));
        }
    }

    /// A moment at which the provider's window turned or will turn; `None` where none is known. A turn that only an accepted call
    /// has shown may be long ago for another replica.
    fn known_turn(&self, now: Instant) -> Option<Instant> {
        let told = self.fullness.and_then(|fullness| fullness.end);
        let is_shown = |reset: &Instant| {
            let shown = self.last_turn.filter(|turn| !turn.is_told);
            self.is_declared() && shown.is_some_and(|turn| turn.hi == *reset)
        };
        told.or_else(|| self.grid.next_turn(self.period, now))
            .or_else(|| self.reset.filter(|reset| !is_shown(reset)))
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
}
