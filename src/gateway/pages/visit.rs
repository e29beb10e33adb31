//! A request for a page, and why it may not be served.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::config::{Account, Route};
use crate::gateway::context::Context;
use crate::gateway::refusal::Refusal;
use crate::gateway::shared_answer::{Fresh, Patience, Rendered, SharedAnswer, Unanswered};
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

/// The wait for another caller's rendering, which takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// The age up to which a rendering is shared while somebody still reads it.
const FRESH: Duration = Duration::from_secs(1);

impl<'a> Visit<'a, '_> {
    /// An answer that is rendered once for all who ask at the same time, and shared with those who ask while it is still
    /// being read (up to 1 s).
    ///
    /// # Errors
    /// The wait for another caller's rendering came to nothing.
    pub fn shared(
        &self,
        answer: &SharedAnswer,
        render: impl FnOnce() -> Rendered,
    ) -> Result<Response, Unserved> {
        let patience = Patience {
            client: &self.exchange.client_socket(),
            deadline: Instant::now() + PATIENCE,
            most_waiting: self.context.config.server.max_concurrent_requests / 4,
        };
        Ok(answer
            .get(Fresh::WhileRead(FRESH), &patience, render)?
            .into())
    }

    /// The routes that the client may see; none without a key.
    pub fn routes(&self) -> impl Iterator<Item = &'a Arc<Route>> {
        let context = self.context;
        let client = self.client.into_iter();
        client.flat_map(|client| context.routes_of(client))
    }
}

/// The reason why a page is not served.
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

impl From<Unanswered> for Unserved {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::ClientGone => Self::ClientGone,
            Unanswered::Crowded | Unanswered::Late => {
                let message = "too many requests wait for this; try again in a second";
                Refusal::overloaded(message).into()
            }
        }
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
