//! Ollama's API, as clients that speak nothing else use it.

mod access;
mod completions;
mod conversations;
mod lists;
mod vectors;

use serde_json::Value;

use crate::support::gateway::request;
use crate::support::{Config, Gateway, Response, Upstream};

/// A configuration with Ollama's API and these further settings of it.
fn config(upstream: &Upstream, settings: &str) -> Config {
    Config::new()
        .with(&format!("ollama: {{enabled: true{settings}}}"))
        .provider("a", upstream)
        .route("home", [("a", "model-a")])
        .route("dynamic/n8n", [("a", "model-a")])
}

fn post(gateway: &Gateway, path: &str, body: &Value) -> Response {
    gateway.exchange(request("POST", path, &[], &body.to_string()))
}

/// The lines of a stream, each of which has to be an object by itself.
fn lines(response: &Response) -> Vec<Value> {
    let text = response.text();
    assert!(text.ends_with('\n'), "{text}");
    let line =
        |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    text.lines().map(line).collect()
}
