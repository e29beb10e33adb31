//! The outcome of an action: an answer for the page, and a line in the log.

use serde::Serialize;

use crate::config::Account;
use crate::http::Response;

/// The outcome of an action.
#[derive(Serialize)]
pub struct Outcome {
    pub ok: bool,
    /// The outcome in one or two sentences.
    pub text: String,
}

impl Outcome {
    pub fn new(ok: bool, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { ok, text }
    }

    /// The answer under a status.
    pub fn response(&self, status: u16) -> Response {
        // Strings and flags always serialize.
        Response::json(status, serde_json::to_vec(self).unwrap_or_default())
    }

    /// Tells the log who did it, and what came of it.
    pub fn tell(&self, client: &Account, action: &str) {
        log::info!(
            client = client.name.as_str(), action = action, ok = self.ok, outcome = self.text.as_str();
            "action"
        );
    }
}
