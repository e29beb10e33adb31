//! ai-gateway: an OpenAI-compatible gateway that walks a route's steps until one provider answers whole.
//!
//! # The map
//!
//! Imports point only downwards in this list, never up, never in a circle; `tests/it/layers.rs` fails otherwise.
//!
//! | layer | place | holds | must not |
//! |---|---|---|---|
//! | 5 | `main.rs`, [`cli`], [`app`], [`demo`], [`explain`], [`recent`], [`init`], [`selftest`], [`show`], [`usage_table`] | arguments to exit code; the composition root; signals, reload, drain | contain logic |
//! | 4 | [`gateway`] | the table of endpoints; pages; the walk over steps; the journal, its only writer of telemetry | name ureq or a socket |
//! | 3 | [`http`] (the edge), [`upstream`] (the client), [`valkey`] (the server that replicas share), [`wyoming`] (speech for Home Assistant), [`telemetry`], [`state_file`], [`service_manager`], [`control_socket`], [`client_socket`] | all I/O, each behind a narrow type | know of each other (but for `client_socket`) or of `gateway` |
//! | 2 | [`routing`] | failover decisions: from an outcome class to a move and a mark, cooldown ledger, final status; knows no wire format | do I/O, read the clock, log |
//! | 2 | [`quota`] | what is counted per window: limits of providers, what is learned of them | same |
//! | 2 | [`adapt`] | request adapters: pure edits of the request body for one step | same |
//! | 1 | [`config`], [`threads`], [`tls`], [`dns`] | raw YAML to a validated `Config`, all errors at once; the start of a thread; trust in certificates; the look-up of names | be reached from layer 0 |
//! | 0 | [`dialect`], [`sse`], [`json`], [`json_line`], [`text`], [`sync`], [`secret`], [`budget`], [`freed_memory`], [`header_fields`], [`chunked`], [`heapsort`], [`inline_bytes`], [`word_index`], [`limits`] | wire formats and what providers say in them, SSE decoder, ordered raw JSON, lines of a log, a head's fields, the chunked coding, cutting, locking, sorting, bytes on the stack, finding words of tables, redacting key type, the budget of memory, what becomes of freed memory; the words of limits: rates, calendar, prices | do I/O |
//!
//! Most of layer 0 stands in `src/base/`, a package of its own that is compiled for speed: it looks at each byte of each
//! request. The rest is compiled for size.
//!
//! Within `gateway` the order is the way of a request, from the top down: `mod` (the handler), `reloadable`, `dispatch`,
//! `endpoints`, `answers`, `pages`, `walk`, `journal`, and below them the structs that all of these read.
//!
//! # The life of a request
//!
//! 1. The front thread ([`http`]) accepts the connection and reads the head without blocking, under a deadline and a
//!    bound. A malformed one is refused there, `/health` answered. The body is collected there as well, within the budget
//!    of memory, once the head has passed. A whole request goes to a worker thread.
//! 2. `gateway::dispatch` finds the row of the path in the table of `endpoints`, checks the key before a body is read,
//!    and hands the request to a page, or reads it in the dialect of the row ([`dialect`]). The body is an ordered list
//!    of members ([`json`]): members that no rule touches stay byte for byte.
//! 3. A `Walk` ([`routing`]) names the attempt to make: step, key, deadline. [`adapt`] edits the body for that step.
//! 4. `walk::attempt` makes the call ([`upstream`]), which waits for the provider and the client at once. A failure
//!    becomes an outcome class; the walk then names the next attempt, or the verdict.
//! 5. An answer ends the walk. A stream is held back by `walk::commit` until its first content; that is the commit
//!    point, after which nothing of another step can follow: the types do not let it. `walk::relay` passes on the rest.
//! 6. `answers` sends the answer with its `routing_summary`, or spells the refusal, in the client's dialect. At each of
//!    these stations the `journal` is told one fact, and turns it into log lines, instruments and spans.
//! 7. What the client's system does not take of a whole answer goes back to the front, which sends it as there is room.
//!    Else the worker looks for the next request on the connection before it gives it back to the front.
//!
//! # What always holds
//!
//! * Every input gets an answer or a closed connection; nothing that a peer sends makes a buffer, a map, a queue or a
//!   log line grow without bound, and no wait is without a deadline.
//! * A slow or idle client holds no thread, whether it sends or reads; a stream has to wait for its reader, within bounds.
//!   A client that has gone ends its call to the provider.
//! * Layers 0 to 2 are told the time; they do not ask for it.
//! * A key is a [`secret::Secret`], which does not print itself, and is masked in what others wrote.
//! * Names are looked up by a stub resolver of our own ([`dns`]): nothing calls `getaddrinfo`, not even by a name
//!   handed to std's `TcpStream` or `UdpSocket`; a test looks at the built program.
//! * There is no async runtime, no retry that is not configured but the one for a stale pooled connection, no global
//!   state but the logger, and no `unsafe`.
#![forbid(unsafe_code)]

pub use ai_gateway_base::{
    budget, chunked, freed_memory, header_fields, heapsort, inline_bytes, json, json_line, secret,
    sse, sync, text, word_index,
};

pub mod adapt;
pub mod app;
pub mod cli;
pub mod client_socket;
pub mod config;
pub mod control_socket;
pub mod demo;
pub mod dialect;
pub mod dns;
pub mod explain;
pub mod gateway;
pub mod http;
pub mod init;
pub mod limits;
pub mod quota;
pub mod recent;
pub mod routing;
pub mod selftest;
pub mod service_manager;
pub mod show;
pub mod state_file;
pub mod telemetry;
pub mod threads;
pub mod tls;
pub mod upstream;
pub mod usage_table;
pub mod valkey;
pub mod wyoming;
