//! Pages: answers without a walk.

mod client_days;
mod clients;
pub mod health;
mod last_failure;
mod limits;
pub mod metrics;
pub mod models;
pub mod ollama;
mod query;
pub mod requests;
pub mod route_health;
pub mod routes;
pub mod status;
mod status_frame;
pub mod upstream_models;
pub mod usage;
mod verdict;
mod visit;

pub use visit::{Unserved, Visit};
