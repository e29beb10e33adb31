//! A provider of chat completions that forgives nothing: whatever some strict provider in the field refuses, it refuses.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::upstream::Request;
use super::{Script, Upstream, openai};

/// The members of a request that providers take, as far as translation has a use for them.
const KNOWN: [&str; 17] = [
    "model",
    "messages",
    "stream",
    "stream_options",
    "max_tokens",
    "temperature",
    "top_p",
    "stop",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "response_format",
    "reasoning_effort",
    "logprobs",
    "top_logprobs",
    "frequency_penalty",
    "presence_penalty",
];

/// A provider that answers what `answer` says, and refuses what a strict one would. The client is not told the fault, or
/// the gateway would learn from it and heal the request.
pub fn upstream(answer: impl Fn(&Request) -> Script + Send + Sync + 'static) -> Upstream {
    Upstream::answering(move |request| match fault(&request.json()) {
        None => answer(request),
        Some(fault) => {
            eprintln!("the strict provider refuses: {fault}: {}", request.text());
            Script::json(400, &openai::error("no", "invalid_request"))
        }
    })
}

/// Whatever a strict provider would refuse a request for; `None` of a good one.
pub fn fault(request: &Value) -> Option<String> {
    let members = request.as_object()?;
    if let Some(unknown) = members.keys().find(|key| !KNOWN.contains(&key.as_str())) {
        return Some(format!("{unknown}: Extra inputs are not permitted"));
    }
    if members.values().any(Value::is_null) {
        return Some("a member must not be null".to_owned());
    }
    let tools = members.get("tools").and_then(Value::as_array);
    if tools.is_some_and(Vec::is_empty) {
        return Some("tools: must not be empty".to_owned());
    }
    if tools.is_none()
        && (members.contains_key("tool_choice") || members.contains_key("parallel_tool_calls"))
    {
        return Some("tool_choice is only allowed with tools".to_owned());
    }
    let names = tools
        .into_iter()
        .flatten()
        .map(|tool| tool["function"]["name"].as_str());
    if names.flatten().any(|name| name.len() > 64) {
        return Some("tools: a name has more than 64 characters".to_owned());
    }
    let messages = members["messages"].as_array()?;
    of_messages(messages)
}

fn of_messages(messages: &[Value]) -> Option<String> {
    let mut awaited = BTreeSet::new();
    let mut before = "";
    for (place, message) in messages.iter().enumerate() {
        let members = message.as_object()?;
        let role = message["role"].as_str()?;
        let wrong = |words: &str| Some(format!("messages[{place}]: {words}"));
        if role != "tool" && !awaited.is_empty() {
            return wrong("calls have no results right behind them");
        }
        match role {
            "system" if place > 0 => return wrong("a system message has to be the first"),
            "system" if !message["content"].is_string() => return wrong("no text"),
            "assistant" if before == "assistant" => return wrong("two answers in a row"),
            "tool" => {
                let id = message["tool_call_id"].as_str()?;
                if !awaited.remove(id) {
                    return wrong("a result without its call");
                }
                if message["content"].as_str().is_none_or(str::is_empty) {
                    return wrong("the content of a result has to be a text");
                }
            }
            "system" | "user" | "assistant" => {}
            _ => return wrong("an unknown role"),
        }
        let known = [
            "role",
            "content",
            "tool_calls",
            "tool_call_id",
            "reasoning_content",
            "reasoning",
        ];
        if members.keys().any(|key| !known.contains(&key.as_str())) {
            return wrong("an unknown member");
        }
        if let Some(fault) = of_calls(members, &mut awaited) {
            return wrong(&fault);
        }
        before = role;
    }
    (!awaited.is_empty()).then(|| "calls have no results".to_owned())
}

fn of_calls(message: &Map<String, Value>, awaited: &mut BTreeSet<String>) -> Option<String> {
    let calls = message.get("tool_calls").and_then(Value::as_array);
    if message["role"] == "assistant" && calls.is_none() && !message["content"].is_string() {
        return Some("an answer without a word".to_owned());
    }
    for call in calls.into_iter().flatten() {
        let arguments = call["function"]["arguments"].as_str().unwrap_or_default();
        if !serde_json::from_str(arguments).is_ok_and(|value: Value| value.is_object()) {
            return Some("arguments that are no object".to_owned());
        }
        if !awaited.insert(call["id"].as_str().unwrap_or_default().to_owned()) {
            return Some("two calls with one id".to_owned());
        }
    }
    None
}

/// The chunks of a stream that calls these tools, `(id, name, arguments)` each; the arguments come in two pieces.
pub fn calling(calls: &[(&str, &str, &str)]) -> Vec<String> {
    let mut chunks = vec![openai::role()];
    for (index, (id, name, arguments)) in calls.iter().enumerate() {
        let (first, second) = arguments.split_at(arguments.len() / 2);
        chunks.push(openai::chunk(json!({"tool_calls": [{
            "index": index, "id": id, "type": "function", "function": {"name": name, "arguments": first}}]})));
        chunks.push(openai::chunk(json!({"tool_calls": [{
            "index": index, "function": {"arguments": second}}]})));
    }
    chunks.push(ended("tool_calls"));
    chunks.push(usage());
    chunks
}

/// The chunk that ends an answer for a reason.
pub fn ended(reason: &str) -> String {
    openai::chunk_of(json!([{"index": 0, "delta": {}, "finish_reason": reason}]))
}

/// The chunk with the counts of tokens behind the end.
pub fn usage() -> String {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": openai::UPSTREAM_MODEL,
        "choices": [], "usage": {"prompt_tokens": 13, "completion_tokens": 5, "total_tokens": 18,
            "prompt_tokens_details": {"cached_tokens": 10}},
    })
    .to_string()
}

/// A whole answer with this message.
pub fn whole(message: &Value, reason: &str) -> String {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000, "model": openai::UPSTREAM_MODEL,
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        "usage": {"prompt_tokens": 13, "completion_tokens": 5, "total_tokens": 18,
            "prompt_tokens_details": {"cached_tokens": 10}},
    })
    .to_string()
}

/// The provider with an answer of this message, be it plain or as a stream with a chunk for each member.
pub fn answering(message: Value, finish_reason: &str) -> Upstream {
    let finish_reason = finish_reason.to_owned();
    upstream(move |request| {
        if request.asks_for_a_stream() {
            stream(&message, &finish_reason)
        } else {
            Script::json(200, &whole(&message, &finish_reason))
        }
    })
}

/// A stream of a message, whose usage comes behind its end.
pub fn stream(message: &Value, finish_reason: &str) -> Script {
    let mut events = vec![openai::role()];
    let (reasoning, others): (Vec<_>, Vec<_>) = message
        .as_object()
        .unwrap()
        .iter()
        .partition(|(name, _)| name.starts_with("reasoning"));
    for (name, value) in reasoning.into_iter().chain(others) {
        match (&**name, value) {
            ("role", _) | (_, Value::Null) => {}
            ("tool_calls", Value::Array(calls)) => {
                for (index, call) in calls.iter().enumerate() {
                    let mut call = call.clone();
                    call["index"] = json!(index);
                    events.push(openai::chunk(json!({"tool_calls": [call]})));
                }
            }
            (_, Value::String(text)) => {
                for piece in text.split_inclusive(' ') {
                    events.push(openai::chunk(json!({ name.as_str(): piece })));
                }
            }
            _ => events.push(openai::chunk(json!({ name.as_str(): value }))),
        }
    }
    events.push(ended(finish_reason));
    events.push(usage());
    Script::events(events)
}
