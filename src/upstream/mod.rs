//! The client: one blocking HTTP/1.1 call to a provider, with a deadline, and dropped at once when the downstream
//! client is gone.
//!
//! Requests and usual answers are a matter of two files (`request_head`, `answer_head`); what is unusual in an answer is
//! read by ureq-proto's sans-I/O core, and a tunnel through a proxy is asked for by ureq's connector (`proxy`). All that
//! touches a socket, a name or a certificate is our own: `socket` (one `poll` on the provider and the client),
//! `connect`, `tls`, `resolver` and the stub resolver under it (`dns`); and so are the two parts of ureq's agent that were measured to cost too much: the
//! loop around the protocol (`exchange`) and the `pool`.
//!
//! The state of a call is a value (`call_state`) that everything on the call's way is passed, from the look-up of the
//! name to the last read of the body. Connections outlive calls, so they hold nothing of it.
//!
//! The promises of this room:
//! * `Ok(0)` from [`Body::read`] means the body is complete as its framing says. A reset, a cut or a wrong chunk is an
//!   error.
//! * No timeout is longer than its deadline, in whatever phase the call is, name resolution included.
//! * No error text holds a header value.
//! * A connection on which bytes were found that no request had asked for carries no further call, and its provider's
//!   connections are not kept for a while (`unasked`): its answers may be another client's.
//!
//! Absent on purpose: redirects, decompression, cookies, proxies from the environment.

mod answer_head;
mod body;
mod buffers;
mod call;
mod call_state;
mod client;
mod connect;
mod connection;
mod dialer;
mod error;
mod exchange;
mod host_names;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod parsers;
mod pool;
mod proxy;
mod request_head;
mod resolver;
mod slices_left;
mod socket;
mod stats;
mod tls;
mod unasked;
mod unread_body;
mod wire;

#[cfg(test)]
mod tests;

pub use answer_head::Head;
pub use body::Body;
pub use call::{Call, Field, HeadedCall, Method, Response};
pub use client::{Client, Settings};
pub use error::{CallError, Phase};
pub use request_head::CallHead;
pub use stats::Stats;
