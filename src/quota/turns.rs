//! The turns of a line's window that have come by a moment: told, foretold by the grid, or shown by a call that finds out.

use std::time::{Duration, Instant};

use super::line::{Fullness, Line, Probe, ProbeKind};
use super::moment::Moment;
use super::period::Turn;

/// The time without a refusal after which a call that finds out counts as accepted.
const SHORTEST_CONSENT: Duration = Duration::from_millis(300);

/// A line as it stands at one moment, with what its ends and probes mean by then.
pub(super) struct View {
    pub reset: Option<Instant>,
    pub fullness: Option<Fullness>,
    pub is_probed: bool,
    pub limit: Option<u64>,
}

impl Line {
    pub(super) fn view(&self, at: Moment) -> View {
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
}
