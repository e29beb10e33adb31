//! A request on its way over a route.

use std::sync::Arc;
use std::time::Instant;

use crate::budget::Budget;
use crate::client_socket::ClientSocket;
use crate::config::Route;
use crate::dialect::hearing::Hearing;
use crate::dialect::request::Request;
use crate::dialect::{Dialect, PassedFields};
use crate::gateway::context::Context;
use crate::http::Head;
use crate::json::elided::Elided;
use crate::routing::Conversation;

/// A request and everything that its walk needs to know. What the walk brings back outlives the request as one step takes
/// it.
pub struct Errand<'a, 'r> {
    pub context: &'a Context,
    pub dialect: &'static dyn Dialect,
    /// The dialect of the client, where that of the step is another one.
    pub translated_for: Option<&'static dyn Dialect>,
    pub route: &'a Arc<Route>,
    pub request: &'r Request<'r>,
    /// The request that is edited for each step: the same, or without its long strings, which come back when it is sent.
    pub edited: &'r Request<'r>,
    pub elided: Option<&'r Elided<'r>>,
    /// The frame with the usage is not the client's: it did not ask for one, the gateway did.
    pub hides_usage: bool,
    /// The fields of the client's head that the dialect's calls may need.
    pub passed: &'a PassedFields,
    /// The id of the request, where the dialect has a place for it.
    pub request_id: Option<&'a str>,
    pub client: &'a ClientSocket,
    /// The conversation that it belongs to, where its route is sticky and it has messages.
    pub conversation: Option<&'r Conversation>,
    /// The time at which its head was whole.
    pub received: Instant,
    /// The memory for its answer.
    pub budget: &'a Budget,
}

impl Errand<'_, '_> {
    /// The client's ear for a stream in another dialect than its own.
    pub fn hearing(&self) -> Option<Hearing> {
        Hearing::new(self.translated_for?, self.dialect)
    }
}

/// The fields of a head that the dialect's calls may need; those that are repeated are one list.
pub fn passed_fields(head: &Head, dialect: &dyn Dialect) -> PassedFields {
    let names = dialect.passed_fields().iter();
    let fields = names.filter_map(|name| {
        let all = head
            .fields()
            .filter(|(field, _)| field.eq_ignore_ascii_case(name));
        let values: Vec<&str> = all
            .filter_map(|(_, value)| std::str::from_utf8(value).ok())
            .map(str::trim)
            .filter(|value| !value.is_empty())
            .collect();
        (!values.is_empty()).then(|| (*name, values.join(",")))
    });
    fields.collect()
}
