//! The counter of a window: what was drawn from the server's, and what was spent of it here.

use crate::quota::server_clock::ServerMs;

use super::span::Span;

/// A line that is not in use draws ahead only where its portion is so many calls at least: of a small limit, what it held
/// would be missing elsewhere.
const IDLE_PORTION: u64 = 4;

/// The time between two looks at a counter that is used up (milliseconds): a replica may have put something back.
const LOOK_AGAIN: u64 = 1000;

/// A draw: an increment of a window's counter on the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    pub span: Span,
    /// The use of this replica that the counter does not hold yet. It counts whatever the limit is.
    pub owed: u64,
    /// The further demand, of which as much is granted as the limit has left.
    pub wanted: u64,
    /// The limit.
    pub limit: u64,
}

impl Draw {
    /// The increment.
    pub fn amount(&self) -> u64 {
        self.owed.saturating_add(self.wanted)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Counter {
    span: Span,
    /// The part of this replica in the server's counter, as far as is known: granted, or counted afterwards.
    drawn: u64,
    /// The use here.
    used: u64,
    /// The server's counter as it was answered last.
    all: Option<u64>,
    /// The most that it was ever answered to be: what is known of the others where the server is away.
    most: u64,
    /// A draw is on its way.
    asked: bool,
    /// The time of the last draw.
    drawn_at: ServerMs,
}

impl Counter {
    pub fn new(span: Span, used: u64) -> Self {
        Self {
            span,
            drawn: 0,
            used,
            all: None,
            most: 0,
            asked: false,
            drawn_at: 0,
        }
    }

    pub fn span(&self) -> Span {
        self.span
    }

    pub fn used(&self) -> u64 {
        self.used
    }

    /// The part of this replica in the server's counter.
    pub fn drawn(&self) -> u64 {
        self.drawn
    }

    /// So much of what was used stands in the server's counter already.
    pub fn counted(&mut self, amount: u64) {
        self.drawn = self.drawn.max(amount);
    }

    /// The grant that is not used.
    pub fn held(&self) -> u64 {
        self.drawn.saturating_sub(self.used)
    }

    /// The allowance without the server: the grant, or the share of the limit, of which no more is new than this
    /// replica's share of what others have left, as far as that was answered.
    pub fn without_the_server(&self, limit: u64, replicas: u64) -> u64 {
        let share = (limit / replicas).max(1).saturating_sub(self.used);
        let undrawn = limit.saturating_sub(self.most);
        let new = match self.most {
            0 => share,
            _ => undrawn / replicas,
        };
        self.held().max(share.min(self.held().saturating_add(new)))
    }

    pub fn drawn_by_all(&self) -> Option<u64> {
        self.all
    }

    pub fn spent(&mut self, amount: u64) {
        self.used = self.used.saturating_add(amount);
    }

    pub fn corrected(&mut self, charged: u64, now_known: u64) {
        self.used = self.used.saturating_sub(charged).saturating_add(now_known);
    }

    /// The draw to make now; `None` where enough is held, or nothing is left, or one is on its way.
    pub fn draw(
        &mut self,
        limit: u64,
        replicas: u64,
        refused: u64,
        in_use: bool,
        now: ServerMs,
    ) -> Option<Draw> {
        if self.asked {
            return None;
        }
        let owed = self.used.saturating_sub(self.drawn);
        let left = limit.saturating_sub(self.all.unwrap_or(0).saturating_add(owed));
        let portion = left / (2 * replicas);
        let wanted = match (refused, in_use) {
            // What nobody has asked for yet: one call need not wait for the first portion.
            (0, false) if portion < IDLE_PORTION => 0,
            (0, false) => u64::from(self.held() == 0),
            (refused, _) => {
                let portion = portion.max(1).max(refused);
                let enough = self.held() >= refused && self.held() * 2 >= portion;
                if enough { 0 } else { portion.min(left) }
            }
        };
        let is_gone = left == 0 && refused > 0;
        let looks_again = is_gone && now.saturating_sub(self.drawn_at) >= LOOK_AGAIN;
        if owed == 0 && wanted == 0 && !looks_again {
            return None;
        }
        self.asked = true;
        self.drawn_at = now;
        Some(Draw {
            span: self.span,
            owed,
            wanted,
            limit,
        })
    }

    /// The draw of what was used and is not counted yet; `None` where there is none.
    pub fn owed(&mut self, limit: u64) -> Option<Draw> {
        let owed = self.used.saturating_sub(self.drawn);
        if self.asked || owed == 0 {
            return None;
        }
        self.asked = true;
        Some(Draw {
            span: self.span,
            owed,
            wanted: 0,
            limit,
        })
    }

    /// The answer to a draw.
    pub fn answered(
        &mut self,
        draw: &Draw,
        counter: u64,
    ) -> Result<Option<Draw>, super::Forgotten> {
        self.asked = false;
        let before = counter.saturating_sub(draw.wanted);
        let granted = draw.limit.saturating_sub(before).min(draw.wanted);
        self.drawn = self.drawn.saturating_add(draw.owed).saturating_add(granted);
        let in_vain = draw.wanted - granted;
        self.all = Some(counter.saturating_sub(in_vain));
        self.most = self.most.max(counter.saturating_sub(in_vain));
        if counter.saturating_sub(in_vain) < self.drawn {
            return Err(super::Forgotten);
        }
        Ok((in_vain > 0).then_some(Draw {
            wanted: in_vain,
            owed: 0,
            ..*draw
        }))
    }

    pub fn draw_lost(&mut self) {
        self.asked = false;
    }

    pub fn forgotten(&mut self) {
        (self.asked, self.drawn, self.all) = (false, 0, None);
    }

    pub fn give_back(&mut self) -> Option<Draw> {
        let held = self.held();
        self.drawn -= held;
        let draw = Draw {
            span: self.span,
            owed: 0,
            wanted: held,
            limit: 0,
        };
        (held > 0 && !self.asked).then_some(draw)
    }
}
