//! The Valkey or Redis server through which several gateways count together.
mod fault;
mod resp;
mod wire;
pub use fault::Fault;
pub use resp::{Decoder, Malformed, Reply};
