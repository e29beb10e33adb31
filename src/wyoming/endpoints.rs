//! The endpoints of the gateway, as this room calls them.

use std::io::Read;
use std::sync::Arc;

use crate::budget::Budget;
use crate::client_socket::ClientSocket;
use crate::config::Config;

/// The gateway's own endpoints, which are called as any client calls them: with the key of the peers' account.
pub trait Endpoints: Send + Sync {
    /// The configuration of the moment.
    fn config(&self) -> Arc<Config>;

    /// The budget of memory that recordings share with all bodies.
    fn budget(&self) -> &Budget;

    /// Posts a question. Blocks until the head of the answer is there, or the peer has gone; the body's reads end with the
    /// peer as well.
    ///
    /// # Errors
    /// There is no answer, and why.
    fn post(&self, question: &Question<'_>, peer: &ClientSocket) -> Result<Answer, String>;
}

/// A request to an endpoint.
pub struct Question<'q> {
    pub path: &'static str,
    pub content_type: &'q str,
    /// The body in slices.
    pub body: &'q [&'q [u8]],
}

/// An answer, whatever its status is.
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    /// The step that answered, as `provider/model`; empty where none did.
    pub served_by: String,
    pub body: Box<dyn Read>,
}
