//! The gateway: a request in, an answer out.
//!
//! A request comes in as an [`Exchange`] on a worker thread. `dispatch` finds its row in the table of `endpoints`, sees
//! to access, and hands it to a page or to a walk. `walk` makes the attempts that `routing` decides on, a stream is held
//! back by `commit` until its first content and then passed on by `relay`, and `answers` spells the end of it in the
//! client's dialect. `journal` is told each fact once, and alone writes telemetry.

mod accounts;
mod actions;
mod admission;
mod alert_facts;
pub mod alerts;
mod answers;
mod booking;
mod context;
mod cors;
mod dispatch;
mod edge_refusal;
mod endpoints;
mod finish_reasons;
pub mod gone_models;
mod history;
mod hosts;
mod journal;
mod keepalive;
mod kept_heads;
mod keyless;
pub mod model_lists;
pub mod model_watch;
mod pages;
mod pending;
mod refusal;
mod reloadable;
mod reloads;
mod replicas;
mod route_invariants;
mod shared_accounts;
mod shared_answer;
mod shared_ledger;
mod side_call;
mod standing_faults;
mod walk;
mod wrong_paths;

use crate::http::{self, Asked, Exchange, Fields, Handler, Head, Response};

pub use context::Context;
pub use endpoints::dialects;
pub use pages::metrics::families;
pub use reloadable::Reloadable;

impl Handler for Reloadable {
    fn handle(&self, exchange: Exchange<'_>) {
        dispatch::dispatch(&self.current(), exchange);
    }

    fn instant(&self, head: &Head) -> Option<Response> {
        endpoints::at_once(head)
    }

    fn wants_body(&self, head: &Head) -> bool {
        admission::wants_body(&self.current(), head)
    }

    fn fields(&self, head: &Head) -> Fields {
        // Only browsers' requests from page to another site have it: for all others this is all that it costs.
        match head.header("origin") {
            Some(origin) => cors::fields(&self.current(), head, origin),
            None => Fields::new(),
        }
    }

    fn refusal(&self, refusal: &http::Refusal, asked: &Asked<'_>) -> Response {
        let found = endpoints::find_at(&self.current().config, asked.path, asked.entrance);
        let dialect = found.and_then(|found| found.endpoint.dialect());
        edge_refusal::answer(refusal, asked.request_id, dialect)
    }
}
