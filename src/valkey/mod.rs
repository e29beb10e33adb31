//! The Valkey or Redis server through which several gateways count together.
//!
//! `resp` is the protocol without a socket, `pipeline` several commands with the replies that they wait for, `exchange` what is
//! said (its `words`) and what the answers mean, all pure; `wire` is the connection, and `link` the one thread that has it. Any error, any timeout and any reply that does not fit closes the
//! connection, and limits are split until the next one stands.
//!
//! Never sent: a key, a client's secret, a text of a request.

mod exchange;
mod fault;
mod link;
mod pipeline;
mod reply_values;
mod resp;
mod stats;
#[cfg(test)]
mod tests;
mod wire;
mod words;

pub use fault::Fault;
pub use link::{Link, Replica};
pub use resp::{Decoder, Malformed, Reply};
pub use stats::{ROUND_TRIPS, Stats};
pub use words::{Incoming, LineDraw, Outgoing, Usage};
