use std::time::{Instant, SystemTime};

use proptest::prelude::*;

use super::*;
use crate::dialect::chat::Chat;
use crate::dialect::messages::Messages;
use crate::dialect::messages::answer_reader::EventReader;
use crate::dialect::step_traits::PLAIN;
use crate::dialect::translate::{AnswerReader, FrameForm, Target, Translation};
use crate::dialect::{Dialect, translate};

const REQUEST: &str = r#"{"model":"r","max_tokens":9,"messages":[{"role":"user","content":"1234567"},{"role":"assistant","content":[{"type":"tool_use","id":"old","name":"f","input":{}}]}]"#;

fn with_translation<T>(members: &str, run: impl FnOnce(&mut Translation) -> T) -> T {
    let body = format!("{REQUEST}{members}}}");
    let request = super::super::request::read(body.as_bytes()).unwrap();
    let answering = Answering {
        request: &request,
        target: Target {
            traits: &PLAIN,
            replays_reasoning: false,
            kept: &[],
        },
        names: Names::default(),
        model: Some("r"),
        seed: 7,
        now: SystemTime::UNIX_EPOCH,
    };
    let translation = Translation::new(&Messages, &Chat, answering, Instant::now());
    run(&mut translation.unwrap())
}

const THINKING: &str = r#","thinking":{"type":"adaptive"}"#;

/// The events that chunks of chat make.
fn events(members: &str, chunks: &[String]) -> Result<Vec<String>, Flaw> {
    with_translation(members, |translation| {
        let mut out = Frames::new(FrameForm::Data);
        for chunk in chunks {
            translation.push(chunk, &mut out)?;
        }
        translation.finish(&mut out)?;
        Ok(out.data)
    })
}

fn chunk(delta: &str) -> String {
    format!(r#"{{"id":"chatcmpl-1","model":"m","choices":[{{"index":0,"delta":{delta}}}]}}"#)
}

fn end(reason: &str) -> String {
    format!(
        r#"{{"id":"chatcmpl-1","choices":[{{"index":0,"delta":{{}},"finish_reason":"{reason}"}}]}}"#
    )
}

fn call(index: u64, rest: &str) -> String {
    chunk(&format!(r#"{{"tool_calls":[{{"index":{index},{rest}}}]}}"#))
}

fn delta(index: usize, delta: &str) -> String {
    format!(r#"{{"type":"content_block_delta","index":{index},"delta":{delta}}}"#)
}

fn start(index: usize, block: &str) -> String {
    format!(r#"{{"type":"content_block_start","index":{index},"content_block":{block}}}"#)
}

fn stop(index: usize) -> String {
    format!(r#"{{"type":"content_block_stop","index":{index}}}"#)
}

/// The stream of section 4, event by event.
#[test]
fn a_stream_has_blocks_one_after_the_other() {
    let usage = r#"{"id":"chatcmpl-1","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":3}}}"#;
    let chunks = [
        chunk(r#"{"role":"assistant","content":""}"#),
        chunk(r#"{"reasoning_content":"h\nm"}"#),
        chunk(r#"{"content":"a"}"#),
        chunk(r#"{"content":"b"}"#),
        call(0, r#""id":"call_1","function":{"name":"f","arguments":""}"#),
        call(0, r#""function":{"arguments":"{\"a\":"}"#),
        call(0, r#""function":{"arguments":"1}"}"#),
        call(1, r#""id":"old","function":{"name":"g"}"#),
        end("tool_calls"),
        usage.to_owned(),
    ];
    let found = events(THINKING, &chunks).unwrap();
    let made_up = found.iter().find(|event| event.contains("toolu_"));
    let id = made_up.and_then(|event| event.split("toolu_").nth(1));
    let id = id.and_then(|rest| rest.split('"').next()).unwrap();
    assert_eq!(id.len(), LENGTH_OF_ID);
    let expected = [
        r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"r","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":19,"output_tokens":0}}}"#.to_owned(),
        start(0, r#"{"type":"thinking","thinking":"","signature":""}"#),
        delta(0, r#"{"type":"thinking_delta","thinking":"h\nm"}"#),
        delta(0, r#"{"type":"signature_delta","signature":"aigw:0000"}"#),
        stop(0),
        start(1, r#"{"type":"text","text":""}"#),
        delta(1, r#"{"type":"text_delta","text":"a"}"#),
        delta(1, r#"{"type":"text_delta","text":"b"}"#),
        stop(1),
        start(2, r#"{"type":"tool_use","id":"call_1","name":"f","input":{}}"#),
        delta(2, r#"{"type":"input_json_delta","partial_json":"{\"a\":"}"#),
        delta(2, r#"{"type":"input_json_delta","partial_json":"1}"}"#),
        stop(2),
        // The request has a call of that id: Claude Code would drop this one.
        start(3, &format!(r#"{{"type":"tool_use","id":"toolu_{id}","name":"g","input":{{}}}}"#)),
        delta(3, r#"{"type":"input_json_delta","partial_json":"{}"}"#),
        stop(3),
        r#"{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"input_tokens":7,"cache_read_input_tokens":3,"cache_creation_input_tokens":0,"output_tokens":4}}"#.to_owned(),
        r#"{"type":"message_stop"}"#.to_owned(),
    ];
    assert_eq!(found, expected);
}

/// Clients that did not ask for thinking take the first block for the answer; silence of a minute looks dead to them.
#[test]
fn thinking_that_nobody_asked_for_is_a_sign_of_life() {
    let chunks = [
        chunk(r#"{"reasoning_content":"a"}"#),
        chunk(r#"{"reasoning_content":"b"}"#),
        chunk(r#"{"content":"c"}"#),
        end("stop"),
    ];
    for members in ["", r#","thinking":{"type":"disabled"}"#] {
        let found = events(members, &chunks).unwrap();
        let kinds: Vec<_> = found
            .iter()
            .map(|event| raw::kind_of(event).unwrap())
            .collect();
        assert_eq!(
            kinds,
            [
                "message_start",
                "ping",
                "content_block_start",
                "content_block_delta",
                "content_block_stop",
                "message_delta",
                "message_stop"
            ]
        );
        // Nobody counted: the estimate, and the bytes.
        let usage = found.iter().find_map(|event| raw::member(event, "usage"));
        assert_eq!(
            usage,
            Some(
                r#"{"input_tokens":19,"cache_read_input_tokens":0,"cache_creation_input_tokens":0,"output_tokens":1}"#
            )
        );
    }
}

#[test]
fn an_answer_stops_for_a_reason_that_clients_know() {
    let called = call(0, r#""id":"c","function":{"name":"f","arguments":"{}"}"#);
    let said = chunk(r#"{"content":"a"}"#);
    let refused = chunk(r#"{"refusal":"no"}"#);
    for (first, reason, expected) in [
        (&said, "stop", "end_turn"),
        (&said, "length", "max_tokens"),
        (&said, "content_filter", "refusal"),
        (&said, "eos", "end_turn"),
        (&said, "tool_calls", "end_turn"),
        (&refused, "stop", "refusal"),
        (&called, "stop", "tool_use"),
        (&called, "length", "tool_use"),
    ] {
        let found = events("", &[first.clone(), end(reason)]).unwrap();
        let delta = found.iter().find_map(|event| {
            event
                .contains("message_delta")
                .then(|| raw::member(event, "delta"))?
        });
        assert_eq!(
            delta.and_then(|delta| raw::member(delta, "stop_reason")),
            Some(format!("\"{expected}\"").as_str()),
            "{first} {reason}"
        );
    }
}

#[test]
fn half_a_call_does_not_pass_for_a_whole_one() {
    for arguments in [r#"{\"a\":"#, "{a:1}", "{} {}"] {
        let called = call(
            0,
            &format!(r#""id":"c","function":{{"name":"f","arguments":"{arguments}"}}"#),
        );
        let found = events("", &[called, end("tool_calls")]);
        assert!(matches!(found, Err(Flaw::NotJson(_))), "{arguments}");
    }
}

#[test]
fn frames_have_names_and_a_break_is_an_event() {
    with_translation("", |translation| {
        let mut out = Frames::new(FrameForm::Events);
        translation.summarize(r#"{"route_name":"r"}"#);
        translation
            .push(&chunk(r#"{"content":"a"}"#), &mut out)
            .unwrap();
        let error = ErrorBody {
            request_id: Some("req-1"),
            ..ErrorBody::new(crate::dialect::error::Code::RouteExecutionFailed, "m")
        };
        translation.break_off(&error, &mut out);
        assert!(
            out.text
                .starts_with("event: message_start\ndata: {\"type\":\"message_start\",")
        );
        assert!(
            out.text
                .contains(r#","routing_summary":{"route_name":"r"}}}"#)
        );
        assert!(out.text.ends_with(
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"m\"},\"request_id\":\"req-1\"}\n\n"
        ));
    });
}

#[test]
fn a_whole_answer_is_made_of_the_same_blocks() {
    let chunks = [
        chunk(r#"{"content":"a"}"#),
        call(
            0,
            r#""id":"c","function":{"name":"f","arguments":"{\"a\": 1}"}"#,
        ),
        end("tool_calls"),
        r#"{"choices":[],"usage":{"prompt_tokens":2,"completion_tokens":4}}"#.to_owned(),
    ];
    let whole = with_translation("", |translation| {
        translation.summarize("{}");
        translate::whole(translation, &chunks, Messages.assemble()).unwrap()
    });
    assert_eq!(
        whole,
        r#"{"id":"msg_1","type":"message","role":"assistant","model":"r","content":[{"type":"text","text":"a"},{"type":"tool_use","id":"c","name":"f","input":{"a": 1}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":2,"output_tokens":4,"cache_read_input_tokens":0,"cache_creation_input_tokens":0},"routing_summary":{}}"#
    );
}

/// Checks the grammar of a stream, as both SDKs do.
fn check(events: &[String]) {
    let kind = |event: &str| {
        raw::member(event, "type")
            .and_then(raw::text)
            .unwrap()
            .into_owned()
    };
    let number = |event: &str| {
        raw::member(event, "index")
            .and_then(raw::whole_number)
            .unwrap()
    };
    assert_eq!(kind(&events[0]), "message_start");
    assert_eq!(kind(&events[events.len() - 1]), "message_stop");
    assert_eq!(kind(&events[events.len() - 2]), "message_delta");
    let (mut open, mut next) = (None, 0);
    for event in &events[1..events.len() - 2] {
        match kind(event).as_str() {
            "content_block_start" => {
                assert_eq!((open, number(event)), (None, next), "{events:?}");
                open = Some(next);
                next += 1;
            }
            "content_block_delta" => assert_eq!(Some(number(event)), open, "{events:?}"),
            "content_block_stop" => {
                assert_eq!(Some(number(event)), open, "{events:?}");
                open = None;
            }
            "ping" => {}
            other => panic!("{other}"),
        }
    }
    assert_eq!(open, None);
}

/// The content of a stream: texts, thoughts, calls with their arguments.
fn content(events: &[String]) -> (String, String, Vec<(String, String)>) {
    let mut reader = EventReader::default();
    let (mut text, mut thought, mut calls) = (String::new(), String::new(), Vec::new());
    for event in events {
        reader
            .read(event, &mut |delta| {
                use crate::dialect::canonical::Delta;
                match delta {
                    Delta::Text(piece) => text.push_str(piece),
                    Delta::Reasoning { text: piece, .. } => thought.push_str(piece),
                    Delta::Call(call) => match call.name {
                        Some(name) => calls.push((name.to_owned(), call.arguments.to_owned())),
                        None => {
                            if let Some((_, arguments)) = calls.last_mut() {
                                arguments.push_str(call.arguments);
                            }
                        }
                    },
                    _ => {}
                }
                Ok(())
            })
            .unwrap();
    }
    (text, thought, calls)
}

#[derive(Clone, Debug)]
enum Step {
    Text,
    Thought,
    /// The next piece of a call, by its index.
    Call(usize),
}

proptest! {
    /// Fragments of two calls in turns, texts and thoughts between them, ids and names that are missing or late.
    #[test]
    fn whatever_comes_makes_a_stream_that_the_sdks_take(
        steps in proptest::collection::vec(
            prop_oneof![
                Just(Step::Text),
                Just(Step::Thought),
                (0_usize..2).prop_map(Step::Call),
            ],
            0..24,
        ),
        has_ids in any::<bool>(),
        late_name in any::<bool>(),
    ) {
        let pieces = [r#"{\"a\":"#, r#"\"}{\","#, r#"\"b\":[1"#, "]}"];
        let mut told = [0_usize; 2];
        let mut chunks = Vec::new();
        let push = |index: usize, told: &mut [usize; 2], chunks: &mut Vec<String>| {
            let place = told[index];
            let name_at = usize::from(late_name);
            let id = if place == 0 && has_ids { format!(r#""id":"c{index}","#) } else { String::new() };
            let name = if place == name_at { format!(r#""name":"f{index}","#) } else { String::new() };
            let Some(piece) = pieces.get(place) else { return };
            told[index] += 1;
            chunks.push(call(index as u64, &format!(r#"{id}"function":{{{name}"arguments":"{piece}"}}"#)));
        };
        for step in &steps {
            match step {
                Step::Text => chunks.push(chunk(r#"{"content":"t"}"#)),
                Step::Thought => chunks.push(chunk(r#"{"reasoning_content":"r"}"#)),
                Step::Call(index) => push(*index, &mut told, &mut chunks),
            }
        }
        // Calls that began are told to their end.
        for index in 0..2 {
            while told[index] > 0 && told[index] < pieces.len() {
                push(index, &mut told, &mut chunks);
            }
        }
        chunks.push(end("stop"));
        let found = events(THINKING, &chunks).unwrap();
        check(&found);
        let (text, thought, calls) = content(&found);
        let count = |wanted: &str| steps.iter().filter(|step| format!("{step:?}") == wanted).count();
        prop_assert_eq!(text.len(), count("Text"));
        prop_assert_eq!(thought.len(), count("Thought"));
        prop_assert_eq!(calls.len(), told.iter().filter(|told| **told > 0).count());
        for (_, arguments) in calls {
            prop_assert_eq!(arguments, pieces.concat());
        }
    }
}
