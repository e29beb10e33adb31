//! A request for a page, and why it may not be served.

use std::sync::Arc;

use serde::Serialize;

use crate::config::{Account, Route};
use crate::gateway::context::Context;
use crate::gateway::refusal::Refusal;
use crate::http::{Exchange, Response};

/// A request for a page.
pub struct Visit<'a, 't> {
    pub context: &'a Context,
    pub exchange: &'a Exchange<'t>,
    /// None without a key, on a page that is open.
    pub client: Option<&'a Account>,
    /// The rest of the path, where the pattern of the endpoint leaves one open.
    pub parameter: &'a str,
}

impl<'a> Visit<'a, '_> {
    /// The routes that the client may see; none without a key.
    pub fn routes(&self) -> impl Iterator<Item = &'a Arc<Route>> {
        let context = self.context;
        let client = self.client.into_iter();
        client.flat_map(|client| context.routes_of(client))
    }
}

/// Why a page is not served.
#[derive(Debug)]
pub enum Unserved {
    Refused(Refusal),
    ClientGone,
}

impl From<Refusal> for Unserved {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// A report as JSON.
pub fn json(status: u16, report: &impl Serialize) -> Response {
    Response::json(status, to_json(report))
}

/// The bytes of a report.
pub fn to_json(report: &impl Serialize) -> Vec<u8> {
    // Strings and numbers always serialize; the empty object is for the type checker.
    serde_json::to_vec(report).unwrap_or_else(|_| b"{}".to_vec())
}
