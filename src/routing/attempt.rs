//! An attempt: a call to one provider with one key.

use std::time::Instant;

use crate::config::Step;

use super::failure::Failure;
use super::ledger::{Ledger, Ticket};
use super::step_report::Changes;
use super::target::KeyedModel;
use crate::dialect::class::Class;

/// A call to make to a provider.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub step_index: usize,
    /// The key's index in the provider's list; `None` for providers without keys.
    pub key_index: Option<usize>,
    pub started: Instant,
    /// The deadline of a stream's first content, or of a whole answer.
    pub deadline: Instant,
    pub changes: Changes,
    pub(super) key: usize,
    pub(super) ticket: Ticket,
    /// The route's deadline comes before the step's, so a timeout is not the provider's fault.
    pub(super) cut_short: bool,
    /// The failure that this retry follows, not yet in the ledger: a retry that succeeds refutes it, and one that fails
    /// says more.
    pub(super) repeats: Option<Box<Unsettled>>,
}

/// A failure whose step is tried again before anything is written down.
#[derive(Clone, Debug)]
pub(super) struct Unsettled {
    pub failure: Failure,
    pub ticket: Ticket,
    pub at: Instant,
}

impl Attempt {
    /// Writes the attempt's failure into the ledger.
    pub(super) fn conclude(
        &self,
        ledger: &mut Ledger,
        step: &Step,
        failure: &Failure,
        now: Instant,
    ) {
        let says_nothing = failure.class == Class::Cancelled
            || (self.cut_short && failure.class == Class::Timeout);
        if says_nothing {
            self.give_up(ledger, step);
        } else {
            ledger.fail(step, self.key, &self.ticket, failure, now);
        }
    }

    /// An attempt that ends without a word about the provider; the failure that it follows stands.
    pub(super) fn give_up(&self, ledger: &mut Ledger, step: &Step) {
        ledger.release(KeyedModel::new(step, self.key), &self.ticket);
        self.stand_by_the_last(ledger, step);
    }

    /// An attempt that is not made; the failure that it follows stands.
    pub(super) fn withdraw(&self, ledger: &mut Ledger, step: &Step) {
        ledger.withdraw(KeyedModel::new(step, self.key), &self.ticket);
        self.stand_by_the_last(ledger, step);
    }

    /// The same attempt, which is over: it has no place among the calls that are out.
    #[must_use]
    pub fn set_aside(&self) -> Box<Self> {
        let mut attempt = Box::new(self.clone());
        attempt.ticket = attempt.ticket.clone().ended();
        attempt
    }

    fn stand_by_the_last(&self, ledger: &mut Ledger, step: &Step) {
        if let Some(last) = &self.repeats {
            ledger.fail(step, self.key, &last.ticket, &last.failure, last.at);
        }
    }
}
