//! What a provider sends is mended without panicking, a repaired stream stays one that decodes, and a second repair finds
//! nothing to do.
//!
//! The input is the body of an answer; its first byte chooses the rules for reading it.

#![no_main]

use ai_gateway::dialect::chat::Chat;
use ai_gateway::dialect::reading::{Asked, Reading, ThinkTags};
use ai_gateway::dialect::{Dialect, FrameKind, Judged};
use ai_gateway::json::Object;
use ai_gateway::sse::{Decoder, Event, Item, encode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [rules, body @ ..] = input else {
        return;
    };
    let reading = Reading {
        repairs: rules & 1 == 0,
        wants_json: rules & 2 != 0,
        think_tags: match rules & 12 {
            4 => Some(ThinkTags::Reasoning),
            8 => Some(ThinkTags::Strip),
            _ => None,
        },
        seed: u64::from(*rules),
    };
    check_stream(body, reading);
    if let Ok(text) = std::str::from_utf8(body) {
        check_whole(text, reading);
    }
});

fn check_stream(body: &[u8], reading: Reading) {
    let mut decoder = Decoder::new(1 << 20);
    decoder.push(body);
    let mut judge = Chat.judge_stream(&Asked::nothing(reading));
    let mut written = String::new();
    while let Some(Ok(item)) = decoder.next_item() {
        let Item::Event(event) = item else { continue };
        let Judged { kind, mended, .. } = judge.judge(&event);
        let length = event.data.len();
        match kind {
            FrameKind::Content | FrameKind::Reasoning | FrameKind::Prelude | FrameKind::Opening => {
                let data = mended.as_deref().unwrap_or(&event.data);
                assert!(Object::parse_lenient(data).is_ok(), "{data}");
                // A repair adds members and quotes; what a filter held back is at most what came.
                assert!(data.len() <= 8 * length + 8 * body.len() + 256);
                encode(&mut written, data);
            }
            FrameKind::Heartbeat | FrameKind::End => {}
            FrameKind::Error(_) | FrameKind::Broken(_) | FrameKind::Unusable(_) => break,
        }
    }
    if let Some(rest) = judge.rest() {
        assert!(Object::parse_lenient(&rest).is_ok(), "{rest}");
        encode(&mut written, &rest);
    }
    let repaired = Reading {
        wants_json: false,
        think_tags: None,
        ..reading
    };
    let mut decoder = Decoder::new(usize::MAX);
    decoder.push(written.as_bytes());
    let mut judge = Chat.judge_stream(&Asked::nothing(repaired));
    while let Some(Ok(Item::Event(event))) = decoder.next_item() {
        let judged = judge.judge(&event);
        assert!(
            !matches!(judged.kind, FrameKind::Broken(_)),
            "{}",
            event.data
        );
    }
}

fn check_whole(text: &str, reading: Reading) {
    let dialect: &dyn Dialect = &Chat;
    let Ok(answer) = dialect.whole(text.to_owned(), &Asked::nothing(reading)) else {
        return;
    };
    assert!(Object::parse_lenient(answer.text()).is_ok());
    let again = dialect.whole(
        answer.text().to_owned(),
        &Asked::nothing(Reading {
            wants_json: false,
            think_tags: None,
            ..reading
        }),
    );
    let again = again.expect("a repaired answer is one");
    assert_eq!(again.text(), answer.text());
    let _ = dialect.check_json(&answer);
    let event = Event {
        data: text.into(),
        ..Event::default()
    };
    Chat.judge_stream(&Asked::nothing(reading)).judge(&event);
}
