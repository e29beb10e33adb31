//! The check that fuzzing and tests share: whatever a provider sends, a client gets a stream of its dialect's grammar.
#![allow(
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a check fails by panicking"
)]

use std::time::{Instant, SystemTime};

use serde_json::Value;

use super::chat::Chat;
use super::error::{Code, ErrorBody};
use super::messages::Messages;
use super::questions::Dialect;
use super::reading::{Asked, Reading};
use super::request::Incoming;
use super::responses::Responses;
use super::step_traits::PLAIN;
use super::stream::{DONE, FrameKind};
use super::translate::{Answering, FrameForm, Frames, Target, Translation};
use super::{canonical, ollama};
use crate::sse::{Decoder, Item};

/// The check of a client's frames; whether they are a whole answer.
type Check = fn(&[Value], bool);

/// A request that every dialect takes.
const REQUEST: &[u8] = br#"{"model":"r","max_tokens":9,"stream":true,"input":"hi","thinking":{"type":"adaptive"},"messages":[{"role":"user","content":"hi"}]}"#;

/// The longest event of a provider that is read (bytes).
const LONGEST_EVENT: usize = 1 << 20;

/// Translates a provider's stream for each client's dialect, and checks what comes out. Each provider's stream is read in
/// both dialects that providers speak.
///
/// # Panics
/// A stream is not of its dialect's grammar.
pub fn check(body: &[u8], now: Instant) {
    let clients: [(&'static dyn Dialect, Check); 4] = [
        (&Chat, check_chat),
        (&Responses, check_responses),
        (&Messages, check_messages),
        (&ollama::Chat, check_ollama),
    ];
    for (client, check) in clients {
        for provider in [&Chat as &'static dyn Dialect, &Messages] {
            if client.name() != provider.name() {
                let (frames, is_whole) = translated(client, provider, body, now);
                check(&frames, is_whole);
            }
        }
    }
}

/// The frames that a client gets of a provider's stream, and whether they are a whole answer.
fn translated(
    client: &'static dyn Dialect,
    provider: &'static dyn Dialect,
    body: &[u8],
    now: Instant,
) -> (Vec<Value>, bool) {
    let read = client.read(Incoming::from(REQUEST));
    let request = read.expect("a request of every dialect");
    let answering = Answering {
        request: &request,
        target: Target {
            traits: &PLAIN,
            replays_reasoning: false,
            kept: &[],
        },
        names: canonical::Names::default(),
        model: Some("r"),
        seed: 7,
        now: SystemTime::UNIX_EPOCH,
    };
    let translation = Translation::new(client, provider, answering, now);
    let mut translation = translation.expect("both dialects have sides");
    let mut out = Frames::new(FrameForm::Data);
    let is_whole = push_all(body, provider, &mut translation, &mut out)
        && translation.finish(&mut out).is_ok();
    if !is_whole {
        let error = ErrorBody::new(Code::RouteExecutionFailed, "it broke");
        translation.break_off(&error, &mut out);
    }
    if client.name() == Chat.name() {
        let marks = out.data.iter().filter(|data| *data == DONE).count();
        assert_eq!(marks, usize::from(is_whole));
        out.data.retain(|data| data != DONE);
    }
    let parse = |data: &String| -> Value {
        // This reader takes no half of a pair of surrogates.
        let parsed = serde_json::from_str(data);
        parsed.unwrap_or_else(|error| panic!("{error}: {data}"))
    };
    (out.data.iter().map(parse).collect(), is_whole)
}

/// Pushes the events that a provider's judge lets pass. Tells whether they are a whole answer.
fn push_all(
    body: &[u8],
    provider: &dyn Dialect,
    translation: &mut Translation,
    out: &mut Frames,
) -> bool {
    let mut decoder = Decoder::new(LONGEST_EVENT);
    decoder.push(body);
    let mut judge = provider.judge_stream(&Asked::nothing(Reading {
        repairs: true,
        ..Reading::default()
    }));
    while let Some(Ok(item)) = decoder.next_item() {
        let Item::Event(event) = item else { continue };
        let judged = judge.judge(&event);
        match judged.kind {
            FrameKind::Content | FrameKind::Reasoning | FrameKind::Prelude | FrameKind::Opening => {
                let data = judged.mended.as_deref().unwrap_or(&event.data);
                if translation.push(data, out).is_err() {
                    return false;
                }
            }
            FrameKind::Heartbeat => {}
            FrameKind::End => return true,
            FrameKind::Error(_) | FrameKind::Broken(_) | FrameKind::Unusable(_) => return false,
        }
    }
    judge.is_whole()
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn check_chat(chunks: &[Value], is_whole: bool) {
    let (mut calls, mut ends) = (0, 0);
    for (place, chunk) in chunks.iter().enumerate() {
        if chunk.get("error").is_some() {
            assert!(!is_whole && place + 1 == chunks.len(), "{chunk}");
            continue;
        }
        assert!(chunk["choices"].is_array(), "{chunk}");
        let choice = &chunk["choices"][0];
        ends += usize::from(choice["finish_reason"].is_string());
        for call in choice["delta"]["tool_calls"]
            .as_array()
            .into_iter()
            .flatten()
        {
            // A call begins with its id, and its pieces follow before the next one begins.
            calls += u64::from(call.get("id").is_some());
            assert_eq!(
                call["index"].as_u64().map(|index| index + 1),
                Some(calls),
                "{chunk}"
            );
        }
    }
    assert_eq!(ends, usize::from(is_whole));
}

fn check_messages(events: &[Value], is_whole: bool) {
    let (mut blocks, mut open) = (0, None);
    for (place, event) in events.iter().enumerate() {
        let index = event["index"].as_u64();
        let is_last = place + 1 == events.len();
        match text(event, "/type") {
            "message_start" => assert_eq!(place, 0),
            "content_block_start" => {
                assert_eq!((open, index), (None, Some(blocks)), "{event}");
                open = index;
                blocks += 1;
            }
            "content_block_delta" => assert!(open.is_some() && open == index, "{event}"),
            "content_block_stop" => {
                assert!(open.is_some() && open == index, "{event}");
                open = None;
            }
            "message_delta" => assert_eq!((open, place + 2), (None, events.len())),
            "message_stop" => assert!(is_whole && is_last),
            "error" => assert!(!is_whole && is_last),
            "ping" => {}
            other => panic!("{other}"),
        }
        if place == 0 && is_whole {
            assert_eq!(text(event, "/type"), "message_start");
        }
    }
    assert!(!is_whole || text(&events[events.len() - 1], "/type") == "message_stop");
}

fn check_responses(events: &[Value], is_whole: bool) {
    let (mut items, mut open, mut parts) = (0, None, Vec::new());
    for (place, event) in events.iter().enumerate() {
        assert_eq!(
            event["sequence_number"].as_u64(),
            Some(place as u64),
            "{event}"
        );
        let kind = text(event, "/type")
            .strip_prefix("response.")
            .unwrap_or("error");
        let index = event["output_index"].as_u64();
        match kind {
            "created" => assert_eq!(place, 0),
            "in_progress" => assert_eq!(place, 1),
            "output_item.added" => {
                assert_eq!((open, index), (None, Some(items)), "{event}");
                open = index;
                items += 1;
            }
            "output_item.done" => {
                assert!(
                    open.is_some() && open == index && parts.is_empty(),
                    "{event}"
                );
                open = None;
            }
            "completed" | "incomplete" => {
                assert!(
                    is_whole && open.is_none() && place + 1 == events.len(),
                    "{event}"
                );
                let output = event.pointer("/response/output").and_then(Value::as_array);
                assert_eq!(
                    output.map(|output| output.len() as u64),
                    Some(items),
                    "{event}"
                );
            }
            "failed" => assert!(!is_whole && place + 2 == events.len(), "{event}"),
            "error" => assert!(!is_whole && place + 1 == events.len(), "{event}"),
            delta => {
                assert!(open.is_some() && open == index, "{event}");
                if delta.ends_with("part.added") {
                    parts.push(delta.to_owned());
                } else if delta.ends_with("part.done") {
                    assert_eq!(
                        parts.pop(),
                        Some(delta.replace(".done", ".added")),
                        "{event}"
                    );
                }
            }
        }
    }
    let last = events.last().map(|event| text(event, "/type"));
    let ends = ["response.completed", "response.incomplete", "error"];
    assert!(last.is_some_and(|last| ends.contains(&last)), "{last:?}");
}

fn check_ollama(lines: &[Value], is_whole: bool) {
    let mut calls = 0;
    for (place, line) in lines.iter().enumerate() {
        let is_last = place + 1 == lines.len();
        if line.get("error").is_some() {
            assert!(!is_whole && is_last && line["error"].is_string(), "{line}");
            continue;
        }
        assert_eq!(line["done"], is_last && is_whole, "{line}");
        assert!(
            line.pointer("/message/content")
                .is_some_and(Value::is_string),
            "{line}"
        );
        for call in line
            .pointer("/message/tool_calls")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            assert!(call["function"]["arguments"].is_object(), "{line}");
            assert_eq!(call["function"]["index"].as_u64(), Some(calls), "{line}");
            calls += 1;
        }
    }
    assert!(!lines.is_empty());
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    /// Pieces of both dialects' streams, of which any may follow any.
    const PIECES: [&str; 30] = [
        r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#,
        r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"a\n\ud83d"}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"\ude00","reasoning_content":"hm"}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"reasoning":"so"}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"refusal":"no"}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"images":[{"image_url":{"url":"data:image/png;base64,AA"}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"images":[{"image_url":{"url":"http://i"}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"annotations":[{"type":"url_citation","url_citation":{"url":"u"}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"1","function":{"name":"f","arguments":"{"}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"}"}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"1","function":{"name":"g","arguments":"{}"}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"2","function":{"name":"h","arguments":""}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"id":"3","function":{"arguments":"[1]"}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"function":{"name":"late","arguments":"nonsense"}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"function_call":{"name":"old","arguments":"{}"}}}]}"#,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}"#,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#,
        r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5}}"#,
        "[DONE]",
        r#"{"type":"message_start","message":{"id":"msg_1","model":"m","usage":{"input_tokens":3}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"s"}}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{}"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9}}"#,
        r#"{"type":"message_stop"}"#,
    ];

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_comes_leaves_in_the_grammar_of_the_client(
            places in prop::collection::vec(0..PIECES.len(), 0..24),
        ) {
            let stream: String = places.iter().map(|place| format!("data: {}\n\n", PIECES[*place])).collect();
            check(stream.as_bytes(), Instant::now());
        }
    }

    /// Reads the texts that clients put together of a stream's frames.
    fn sum(frames: &[Value], pointers: &[&str]) -> String {
        let said = |frame: &Value| {
            // The last events of Responses say a whole text again.
            let is_piece = frame["type"]
                .as_str()
                .is_none_or(|kind| kind.ends_with("delta"));
            let mut texts = pointers.iter().filter(|_| is_piece);
            texts.find_map(|pointer| Some(frame.pointer(pointer)?.as_str()?.to_owned()))
        };
        frames.iter().filter_map(said).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        /// Providers cut between tokens, and Python escapes all beyond ASCII in two halves.
        #[test]
        fn a_letter_in_two_halves_is_one_to_every_client(
            text in "[a-z\u{1f600}\u{1f1e9}\"\\\\]{1,12}",
            cuts in prop::collection::vec(0_usize..24, 0..6),
        ) {
            let units: Vec<String> = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            let mut bounds: Vec<usize> = cuts.into_iter().map(|cut| cut.min(units.len())).collect();
            bounds.extend([0, units.len()]);
            bounds.sort_unstable();
            bounds.dedup();
            let pieces: Vec<String> = bounds.windows(2).map(|range| units[range[0]..range[1]].concat()).collect();
            let stream = |before: &str, behind: &str, last: &str| -> Vec<u8> {
                let events = pieces.iter().map(|piece| format!("data: {before}{piece}{behind}\n\n"));
                (events.collect::<String>() + last).into_bytes()
            };
            let stop = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\".\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
            let chat = |member: &str| {
                stream(&format!(r#"{{"choices":[{{"index":0,"delta":{{"{member}":""#), r#""}}]}"#, stop)
            };
            let [content, thoughts] = [chat("content"), chat("reasoning_content")];
            let said = format!("{text}.");
            for (client, words, thinking) in [
                (&Responses as &'static dyn Dialect, "/delta", "/delta"),
                (&Messages, "/delta/text", "/delta/thinking"),
                (&ollama::Chat, "/message/content", "/message/thinking"),
            ] {
                let (frames, is_whole) = translated(client, &Chat, &content, Instant::now());
                prop_assert!(is_whole);
                prop_assert_eq!(sum(&frames, &[words]), &*said);
                let (frames, _) = translated(client, &Chat, &thoughts, Instant::now());
                prop_assert!(sum(&frames, &[thinking]).starts_with(&text), "{:?}", frames);
            }
            let events = stream(
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":""#,
                r#""}}"#,
                "data: {\"type\":\"content_block_stop\",\"index\":0}\n\n\
                 data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}\n\ndata: {\"type\":\"message_stop\"}\n\n",
            );
            let begin = "data: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\"}}\n\n\
                 data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n";
            let (frames, is_whole) = translated(&Chat, &Messages, &[begin.as_bytes(), &events].concat(), Instant::now());
            prop_assert!(is_whole);
            prop_assert_eq!(sum(&frames, &["/choices/0/delta/content"]), text);
        }
    }

    /// The other half never comes: the answer is whole all the same, and each frame a text.
    #[test]
    fn half_a_letter_alone_is_a_mark() {
        let body = br#"data: {"id":"\ud83d","model":"\ude00","choices":[{"index":0,"delta":{"content":"a\ud83d","tool_calls":[{"index":0,"id":"\udc00","function":{"name":"f\ud83d","arguments":"{}"}}]}}]}

data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}

data: [DONE]

"#;
        check(body, Instant::now());
        let (frames, is_whole) = translated(&ollama::Chat, &Chat, body, Instant::now());
        assert!(is_whole);
        assert_eq!(sum(&frames, &["/message/content"]), "a\u{fffd}");
    }

    #[test]
    fn the_seeds_of_fuzzing_leave_in_the_grammar_of_the_client() {
        let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/translation");
        let seeds: Vec<_> = fs::read_dir(seeds).unwrap().collect();
        assert!(seeds.len() >= 4);
        for seed in seeds {
            check(&fs::read(seed.unwrap().path()).unwrap(), Instant::now());
        }
    }
}
