//! Alerts, as their receivers get them.

mod events;
mod models;
mod receivers;
mod stop;

use serde_json::Value;

use crate::support::upstream::Request;
use crate::support::{Config, Script, Upstream, openai};

/// A token that must show nowhere but in calls to its receiver.
const TOKEN: &str = "hidden-token-0123456789";

/// A receiver that takes everything.
fn receiver() -> Upstream {
    Upstream::always(Script::json(200, "{}"))
}

/// The address of a receiver, with a token in it.
fn address(receiver: &Upstream) -> String {
    format!("http://{}/hook/{TOKEN}", receiver.address)
}

/// A gateway with a route `r` over these providers, in this order, and a webhook with these settings.
fn config(receiver: &Upstream, settings: &str, providers: &[(&str, &Upstream)]) -> Config {
    let url = address(receiver);
    let alerts = format!("alerts:\n  - {{kind: webhook, url: '{url}', {settings}}}");
    let mut config = Config::new().with(&alerts);
    for (name, upstream) in providers {
        config = config.provider(name, *upstream);
    }
    let steps = providers.iter().map(|(name, _)| (*name, "model-a"));
    config.route("r", steps)
}

/// The message that a webhook got: event, state and text.
fn told(request: &Request) -> (String, String, String) {
    let body = request.json();
    let member = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    (member("event"), member("state"), member("text"))
}

/// Waits for the message of an event.
fn wait_for(receiver: &Upstream, event: &str, state: &str) -> Value {
    receiver.wait_for(&format!("{event} {state}"), |requests| {
        let mut bodies = requests.iter().map(Request::json);
        bodies.find(|body| body["event"] == event && body["state"] == state)
    })
}

fn limited(seconds: &str) -> Script {
    let error = openai::error("slow down", "rate_limit_exceeded");
    Script::body(429, &[("Retry-After", seconds)], error)
}
