//! `/health`, `/livez` and `/readyz`: for monitors and balancers.

use crate::http::Response;

use super::visit::{Unserved, Visit};

/// The process is well.
pub fn health() -> Response {
    status(200, "healthy")
}

/// The process serves connections.
pub fn live() -> Response {
    status(200, "alive")
}

/// The gateway takes new requests: not while it stops, and not while it is full. That a worker answers, and has had the
/// ledger, is a part of the answer.
pub fn ready(visit: &Visit<'_, '_>) -> Result<Response, Unserved> {
    drop(visit.context.ledger.lock());
    Ok(if visit.context.is_stopping() {
        status(503, "stopping")
    } else {
        status(200, "ready")
    })
}

fn status(code: u16, word: &str) -> Response {
    Response::json(code, format!(r#"{{"status":"{word}"}}"#))
}
