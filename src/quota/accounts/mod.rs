//! The accounts of clients: what each may use, what it has used, and what is reserved for its requests in flight.
//!
//! A request is admitted and reserved for in one step, before the first call; it is settled once, in the windows of its
//! admission. A counter carries its window, and another window's value is never read, so that nothing has to be reset.

mod admission;
mod book;
mod excess;
mod ledger;
mod lines;
mod report;
mod shared_lines;
mod sharing;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
mod totals;
mod turns;

pub use admission::{Booking, Left, LineLeft, Spent, Wanted};
pub use book::{RefusalReason, Tally};
pub use excess::{Excess, Resets};
pub use ledger::{Accounts, BookIndex, Terms};
pub use lines::{Entry, read_line};
pub use report::{CounterReport, LimitReport, Report};
pub use sharing::{AccountNews, ToldSum};
pub use totals::Totals;
