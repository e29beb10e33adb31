//! Whatever serde_json takes for JSON is taken for JSON, and nothing else. A body is edited without a change to anything
//! else in it, and never into something that other parsers read differently.

#![no_main]

use std::borrow::Cow;

use ai_gateway::dialect::answer::Annotated;
use ai_gateway::dialect::chat::Chat;
use ai_gateway::dialect::reading::{Asked, Reading};
use ai_gateway::dialect::{Dialect, FrameKind};
use ai_gateway::json::Object;
use ai_gateway::json::reader::{EntryCursor, Invalid, Reader};
use ai_gateway::sse::Event;
use libfuzzer_sys::fuzz_target;
use serde::Deserializer as _;
use serde::de::IgnoredAny;
use serde_json::Value;

const MARK: &str = r#"{"fuzz": [1e400, "\u0000"]}"#;

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let (key, source) = text.split_once('\n').unwrap_or(("model", text));
    check_reader(source);
    check_lenient(source, key);
    check_marks(source);
    let Ok(object) = Object::parse(source) else {
        return;
    };
    assert_eq!(object.to_json(), source);
    let before: Vec<(&str, &str)> = object.members().collect();

    let mut set = object.clone();
    set.set(key, MARK.to_owned());
    let json = set.to_json();
    let after = Object::parse(&json).expect("still an object without repeated keys");
    assert_eq!(after.get(key), Some(MARK));
    let was_there = object.get(key).is_some();
    assert_eq!(
        after.members().count(),
        before.len() + usize::from(!was_there)
    );
    for ((old_key, old), (new_key, new)) in before.iter().zip(after.members()) {
        assert_eq!(*old_key, new_key);
        assert!(*old == new || new == MARK);
    }

    let mut removed = object.clone();
    assert_eq!(removed.remove(key), was_there);
    assert_eq!(removed.is_edited(), was_there);
    let json = removed.to_json();
    let after = Object::parse(&json).expect("still an object without repeated keys");
    assert_eq!(after.get(key), None);
    let kept = before.iter().filter(|(old, _)| !is(old, key)).copied();
    assert!(after.members().eq(kept));

    removed.set(key, "7".to_owned());
    let json = removed.to_json();
    assert_eq!(Object::parse(&json).unwrap().get(key), Some("7"));
});

fn check_reader(source: &str) {
    let is_json = serde_json::from_str::<IgnoredAny>(source).is_ok();
    for depth in [0, 1, 4] {
        let mut reader = Reader::new(source);
        let read = descend(&mut reader, depth).and_then(|()| reader.end());
        assert_eq!(read.is_ok(), is_json);
    }
    let mut theirs = serde_json::Deserializer::from_str(source);
    let theirs = theirs
        .deserialize_map(IgnoredAny)
        .and_then(|_| theirs.end());
    assert_eq!(Object::parse_lenient(source).is_ok(), theirs.is_ok());
}

/// Reads one value by going down as far as `depth`.
fn descend(reader: &mut Reader<'_>, depth: usize) -> Result<(), Invalid> {
    let mut entries = EntryCursor::default();
    match reader.peek() {
        Some(b'{') if depth > 0 => {
            while reader.key(&mut entries)?.is_some() {
                descend(reader, depth - 1)?;
            }
        }
        Some(b'[') if depth > 0 => {
            while reader.item(&mut entries)? {
                descend(reader, depth - 1)?;
            }
        }
        _ => drop(reader.value()?),
    }
    Ok(())
}

/// Answers and chunks are marked as editing their objects would mark them.
fn check_marks(source: &str) {
    for (model, summary) in [
        (Some("a\"b"), Some("[7]")),
        (None, Some("7")),
        (Some("m"), None),
    ] {
        let mut object = Object::parse_lenient(source).ok();
        if let Some(object) = &mut object {
            model.map(|model| object.set("model", Value::from(model).to_string()));
            summary.map(|summary| object.set("routing_summary", summary.to_owned()));
        }
        let expected = object.map(|object| object.to_json());
        let chunk = Chat.judge_stream(&Asked::nothing(Reading::default())).judge(&Event {
            data: Cow::Borrowed(source),
            ..Event::default()
        });
        if let FrameKind::Content | FrameKind::Reasoning | FrameKind::Prelude = chunk.kind {
            let mut written = String::new();
            let annotation = chunk.annotation.expect("an object");
            annotation.write(&mut written, source, model, summary);
            assert_eq!(Some(&written), expected.as_ref());
        }
        let dialect: &dyn Dialect = &Chat;
        let answer = dialect.whole(source.to_owned(), &Asked::nothing(Reading::default()));
        if let Ok(answer) = answer {
            // Large ones are put together when they are sent.
            if let Annotated::Copied(written) = answer.annotated(model, summary) {
                assert_eq!(Some(&written), expected.as_ref());
            }
        }
    }
}

/// The view has the members that serde_json's own reading has, of repeated ones the last.
fn check_lenient(source: &str, key: &str) {
    let theirs = serde_json::from_str::<Value>(source);
    let ours = Object::parse_lenient(source);
    let (Ok(theirs), Ok(mut ours)) = (theirs, ours) else {
        return;
    };
    let theirs = theirs.as_object().expect("the view takes objects only");
    let mine = ours
        .get(key)
        .map(|raw| serde_json::from_str::<Value>(raw).unwrap());
    assert_eq!(mine.as_ref(), theirs.get(key));
    ours.set(key, "7".to_owned());
    let edited: Value = serde_json::from_str(&ours.to_json()).expect("an edit keeps it valid");
    let mut expected = theirs.clone();
    expected.insert(key.to_owned(), Value::from(7));
    assert_eq!(edited, Value::Object(expected));
}

fn is(raw_key: &str, key: &str) -> bool {
    serde_json::from_str::<String>(raw_key).is_ok_and(|decoded| decoded == key)
}
