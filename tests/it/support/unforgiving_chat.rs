//! A provider of chat completions as strict as the strictest: Groq, Mistral and Cerebras refuse members that they do not
//! know, chat templates of Qwen and others refuse a second system message, and OpenAI refuses results of tools that do not
//! stand right behind their calls.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::upstream::Request;
use super::{Script, Upstream, openai};

const MEMBERS: [&str; 17] = [
    "model",
    "messages",
    "stream",
    "stream_options",
    "max_tokens",
    "temperature",
    "top_p",
    "logprobs",
    "top_logprobs",
    "parallel_tool_calls",
    "tools",
    "tool_choice",
    "response_format",
    "reasoning_effort",
    "stop",
    "frequency_penalty",
    "presence_penalty",
];

/// The provider: it refuses with 400 what is at fault, and answers all else as it is told. The client is not told the
/// fault, or the gateway would learn from it and heal the request.
pub fn upstream(answer: impl Fn(&Request) -> Script + Send + Sync + 'static) -> Upstream {
    Upstream::answering(move |request| match fault(&request.json()) {
        Some(fault) => {
            eprintln!("the strict provider refuses: {fault}: {}", request.text());
            Script::json(400, &openai::error("no", "invalid_request"))
        }
        None => answer(request),
    })
}

/// The provider with an answer of this message, be it plain or as a stream with a chunk for each member.
pub fn answering(message: Value, finish_reason: &str) -> Upstream {
    let finish_reason = finish_reason.to_owned();
    upstream(move |request| {
        if request.asks_for_a_stream() {
            stream(&message, &finish_reason)
        } else {
            Script::json(200, &whole(&message, &finish_reason).to_string())
        }
    })
}

/// A whole answer with a message.
pub fn whole(message: &Value, finish_reason: &str) -> Value {
    json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": openai::UPSTREAM_MODEL,
        "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}})
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
    events.push(openai::chunk_of(
        json!([{"index": 0, "delta": {}, "finish_reason": finish_reason}]),
    ));
    events.push(
        json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": openai::UPSTREAM_MODEL,
            "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}})
        .to_string(),
    );
    Script::events(events)
}

/// The fault of a request; none if the strictest takes it.
pub fn fault(body: &Value) -> Option<String> {
    let members = body.as_object().unwrap();
    if let Some(unknown) = members
        .keys()
        .find(|name| !MEMBERS.contains(&name.as_str()))
    {
        return Some(format!("property '{unknown}' is unsupported"));
    }
    if let Some(null) = members.iter().find(|(_, value)| value.is_null()) {
        return Some(format!("property '{}' must not be null", null.0));
    }
    if !members.contains_key("tools") {
        let needs_tools = ["tool_choice", "parallel_tool_calls"];
        if let Some(name) = needs_tools.iter().find(|name| members.contains_key(**name)) {
            return Some(format!(
                "'{name}' is only allowed when 'tools' are specified"
            ));
        }
    }
    let messages = body["messages"].as_array().unwrap();
    messages
        .iter()
        .enumerate()
        .find_map(|(index, message)| fault_of_message(message, index, messages))
}

fn fault_of_message(message: &Value, index: usize, messages: &[Value]) -> Option<String> {
    let role = message["role"].as_str().unwrap_or_default();
    let known: &[&str] = match role {
        "system" | "user" => &["role", "content"],
        "assistant" => &[
            "role",
            "content",
            "tool_calls",
            "reasoning_content",
            "reasoning",
        ],
        "tool" => &["role", "content", "tool_call_id"],
        _ => return Some(format!("unknown role '{role}'")),
    };
    let members = message.as_object().unwrap();
    if let Some(unknown) = members.keys().find(|name| !known.contains(&name.as_str())) {
        return Some(format!(
            "messages.{index}: property '{unknown}' is unsupported"
        ));
    }
    let before = index.checked_sub(1).map(|before| &messages[before]);
    let role_before = before.and_then(|before| before["role"].as_str());
    let is_text = message["content"].is_string();
    match role {
        "system" if index > 0 => Some("System message must be at the beginning.".to_owned()),
        "system" | "tool" if !is_text => {
            Some(format!("messages.{index}: content must be a string"))
        }
        "assistant" if role_before == Some("assistant") => {
            Some("two assistant messages in a row".to_owned())
        }
        "assistant" if message["content"].is_null() && message.get("tool_calls").is_none() => {
            Some("an assistant message must have content or tool_calls".to_owned())
        }
        "tool" => {
            let asked = messages[..index]
                .iter()
                .rev()
                .find(|message| message["role"] != "tool");
            let ids = ids_of(asked.unwrap_or(&Value::Null));
            let is_answer = ids.contains(message["tool_call_id"].as_str().unwrap_or_default());
            (!is_answer).then(|| format!("messages.{index}: no call of this id right before it"))
        }
        _ => None,
    }
    .or_else(|| {
        // Whatever is no result ends the run of results: all calls must have theirs.
        let asked = messages[..index]
            .iter()
            .rposition(|message| message["role"] != "tool")?;
        let missing = role != "tool"
            && !ids_of(&messages[asked]).is_subset(
                &messages[asked + 1..index]
                    .iter()
                    .map(|message| message["tool_call_id"].as_str().unwrap_or_default())
                    .collect(),
            );
        missing.then(|| format!("messages.{index}: a call has no result"))
    })
}

fn ids_of(message: &Value) -> BTreeSet<&str> {
    let calls = message["tool_calls"].as_array().into_iter().flatten();
    calls.filter_map(|call| call["id"].as_str()).collect()
}
