//! ai-gateway: an OpenAI-compatible gateway that walks a route's steps until one provider answers whole.
//!
//! # The map
//!
//! Imports point only downwards in this list, never up, never in a circle; `tests/it/layers.rs` fails otherwise.
//!
//! | layer | place | holds | must not |
//! |---|---|---|---|
//! | 5 | `main.rs`, [`cli`], [`app`], [`demo`], [`explain`] | arguments to exit code; the composition root; signals, reload, drain | contain logic |
//! | 4 | [`gateway`] | what each endpoint does; the walk over steps | name ureq or a socket |
//! | 3 | [`http`] (the edge), [`upstream`] (the client), [`telemetry`], [`state_file`], [`service_manager`] | all I/O, each behind a narrow type | know of each other or of `gateway` |
//! | 2 | [`routing`] | failover decisions: outcome classes, cooldown ledger, final status | do I/O, read the clock, log |
//! | 2 | [`adapt`] | request adapters: pure edits of the request body for one step | same |
//! | 1 | [`config`] | raw YAML to a validated `Config`, all errors at once | be reached from layer 0 |
//! | 0 | [`openai`], [`sse`], [`json`], [`secret`] | wire views, SSE decoder, ordered raw JSON, redacting key type | do I/O |
#![forbid(unsafe_code)]

pub mod adapt;
pub mod app;
pub mod cli;
pub mod config;
pub mod demo;
pub mod explain;
pub mod gateway;
pub mod http;
pub mod json;
pub mod openai;
pub mod routing;
pub mod secret;
pub mod service_manager;
pub mod sse;
pub mod state_file;
pub mod telemetry;
pub mod upstream;
