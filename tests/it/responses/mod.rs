//! `POST /v1/responses`, on steps whose providers speak it and on all others.

mod after_commit;
mod applications;
mod failover;
mod refusals;
mod relay;
mod translated;
mod translated_conversations;
mod translated_faults;
mod translated_mixed;
mod translated_to_messages;

use serde_json::{Value, json};

use crate::support::client::{End, Response};
use crate::support::config::Reachable;
use crate::support::gateway::request;
use crate::support::{Config, Gateway, Script, Step, Upstream, responses};

/// A provider that speaks Responses, and answers well.
fn saying(text: &str) -> Upstream {
    let text = text.to_owned();
    Upstream::answering(move |request| {
        assert_eq!(request.head.first_line, "POST /v1/responses HTTP/1.1");
        if request.asks_for_a_stream() {
            responses::stream(&responses::events(&[&text]))
        } else {
            Script::json(200, &responses::answer(&text))
        }
    })
}

/// A route over two steps whose providers speak Responses.
fn route(a: &(impl Reachable + ?Sized), b: &(impl Reachable + ?Sized)) -> Gateway {
    Config::new()
        .provider_with("a", a, &["responses: true"])
        .provider_with("b", b, &["responses: true"])
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
    gateway.exchange(request("POST", "/v1/responses", &[], body))
}

fn ask(gateway: &Gateway, stream: bool) -> Response {
    post(gateway, &responses::request("r", stream))
}

/// The events of a stream, each of which came under the name that its data say, with their numbers in a row.
fn events(response: &Response) -> Vec<Value> {
    let text = response.text();
    let mut events = Vec::new();
    for event in text.split("\n\n").filter(|event| event.contains("data: {")) {
        let mut lines = event.lines().filter(|line| !line.starts_with(':'));
        let (name, data) = (
            lines.next().unwrap(),
            lines.next().expect("data behind the name"),
        );
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(name, format!("event: {}", data["type"].as_str().unwrap()));
        assert_eq!(data["sequence_number"], json!(events.len()), "{response}");
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
