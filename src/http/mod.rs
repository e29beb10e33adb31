//! The HTTP edge: an HTTP/1.1 server made for few resources and hostile clients.
//!
//! # The life of a connection
//!
//! ```text
//!            accept          whole head             answer
//!   client ---------> front ------------> worker --------------> next head within 2 ms?
//!                      ^ ^                                         | yes: same worker
//!                      | +------ kept, or closing <----------------+ no
//!                      +-- idle, reading a head, closing
//! ```
//!
//! The **front** (the thread of [`Server::run`]) holds, in one epoll set, the listeners and every connection that is new,
//! idle, in the middle of a head, or closing. It reads without blocking, so slow clients cost no thread, and it alone
//! keeps the deadlines. Malformed heads, overload and the answers of [`Handler::instant`] never reach a worker.
//!
//! A **worker** has the connection from a whole head to the end of the answer: it reads the body, runs the handler and
//! writes, blocking in `poll` with a deadline each time. Workers start on demand up to `max_concurrent_requests`.
//!
//! A connection is owned: it moves from the front's map into a job, with that to a worker, and back through a handoff
//! queue. There is no moment in which two threads have it, and a lease reports its end, also after a panic.
//!
//! # The files
//!
//! From above: `server` starts the `front` (new and idle connections, heads, closing, the drain), which hands jobs to the
//! `pool`, whose threads run `worker`. A `transaction` is one request and its answer; `exchange` and `stream` are the
//! handler's view of it. Below them `connection`, `body`, `chunked`, `response`, `head`, `framing` and `strict` know bytes
//! and no threads; `permits`, `handoff`, `stats`, `stranger_lines` and `stop` are shared by all threads through `edge`.
//!
//! # What is refused
//!
//! Every ambiguity about where a request ends (RFC 9112 section 11.2): `httparse` splits the head, and the raw bytes and
//! fields are checked beside it. A refused request is answered as [`Handler::refusal`] spells it, and its connection
//! closes.

mod body;
mod chunked;
mod connection;
mod deadlines;
mod descriptors;
mod edge;
mod exchange;
mod forwarded;
mod framing;
mod front;
mod handler;
mod handoff;
mod head;
mod listener;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod parsers;
mod permits;
mod pool;
mod refusal;
mod request_id;
mod response;
mod server;
mod stats;
mod stop;
mod stranger_lines;
mod stream;
mod strict;
mod transaction;
mod worker;

#[cfg(test)]
mod tests;

pub use body::BodyError;
pub use exchange::Exchange;
pub use framing::Version;
pub use handler::Handler;
pub use head::Head;
pub use refusal::{Reason, Refusal};
pub use response::{Delivery, Response, ResponseHead};
pub use server::Server;
pub use stats::{Snapshot, Stats};
pub use stop::{Drained, Stopper};
pub use stream::{Gone, Stream};
