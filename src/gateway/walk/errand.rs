//! A request on its way over a route.

use std::sync::Arc;

use crate::budget::Budget;
use crate::client_socket::ClientSocket;
use crate::config::Route;
use crate::dialect::Dialect;
use crate::dialect::request::Request;
use crate::gateway::context::Context;

/// A request and everything that its walk needs to know.
pub struct Errand<'a> {
    pub context: &'a Context,
    pub dialect: &'static dyn Dialect,
    pub route: &'a Arc<Route>,
    pub request: &'a Request<'a>,
    pub client: &'a ClientSocket,
    /// The memory for its answer.
    pub budget: &'a Budget,
}
