//! Quotas: what is counted per window, of providers and of clients.
//!
//! Everything here is pure: no I/O, no clock, no logging; time comes in as an argument.

pub mod call_log;
pub mod portions;
pub mod server_clock;
