//! A mark: one cooldown of the ledger, its deadline, its reason and its probe.

use std::time::{Duration, Instant};

use super::outcome::Guess;
use crate::dialect::class::Class;
use crate::dialect::waits::LONGEST;
use crate::quota::Guesses;

/// The reason and the deadline of a skipped provider, key or model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cooling {
    /// The deadline; in the past while another request probes.
    pub until: Instant,
    /// The deadline is the provider's word, not a guess; a step that cools on a guess is tried when there is no better.
    pub stated: bool,
    pub class: Class,
}

impl Cooling {
    /// Two cooldowns that both hold: the later deadline, and stated if either is.
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
pub(super) fn guesses(private: bool) -> Guesses {
    let (base, ceiling) = match private {
        true => (PRIVATE_BASE, PRIVATE_CEILING),
        false => (BASE, CEILING),
    };
    Guesses { base, ceiling }
}

const BASE: Duration = Duration::from_secs(5);
const CEILING: Duration = Duration::from_secs(60);
const PRIVATE_BASE: Duration = Duration::from_secs(2);
const PRIVATE_CEILING: Duration = Duration::from_secs(5);

/// A mark stays this long after its deadline, so that the next failure goes on doubling and the next request probes.
const LINGER: Duration = Duration::from_secs(10 * 60);

/// A failure as the ledger writes it down.
pub(super) struct Strike {
    pub class: Class,
    /// The beginning of the failed attempt.
    pub started: Instant,
    pub now: Instant,
    pub stated: Option<Duration>,
    pub guess: Guess,
    /// The step's base of guessed cooldowns, see [`crate::config::Step::cooldown`].
    pub base: Option<Duration>,
    pub private: bool,
    /// See [`Mark::is_witness`].
    pub is_witness: bool,
}

/// The one request that is let through to find out whether a cooldown is over, and its deadline.
#[derive(Clone, Copy, Debug)]
struct Probe {
    id: u64,
    until: Instant,
}

#[derive(Clone, Debug)]
pub(super) struct Mark {
    pub class: Class,
    /// The deadline that the provider stated; it never moves backwards.
    pub stated_until: Option<Instant>,
    pub guessed_until: Option<Instant>,
    /// Failures in a row; zero when a success told that nothing is left, which needs no probe.
    pub strikes: u32,
    pub set_at: Instant,
    /// The failure was one of an endpoint for texts: only such are witnesses against a provider or a key.
    pub is_witness: bool,
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
            is_witness: true,
            probe: None,
        }
    }

    /// The cooling while the mark keeps requests away: its deadline is ahead, or a probe is out; `None` after that.
    pub fn cooling(&self, now: Instant) -> Option<Cooling> {
        let until = self.until();
        let probed = self.probe.is_some_and(|probe| probe.until > now) && !self.is_forgotten(now);
        (until > now || probed).then(|| Cooling {
            until,
            stated: self.stated_until.is_some_and(|stated| stated > now),
            class: self.class,
        })
    }

    /// Whether the mark still held when an attempt began, and a failure of it stands beside this one.
    pub fn held_at(&self, started: Instant) -> bool {
        self.until() > started
    }

    /// Lets a request be the probe. A probe that is past its deadline has lost its turn.
    pub fn claim(&mut self, id: u64, until: Instant) {
        self.probe = Some(Probe { id, until });
    }

    pub fn release(&mut self, id: u64) {
        self.probe = self.probe.filter(|probe| probe.id != id);
    }

    /// Whether the mark is past its linger time and may be dropped.
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
    mark.is_witness = strike.is_witness;
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
    let Guesses { base, ceiling } = guesses(strike.private);
    let base = strike.base.unwrap_or(base).min(LONGEST);
    Some(match strike.guess {
        Guess::Fixed(span) => span,
        Guess::Doubling => doubled(base, ceiling, strikes),
        Guess::AtLeastTheAttempt => {
            let took = strike.now.saturating_duration_since(strike.started);
            doubled(base, ceiling, strikes).max(took.min(CEILING))
        }
    })
}

fn doubled(base: Duration, ceiling: Duration, strikes: u32) -> Duration {
    let factor = 1_u32
        .checked_shl(strikes.saturating_sub(1))
        .unwrap_or(u32::MAX);
    base.saturating_mul(factor).min(ceiling.max(base))
}
