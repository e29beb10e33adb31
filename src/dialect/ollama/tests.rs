//! Requests as providers get them, and answers as clients read them.

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

fn a_turn() -> Vec<Delta<'static>> {
    vec![
        Delta::Begin(Begin::default()),
        Delta::Reasoning {
            text: "hm",
            member: ReasoningMember::Content,
        },
        Delta::Text("Par"),
        Delta::Text(r"is \ud83d"),
        Delta::Text(r"\ude00"),
        Delta::Call(CallFragment {
            index: Some(0),
            id: Some("x"),
            name: Some("f"),
            arguments: "",
        }),
        Delta::Call(CallFragment {
            index: Some(0),
            arguments: r#"{\"a\":1,\n\"b\":\"\\n\"}"#,
            ..CallFragment::default()
        }),
        Delta::Call(CallFragment {
            index: Some(1),
            id: None,
            name: Some("g"),
            arguments: "",
        }),
        Delta::End(End::ToolCalls),
        Delta::Usage(TokenCounts {
            input: Some(5),
            output: Some(6),
            ..TokenCounts::default()
        }),
    ]
}

#[test]
fn an_answer_is_lines_of_which_each_has_what_clients_validate() {
    let out = answered(&Chat, BODY, &a_turn(), FrameForm::Lines).unwrap();
    let lines = lines(&out.text);
    let (last, others) = lines.split_last().unwrap();
    for line in &lines {
        assert_eq!(line["model"], "home:latest");
        assert!(line["created_at"].as_str().unwrap().ends_with('Z'));
        assert_eq!(line["message"]["role"], "assistant");
        assert!(line["message"]["content"].is_string());
    }
    assert!(others.iter().all(|line| line["done"] == false));
    assert_eq!(others[0]["message"]["thinking"], "hm");
    assert_eq!(others[0]["routing_summary"], json!({"route_name": "r"}));
    assert_eq!(others[1].get("routing_summary"), None);
    let content: String = lines
        .iter()
        .map(|line| line["message"]["content"].as_str().unwrap())
        .collect();
    assert_eq!(content, "Paris \u{1f600}");
    let calls: Vec<&Value> = others
        .iter()
        .filter_map(|line| line["message"].get("tool_calls"))
        .collect();
    assert_eq!(
        calls,
        [
            &json!([{"id": "x", "function": {"index": 0, "name": "f", "arguments": {"a": 1, "b": "\n"}}}]),
            &json!([{"id": "call_00000000000000071", "function": {"index": 1, "name": "g", "arguments": {}}}]),
        ]
    );
    assert_eq!(
        (&last["done"], &last["done_reason"]),
        (&json!(true), &json!("stop"))
    );
    assert_eq!(
        (&last["prompt_eval_count"], &last["eval_count"]),
        (&json!(5), &json!(6))
    );
    for duration in [
        "total_duration",
        "load_duration",
        "prompt_eval_duration",
        "eval_duration",
    ] {
        assert!(last[duration].as_u64().unwrap() >= 1, "{duration}");
    }
}

#[test]
fn a_provider_that_counts_nothing_is_estimated_and_an_answer_that_was_cut_says_so() {
    let deltas = [
        Delta::Begin(Begin::default()),
        Delta::Text("12345678"),
        Delta::End(End::Length),
    ];
    let body = r#"{"model":"m","prompt":"hi","think":false}"#;
    let out = answered(&Generate, body, &deltas, FrameForm::Lines).unwrap();
    let lines = lines(&out.text);
    assert_eq!(lines[0]["response"], "12345678");
    assert_eq!(lines[1]["response"], "");
    assert_eq!(lines[1]["done_reason"], "length");
    assert_eq!(lines[1]["eval_count"], 2);
    assert!(lines[1]["prompt_eval_count"].as_u64().unwrap() > 0);
    assert!(lines.iter().all(|line| line.get("message").is_none()));
}

#[test]
fn thoughts_are_hidden_where_none_are_wanted() {
    let body = r#"{"model":"m","think":false,"messages":[{"role":"user","content":"hi"}]}"#;
    let out = answered(&Chat, body, &a_turn(), FrameForm::Lines).unwrap();
    assert!(!out.text.contains("thinking"));
}

#[test]
fn arguments_that_are_no_object_are_no_answer() {
    for arguments in [r"[1]", r#"\"a\""#, r#"{\"a\":"#, "x", "{a}"] {
        let call = CallFragment {
            name: Some("f"),
            arguments,
            ..CallFragment::default()
        };
        let deltas = [
            Delta::Begin(Begin::default()),
            Delta::Call(call),
            Delta::End(End::ToolCalls),
        ];
        assert!(
            answered(&Chat, BODY, &deltas, FrameForm::Lines).is_err(),
            "{arguments}"
        );
    }
}

#[test]
fn a_whole_answer_is_the_last_line_with_the_whole_message() {
    let whole = |client: &dyn Dialect, body: &str| {
        let frames = answered(client, body, &a_turn(), FrameForm::Data).unwrap();
        let mut assembler = Box::new(Assembler::default());
        frames
            .data
            .iter()
            .for_each(|data| assembler.push(data).unwrap());
        serde_json::from_str::<Value>(&assembler.finish()).unwrap()
    };
    let chat = whole(&Chat, BODY);
    assert_eq!(chat["message"]["content"], "Paris \u{1f600}");
    assert_eq!(chat["message"]["thinking"], "hm");
    assert_eq!(chat["message"]["tool_calls"].as_array().unwrap().len(), 2);
    assert_eq!(chat["done"], true);
    assert_eq!(chat["routing_summary"], json!({"route_name": "r"}));
    assert_eq!(chat["eval_count"], 6);
    let generate = whole(&Generate, r#"{"model":"m","prompt":"hi"}"#);
    assert_eq!(generate["response"], "Paris \u{1f600}");
    assert_eq!(generate["thinking"], "hm");
    assert_eq!(generate["done_reason"], "stop");
}

#[test]
fn a_break_is_a_line_with_a_text() {
    let request = Chat.read(BODY.as_bytes().into()).unwrap();
    let mut writer = Chat.client_side().unwrap().write_answer(Answering {
        request: &request,
        target: target(KEPT),
        names: Names::default(),
        model: None,
        seed: 0,
        now: UNIX_EPOCH,
    });
    let mut out = Frames::new(FrameForm::Lines);
    writer.ping(&mut out);
    assert_eq!(out.text, "");
    writer.break_off(
        &ErrorBody::new(Code::RouteExecutionFailed, "it \"broke\""),
        &mut out,
    );
    assert_eq!(out.text, "{\"error\":\"it \\\"broke\\\"\"}\n");
}

proptest! {
    /// However a provider cuts its texts, each line is JSON and their sum is the same.
    #[test]
    fn the_content_is_the_same_for_every_split(
        text in "[a-z\u{1f600}\u{e9}\"\\\\\n]{0,24}",
        cuts in proptest::collection::vec(0_usize..24, 0..4),
    ) {
        let characters: Vec<char> = text.chars().collect();
        // Escapes as Python writes them: all beyond ASCII, and so in two halves.
        let pieces: Vec<String> = characters.iter().flat_map(|character| {
            let mut units = [0; 2];
            let units = character.encode_utf16(&mut units);
            units.iter().map(|unit| format!("\\u{unit:04x}")).collect::<Vec<_>>()
        }).collect();
        let mut bounds: Vec<usize> = cuts.into_iter().map(|cut| cut.min(pieces.len())).collect();
        bounds.extend([0, pieces.len()]);
        bounds.sort_unstable();
        let parts: Vec<String> = bounds.windows(2).map(|range| pieces[range[0]..range[1]].concat()).collect();
        let mut deltas = vec![Delta::Begin(Begin::default())];
        deltas.extend(parts.iter().map(|part| Delta::Text(part)));
        deltas.push(Delta::End(End::Stop));
        let out = answered(&Chat, BODY, &deltas, FrameForm::Lines).unwrap();
        let lines = lines(&out.text);
        let content: String = lines.iter().map(|line| line["message"]["content"].as_str().unwrap()).collect();
        prop_assert_eq!(content, text);
        let done = lines.iter().filter(|line| line["done"] == true).count();
        prop_assert_eq!(done, 1);
    }

    /// Each message of a tool is for exactly one call before it, as long as there is one.
    #[test]
    fn pairing_is_total(
        turns in proptest::collection::vec((0_usize..4, proptest::bool::ANY), 1..5),
    ) {
        let mut messages = vec![json!({"role": "user", "content": "go"})];
        let mut calls = 0;
        for (count, named) in turns {
            let names = (0..count).map(|index| format!("f{index}"));
            let of_turn: Vec<Value> = names.clone().map(|name| json!({"function": {"name": name, "arguments": {}}})).collect();
            messages.push(json!({"role": "assistant", "content": "c", "tool_calls": of_turn}));
            messages.extend(names.rev().map(|name| match named {
                true => json!({"role": "tool", "content": "r", "tool_name": name}),
                false => json!({"role": "tool", "content": "r"}),
            }));
            calls += count;
        }
        let sent = asked(&Chat, &json!({"model": "m", "messages": messages}), KEPT);
        let messages = sent["messages"].as_array().unwrap();
        let ids: Vec<&str> = messages.iter().filter_map(|message| message["tool_call_id"].as_str()).collect();
        let unique: std::collections::BTreeSet<&str> = ids.iter().copied().collect();
        prop_assert_eq!((ids.len(), unique.len()), (calls, calls));
        // Strict providers want results right behind their calls, and no two assistants in a row.
        let mut open: Vec<&str> = Vec::new();
        for message in messages {
            if let Some(id) = message["tool_call_id"].as_str() {
                prop_assert!(open.contains(&id));
                open.retain(|other| *other != id);
            } else {
                prop_assert!(open.is_empty());
                let calls = message["tool_calls"].as_array().into_iter().flatten();
                open.extend(calls.map(|call| call["id"].as_str().unwrap()));
            }
        }
    }
}
