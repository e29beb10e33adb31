//! The demo's two providers: one that always refuses, one that echoes.

use serde_json::{Value, json};

use crate::http::{Exchange, Handler, Response, ResponseHead};
use crate::sse;

/// A provider that answers every request with 429, as a free tier does on a busy day.
pub struct RateLimited;

impl Handler for RateLimited {
    fn handle(&self, mut exchange: Exchange<'_>) {
        if exchange.read_body().is_err() {
            return;
        }
        let body = json!({"error": {
            "message": "Rate limit reached. Please try again in 2s.",
            "type": "requests", "param": null, "code": "rate_limit_exceeded",
        }});
        let response = Response::json(429, body.to_string().into_bytes());
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
            exchange.send(Response::json(200, whole(&text).to_string().into_bytes()));
        }
    }
}

fn whole(text: &str) -> Value {
    json!({
        "id": "chatcmpl-demo", "object": "chat.completion", "created": 0, "model": "echo-1",
        "choices": [{
            "index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": text},
        }],
        "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8},
    })
}

fn stream(exchange: Exchange<'_>, text: &str) {
    let mut stream = exchange.stream(ResponseHead::new(200, "text/event-stream"));
    let deltas = text
        .split_inclusive(' ')
        .map(|word| (json!({"content": word}), None));
    let last = (json!({}), Some("stop"));
    for (delta, finish_reason) in deltas.chain([last]) {
        let chunk = json!({
            "id": "chatcmpl-demo", "object": "chat.completion.chunk", "created": 0, "model": "echo-1",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}],
        });
        let mut event = String::new();
        sse::encode(&mut event, &chunk.to_string());
        if stream.write(event.as_bytes()).is_err() {
            return;
        }
    }
    let mut event = String::new();
    sse::encode(&mut event, "[DONE]");
    if stream.write(event.as_bytes()).is_ok() {
        stream.finish();
    }
}
