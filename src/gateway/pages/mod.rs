//! Pages: answers without a walk.

mod clients;
pub mod health;
mod limits;
pub mod metrics;
pub mod models;
pub mod ollama;
pub mod routes;
pub mod status;
pub mod upstream_models;
pub mod usage;
mod visit;

pub use visit::{Unserved, Visit};
