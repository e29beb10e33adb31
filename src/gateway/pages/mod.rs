//! Pages: answers without a walk.

pub mod health;
pub mod metrics;
pub mod models;
pub mod ollama;
pub mod routes;
pub mod status;
pub mod upstream_models;
mod visit;

pub use visit::{Unserved, Visit};
