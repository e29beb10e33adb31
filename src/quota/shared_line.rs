//! The portion of a line that replicas share: what a call wants of it, and what is drawn.

use std::time::Instant;

use super::line::Line;
use super::moment::Moment;
use super::portions::{Draw, Forgotten, Portion, Sharing};
use super::server_clock::ServerClock;
use crate::dialect::waits::LONGEST;

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

    /// The estimated use of all replicas, as requests come to each alike.
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

    /// The draws that are held and not needed any more.
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
}
