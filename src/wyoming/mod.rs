//! Wyoming: speech to text and text to speech for Home Assistant, by the routes of the gateway.
//!
//! A peer is a client like any other: its events become requests to the gateway's own `/v1/audio/transcriptions` and
//! `/v1/audio/speech` ([`Endpoints`]), so that failover, accounts, history, log and metrics are those of all requests.
//! The protocol itself is in [`crate::dialect::wyoming`].
//!
//! From above: a `service` accepts, and gives each connection a thread, on which a `session` answers event by event:
//! `hearing` makes a transcript of a recording, `speaking` makes sound of a text. A `connection` reads and writes events
//! within their bounds; a `place` is one of the few connections that there can be.
//!
//! A thread a connection, not one of the workers of the edge: a house has few voices, and each waits for the gateway most
//! of the time, as any client does.

mod connection;
mod endpoints;
mod fault;
mod hearing;
mod place;
mod service;
mod session;
mod speaking;

pub use endpoints::{Answer, Endpoints, Question};
pub use service::Service;
