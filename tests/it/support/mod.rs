//! The two ends of the gateway and the gateway itself, all scriptable.

pub mod client;
pub mod collector;
pub mod config;
pub mod control_group;
pub mod exposition;
pub mod form;
pub mod gateway;
pub mod messages;
pub mod mock;
pub mod openai;
pub mod process;
pub mod responses;
pub mod script;
pub mod shared_server;
pub mod signal;
pub mod standstill;
pub mod strict_chat;
pub mod upstream;
pub mod wire;

mod smoke;

pub use client::{Connection, End, Response};
pub use collector::Collector;
pub use config::{Config, Step};
pub use exposition::Exposition;
pub use form::Form;
pub use gateway::Gateway;
pub use script::Script;
pub use signal::Signal;
pub use upstream::{ClosedPort, Upstream};

use std::time::Duration;

/// How long an event that must come may take. Only a failing test waits this long: a body of 20 MiB passes two processes
/// without optimization, on a machine that may have other work (3 s alone, more than 10 beside it).
pub const PATIENCE: Duration = Duration::from_mins(1);
