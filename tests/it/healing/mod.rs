//! What a provider refuses by its name is left out, in the same attempt, and remembered: the acceptance of self-healing.

mod fit;
mod memory;
mod profiles;
mod rows;

use serde_json::{Value, json};

use crate::support::upstream::Request;
use crate::support::{Script, Upstream, openai};

/// An error in OpenAI's shape without any field.
fn said(message: &str) -> String {
    json!({"error": {"message": message}}).to_string()
}

/// An upstream that answers this as long as a request is wrong.
fn refusing(
    status: u16,
    body: &str,
    is_wrong: impl Fn(&Value) -> bool + Send + Sync + 'static,
) -> Upstream {
    let body = body.to_owned();
    Upstream::answering(move |request: &Request| {
        if is_wrong(&request.json()) {
            Script::json(status, &body)
        } else {
            request.answer("fine")
        }
    })
}

/// An upstream that knows no `store`.
fn without_store() -> Upstream {
    refusing(400, &said("Unknown parameter: 'store'."), |body| {
        !body["store"].is_null()
    })
}

/// A request for a route, with these members besides.
fn request(route: &str, stream: bool, members: &str) -> String {
    let messages = if members.contains("\"messages\"") {
        ""
    } else {
        r#","messages":[{"role":"user","content":"hi"}]"#
    };
    format!(r#"{{"model":"{route}","stream":{stream}{messages}{members}}}"#)
}

/// The text of an answer, streamed or not.
fn text(response: &crate::support::Response, stream: bool) -> String {
    if !stream {
        return openai::content(&response.json());
    }
    let events = response.events();
    let events = events.iter().filter(|event| event.as_str() != "[DONE]");
    let events = events.map(|event| serde_json::from_str::<Value>(event).unwrap());
    events.map(|event| openai::content(&event)).collect()
}
