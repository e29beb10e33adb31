//! A request on its way over a route.

use std::sync::Arc;

use crate::budget::Budget;
use crate::client_socket::ClientSocket;
use crate::config::Route;
use crate::dialect::Dialect;
use crate::dialect::request::Request;
use crate::gateway::context::Context;
use crate::json::elided::Elided;

/// A request and everything that its walk needs to know.
pub struct Errand<'a> {
    pub context: &'a Context,
    pub dialect: &'static dyn Dialect,
    pub route: &'a Arc<Route>,
    pub request: &'a Request<'a>,
    /// The request that is edited for each step: the same, or without its long strings, which come back when it is sent.
    pub edited: &'a Request<'a>,
    pub elided: Option<&'a Elided<'a>>,
    pub client: &'a ClientSocket,
    /// The memory for its answer.
    pub budget: &'a Budget,
}
