//! `/v1/models`: the routes, as models that clients can choose from.

use crate::dialect::models;
use crate::gateway::refusal::Refusal;
use crate::http::Response;

use super::visit::{Unserved, Visit};

/// The routes that the client may use.
pub fn list(visit: &Visit<'_, '_>) -> Result<Response, Unserved> {
    let names = visit.routes().map(|route| route.name.as_str());
    let body = models::models(names, visit.context.started);
    Ok(Response::json(200, body))
}

/// A route, by its name.
pub fn one(visit: &Visit<'_, '_>) -> Result<Response, Unserved> {
    let name = visit.parameter;
    let route = visit.routes().find(|route| route.name == name);
    let route = route.ok_or_else(|| Refusal::route(&visit.context.redactor.redact(name)))?;
    let body = models::model(&route.name, visit.context.started);
    Ok(Response::json(200, body))
}
