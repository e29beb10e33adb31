//! The gateway: a request in, an answer out.
//!
//! A request comes in as an [`Exchange`] on a worker thread. `dispatch` finds its row in the table of `endpoints`, sees
//! to access, and hands it to a page or to a walk. `walk` makes the attempts that `routing` decides on, a stream is held
//! back by `commit` until its first content and then passed on by `relay`, and `answers` spells the end of it in the
//! client's dialect. `journal` is told each fact once, and alone writes telemetry.

mod accounts;
mod answers;
mod context;
mod dispatch;
mod endpoints;
mod finish_reasons;
mod hosts;
mod journal;
mod keepalive;
mod pages;
mod refusal;
mod refused_keys;
mod reloadable;
mod route_invariants;
mod shared_answer;
mod shared_ledger;
mod walk;

use crate::http::{self, Exchange, Handler, Head, Response};

pub use context::Context;
pub use pages::metrics::families;
pub use reloadable::Reloadable;

impl Handler for Reloadable {
    fn handle(&self, exchange: Exchange<'_>) {
        dispatch::dispatch(&self.current(), exchange);
    }

    fn instant(&self, head: &Head) -> Option<Response> {
        endpoints::at_once(head.method(), head.path())
    }

    fn wants_body(&self, head: &Head) -> bool {
        dispatch::wants_body(&self.current(), head)
    }

    fn refusal(&self, refusal: &http::Refusal) -> Response {
        answers::edge_refusal(refusal)
    }
}
