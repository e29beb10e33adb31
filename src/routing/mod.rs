//! Failover decisions: outcome classes to moves and marks, the cooldown ledger, the walk over a route's steps.
//!
//! Everything here is pure: no I/O, no clock, no logging; time and randomness come in as arguments. A request's life:
//!
//! 1. [`Walk::next`] names the next [`Attempt`], a pause before a retry, or the [`Verdict`] for the client.
//! 2. The caller makes the attempt. A refusal becomes a failure with [`Failure::of_refusal`], anything else with
//!    [`Failure::new`], which is told to [`Walk::failed`]; an answer ends the walk with [`Walk::succeeded`].
//! 3. Both write down in the [`Ledger`], which all requests share, what was learned about the provider, key and model.
//!
//! The commit point is in the types: `succeeded` consumes the walk, so no attempt can follow it.

mod answered_walk;
mod attempt;
mod calls_out;
mod choice;
mod failure;
mod ledger;
mod ledger_lines;
mod ledger_store;
mod line_reports;
mod mark;
mod order;
mod outcome;
mod prospect;
mod readiness;
pub mod shared_lines;
pub mod shared_marks;
mod snapshot;
mod snapshot_lines;
mod step_message;
mod step_report;
mod target;
mod tried_keys;
mod verdict;
mod walk;

#[cfg(test)]
mod tests;

pub use answered_walk::AnsweredWalk;
pub use attempt::Attempt;
pub use failure::{Failure, LimitRefusal};
pub use ledger::{CoolingEntry, Ledger};
pub use line_reports::{LineEntry, RemainingQuota, SkippedModel};
pub use mark::Cooling;
pub use order::{Asked, Conversation, Manner, Sequence, StepOrders, StepOutlook, outlook};
pub use outcome::{Cooldown, Guess, MarkScope, NextMove};
pub use prospect::{Prospect, StepProspect};
pub use snapshot::{MAX_SNAPSHOT, Snapshot};
pub use step_message::StepMessage;
pub use step_report::{StepReport, fallbacks};
pub use verdict::Verdict;
pub use walk::{Move, Walk};
