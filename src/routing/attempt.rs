//! One call to one provider with one key.

use std::time::Instant;

use crate::config::Step;

use super::failure::Failure;
use super::lanes::Target;
use super::ledger::{Ledger, Ticket};
use crate::dialect::class::Class;

/// A call to make.
#[derive(Debug)]
pub struct Attempt {
    pub step_index: usize,
    /// The place of the key in the provider's list; `None` for providers without one.
    pub key_index: Option<usize>,
    pub started: Instant,
    /// For the first content of a stream, and for the whole answer if it is not streamed.
    pub deadline: Instant,
    pub(super) key: usize,
    pub(super) ticket: Ticket,
    /// The route's deadline comes before the step's: being out of time is not the provider's fault.
    pub(super) cut_short: bool,
    /// The failure that this attempt repeats, which the ledger has not been told: a repetition that ends well refutes
    /// it, and one that fails says more.
    pub(super) repeats: Option<Box<Unsettled>>,
}

/// A failure whose step is tried again before anything is written down.
#[derive(Debug)]
pub(super) struct Unsettled {
    pub failure: Failure,
    pub ticket: Ticket,
    pub at: Instant,
}

impl Attempt {
    /// Tells the ledger how the attempt failed.
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

    /// The attempt ends, or is not made, without a word about the provider; the failure that it repeats stands.
    pub(super) fn give_up(&self, ledger: &mut Ledger, step: &Step) {
        ledger.release(Target::new(step, self.key), &self.ticket);
        if let Some(last) = &self.repeats {
            ledger.fail(step, self.key, &last.ticket, &last.failure, last.at);
        }
    }
}
