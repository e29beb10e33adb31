//! Signals of a stream's event beside its data, in any dialect: errors in its name or in stray lines, and signs of
//! life that are no data at all.

use crate::json::raw;
use crate::sse::Event;
use crate::text::cut;

use super::provider_error::{MAX_MESSAGE, ProviderError, error_in, error_of};
use super::stream::FrameKind;

/// The data of heartbeats, without brackets and in lower case, that stand under no name of an event.
const HEARTBEATS: [&str; 9] = [
    "null",
    "ping",
    "pong",
    "heartbeat",
    "keepalive",
    "keep-alive",
    "keep_alive",
    "processing",
    "waiting",
];

/// The names of events under which some providers send their chunks.
const DATA_NAMES: [&str; 7] = [
    "message",
    "data",
    "chunk",
    "delta",
    "completion",
    "chat.completion.chunk",
    "result",
];

/// The meaning of an event whose data need no reading in their dialect; none for all others, which have data.
#[inline]
pub fn signal_of(event: &Event<'_>) -> Option<FrameKind> {
    let is_plain = event.name.is_none() && event.stray.is_none();
    if is_plain && event.data.as_bytes().first() == Some(&b'{') {
        return None;
    }
    unusual(event)
}

fn unusual(event: &Event<'_>) -> Option<FrameKind> {
    if let Some(stray) = event.stray.as_deref().and_then(of_stray) {
        return Some(stray);
    }
    let data = event.data.trim_ascii();
    let name = event.name.as_deref().unwrap_or_default();
    if is_error_name(name) {
        return Some(FrameKind::Error(named_error(name, data)));
    }
    if data.is_empty() {
        return Some(FrameKind::Heartbeat);
    }
    let is_known = name.is_empty()
        || DATA_NAMES
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name));
    if is_known {
        let word = data.trim_matches(['[', ']', ':', '"', ' ', '.']);
        let is_heartbeat = HEARTBEATS
            .iter()
            .any(|heartbeat| heartbeat.eq_ignore_ascii_case(word));
        return is_heartbeat.then_some(FrameKind::Heartbeat);
    }
    if raw::is_object(data) {
        let names_life = HEARTBEATS
            .iter()
            .any(|heartbeat| heartbeat.eq_ignore_ascii_case(name));
        return (names_life && error_of(data).is_none()).then_some(FrameKind::Heartbeat);
    }
    if data == "[DONE]" {
        return None;
    }
    // A list may hold an error, as Google's do.
    Some(error_of(data).map_or(FrameKind::Heartbeat, FrameKind::Error))
}

/// Names of events that tell of a failure, whatever the data say: `error`, `response.error`, AWS's
/// `modelStreamErrorException`.
fn is_error_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["error", "exception", "failed", "aborted"]
        .iter()
        .any(|end| name.ends_with(end))
}

fn bounded(text: &str) -> String {
    cut(text, MAX_MESSAGE).to_owned()
}

fn named_error(name: &str, data: &str) -> Box<ProviderError> {
    let object = raw::is_object(data).then(|| error_in(data)).flatten();
    let said = error_of(data).or(object);
    said.unwrap_or_else(|| {
        ProviderError::saying(if data.is_empty() {
            bounded(&format!("the provider sent an event named {name:?}"))
        } else {
            bounded(&raw::text(data).unwrap_or(data.into()))
        })
    })
}

/// The meaning of lines that are no fields; none for those that the standard tells to ignore.
fn of_stray(stray: &str) -> Option<FrameKind> {
    // An object may stand on several lines.
    if let Some(kind) = of_object(stray) {
        return Some(kind);
    }
    stray.lines().find_map(|line| {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.trim_ascii();
        let speaks_of_error = field.split_ascii_whitespace().any(|word| {
            let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
            word.eq_ignore_ascii_case("error") || word.eq_ignore_ascii_case("exception")
        });
        if !speaks_of_error {
            return of_object(line).or_else(|| of_object(value));
        }
        if matches!(value, "null" | "false" | "{}") {
            return None;
        }
        let said = error_of(value).or_else(|| error_in(value));
        let said = said.unwrap_or_else(|| ProviderError::saying(bounded(line)));
        Some(FrameKind::Error(said))
    })
}

/// The meaning of an object outside of any field: an error, or a part of the answer that no client would see.
fn of_object(text: &str) -> Option<FrameKind> {
    let text = text.trim_ascii();
    if !text.starts_with(['{', '[']) {
        return None;
    }
    if let Some(error) = error_of(text) {
        return Some(FrameKind::Error(error));
    }
    text.contains("\"choices\"")
        .then(|| FrameKind::Broken("a chunk stands outside of any event".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, data: &str, stray: &str) -> Event<'static> {
        Event {
            name: Some(name.to_owned()).filter(|name| !name.is_empty()),
            data: data.to_owned().into(),
            stray: Some(stray.into()).filter(|_| !stray.is_empty()),
            ..Event::default()
        }
    }

    #[test]
    fn signs_of_life_are_no_data() {
        for (name, data) in [
            ("", ""),
            ("", "  "),
            ("", "null"),
            ("", "ping"),
            ("", "[PING]"),
            ("", ": keep-alive"),
            ("message", ""),
            ("ping", ""),
            ("ping", "ping"),
            ("ping", "null"),
            ("ping", r#"{"type":"ping"}"#),
            ("keepalive", "1764000000"),
            ("status", "queued"),
            ("heartbeat", "[]"),
        ] {
            let signal = signal_of(&event(name, data, ""));
            assert_eq!(signal, Some(FrameKind::Heartbeat), "{name:?} {data:?}");
        }
        for (name, data) in [
            ("", "{}"),
            ("", " {}"),
            ("", "[DONE]"),
            ("done", "[DONE]"),
            ("message", "{}"),
            ("delta", "{}"),
            ("unknown", r#"{"choices":[]}"#),
            ("", "hello"),
            ("", "[]"),
        ] {
            assert_eq!(signal_of(&event(name, data, "")), None, "{name:?} {data:?}");
        }
    }

    #[test]
    fn errors_stand_outside_of_data_too() {
        for (name, data, stray, said) in [
            (
                "error",
                "",
                "",
                "the provider sent an event named \"error\"",
            ),
            ("error", "slot failed", "", "slot failed"),
            ("error", "\"slot failed\"", "", "slot failed"),
            ("Error", r#"{"message":"m"}"#, "", "m"),
            ("error", r#"{"error":{"message":"m"}}"#, "", "m"),
            ("error", r#"{"code":500}"#, "", r#"{"code":500}"#),
            ("internalServerException", r#"{"message":"m"}"#, "", "m"),
            ("status", r#"[{"error":{"message":"m"}}]"#, "", "m"),
            ("", "", r#"error: {"code":500,"message":"m"}"#, "m"),
            ("", "", r#"error: {"error":{"message":"m"}}"#, "m"),
            ("", "", r#"error: "m""#, "m"),
            ("", "", "error: it broke", "error: it broke"),
            ("", "", "ERROR", "ERROR"),
            ("", "", r#"{"error":{"message":"m"}}"#, "m"),
            ("", "", "{\n \"error\": {\n  \"message\": \"m\"\n }\n}", "m"),
            ("", "", r#"detail: {"error":"m"}"#, "m"),
            (
                "",
                "",
                "proxy error: Failed to read connection",
                "proxy error: Failed to read connection",
            ),
            (
                "",
                "{}",
                "foo: bar\nInternal Server Error",
                "Internal Server Error",
            ),
        ] {
            match signal_of(&event(name, data, stray)) {
                Some(FrameKind::Error(error)) => assert_eq!(error.message, said, "{stray}"),
                other => panic!("{name:?} {data:?} {stray:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn lines_that_say_nothing_are_passed_over() {
        for stray in ["foo: bar", "x-errors: 0", "error: null", "meta: {\"a\":1}"] {
            assert_eq!(signal_of(&event("", "{}", stray)), None, "{stray}");
        }
        let lost = signal_of(&event("", "", " data: {\"choices\":[]}"));
        assert!(matches!(lost, Some(FrameKind::Broken(_))), "{lost:?}");
    }
}
