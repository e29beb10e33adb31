//! The demo's two providers: one that always refuses, one that echoes.

use serde_json::Value;

use crate::http::{Exchange, Handler, Response, ResponseHead};
use crate::json::raw;
use crate::sse;

/// A provider that answers every request with 429, as a free tier does on a busy day.
pub struct RateLimited;

impl Handler for RateLimited {
    fn handle(&self, mut exchange: Exchange<'_>) {
        if exchange.read_body().is_err() {
            return;
        }
        let body = r#"{"error":{"message":"Rate limit reached. Please try again in 2s.","type":"requests","param":null,"code":"rate_limit_exceeded"}}"#;
        let response = Response::json(429, body.as_bytes().to_vec());
        exchange.send(response.with("Retry-After", "2"));
    }
}

/// A provider that answers with the last message, plain or as a stream.
pub struct Steady;

impl Handler for Steady {
    fn handle(&self, mut exchange: Exchange<'_>) {
        let Ok(body) = exchange.read_body() else {
            return;
        };
        let request: Value = serde_json::from_slice(&body).unwrap_or_default();
        let said = request
            .pointer("/messages")
            .and_then(Value::as_array)
            .and_then(|messages| messages.last())
            .and_then(|message| message.get("content"))
            .and_then(Value::as_str)
            .unwrap_or("nothing");
        let text = format!("You said: {said}");
        if request.get("stream") == Some(&Value::Bool(true)) {
            stream(exchange, &text);
        } else {
            exchange.send(Response::json(200, whole(&text).into_bytes()));
        }
    }
}

// Both are written by hand: their members stand in the usual order, for people who read the demo's output.

fn whole(text: &str) -> String {
    let text = raw::quoted(text);
    format!(
        r#"{{"id":"chatcmpl-demo","object":"chat.completion","created":0,"model":"echo-1","choices":[{{"index":0,"message":{{"role":"assistant","content":{text}}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}}}}"#
    )
}

fn chunk(delta: &str, finish_reason: &str) -> String {
    format!(
        r#"{{"id":"chatcmpl-demo","object":"chat.completion.chunk","created":0,"model":"echo-1","choices":[{{"index":0,"delta":{delta},"finish_reason":{finish_reason}}}]}}"#
    )
}

fn stream(exchange: Exchange<'_>, text: &str) {
    let mut stream = exchange.stream(ResponseHead::new(200, "text/event-stream"));
    let deltas = text.split_inclusive(' ').enumerate().map(|(index, word)| {
        let role = if index == 0 {
            r#""role":"assistant","#
        } else {
            ""
        };
        let word = raw::quoted(word);
        chunk(&format!(r#"{{{role}"content":{word}}}"#), "null")
    });
    let ends = [chunk("{}", r#""stop""#), "[DONE]".to_owned()];
    for data in deltas.chain(ends) {
        let mut event = String::new();
        sse::encode(&mut event, &data);
        if stream.write(event.as_bytes()).is_err() {
            return;
        }
    }
    stream.finish();
}
