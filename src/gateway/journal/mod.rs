//! The journal of a request: the only listener, and the only writer of telemetry in `gateway/`.
//!
//! A fact is told here once, when it is known, and becomes whatever readings there are of it: the request's line in the
//! log and a line for each failed attempt, the instruments, and the spans. Two things come back: the routing summary for
//! the client, and the headers that continue the trace at the provider. The facts stand by what they are about: requests,
//! attempts, answers.

mod answers;
mod attempts;
mod body_excerpt;
mod captured_content;
mod log_lines;
mod record;
mod requests;
mod routing_summary;
mod span_attributes;

pub use record::{CLIENT_GONE, HealResult, Journal};
