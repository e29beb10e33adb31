//! `GET /v1/diagnostics/requests`: the last requests, the newest first.

use crate::dialect::error::Code;
use crate::dialect::waits::timestamp_at_start;
use crate::gateway::history::{Filter, unix_ms};
use crate::gateway::refusal::Refusal;
use crate::http::Response;
use crate::limits::UnixMs;

use super::query;
use super::visit::{Unserved, Visit};

/// The records of one answer, unless the query says otherwise, and at most.
const USUAL: usize = 50;
pub const MOST: usize = 500;

/// The records that pass `route=`, `client=`, `api=`, `failed=1`, `since=` (RFC 3339, or milliseconds since 1970) and `id=`;
/// `limit=` of them. A client sees its own, one with `admin` all.
///
/// # Errors
/// A member of the query is none of these forms, or names another client without `admin`.
pub fn page(visit: &Visit<'_, '_>) -> Result<Response, Unserved> {
    let Some(own) = visit.client else {
        return Err(denied().into());
    };
    let query = visit.exchange.head().query().unwrap_or_default();
    let mut filter = Filter {
        id: query::value(query, "id"),
        route: query::value(query, "route").map(|name| meant(visit, name)),
        client: query::value(query, "client").filter(|name| name != "*"),
        api: query::value(query, "api"),
        failed: query::flag(query, "failed"),
        since: None,
    };
    if let Some(since) = query::value(query, "since") {
        filter.since = Some(time(&since).ok_or_else(|| wrong("since", "a time in RFC 3339"))?);
    }
    let limit = match query::value(query, "limit") {
        None => USUAL,
        Some(limit) => {
            let limit: Option<usize> = limit.parse().ok();
            limit.ok_or_else(|| wrong("limit", "a number"))?.min(MOST)
        }
    };
    if !own.admin {
        if filter.client.as_ref().is_some_and(|name| *name != own.name) {
            return Err(denied().into());
        }
        filter.client = Some(own.name.to_string());
    }
    let body = visit.context.history.records(&filter, limit);
    Ok(Response::json(200, body))
}

/// The name of the route that an alias stands for.
fn meant(visit: &Visit<'_, '_>, name: String) -> String {
    let route = visit.context.config.route(&name);
    route.map_or(name, |route| route.name.to_string())
}

fn time(text: &str) -> Option<UnixMs> {
    let number = text.parse().ok();
    number.or_else(|| timestamp_at_start(text).map(unix_ms))
}

fn denied() -> Refusal {
    let words = "only a client with admin: true sees the requests of others";
    Refusal::new(Code::RouteNotAllowed, words.to_owned())
}

fn wrong(name: &'static str, form: &str) -> Refusal {
    let message = format!("{name} in the query is not {form}");
    Refusal::new(Code::ValidationFailed, message).about(Some(name))
}
