//! `POST /v1/messages`: on steps whose providers speak it, and on those that are asked in chat.

mod after_commit;
mod counting;
mod failover;
mod healing;
mod refusals;
mod relay;
mod translated_failover;
mod translated_for_chat_clients;
mod translated_requests;
mod translated_streams;

use serde_json::{Value, json};

use crate::support::client::{End, Response};
use crate::support::config::Reachable;
use crate::support::gateway::request;
use crate::support::{Config, Gateway, Script, Step, Upstream, messages};

/// What makes a provider one of Anthropic's kind.
const KIND: &str = "kind: anthropic";

/// A provider that speaks Messages, and answers well.
fn saying(text: &str) -> Upstream {
    let text = text.to_owned();
    Upstream::answering(move |request| {
        if request.asks_for_a_stream() {
            messages::stream(&messages::events(&[&text]))
        } else {
            Script::json(200, &messages::answer(&text))
        }
    })
}

/// A route over two steps whose providers speak Messages.
fn route(a: &(impl Reachable + ?Sized), b: &(impl Reachable + ?Sized)) -> Gateway {
    Config::new()
        .provider_with("a", a, &[KIND, "api_key: key-of-a-0123456789"])
        .provider_with("b", b, &[KIND])
        .route(
            "r",
            [
                Step::new("a", "model-a")
                    .with("timeout: 400ms")
                    .with("stall_timeout: 300ms"),
                Step::new("b", "model-b"),
            ],
        )
        .start()
}

fn post(gateway: &Gateway, body: &str) -> Response {
    gateway.exchange(request("POST", "/v1/messages", &[], body))
}

fn ask(gateway: &Gateway, stream: bool) -> Response {
    post(gateway, &messages::request("r", stream))
}

/// The events of a stream, each of which came under the name that its data say: without it, both of Anthropic's libraries
/// see nothing.
fn events(response: &Response) -> Vec<Value> {
    let text = response.text();
    let mut events = Vec::new();
    for event in text.split("\n\n").filter(|event| event.contains("data: ")) {
        let mut lines = event.lines().filter(|line| !line.starts_with(':'));
        let (name, data) = (
            lines.next().unwrap(),
            lines.next().expect("data behind the name"),
        );
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(name, format!("event: {}", data["type"].as_str().unwrap()));
        events.push(data);
    }
    events
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect()
}
