//! The HTTP edge: an HTTP/1.1 server made for few resources and hostile clients.
//!
//! # The life of a connection
//!
//! ```text
//!            accept        whole request        answer
//!   client ---------> front ------------> worker --------------> next request soon?
//!                      ^ ^                                         | yes: same worker
//!                      | +------ kept, unsent, or closing <--------+ no
//!                      +-- idle, reading, writing, closing
//! ```
//!
//! The **front** (the thread of [`Server::run`]) holds, in one epoll set, the listeners and every connection that is new,
//! idle, in the middle of a request or of an answer, or closing. It reads and writes without blocking, so slow clients
//! cost no thread, and it alone keeps the deadlines; `front/state.rs` has the phases of a connection. Malformed heads,
//! overload and the answers of [`Handler::instant`] never reach a worker. A body is collected once its head has passed
//! ([`Handler::wants_body`]), within the budget of memory that it shares with unsent answers.
//!
//! A **worker** has the connection from a whole request to the answer. What the client's system does not take of a whole
//! answer goes back to the front; only a stream waits for its client, blocking in `poll` with a deadline each time, and
//! within its client's share of the workers. Workers start on demand up to `max_concurrent_requests`.
//!
//! A connection is owned: it moves from the front's map into a job, with that to a worker, and back with it through a handoff
//! queue. There is no moment in which two threads have it, and a lease reports its end, also after a panic.
//!
//! # The files
//!
//! From above: `server` starts the `front` (`front/`: new and idle connections, bodies, writing, eviction, closing, the
//! drain), which hands jobs to the `pool`, whose threads run `worker`. A `transaction` is one request and its answer;
//! `exchange` and `stream` are the handler's view of it. Below them `connection`, `body`, `collecting`,
//! `content`, `outgoing`, `rhythm`, `response`, `asked`, `head`, `arrival`, `framing` and `strict` know bytes and no threads; `permits`, `stalls`,
//! `handoff`, `stats`, `stranger_lines` and `stop` are shared by all threads through `edge`.
//!
//! # What is refused
//!
//! Every ambiguity about where a request ends (RFC 9112 section 11.2): `httparse` splits the head, and the raw bytes and
//! fields are checked beside it. A refused request is answered as [`Handler::refusal`] spells it, and its connection
//! closes.

mod arrival;
mod asked;
mod body;
mod cgroup;
mod collecting;
mod connection;
mod content;
mod deadlines;
mod descriptors;
mod edge;
mod exchange;
mod fields;
mod forwarded;
mod framing;
mod front;
mod handler;
mod handoff;
mod head;
mod listener;
mod outgoing;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod parsers;
mod permits;
mod pool;
mod refusal;
mod request_id;
mod response;
mod rhythm;
mod server;
mod stalls;
mod stats;
mod stop;
mod stranger_lines;
mod stream;
mod strict;
mod tasks;
mod transaction;
mod worker;

#[cfg(test)]
mod tests;

pub use arrival::{Arrival, Entrance};
pub use asked::Asked;
pub use body::BodyError;
pub use content::{Content, SharedContent};
pub use exchange::Exchange;
pub use fields::{Field, FieldValue, Fields};
pub use framing::Version;
pub use handler::Handler;
pub use head::Head;
pub use listener::open as listen;
pub use refusal::{Reason, Refusal};
pub use response::{Delivery, Response, ResponseHead};
pub use server::Server;
pub use stats::{EdgeFigures, Stats};
pub use stop::{Drained, Stopper};
pub use stream::{Gone, Stream};
