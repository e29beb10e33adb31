//! Failover decisions: what a failure means, who is skipped and for how long, what comes next, how it ends.
//!
//! Everything here is pure: no I/O, no clock, no logging; time and randomness come in as arguments. A request's life:
//!
//! 1. [`Walk::next`] names the next [`Attempt`], a pause before a retry, or the [`Verdict`] for the client.
//! 2. The caller makes the attempt. A refusal becomes a failure with [`Failure::of_refusal`], anything else with
//!    [`Failure::new`], which is told to [`Walk::failed`]; an answer ends the walk with [`Walk::succeeded`].
//! 3. Both write down in the [`Ledger`], which all requests share, what was learned about the provider, key and model.
//!
//! The commit point is in the types: `succeeded` consumes the walk, so no attempt can follow it.

mod answered;
mod attempt;
mod budget;
mod failure;
mod lanes;
mod ledger;
mod mark;
mod outcome;
mod report;
mod state;
mod verdict;
mod walk;

#[cfg(test)]
mod tests;

pub use answered::Answered;
pub use attempt::Attempt;
pub use failure::Failure;
pub use ledger::{Entry, Ledger, Quota};
pub use mark::Cooling;
pub use outcome::{Cooldown, Guess, NextMove, Scope};
pub use report::{StepReport, fallbacks};
pub use state::{MAX_SNAPSHOT, Snapshot};
pub use verdict::Verdict;
pub use walk::{Move, Walk};
