//! One cooldown: until when something is skipped, why, and who may look whether it is over.

use std::time::{Duration, Instant};

use super::outcome::Guess;
use crate::dialect::class::Class;
use crate::dialect::waits::LONGEST;

/// Why something is skipped, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cooling {
    /// In the past while another request probes.
    pub until: Instant,
    /// The provider said so; otherwise it is a guess, and better than nothing to try anyway.
    pub stated: bool,
    pub class: Class,
}

impl Cooling {
    /// Both hold: usable when the later one ends, and a statement stays one.
    pub(super) fn and(self, other: Self) -> Self {
        let later = if other.until > self.until {
            other
        } else {
            self
        };
        Self {
            stated: self.stated || other.stated,
            ..later
        }
    }
}

/// The guessed base and its ceiling; local servers are soon back.
const BASE: Duration = Duration::from_secs(5);
const CEILING: Duration = Duration::from_secs(60);
const PRIVATE_BASE: Duration = Duration::from_secs(2);
const PRIVATE_CEILING: Duration = Duration::from_secs(5);

/// A mark is kept this long after its deadline, so that the next failure goes on doubling and the next request probes.
const LINGER: Duration = Duration::from_secs(10 * 60);

/// A failure as the ledger writes it down.
pub(super) struct Strike {
    pub class: Class,
    /// When the failed attempt began.
    pub started: Instant,
    pub now: Instant,
    pub stated: Option<Duration>,
    pub guess: Guess,
    /// The step's base of guessed cooldowns, see [`crate::config::Step::cooldown`].
    pub base: Option<Duration>,
    pub private: bool,
}

/// Who looks whether a cooldown is over, and when it must have returned at the latest.
#[derive(Clone, Copy, Debug)]
struct Probe {
    id: u64,
    until: Instant,
}

#[derive(Clone, Debug)]
pub(super) struct Mark {
    pub class: Class,
    /// Never moves backwards.
    pub stated_until: Option<Instant>,
    pub guessed_until: Option<Instant>,
    /// Failures in a row; zero when a success told that nothing is left, which needs no probe.
    pub strikes: u32,
    pub set_at: Instant,
    probe: Option<Probe>,
}

impl Mark {
    pub fn new(class: Class, strikes: u32, now: Instant) -> Self {
        Self {
            class,
            stated_until: None,
            guessed_until: None,
            strikes,
            set_at: now,
            probe: None,
        }
    }

    /// Whether the mark keeps requests away: its deadline is not reached, or somebody is probing.
    pub fn cooling(&self, now: Instant) -> Option<Cooling> {
        let until = self.until();
        let probed = self.probe.is_some_and(|probe| probe.until > now) && !self.is_forgotten(now);
        (until > now || probed).then(|| Cooling {
            until,
            stated: self.stated_until.is_some_and(|stated| stated > now),
            class: self.class,
        })
    }

    /// Takes the place of the one request that finds out. A probe that is out of time has lost it.
    pub fn claim(&mut self, id: u64, until: Instant) {
        self.probe = Some(Probe { id, until });
    }

    pub fn release(&mut self, id: u64) {
        self.probe = self.probe.filter(|probe| probe.id != id);
    }

    /// Whether nothing of the mark matters any more.
    pub fn is_forgotten(&self, now: Instant) -> bool {
        let linger = if self.strikes == 0 {
            Duration::ZERO
        } else {
            LINGER
        };
        self.until() + linger <= now
    }

    /// Keeps requests away for a time that the provider told. A running statement is never shortened.
    pub fn state(&mut self, span: Duration, now: Instant) {
        self.stated_until = later(self.stated_until, now + span);
    }

    fn guess(&mut self, span: Duration, now: Instant) {
        self.guessed_until = later(self.guessed_until, now + span);
    }

    fn until(&self) -> Instant {
        let until = self.stated_until.max(self.guessed_until);
        until.unwrap_or(self.set_at)
    }
}

fn later(old: Option<Instant>, new: Instant) -> Option<Instant> {
    Some(old.map_or(new, |old| old.max(new)))
}

/// Writes a failure down. Without a statement and with guesses turned off nothing changes.
pub(super) fn strike(slot: &mut Option<Mark>, strike: &Strike) {
    slot.take_if(|mark| mark.is_forgotten(strike.now));
    let strikes = match slot {
        // Calls that were already under way when the mark was set are the same trouble, not the next one.
        Some(mark) if strike.started < mark.set_at => mark.strikes.max(1),
        Some(mark) => mark.strikes.saturating_add(1),
        None => 1,
    };
    let mut mark = Mark::new(strike.class, strikes, strike.now);
    mark.stated_until = slot.as_ref().and_then(|old| old.stated_until);
    match (strike.stated, guessed(strike, strikes)) {
        // Knowing replaces guessing, also when it is sooner.
        (Some(span), _) => mark.state(span, strike.now),
        (None, Some(span)) => {
            mark.guessed_until = slot.as_ref().and_then(|old| old.guessed_until);
            mark.guess(span, strike.now);
        }
        (None, None) => return,
    }
    *slot = Some(mark);
}

fn guessed(strike: &Strike, strikes: u32) -> Option<Duration> {
    if strike.base == Some(Duration::ZERO) {
        return None;
    }
    let (base, ceiling) = match strike.private {
        true => (PRIVATE_BASE, PRIVATE_CEILING),
        false => (BASE, CEILING),
    };
    let base = strike.base.unwrap_or(base).min(LONGEST);
    Some(match strike.guess {
        Guess::Fixed(span) => span,
        Guess::Doubling => {
            let factor = 1_u32
                .checked_shl(strikes.saturating_sub(1))
                .unwrap_or(u32::MAX);
            base.saturating_mul(factor).min(ceiling.max(base))
        }
    })
}
