//! The instruments: every number that is counted, made once from the configuration.
//!
//! Label values are routes, providers and models of the configuration, or members of fixed enums, so a series exists
//! for what was configured and for nothing that a client sends. All are atomics that stand where they stand: nothing
//! here grows, and nothing on the way of a request takes a lock.
//!
//! There is one set of instruments and any number of ways out: [`Metrics::families`] is the neutral form,
//! [`prometheus`] writes it as text, and an exporter can send the same.

mod collect;
mod family;
mod heals;
mod histogram;
mod instruments;
mod operations;
mod process;
pub mod prometheus;
mod request;
mod sliding_window;
mod totals;

pub use family::{Family, FamilyKind, Series, SeriesValue, Unit};
pub use histogram::{Distribution, ROUND_TRIPS};
pub use instruments::Metrics;
pub use process::Process;
pub use request::{End, Request};
pub use sliding_window::{Lately, MINUTES as RECENT_MINUTES};
pub use totals::{Counted, Totals};
