//! One call to one provider with one key.

use std::time::Instant;

use crate::config::Step;

use super::classify::Failure;
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
        if self.cut_short && failure.class == Class::Timeout {
            ledger.release(Target::new(step, self.key), &self.ticket);
        } else {
            ledger.fail(step, self.key, &self.ticket, failure, now);
        }
    }
}
