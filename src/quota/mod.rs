//! Quotas: what is counted per window, of providers and of clients.
//!
//! Everything here is pure: no I/O, no clock, no logging; time comes in as an argument.

pub mod accounts;
mod amount;
pub mod call_log;
mod charge;
mod grid;
mod kept;
mod learning;
mod lesson;
mod line;
mod lines;
mod moment;
mod period;
pub mod portions;
mod report;
pub mod server_clock;
mod shared_line;
mod shared_window;
mod standing;
mod standing_rules;
mod suspicion;
#[cfg(test)]
mod tests;
mod told;
mod turns;
mod used;
mod window_use;

pub use charge::{Charge, Demand, Estimate};
pub use kept::KeptLine;
pub use learning::{Guesses, Hint};
pub use line::{Call, Counts, Line, Source};
pub use lines::{Coming, Crowd, LinesOfTarget, LinesOfTargetMut, RefusedCall};
pub use moment::{Clock, Moment};
pub use report::LineReport;
pub use shared_line::SharedMoment;
pub use standing::Standing;
pub use standing_rules::Ask;
