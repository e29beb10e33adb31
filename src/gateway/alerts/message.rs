//! A message: an event as people and programs read it.

use std::sync::Arc;

use serde::Serialize;

use super::episodes::{Change, Subject};
use crate::config::AlertEvent;
use crate::text::for_people;

/// A message, whose text holds no key.
#[derive(Clone, Debug)]
pub struct Message {
    pub subject: Subject,
    /// The state began; otherwise it ended.
    pub began: bool,
    /// A sentence (at most 500 characters).
    pub text: String,
    /// The time as in RFC 3339.
    pub at: String,
    /// The name of the machine.
    pub gateway: Arc<str>,
}

/// A message as webhooks get it.
#[derive(Serialize)]
struct WebhookBody<'m> {
    event: &'static str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<&'m str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'m str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'m str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<&'m str>,
    text: &'m str,
    at: &'m str,
    gateway: &'m str,
}

impl Message {
    /// A message of a change. `text` is what the change says, with its keys masked.
    pub fn new(change: Change, text: &str, at: String, gateway: Arc<str>) -> Self {
        Self {
            subject: change.subject,
            began: change.began,
            text: for_people(text).to_owned(),
            at,
            gateway,
        }
    }

    /// The message as JSON.
    pub fn json(&self) -> String {
        let body = WebhookBody {
            event: self.subject.event.label(),
            state: if self.began { "began" } else { "ended" },
            route: self.subject.route.as_deref(),
            provider: self.subject.provider.as_deref(),
            model: self.subject.model.as_deref(),
            client: self.subject.client.as_deref(),
            text: &self.text,
            at: &self.at,
            gateway: &self.gateway,
        };
        serde_json::to_string(&body).unwrap_or_default()
    }

    /// A heading of a few words.
    pub fn title(&self) -> &'static str {
        use AlertEvent as Event;
        match (self.subject.event, self.began) {
            (Event::RouteDown, true) => "Route down",
            (Event::RouteDown, false) => "Route up again",
            (Event::LastStep, true) => "Last step serves",
            (Event::LastStep, false) => "Last step not needed",
            (Event::KeyRefused, true) => "Key refused",
            (Event::KeyRefused, false) => "Key works again",
            (Event::ModelGone, true) => "Model gone",
            (Event::ModelGone, false) => "Model is back",
            (Event::Quota, true) => "Quota nearly used",
            (Event::Quota, false) => "Quota free again",
            (Event::Budget, true) => "Budget",
            (Event::Budget, false) => "Budget free again",
            (Event::ConfigRefused, true) => "Configuration refused",
            (Event::ConfigRefused, false) => "Configuration taken",
            (Event::Started, _) => "Gateway started",
            (Event::Test, _) => "Test",
            (Event::More, _) => "More alerts",
            (Event::Unsafe, true) => "Gateway is open",
            (Event::Unsafe, false) => "Gateway is closed again",
        }
    }

    /// The urgency, from 2 to 5 (urgent).
    pub fn priority(&self) -> u8 {
        use AlertEvent as Event;
        match self.subject.event {
            _ if !self.began => 2,
            Event::RouteDown | Event::Unsafe => 5,
            Event::KeyRefused | Event::Budget | Event::ConfigRefused => 4,
            Event::LastStep | Event::ModelGone | Event::Quota | Event::Test => 3,
            Event::Started | Event::More => 2,
        }
    }
}

/// A message of no further interest.
#[cfg(test)]
pub fn test_message(text: &str) -> Arc<Message> {
    let change = Change {
        subject: Subject::new(AlertEvent::RouteDown),
        began: true,
        text: text.to_owned(),
    };
    let at = "2026-11-26T10:00:00Z".to_owned();
    Arc::new(Message::new(change, text, at, Arc::from("vps1")))
}
