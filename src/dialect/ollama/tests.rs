//! Requests as providers get them, and answers as clients read them.

mod answers;
mod any_stream;

use std::time::UNIX_EPOCH;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::answer::Flaw;
use super::super::canonical::{
    Begin, CallFragment, Delta, End, Names, ReasoningMember, Sequence, TokenCounts,
};
use super::super::error::{Code, ErrorBody};
use super::super::request::Request;
use super::super::step_traits::PLAIN;
use super::super::translate::{self, Answering, FrameForm, Frames, Target};
use super::super::{Assemble as _, Dialect};
use super::{Chat, Generate, assemble::Assembler};

const KEPT: &[String] = &[];

fn target(kept: &[String]) -> Target<'_> {
    Target {
        traits: &PLAIN,
        replays_reasoning: true,
        kept,
    }
}

/// The request that a provider of chat gets.
fn asked(client: &dyn Dialect, body: &Value, kept: &[String]) -> Value {
    let body = body.to_string();
    let request = client.read(body.as_bytes().into()).unwrap();
    let provider = super::super::chat::Chat;
    let translated = translate::request(client, &provider, &request, &target(kept)).unwrap();
    serde_json::from_str(&translated.body).unwrap()
}

#[test]
fn each_member_becomes_its_own() {
    let with = |more: Value| {
        let mut body =
            json!({"model": "m", "stream": false, "messages": [{"role": "user", "content": "hi"}]});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        body
    };
    let plain = asked(&Chat, &with(json!({})), KEPT);
    assert_eq!(
        plain,
        json!({"model": "-", "messages": [{"role": "user", "content": "hi"}]})
    );
    for (more, member, expected) in [
        (json!({"tools": []}), "tools", Value::Null),
        (
            json!({"format": "json"}),
            "response_format",
            json!({"type": "json_object"}),
        ),
        (json!({"format": ""}), "response_format", Value::Null),
        (json!({"format": null}), "response_format", Value::Null),
        (json!({"think": "max"}), "reasoning_effort", json!("high")),
        (json!({"think": "low"}), "reasoning_effort", json!("low")),
        (json!({"think": true}), "reasoning_effort", Value::Null),
        (
            json!({"options": {"temperature": 0.5}}),
            "temperature",
            json!(0.5),
        ),
        (json!({"options": {"top_p": 1}}), "top_p", json!(1)),
        (json!({"options": {"seed": 7}}), "seed", json!(7)),
        (
            json!({"options": {"stop": ["a", "b"]}}),
            "stop",
            json!(["a", "b"]),
        ),
        (
            json!({"options": {"presence_penalty": 1}}),
            "presence_penalty",
            json!(1),
        ),
        (
            json!({"options": {"frequency_penalty": -1}}),
            "frequency_penalty",
            json!(-1),
        ),
        (
            json!({"options": {"num_predict": 9}}),
            "max_tokens",
            json!(9),
        ),
        (
            json!({"options": {"num_predict": -1}}),
            "max_tokens",
            Value::Null,
        ),
        (
            json!({"options": {"num_predict": 0}}),
            "max_tokens",
            Value::Null,
        ),
        (
            json!({"options": {"top_k": 5, "num_ctx": 8192}}),
            "top_k",
            Value::Null,
        ),
        (
            json!({"keep_alive": -1, "truncate": true, "shift": false, "unknown": {}}),
            "keep_alive",
            Value::Null,
        ),
    ] {
        let sent = asked(&Chat, &with(more.clone()), KEPT);
        assert_eq!(
            sent.get(member).unwrap_or(&Value::Null),
            &expected,
            "{more}"
        );
        let others = sent.as_object().unwrap().len() - usize::from(!expected.is_null());
        assert_eq!(others, 2, "{sent}");
    }
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let sent = asked(&Chat, &with(json!({"format": schema})), KEPT);
    let format = &sent["response_format"];
    assert_eq!(format["type"], "json_schema");
    assert_eq!(format["json_schema"]["name"], "response");
    assert_eq!(format["json_schema"]["schema"], schema);
    let kept = ["top_k", "repetition_penalty"].map(str::to_owned);
    let sent = asked(
        &Chat,
        &with(json!({"options": {"top_k": 5, "repeat_penalty": 1.1, "min_p": 1}})),
        &kept,
    );
    assert_eq!(
        (&sent["top_k"], &sent["repetition_penalty"]),
        (&json!(5), &json!(1.1))
    );
    assert_eq!(sent.get("min_p"), None);
}

#[test]
fn results_of_tools_find_their_calls_by_id_name_or_order() {
    let call = |name: &str| json!({"function": {"name": name, "arguments": {"a": "\"x\""}}});
    let body = json!({"model": "m", "stream": false, "messages": [
        {"role": "System", "content": "be brief"},
        {"role": "user", "content": "go"},
        {"role": "assistant", "thinking": "hm", "tool_calls": [call("f"), call("g")]},
        {"role": "tool", "content": "for f"},
        {"role": "tool", "content": "for g"},
        {"role": "assistant", "tool_calls": [call("f"), call("g")]},
        {"role": "tool", "tool_name": "g", "content": "by name"},
        {"role": "user", "content": "and?"},
        {"role": "tool", "tool_call_id": "call_2", "content": "by id"},
        {"role": "tool", "content": "for none"},
    ]});
    let sent = asked(&Chat, &body, KEPT);
    let messages = sent["messages"].as_array().unwrap();
    let told: Vec<(&str, &str, String)> = messages
        .iter()
        .map(|message| {
            let content = message["content"].as_str().unwrap_or_default();
            let calls = message["tool_calls"].as_array();
            let ids = calls
                .into_iter()
                .flatten()
                .map(|call| call["id"].as_str().unwrap());
            let id = message["tool_call_id"].as_str().unwrap_or_default();
            (
                message["role"].as_str().unwrap(),
                content,
                ids.chain([id]).collect(),
            )
        })
        .collect();
    let of = |role, content, ids: &str| (role, content, ids.to_owned());
    assert_eq!(
        told,
        [
            of("system", "be brief", ""),
            of("user", "go", ""),
            of("assistant", "", "call_0call_1"),
            of("tool", "for f", "call_0"),
            of("tool", "for g", "call_1"),
            of("assistant", "", "call_2call_3"),
            of("tool", "by name", "call_3"),
            of("tool", "by id", "call_2"),
            of("user", "and?\n\nfor none", ""),
        ]
    );
    let arguments = &messages[2]["tool_calls"][0]["function"]["arguments"];
    assert_eq!(arguments, r#"{"a":"\"x\""}"#);
}

#[test]
fn images_have_the_type_that_their_first_characters_tell() {
    let images = [
        "iVBORw0K",
        "/9j/4AAQ",
        "R0lGODlh",
        "UklGRiQA",
        "AAAA",
        "data:image/gif;base64,R0lG",
    ];
    let body =
        json!({"model": "m", "prompt": "what?", "system": "s", "images": images, "stream": false});
    let sent = asked(&Generate, &body, KEPT);
    assert_eq!(
        sent["messages"][0],
        json!({"role": "system", "content": "s"})
    );
    let parts = sent["messages"][1]["content"].as_array().unwrap();
    assert_eq!(parts[0]["text"], "what?");
    let urls: Vec<&str> = parts[1..]
        .iter()
        .map(|part| part["image_url"]["url"].as_str().unwrap())
        .collect();
    assert_eq!(
        urls,
        [
            "data:image/png;base64,iVBORw0K",
            "data:image/jpeg;base64,/9j/4AAQ",
            "data:image/gif;base64,R0lGODlh",
            "data:image/webp;base64,UklGRiQA",
            "data:image/jpeg;base64,AAAA",
            "data:image/gif;base64,R0lG",
        ]
    );
}

/// The frames of an answer to a body, in a form.
fn answered(
    client: &dyn Dialect,
    body: &str,
    deltas: &[Delta<'_>],
    form: FrameForm,
) -> Result<Frames, Flaw> {
    let request: Request<'_> = client.read(body.as_bytes().into()).unwrap();
    let mut writer = client.client_side().unwrap().write_answer(Answering {
        request: &request,
        target: target(KEPT),
        names: Names::default(),
        model: Some("route"),
        seed: 7,
        now: UNIX_EPOCH,
    });
    let mut out = Frames::new(form);
    let mut sequence = Sequence::default();
    writer.summarize(r#"{"route_name":"r"}"#);
    for delta in deltas {
        sequence.push(*delta, &mut |delta| writer.write(delta, &mut out))?;
    }
    sequence.finish(&mut |delta| writer.write(delta, &mut out))?;
    writer.finish(&mut out)?;
    Ok(out)
}

fn lines(text: &str) -> Vec<Value> {
    assert!(text.ends_with('\n'));
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

const BODY: &str = r#"{"model":"home:latest","messages":[{"role":"user","content":"hi"}]}"#;
