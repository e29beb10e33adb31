//! The lines of a target: its own and those of its account, which all its models share.

use std::time::{Duration, Instant};

use super::charge::Charge;
use super::learning::{Guesses, Hint};
use super::line::{Call, Line};
use super::moment::Moment;
use super::standing::Standing;
use super::standing_rules::Ask;
use crate::dialect::limit_words::NamedLimit;
use crate::dialect::rate_limits::ToldWindow;
use crate::limits::{TimeZone, Unit, Window};

/// A line is blamed for a refusal that does not name it where at least so much of it was used.
const BLAMED: f32 = 0.5;

/// The same for a day or a month, which are long.
const BLAMED_CALENDAR: f32 = 0.9;

/// Waits are rounded up, and windows told late.
const SLACK: Duration = Duration::from_millis(1500);

/// The lines that a call is counted on.
#[derive(Clone, Copy, Debug)]
pub struct LinesOfTarget<'a> {
    pub of_account: &'a [Line],
    pub own: &'a [Line],
}

/// The same, to be changed.
#[derive(Debug)]
pub struct LinesOfTargetMut<'a> {
    pub of_account: &'a mut Vec<Line>,
    pub own: &'a mut Vec<Line>,
}

/// The calls that are out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Crowd {
    pub of_account: u32,
    pub own: u32,
    /// The most of the target that all succeeded.
    pub peak: u32,
}

/// A call that is to be made.
#[derive(Clone, Copy, Debug)]
pub struct Coming {
    pub charge: Charge,
    /// The charge that has to fit at least, where the provider wants that.
    pub reserve: Charge,
    pub crowd: Crowd,
    pub at: Moment,
}

/// A refusal because of a limit.
#[derive(Clone, Copy, Debug)]
pub struct RefusedCall<'a> {
    pub id: u64,
    pub started: Instant,
    pub charge: Charge,
    /// All that was charged to the target when this call had begun.
    pub charged: Charge,
    pub named: NamedLimit,
    pub told: &'a [ToldWindow],
    pub wait: Option<Duration>,
    pub exactness: Duration,
    /// `None` where only what the provider tells counts.
    pub guesses: Option<Guesses>,
    pub zone: TimeZone,
}

impl<'a> LinesOfTarget<'a> {
    /// The standing of all lines, and the line that decides where it is not open, with whether it is the target's own.
    pub fn standing(self, coming: &Coming) -> (Standing, Option<(&'a Line, bool)>) {
        let mut worst = (Standing::Open, None);
        let mut knows_requests = false;
        for (line, is_own) in self.all() {
            knows_requests |= line.unit == Unit::Requests && line.limit().is_some();
            let standing = line.standing(&coming.ask(line.unit, is_own));
            if worst.0.and(standing) != worst.0 {
                worst = (worst.0.and(standing), Some((line, is_own)));
            }
        }
        match worst {
            (Standing::Slow, _) if knows_requests => (Standing::Open, None),
            worst => worst,
        }
    }

    /// Whether nothing is known of any limit and the calls out are few; so it is with most targets.
    pub fn are_open_to(self, crowd: Crowd) -> bool {
        self.all().all(|(line, is_own)| {
            let standing = line.standing_without_limit(crowd.out(is_own), crowd.peak);
            standing == Some(Standing::Open)
        })
    }

    /// Whether a limit is known.
    pub fn know_a_limit(self) -> bool {
        self.all().any(|(line, _)| line.limit().is_some())
    }

    /// The smallest share that is left of a limit; `None` where none is known.
    pub fn share_left(self, at: Moment) -> Option<f32> {
        let shares = self.all().filter_map(|(line, _)| line.share_left(at));
        shares.reduce(f32::min)
    }

    /// The lines, each with whether it is the target's own.
    pub fn all(self) -> impl Iterator<Item = (&'a Line, bool)> {
        let of_account = self.of_account.iter().map(|line| (line, false));
        of_account.chain(self.own.iter().map(|line| (line, true)))
    }
}

impl Crowd {
    /// The calls out that a line sees, the target's own or one of its account.
    pub fn out(self, is_own: bool) -> u32 {
        if is_own { self.own } else { self.of_account }
    }
}

impl Coming {
    fn ask(&self, unit: Unit, is_own: bool) -> Ask {
        Ask {
            at: self.at,
            amount: self.charge.amount(unit),
            reserve: self.reserve.amount(unit),
            in_flight: self.crowd.out(is_own),
            peak: self.crowd.peak,
        }
    }
}

impl LinesOfTargetMut<'_> {
    /// The same, to be read.
    pub fn view(&self) -> LinesOfTarget<'_> {
        LinesOfTarget {
            of_account: self.of_account,
            own: self.own,
        }
    }

    /// Begins a call on every line; it has lost its turn to find out by `until`.
    pub fn begin(&mut self, id: u64, started: Instant, until: Instant, coming: &Coming) {
        for (line, is_own) in self.all() {
            let ask = coming.ask(line.unit, is_own);
            let call = Call {
                id,
                started,
                amount: ask.amount,
            };
            line.begin(&call, until, &ask);
        }
    }

    /// Ends a call that was answered.
    pub fn succeeded(&mut self, id: u64, started: Instant, charge: Charge, at: Moment) {
        for (line, _) in self.all() {
            line.succeeded(&call_of(line, id, started, charge), at);
        }
    }

    /// Takes note of the windows in an answer's headers; those that are new get a line. `charged` is all that had been
    /// charged to the target when the call had begun, `all` what has been by now.
    pub fn tell(
        &mut self,
        told: &[ToldWindow],
        charged: Charge,
        all: Charge,
        zone: TimeZone,
        now: Instant,
    ) {
        for window in told {
            let says_nothing = window.remaining.is_none() && window.limit.is_none();
            if says_nothing {
                continue;
            }
            if let Some(line) = self.own_line(window.unit, window.window, zone, all) {
                line.tell(window, charged.amount(window.unit), now);
            }
        }
    }

    /// Ends a call that says nothing of any limit.
    pub fn release(&mut self, id: u64, started: Instant, charge: Charge) {
        for (line, _) in self.all() {
            line.release(&call_of(line, id, started, charge));
        }
    }

    /// Ends a call that the provider has not counted.
    pub fn withdraw(&mut self, id: u64, started: Instant, charge: Charge) {
        for (line, _) in self.all() {
            line.withdraw(&call_of(line, id, started, charge));
        }
    }

    /// Replaces what was charged by what a call took.
    pub fn settle(&mut self, id: u64, started: Instant, charged: Charge, took: Charge) {
        for (line, _) in self.all() {
            if line.unit.is_settled_later() {
                let call = call_of(line, id, started, charged);
                line.settle(&call, took.amount(line.unit));
            }
        }
    }

    /// Ends a call that was refused because of a limit: one line is blamed for it.
    pub fn refused(&mut self, refused: &RefusedCall<'_>, all: Charge, at: Moment) {
        for window in refused.told {
            if let Some(line) = self.own_line(window.unit, window.window, refused.zone, all)
                && (window.limit.is_some() || window.remaining.is_some())
            {
                line.tell(window, refused.charged.amount(window.unit), at.now);
            }
        }
        let blamed = self.blamed(refused, all, at);
        let blamed = self.tokens_instead(blamed, refused, all, at).or(blamed);
        for (index, (line, _)) in self.all().enumerate() {
            let call = call_of(line, refused.id, refused.started, refused.charge);
            if blamed == Some(index) {
                let is_of_the_day = refused.named.window.is_some_and(Window::is_calendar)
                    && (refused.named.by_identifier || refused.wait.is_none());
                let hint = Hint {
                    wait: refused.wait,
                    exactness: refused.exactness,
                    is_of_the_day,
                };
                line.refused(&call, hint, refused.guesses, at);
            } else {
                line.withdraw(&call);
            }
        }
    }

    /// The line of tokens to blame instead of one of requests, by its index; `None` where it is not they that are limited.
    fn tokens_instead(
        &mut self,
        blamed: Option<usize>,
        refused: &RefusedCall<'_>,
        all: Charge,
        at: Moment,
    ) -> Option<usize> {
        let own = blamed?.checked_sub(self.of_account.len())?;
        let line = self.own.get_mut(own)?;
        let is_nameless = refused.named.unit.is_none() && refused.told.is_empty();
        if !is_nameless || line.is_declared() || line.unit != Unit::Requests || line.is_full(at) {
            return None;
        }
        let (calls, window) = (line.used_at(at), line.window);
        let tokens = line.suspicion.of_tokens(calls, all.amount(Unit::Tokens))?;
        line.forget_limit();
        let line = self.own_line(Unit::Tokens, window, refused.zone, all)?;
        line.learn(tokens);
        self.index_of(Unit::Tokens, window)
    }

    /// The line that a refusal is about, by its index; a new one where none fits.
    fn blamed(&mut self, refused: &RefusedCall<'_>, all: Charge, at: Moment) -> Option<usize> {
        let named = refused.named;
        let used_up = refused.told.iter().find(|window| {
            window.remaining == Some(0) && named.unit.is_none_or(|unit| unit == window.unit)
        });
        let unit = named.unit.or(used_up.map(|window| window.unit));
        let unit = unit.unwrap_or(Unit::Requests);
        let window = named.window.or(used_up.and_then(|window| window.window));
        if window.is_some() || used_up.is_some() {
            let known = self.index_of(unit, window);
            let named = known.or_else(|| self.name(unit, window));
            return named.or_else(|| self.add(unit, window, refused.zone, all));
        }
        let fill = |line: &Line| {
            let (limit, _) = line.limit()?;
            // The call itself is not in the log of what fits.
            Some(line.used_by_all(at) as f32 / limit as f32)
        };
        let fits = |line: &Line| {
            let is_of_unit = line.unit == unit && line.told_left(at).is_none_or(|left| left == 0);
            let is_long_enough = match (refused.wait, line.w()) {
                (Some(wait), Some(w)) => wait <= w + SLACK,
                _ => true,
            };
            let is_calendar = line.window.is_some_and(Window::is_calendar);
            let enough = if is_calendar { BLAMED_CALENDAR } else { BLAMED };
            let is_used = match line.window {
                Some(_) => fill(line).is_some_and(|fill| fill >= enough),
                None => true,
            };
            is_of_unit && is_long_enough && is_used
        };
        let candidates = self.shared().all().map(|(line, _)| line).enumerate();
        let candidates = candidates.filter(|(_, line)| fits(line));
        let fullest = candidates.max_by(|(_, one), (_, other)| {
            let (one, other) = (fill(one).unwrap_or(0.0), fill(other).unwrap_or(0.0));
            one.total_cmp(&other)
        });
        let fullest = fullest.map(|(index, _)| index);
        fullest
            .or_else(|| self.index_of(unit, None))
            .or_else(|| self.add(unit, None, refused.zone, all))
    }

    fn index_of(&self, unit: Unit, window: Option<Window>) -> Option<usize> {
        let mut lines = self.shared().all();
        lines.position(|(line, _)| line.unit == unit && line.window == window)
    }

    /// The line of calls that were counted without a word about their window, which now has one; `None` where there is
    /// none, or it was refused before.
    fn name(&mut self, unit: Unit, window: Option<Window>) -> Option<usize> {
        let window = window.filter(|window| window.sliding().is_some())?;
        let mut own = self.own.iter_mut();
        let line = own.find(|line| line.unit == unit && line.window.is_none())?;
        line.name(window)
            .then(|| self.index_of(unit, Some(window)))?
    }

    fn add(
        &mut self,
        unit: Unit,
        window: Option<Window>,
        zone: TimeZone,
        all: Charge,
    ) -> Option<usize> {
        self.own_line(unit, window, zone, all)?;
        self.index_of(unit, window)
    }

    /// The target's own line of this unit and window, made when it is missing; `None` where there are too many.
    fn own_line(
        &mut self,
        unit: Unit,
        window: Option<Window>,
        zone: TimeZone,
        all: Charge,
    ) -> Option<&mut Line> {
        /// Lines of a target that are not configured, at most: each unit with each window that has a name.
        const MOST: usize = 24;
        let known = self
            .own
            .iter()
            .position(|line| line.unit == unit && line.window == window);
        let at = match known {
            Some(at) => at,
            None if self.own.iter().filter(|line| !line.is_declared()).count() >= MOST => {
                return None;
            }
            None => {
                let line = Line::found(unit, window, zone).charged_so_far(all.amount(unit));
                self.own.push(line);
                self.own.len() - 1
            }
        };
        self.own.get_mut(at)
    }

    fn shared(&self) -> LinesOfTarget<'_> {
        LinesOfTarget {
            of_account: self.of_account,
            own: self.own,
        }
    }

    fn all(&mut self) -> impl Iterator<Item = (&mut Line, bool)> {
        let of_account = self.of_account.iter_mut().map(|line| (line, false));
        of_account.chain(self.own.iter_mut().map(|line| (line, true)))
    }
}

fn call_of(line: &Line, id: u64, started: Instant, charge: Charge) -> Call {
    Call {
        id,
        started,
        amount: charge.amount(line.unit),
    }
}
