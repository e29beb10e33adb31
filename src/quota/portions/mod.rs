//! Portions: the part of a limit that a replica may use without asking, drawn from a counter that all replicas share.
//!
//! The server orders all draws of a window, so that the sum of what is granted never exceeds the limit. A portion is spent
//! here, so that no request waits for the server; while the server is away each replica keeps to its share of the limit.

mod counter;
#[cfg(test)]
mod simulation;
mod span;
#[cfg(test)]
mod tests;

use counter::Counter;
pub use counter::Draw;
pub use span::Span;

use std::time::Instant;

use super::server_clock::{ServerClock, ServerMs};

/// The time before a turn of windows in which a call may arrive after it, and is charged to both (20 ms).
pub const AT_THE_TURN: u64 = 20;

/// The state of the sharing, which is the same for all lines of a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// The server answers: only what it has granted is spent.
    Granted { replicas: u32 },
    /// The server is away: each replica keeps to its share, and what it had been granted stays valid.
    Split { replicas: u32 },
}

impl Sharing {
    /// The replicas among which limits are shared (at least 1).
    pub fn replicas(self) -> u64 {
        let (Self::Granted { replicas } | Self::Split { replicas }) = self;
        u64::from(replicas.max(1))
    }
}

/// A line as it stands at some moment: its limit, and the windows of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub limit: u64,
    pub span: Span,
    /// The window after that; `None` where none follows.
    pub next: Option<Span>,
    /// The use of this replica in the window so far, for a portion that begins in the midst of it: after a restart, or
    /// after the window was found to end at another time.
    pub used: u64,
}

/// A refusal: too little is held back for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dry;

/// The portion of a line.
#[derive(Clone, Debug, Default)]
pub struct Portion {
    /// The windows in use, at most that of now and the next one.
    counters: [Option<Counter>; 2],
    /// The calls that were refused since the last draw, and the largest of them: so much is drawn at least.
    refused: u64,
    largest: u64,
    /// The time of the last charge. What was not used in this window or the one before draws little, as it would be lost to
    /// the replicas that do use theirs.
    charged_at: Option<ServerMs>,
    /// The clock by which the windows are told.
    clock: Option<ServerClock>,
    /// The units that the server's counter held of this replica before it was started again.
    restored: u64,
}

impl Portion {
    /// Whether a call of this amount may be sent. It is a read: nothing is charged.
    pub fn admits(&self, line: &Limits, amount: u64, now: ServerMs, sharing: Sharing) -> bool {
        let mut charged = charged(line, now);
        charged.all(|(span, used)| self.held(line, span, used, sharing) >= amount)
    }

    /// Charges a call.
    ///
    /// # Errors
    /// Too little is held back. Nothing is charged, and more is drawn at the next occasion.
    pub fn spend(
        &mut self,
        line: &Limits,
        amount: u64,
        now: ServerMs,
        sharing: Sharing,
    ) -> Result<(), Dry> {
        if !self.admits(line, amount, now, sharing) {
            self.refuse(amount, true);
            return Err(Dry);
        }
        self.charge(line, amount, now);
        Ok(())
    }

    /// Notes that a call was not made, so that enough is drawn for it; for all that `add_up`, or for the largest of them.
    pub fn refuse(&mut self, amount: u64, add_up: bool) {
        let amount = amount.max(1);
        self.largest = self.largest.max(amount);
        if add_up {
            self.refused = self.refused.saturating_add(amount);
        }
    }

    /// Takes note of the server's clock.
    pub fn read_clock(&mut self, clock: ServerClock) {
        self.clock = Some(clock);
    }

    /// Whether anything was ever charged.
    pub fn was_charged(&self) -> bool {
        self.charged_at.is_some()
    }

    /// The portion of a replica that was started again, of whose use so much stands in the server's counter.
    pub fn restored(counted: u64) -> Self {
        Self {
            restored: counted,
            ..Self::default()
        }
    }

    /// The use of this replica in the server's counter, in the window of this moment; zero where none is known.
    pub fn counted_at(&self, now: Instant) -> u64 {
        let Some(clock) = self.clock else {
            return self.restored;
        };
        let now = clock.ms_at(now);
        let mut counters = self.counters.iter().flatten();
        let current = counters.find(|counter| counter.span().contains(now));
        current.map_or(0, |counter| counter.drawn().min(counter.used()))
    }

    /// Begins the portion of a window of which `used` was used here, and of that `counted` stands in the server's counter.
    pub fn begin(&mut self, line: &Limits, used: u64, counted: u64) {
        let counter = self.counter(line, line.span, used);
        counter.counted(counted);
    }

    /// The allowance while the server is away, of what it had left when it was heard last: the draws that are held, and a share
    /// of the rest. Of a window of which nothing was told it is a share of the limit. `told` is what is known besides: the use of
    /// all replicas, and of this one.
    pub fn of_remainder(&self, line: &Limits, replicas: u64, told: Option<(u64, u64)>) -> u64 {
        let counter = self.find(line.span);
        let spent = counter.map_or(line.used, Counter::used);
        let drawn = counter.and_then(|counter| Some((counter.drawn_by_all()?, counter.drawn())));
        let known = match (drawn, told) {
            (Some((all, own)), Some((all_told, own_told))) => {
                Some((all.max(all_told), own.max(own_told)))
            }
            (drawn, told) => drawn.or(told),
        };
        let entitled = match known {
            None => (line.limit / replicas).max(1),
            Some((all, own)) => {
                let rest = line.limit.saturating_sub(all);
                own.saturating_add((rest / replicas).max(rest.min(1)))
            }
        };
        entitled.saturating_sub(spent)
    }

    /// Whether the portion of this window has been begun.
    pub fn knows(&self, span: Span) -> bool {
        self.find(span).is_some()
    }

    /// Corrects the charge of a call that was sent at this moment of ours.
    pub fn settle_at(&mut self, sent: Instant, charged: u64, now_known: u64) {
        if let Some(clock) = self.clock {
            self.settle(clock.ms_at(sent), charged, now_known);
        }
    }

    /// Charges a call that is made whatever is held back: the one that finds something out, and the like.
    pub fn charge(&mut self, line: &Limits, amount: u64, now: ServerMs) {
        for (span, used) in charged(line, now) {
            self.counter(line, span, used).spent(amount);
        }
        self.charged_at = self.charged_at.max(Some(now));
    }

    /// Corrects the charge of a call that was sent at `sent`: it has taken `now_known` instead of `charged`. A window that is
    /// over is not corrected any more.
    pub fn settle(&mut self, sent: ServerMs, charged: u64, now_known: u64) {
        for counter in self.counters.iter_mut().flatten() {
            let span = counter.span();
            let at_the_turn = sent.saturating_add(AT_THE_TURN) >= span.start;
            if span.contains(sent) || at_the_turn && sent < span.start {
                counter.corrected(charged, now_known);
            }
        }
    }

    /// The rest of the window of now.
    pub fn left(&self, line: &Limits, sharing: Sharing) -> u64 {
        self.held(line, line.span, line.used, sharing)
    }

    /// The grants of all replicas together in the window of now, as the server said last; `None` before it did.
    pub fn drawn_by_all(&self, line: &Limits) -> Option<u64> {
        self.find(line.span)?.drawn_by_all()
    }

    /// The use of all replicas and that of this one in the window before; `None` where it is not known, or nothing was used here.
    pub fn used_before(&self, span: Span) -> Option<(u64, u64)> {
        let mut counters = self.counters.iter().flatten();
        let before = counters.find(|counter| counter.span().end == span.start)?;
        let own = Some(before.used()).filter(|own| *own > 0)?;
        Some((before.drawn_by_all()?, own))
    }

    /// The use of others in the window of now: their draws, without what they probably hold; `None` while
    /// nothing of it is known.
    pub fn used_elsewhere(&self, line: &Limits, sharing: Sharing) -> Option<u64> {
        let Sharing::Granted { .. } = sharing else {
            return None;
        };
        let counter = self.find(line.span)?;
        let all = counter.drawn_by_all()?;
        let replicas = sharing.replicas();
        let held = (line.limit.saturating_sub(all) / (2 * replicas)).max(1);
        let drawn = all.saturating_sub(counter.drawn());
        Some(drawn.saturating_sub(held * (replicas - 1)))
    }

    /// Whether a call was refused for want of a portion since the last draw.
    pub fn is_dry(&self) -> bool {
        self.largest > 0
    }

    /// The draws to make now. While others are waited for (`is_settled` is false) only what is owed is drawn. `lead` is the time before a turn at which the next window's portion is drawn (milliseconds).
    pub fn draws(
        &mut self,
        line: &Limits,
        now: ServerMs,
        sharing: Sharing,
        lead: u64,
        is_settled: bool,
    ) -> impl Iterator<Item = Draw> + use<> {
        let replicas = sharing.replicas();
        let used_since = line.span.start.saturating_sub(line.span.length());
        let in_use = self.charged_at.is_some_and(|at| at >= used_since);
        // So much for one replica at once that the others have some, too.
        let refused = self.refused.min(line.limit / replicas).max(self.largest);
        let current = self.counter(line, line.span, line.used);
        let current = match is_settled {
            true => current.draw(line.limit, replicas, refused, in_use, now),
            false => current.owed(line.limit),
        };
        if current.is_some() && is_settled {
            (self.refused, self.largest) = (0, 0);
        }
        let follows = |next: &Span| {
            let lead = lead.min(line.span.length() / 2);
            is_settled && in_use && now.saturating_add(lead) >= next.start
        };
        let next = line.next.filter(follows);
        let next = next.and_then(|next| {
            let counter = self.counter(line, next, 0);
            counter.draw(line.limit, replicas, 0, in_use, now)
        });
        [current, next].into_iter().flatten()
    }

    /// The answer to a draw: what the counter holds since. What was drawn in vain comes back, to be put back.
    ///
    /// # Errors
    /// The counter holds less than this replica has drawn: the server has lost its data.
    pub fn drawn(&mut self, draw: &Draw, counter: u64) -> Result<Option<Draw>, Forgotten> {
        let mut counters = self.counters.iter_mut().flatten();
        match counters.find(|known| known.span() == draw.span) {
            Some(known) => known.answered(draw, counter),
            // The window is over.
            None => Ok(None),
        }
    }

    /// The answers to all draws on their way are lost. What the server did with them is unknown: it may have granted them,
    /// which then is lost for this window.
    pub fn draws_lost(&mut self) {
        self.counters
            .iter_mut()
            .flatten()
            .for_each(Counter::draw_lost);
    }

    /// The server has lost its data: what was used here is drawn again, and what was held back is gone.
    pub fn forgotten(&mut self) {
        self.restored = 0;
        self.counters
            .iter_mut()
            .flatten()
            .for_each(Counter::forgotten);
    }

    /// The draws that are not used, to be put back at the end of this replica. They are not held back any more.
    pub fn give_back(&mut self) -> impl Iterator<Item = Draw> {
        let counters = self.counters.iter_mut().flatten();
        counters.filter_map(Counter::give_back)
    }

    fn held(&self, line: &Limits, span: Span, used: u64, sharing: Sharing) -> u64 {
        let known = self.find(span);
        match sharing {
            Sharing::Granted { .. } => known.map_or(0, Counter::held),
            Sharing::Split { .. } => {
                let counter = known.cloned().unwrap_or_else(|| Counter::new(span, used));
                counter.without_the_server(line.limit, sharing.replicas())
            }
        }
    }

    fn find(&self, span: Span) -> Option<&Counter> {
        let mut counters = self.counters.iter().flatten();
        counters.find(|counter| counter.span() == span)
    }

    /// The counter of a window, in the place of one that is over where it is missing.
    fn counter(&mut self, line: &Limits, span: Span, used: u64) -> &mut Counter {
        let is_wanted = |counter: &Counter| {
            let known = counter.span();
            known == span || known == line.span || Some(known) == line.next
        };
        let is_free = |counter: &Option<Counter>| !counter.as_ref().is_some_and(is_wanted);
        let is_known = |counter: &Option<Counter>| {
            let span_of_it = counter.as_ref().map(Counter::span);
            span_of_it == Some(span)
        };
        let [first, second] = &mut self.counters;
        let place = if is_known(first) || (!is_known(second) && is_free(first)) {
            first
        } else {
            second
        };
        place.take_if(|counter| counter.span() != span);
        let restored = match span == line.span {
            true => std::mem::take(&mut self.restored),
            false => 0,
        };
        let counter = place.get_or_insert_with(|| Counter::new(span, used));
        counter.counted(restored.min(used));
        counter
    }
}

/// The server has lost its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forgotten;

/// The windows that a call is charged to, each with its use so far.
fn charged(line: &Limits, now: ServerMs) -> impl Iterator<Item = (Span, u64)> {
    let turns_soon = |next: &Span| now.saturating_add(AT_THE_TURN) > next.start;
    let next = line.next.filter(turns_soon).map(|next| (next, 0));
    [Some((line.span, line.used)), next].into_iter().flatten()
}
