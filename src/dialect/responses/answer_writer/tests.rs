//! Answers of chat as the events of Responses.

mod breaks;
mod splits;

use std::time::{Instant, UNIX_EPOCH};

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::dialect::Dialect as _;
use crate::dialect::canonical::{Names, ToolName};
use crate::dialect::chat::Chat;
use crate::dialect::error::{Code, ErrorBody};
use crate::dialect::responses::Responses;
use crate::dialect::step_traits::StepTraits;
use crate::dialect::translate::{Answering, FrameForm, Frames, Target, Translation};

fn translation(names: Names, model: Option<&str>) -> Translation {
    let body = r#"{"model":"route","input":"hi","user":"u"}"#;
    let request = Responses.read(body.as_bytes().into()).unwrap();
    let mut traits = StepTraits::default();
    traits.translation.tag = 0x0bad;
    let answering = Answering {
        request: &request,
        target: Target {
            traits: &traits,
            replays_reasoning: false,
            kept: &[],
        },
        names,
        model,
        seed: 7,
        now: UNIX_EPOCH,
    };
    Translation::new(&Responses, &Chat, answering, Instant::now()).unwrap()
}

/// A chunk with a delta.
fn chunk(delta: Value) -> Value {
    json!({"id": "x", "model": "m", "choices": [{"index": 0, "delta": delta}]})
}

fn end(reason: &str) -> Value {
    json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

fn call(index: u64, id: &str, name: &str, arguments: &str) -> Value {
    let function = json!({"name": name, "arguments": arguments});
    chunk(
        json!({"tool_calls": [{"index": index, "id": id, "type": "function", "function": function}]}),
    )
}

fn parsed(frames: &mut Frames) -> Vec<Value> {
    let events: Vec<Value> = frames
        .data
        .drain(..)
        .map(|data| serde_json::from_str(&data).expect(&data))
        .collect();
    events
}

/// The events that chunks make.
fn events_with(names: Names, chunks: &[Value]) -> Vec<Value> {
    let mut translation = translation(names, Some("route"));
    let mut frames = Frames::new(FrameForm::Data);
    for chunk in chunks {
        translation.push(&chunk.to_string(), &mut frames).unwrap();
    }
    translation.finish(&mut frames).unwrap();
    let events = parsed(&mut frames);
    check_grammar(&events);
    events
}

fn events(chunks: &[Value]) -> Vec<Value> {
    events_with(Names::default(), chunks)
}

/// The grammar of every stream: numbers without gaps, items that do not interleave and whose events agree.
fn check_grammar(events: &[Value]) {
    let mut open: Option<Value> = None;
    let mut done = Vec::new();
    let mut sums = std::collections::BTreeMap::<String, String>::new();
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], json!(number));
        let kind = event["type"].as_str().unwrap();
        if kind == "response.output_item.added" {
            assert!(open.is_none(), "an item begins in another one");
            assert_eq!(event["output_index"], json!(done.len()));
            open = Some(event["item"].clone());
            sums.clear();
        } else if kind == "response.output_item.done" {
            let begun = open.take().expect("an item ends that has not begun");
            for member in ["id", "type", "call_id", "name", "namespace", "role"] {
                assert_eq!(begun.get(member), event["item"].get(member), "{member}");
            }
            assert_eq!(event["output_index"], json!(done.len()));
            done.push(event["item"].clone());
        } else if let Some(item) = event.get("item_id") {
            assert_eq!(*item, open.as_ref().expect("an event of no item")["id"]);
            assert_eq!(event["output_index"], json!(done.len()));
            if let Some(of) = kind.strip_suffix(".delta") {
                let delta = event["delta"].as_str().unwrap();
                assert!(!delta.is_empty());
                let key = format!("{of} {}", event["content_index"]);
                sums.entry(key).or_default().push_str(delta);
            } else if let Some(of) = kind.strip_suffix(".done") {
                let key = format!("{of} {}", event["content_index"]);
                let mut members = ["text", "refusal", "arguments", "input"].into_iter();
                let whole = members.find_map(|member| event.get(member));
                if let Some(whole) = whole {
                    let sum = sums.get(&key).map_or("", String::as_str);
                    assert_eq!(whole, sum, "{kind}");
                }
            }
        }
    }
    assert!(open.is_none());
    let last = events.last().unwrap();
    assert_eq!(last["response"]["output"], json!(done));
    assert_eq!(last["response"]["id"], events[0]["response"]["id"]);
}

fn kinds(events: &[Value]) -> String {
    let kinds = events.iter().map(|event| {
        let kind = event["type"].as_str().unwrap();
        kind.trim_start_matches("response.")
    });
    kinds.collect::<Vec<_>>().join(" ")
}

fn output(events: &[Value]) -> &Value {
    &events.last().unwrap()["response"]["output"]
}

const TEXT: &str = "output_item.added content_part.added output_text.delta output_text.done content_part.done output_item.done";
const CALL: &str =
    "output_item.added function_call_arguments.delta function_call_arguments.done output_item.done";
const REASONING: &str = "output_item.added reasoning_summary_part.added reasoning_summary_text.delta reasoning_summary_text.done \
                         reasoning_summary_part.done output_item.done";

#[test]
fn every_kind_of_answer_has_its_sequence() {
    let text = || chunk(json!({"content": "hi"}));
    let refusal = || chunk(json!({"refusal": "no"}));
    for (chunks, expected) in [
        (vec![chunk(json!({"role": "assistant", "content": ""})), text(), end("stop")], format!("{TEXT} completed")),
        (
            vec![chunk(json!({"reasoning": "hm"})), text(), end("stop")],
            format!("{REASONING} {TEXT} completed"),
        ),
        (
            vec![text(), call(0, "a", "f", "{}"), call(1, "b", "g", "{}"), end("tool_calls")],
            format!("{TEXT} {CALL} {CALL} completed"),
        ),
        (
            vec![chunk(json!({"reasoning_content": "hm"})), call(0, "a", "f", ""), end("tool_calls")],
            format!("{REASONING} {CALL} completed"),
        ),
        (
            vec![refusal(), end("stop")],
            "output_item.added content_part.added refusal.delta refusal.done content_part.done output_item.done completed".to_owned(),
        ),
        (
            vec![text(), refusal(), end("stop")],
            "output_item.added content_part.added output_text.delta output_text.done content_part.done \
             content_part.added refusal.delta refusal.done content_part.done output_item.done completed".to_owned(),
        ),
        (vec![text(), end("length")], format!("{TEXT} incomplete")),
        (vec![text(), end("content_filter")], format!("{TEXT} incomplete")),
        (vec![text()], format!("{TEXT} completed")),
        (vec![text(), end("odd")], format!("{TEXT} completed")),
        (
            vec![call(0, "a", "f", "{\"x\":"), end("length")],
            "output_item.added function_call_arguments.delta output_item.done incomplete".to_owned(),
        ),
        (
            vec![chunk(json!({"images": [{"image_url": {"url": "data:image/png;base64,aGk="}}]})), end("stop")],
            "output_item.added output_item.done completed".to_owned(),
        ),
        (vec![end("stop")], "completed".to_owned()),
    ] {
        let events = events(&chunks);
        assert_eq!(kinds(&events), format!("created in_progress {expected}"));
    }
}

#[test]
fn items_have_their_members() {
    let events = events(&[
        chunk(json!({"reasoning": "h"})),
        chunk(json!({"reasoning": "m"})),
        json!({"choices": [{"index": 0, "delta": {"content": "a"}, "logprobs": {"content": [{"token": "a", "logprob": -1, "bytes": null, "top_logprobs": []}]}}]}),
        chunk(json!({"content": "\n\"b\""})),
        chunk(
            json!({"annotations": [{"type": "url_citation", "url_citation": {"url": "u", "title": "t", "start_index": 0, "end_index": 1}}]}),
        ),
        call(0, "c", "f", "{\"x\":1}"),
        chunk(json!({"images": [{"image_url": {"url": "data:image/png;base64,aGk="}}]})),
        end("stop"),
        json!({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}),
    ]);
    let response = &events.last().unwrap()["response"];
    let id = |index: usize| response["output"][index]["id"].clone();
    let logprob = json!({"token": "a", "logprob": -1, "bytes": [], "top_logprobs": []});
    let annotation =
        json!({"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 1});
    assert_eq!(
        *output(&events),
        json!([
            {"id": id(0), "type": "reasoning", "status": "completed", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "agw1_0badr"},
            {"id": id(1), "type": "message", "role": "assistant", "status": "completed",
                "content": [{"type": "output_text", "text": "a\n\"b\"", "annotations": [annotation], "logprobs": [logprob]}]},
            {"id": id(2), "type": "function_call", "status": "completed", "call_id": "c", "name": "f", "arguments": "{\"x\":1}"},
            {"id": id(3), "type": "image_generation_call", "status": "completed", "result": "aGk="},
        ])
    );
    for (index, prefix) in ["rs_agw", "msg_agw", "fc_agw", "ig_agw"].iter().enumerate() {
        let id = id(index);
        let id = id.as_str().unwrap();
        assert!(
            id.starts_with(prefix) && id.ends_with(&format!("_{index}")),
            "{id}"
        );
    }
    assert!(id(0).as_str().unwrap().contains("0badr_"));
    assert_eq!(response["usage"]["total_tokens"], json!(7));
    assert_eq!(response["model"], json!("route"));
    assert_eq!(response["user"], json!("u"));
    let deltas: Vec<_> = events
        .iter()
        .filter(|event| event["type"] == "response.output_text.delta")
        .map(|event| event["logprobs"].clone())
        .collect();
    assert_eq!(deltas, [json!([logprob]), json!([])]);
    let added = events
        .iter()
        .find(|event| event["type"] == "response.output_text.annotation.added");
    assert_eq!(added.unwrap()["annotation"], annotation);
    assert_eq!(added.unwrap()["annotation_index"], json!(0));
}

#[test]
fn an_answer_that_was_cut_says_where() {
    for (chunks, reason, statuses) in [
        (
            vec![
                chunk(json!({"reasoning": "hm"})),
                chunk(json!({"content": "a"})),
                end("length"),
            ],
            "max_output_tokens",
            vec!["completed", "incomplete"],
        ),
        (
            vec![chunk(json!({"content": "a"})), end("content_filter")],
            "content_filter",
            vec!["incomplete"],
        ),
        (
            vec![call(0, "a", "f", "{"), end("length")],
            "max_output_tokens",
            vec!["incomplete"],
        ),
        (
            vec![
                call(0, "a", "f", "{}"),
                call(1, "b", "g", "{\"x"),
                end("length"),
            ],
            "max_output_tokens",
            vec!["completed", "incomplete"],
        ),
        (
            vec![call(0, "a", "f", "{}"), end("length")],
            "max_output_tokens",
            vec!["incomplete"],
        ),
    ] {
        let events = events(&chunks);
        let response = &events.last().unwrap()["response"];
        assert_eq!(response["status"], json!("incomplete"));
        assert_eq!(response["incomplete_details"], json!({"reason": reason}));
        let said: Vec<_> = response["output"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["status"].as_str().unwrap())
            .collect();
        assert_eq!(said, statuses);
    }
}

#[test]
fn calls_get_back_what_the_client_knows() {
    let mut names = Names::default();
    names.sent_for(ToolName {
        name: "lookup".to_owned(),
        namespace: Some("mcp__docs".to_owned()),
        is_free_text: false,
    });
    names.sent_for(ToolName {
        name: "patch".to_owned(),
        namespace: None,
        is_free_text: true,
    });
    let events = events_with(
        names,
        &[
            call(0, "a", "mcp__docs__lookup", "{}"),
            call(1, "b", "patch", "{\"in"),
            call(1, "", "", "put\":\"x\\n\"}"),
            call(2, "c", "patch", "raw text"),
            end("tool_calls"),
        ],
    );
    let said: Vec<_> = output(&events)
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            json!([
                item["type"],
                item["name"],
                item["namespace"],
                item["input"],
                item["status"]
            ])
        })
        .collect();
    assert_eq!(
        said,
        [
            json!(["function_call", "lookup", "mcp__docs", null, "completed"]),
            json!(["custom_tool_call", "patch", null, "x\n", "completed"]),
            json!(["custom_tool_call", "patch", null, "raw text", "completed"]),
        ]
    );
    assert!(kinds(&events).contains(
        "output_item.added custom_tool_call_input.delta custom_tool_call_input.done output_item.done"
    ));
}

/// Codex applied half a patch.
#[test]
fn half_an_object_is_no_text_for_a_tool() {
    let mut names = Names::default();
    names.sent_for(ToolName {
        name: "patch".to_owned(),
        namespace: None,
        is_free_text: true,
    });
    let half = call(0, "a", "patch", "{\"input\":\"*** Begin Pa");
    for reason in ["stop", "tool_calls"] {
        let events = events_with(names.clone(), &[half.clone(), end(reason)]);
        assert_eq!(output(&events)[0]["status"], "incomplete");
        assert!(!kinds(&events).contains("custom_tool_call_input.done"));
    }
}

#[test]
fn ids_of_calls_are_the_providers_if_clients_can_use_them() {
    let long = "x".repeat(65);
    let events = events(&[
        call(0, "a", "f", "{}"),
        call(1, "a2", "f", "{}"),
        call(2, "", "f", "{}"),
        call(3, &long, "f", "{}"),
        call(4, "a", "f", "{}"),
        end("tool_calls"),
    ]);
    let ids: Vec<_> = output(&events)
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["call_id"].as_str().unwrap())
        .collect();
    assert_eq!(ids[..2], ["a", "a2"]);
    for (index, id) in ids.iter().enumerate().skip(2) {
        assert!(
            id.starts_with("call_agw") && id.ends_with(&format!("_{index}")),
            "{id}"
        );
    }
}

#[test]
fn the_model_is_the_routes_or_the_providers() {
    for (model, chunk, expected) in [
        (Some("route"), json!({"model": "m"}), "route"),
        (None, json!({"model": "m"}), "m"),
        (None, json!({}), "route"),
    ] {
        let mut translation = translation(Names::default(), model);
        let mut frames = Frames::new(FrameForm::Data);
        translation.push(&chunk.to_string(), &mut frames).unwrap();
        assert_eq!(parsed(&mut frames)[0]["response"]["model"], json!(expected));
    }
}

#[test]
fn an_answer_is_complete_when_it_is() {
    let mut translation = translation(Names::default(), None);
    let mut frames = Frames::new(FrameForm::Data);
    for (seconds, chunk) in [(1, chunk(json!({"content": "hi"}))), (7, end("stop"))] {
        translation.at(UNIX_EPOCH + std::time::Duration::from_secs(seconds));
        translation.push(&chunk.to_string(), &mut frames).unwrap();
    }
    translation.finish(&mut frames).unwrap();
    let response = &parsed(&mut frames).pop().unwrap()["response"];
    assert_eq!(
        (&response["created_at"], &response["completed_at"]),
        (&json!(0), &json!(7))
    );
}

#[test]
fn the_first_event_has_the_summary() {
    let mut translation = translation(Names::default(), None);
    let mut frames = Frames::new(FrameForm::Events);
    translation.summarize(r#"{"steps":[]}"#);
    translation
        .push(&chunk(json!({"content": "hi"})).to_string(), &mut frames)
        .unwrap();
    let (first, rest) = frames.text.split_once("\n\n").unwrap();
    assert!(
        first.starts_with(
            "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,"
        ),
        "{first}"
    );
    assert!(
        first.ends_with(r#","routing_summary":{"steps":[]}}"#),
        "{first}"
    );
    assert!(!rest.contains("routing_summary"));
}
