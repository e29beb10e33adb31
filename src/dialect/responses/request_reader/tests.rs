//! Requests as a provider of chat gets them: the rows of the table in docs, one by one.

mod any_request;
mod items;
mod tools;
mod unfit;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::dialect::chat::Chat;
use crate::dialect::request::Unfit;
use crate::dialect::responses::Responses;
use crate::dialect::step_traits::StepTraits;
use crate::dialect::translate::{self, Target, Translated};
use crate::dialect::{Dialect as _, canonical::ToolName};

const TAG: u16 = 0x0bad;

fn translated_for(traits: &StepTraits, body: &Value) -> Result<Translated, Unfit> {
    let body = body.to_string();
    let request = Responses.read(body.as_bytes().into()).unwrap();
    let target = Target {
        traits,
        replays_reasoning: false,
        kept: &[],
    };
    translate::request(&Responses, &Chat, &request, &target)
}

fn translated(body: &Value) -> Result<Translated, Unfit> {
    let mut traits = StepTraits::default();
    traits.translation.tag = TAG;
    translated_for(&traits, body)
}

/// The request with some members.
fn request(members: Value) -> Value {
    let mut body = json!({"model": "r", "input": "hi"});
    let Value::Object(members) = members else {
        panic!("no members: {members}")
    };
    body.as_object_mut().unwrap().extend(members);
    body
}

/// The chat members that some members make, besides `model` and the usual message.
fn made(members: Value) -> Value {
    let body = translated(&request(members)).unwrap().body;
    let mut chat: Value = serde_json::from_str(&body).unwrap();
    let object = chat.as_object_mut().unwrap();
    object.remove("model");
    if object["messages"] == json!([{"role": "user", "content": "hi"}]) {
        object.remove("messages");
    }
    chat
}

/// The messages that items make.
fn messages(items: Value) -> Value {
    made(json!({ "input": items }))["messages"].take()
}

/// The member at fault, and the words for the client.
fn refused(members: Value) -> (String, String) {
    let unfit = translated(&request(members.clone())).expect_err(&members.to_string());
    (unfit.param.unwrap(), unfit.reason)
}

#[test]
fn members_become_what_chat_has_for_them() {
    for (sent, expected) in [
        (json!({}), json!({})),
        (
            json!({"instructions": "Be brief."}),
            json!({"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}]}),
        ),
        (json!({"instructions": null}), json!({})),
        (json!({"instructions": ""}), json!({})),
        (
            json!({"instructions": [{"role": "developer", "content": "a"}, {"role": "system", "content": [{"type": "input_text", "text": "b"}]}]}),
            json!({"messages": [{"role": "system", "content": "a\n\nb"}, {"role": "user", "content": "hi"}]}),
        ),
        (
            json!({"stream": true, "stream_options": {"include_obfuscation": false}}),
            json!({"stream": true, "stream_options": {"include_usage": true}}),
        ),
        (
            json!({"max_output_tokens": 9, "temperature": 0.5, "top_p": null}),
            json!({"max_tokens": 9, "temperature": 0.5}),
        ),
        (json!({"top_logprobs": 0}), json!({})),
        (
            json!({"top_logprobs": 3}),
            json!({"logprobs": true, "top_logprobs": 3}),
        ),
        (
            json!({"include": ["reasoning.encrypted_content", "message.output_text.logprobs"]}),
            json!({"logprobs": true}),
        ),
        (
            json!({"text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": true}}}),
            json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": true}}}),
        ),
        (
            json!({"text": {"format": {"type": "json_schema", "schema": {}}}}),
            json!({"response_format": {"type": "json_schema", "json_schema": {"name": "response", "schema": {}}}}),
        ),
        (
            json!({"text": {"format": {"type": "json_object"}}}),
            json!({"response_format": {"type": "json_object"}}),
        ),
        (json!({"text": {"format": {"type": "text"}}}), json!({})),
        (json!({"text": {"format": {}}}), json!({})),
        (
            json!({"reasoning": {"effort": "low", "summary": "auto"}}),
            json!({"reasoning_effort": "low"}),
        ),
        (json!({"reasoning": {"summary": "auto"}}), json!({})),
        // What Codex, Home Assistant and n8n send beside: one leaked member breaks a strict provider for good.
        (
            json!({"store": false, "include": [], "prompt_cache_key": "k", "prompt_cache_retention": "24h", "user": "u",
                "client_metadata": {}, "metadata": {"a": "b"}, "service_tier": "auto", "safety_identifier": "s",
                "max_tool_calls": 3, "background": false, "prompt_cache_options": {}, "access_programs": [], "unknown": 1,
                "parallel_tool_calls": true, "tool_choice": "auto", "tools": [], "truncation": "disabled",
                "previous_response_id": null, "conversation": null, "prompt": null, "moderation": null}),
            json!({}),
        ),
        (json!({"parallel_tool_calls": false}), json!({})),
    ] {
        assert_eq!(made(sent.clone()), expected, "{sent}");
    }
}
