//! A request on its way over a route.

use std::sync::Arc;

use crate::client_socket::ClientSocket;
use crate::config::Route;
use crate::dialect::request::Request;
use crate::dialect::{Dialect, PassedFields};
use crate::gateway::context::Context;

/// A request and everything that its walk needs to know.
pub struct Errand<'a> {
    pub context: &'a Context,
    pub dialect: &'static dyn Dialect,
    pub route: &'a Arc<Route>,
    pub request: &'a Request<'a>,
    /// The fields of the client's head that the dialect's calls may need.
    pub passed: &'a PassedFields,
    /// The id of the request, where the dialect has a place for it.
    pub request_id: Option<&'a str>,
    pub client: &'a ClientSocket,
}
