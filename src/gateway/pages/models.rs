//! `/v1/models`: the routes, as models that clients can choose from.

use crate::config::Route;
use crate::dialect::models::{self, Model};
use crate::gateway::refusal::Refusal;
use crate::http::Response;

use super::visit::{Unserved, Visit};

/// The routes that the client may use.
pub fn list(visit: &Visit<'_, '_>) -> Result<Response, Unserved> {
    let routes = visit.routes().map(|route| model(route));
    let body = models::models(routes, visit.context.started);
    Ok(Response::json(200, body))
}

/// A route, by its name.
pub fn one(visit: &Visit<'_, '_>) -> Result<Response, Unserved> {
    let name = visit.parameter;
    let route = visit.routes().find(|route| route.name == name);
    let route = route.ok_or_else(|| Refusal::route(&visit.context.redactor.redact(name)))?;
    let body = models::model(model(route), visit.context.started);
    Ok(Response::json(200, body))
}

fn model(route: &Route) -> Model<'_> {
    Model {
        name: &route.name,
        context_length: route.context_length,
    }
}
