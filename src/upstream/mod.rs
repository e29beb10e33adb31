//! The client: one blocking HTTP/1.1 call to a provider, with a deadline, and dropped at once when the downstream
//! client is gone.
//!
//! It is made of ureq's parts: the protocol is its sans-I/O core, ureq-proto; connections are its `Transport`s, names go
//! through its `Resolver`, proxies through its connector. What touches a socket, a name or a certificate is our own:
//! `socket` (one `poll` on the provider and the client), `connect`, `tls` and `resolver`; and so are the two parts of its
//! agent that were measured to cost too much: the loop around the protocol (`exchange`) and the `pool`.
//!
//! Pooled connections outlive calls, so what they need to know of the call that uses them stands in a thread-local
//! while it runs, see `in_progress`. It follows that a call and each read of its body happen on the thread that asked
//! for them, which is what the blocking workers do anyway.
//!
//! What this room promises:
//! * `Ok(0)` from [`Body::read`] means the body is complete as its framing says. A reset, a cut or a wrong chunk is an error.
//! * No timeout is longer than its deadline, in whatever phase the call is, name resolution included.
//! * No error text holds a header value.
//! * A connection on which bytes were found that no request had asked for carries no further call, and its provider's
//!   connections are not kept for a while (`unasked`): its answers may be another client's.
//!
//! What is absent on purpose: redirects, decompression, cookies, proxies from the environment.

mod body;
mod buffers;
mod call;
mod client;
mod connect;
mod connection;
mod dialer;
mod error;
mod exchange;
mod in_progress;
mod names;
mod plain;
mod pool;
mod resolver;
mod socket;
mod stats;
mod tls;
mod unasked;

#[cfg(test)]
mod tests;

pub use body::Body;
pub use call::{Call, Head, Method, Response};
pub use client::{Client, Settings};
pub use error::{CallError, Phase};
pub use stats::Stats;
