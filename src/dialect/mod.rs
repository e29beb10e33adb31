//! Wire formats: what clients and providers say to each other, a file or folder each.
//!
//! Views judge the raw text and never build a tree; only what the gateway needs to know is read, in one pass.

pub mod chat;
pub mod class;
pub mod classify;
pub mod error;
pub mod models;
pub mod provider_error;
pub mod rate_limits;
pub mod waits;
