//! The data of one stream event: what it means for the commit point and the end of the stream.

use std::borrow::Cow;

use super::view::{Places, View};
use crate::dialect::provider_error::{ProviderError, error_in, error_of};
use crate::json::{ObjectError, raw};

pub use super::choice::{Ends, Usage};

/// The data of the event that ends a stream.
pub const DONE: &str = "[DONE]";

/// An inspected event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    pub kind: ChunkKind,
    /// What it tells of the ends of its choices.
    pub ends: Ends,
    pub usage: Option<Usage>,
    /// None in what is no object.
    places: Option<Places>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChunkKind {
    /// `[DONE]`
    Done,
    /// Text, reasoning, a refusal, a tool call, audio: the first of these commits.
    Content,
    /// Role-only and empty deltas, usage, finish reasons, and everything unknown.
    Prelude,
    Error(ProviderError),
    /// Not a JSON object, with the reason: broken, or cut.
    NotJson(String),
}

impl Chunk {
    pub fn inspect(data: &str) -> Self {
        if data.trim_ascii() == DONE {
            return ChunkKind::Done.into();
        }
        let view = match View::read(data, "delta") {
            Ok(view) => view,
            Err(ObjectError::NotAnObject) => {
                return error_of(data)
                    .map_or_else(
                        || ChunkKind::NotJson(ObjectError::NotAnObject.to_string()),
                        ChunkKind::Error,
                    )
                    .into();
            }
            Err(other) => return ChunkKind::NotJson(other.to_string()).into(),
        };
        // Only what looks like no chunk at all is searched for the other shapes of errors.
        let no_chunk = view.choices.is_none();
        let choices = view.choices.unwrap_or_default();
        let error = view.error.and_then(error_in).or(choices.error);
        let error = error.or_else(|| no_chunk.then(|| error_of(data)).flatten());
        Self {
            kind: match error {
                Some(error) => ChunkKind::Error(error),
                None if choices.has_content => ChunkKind::Content,
                None => ChunkKind::Prelude,
            },
            ends: choices.ends,
            usage: view.usage,
            places: Some(view.places),
        }
    }

    /// The `model`, if `data`, the inspected one, says it.
    pub fn model<'a>(&self, data: &'a str) -> Option<Cow<'a, str>> {
        self.places?.model(data).and_then(raw::text)
    }

    /// Appends `data`, the inspected one, with its `model` replaced and `routing_summary`, raw JSON, added, where given;
    /// all else byte for byte. What is no object, `[DONE]` for one, stays as it is.
    pub fn write(
        &self,
        out: &mut String,
        data: &str,
        model: Option<&str>,
        routing_summary: Option<&str>,
    ) {
        match self.places {
            Some(places) => places.write(out, data, model, routing_summary),
            None => out.push_str(data),
        }
    }
}

impl From<ChunkKind> for Chunk {
    fn from(kind: ChunkKind) -> Self {
        Self {
            kind,
            ends: Ends::default(),
            usage: None,
            places: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewrite(data: &str, model: Option<&str>, routing_summary: Option<&str>) -> String {
        let mut out = String::new();
        Chunk::inspect(data).write(&mut out, data, model, routing_summary);
        out
    }

    fn kind(data: &str) -> ChunkKind {
        Chunk::inspect(data).kind
    }

    #[test]
    fn only_content_commits() {
        for delta in [
            r#"{"content":"x"}"#,
            r#"{"role":"assistant","content":"\n"}"#,
            r#"{"content":[{"type":"thinking","thinking":[]}]}"#,
            r#"{"reasoning_content":"x","content":null}"#,
            r#"{"reasoning":"x","content":""}"#,
            r#"{"refusal":"x"}"#,
            r#"{"tool_calls":[{"index":0,"function":{"arguments":""}}]}"#,
            r#"{"function_call":{"arguments":"{"}}"#,
            r#"{"audio":{"data":"UklG"}}"#,
        ] {
            let data = format!(r#"{{"choices":[{{"delta":{{}}}},{{"index":1,"delta":{delta}}}]}}"#);
            assert_eq!(kind(&data), ChunkKind::Content, "{delta}");
        }
        for data in [
            r#"{"choices":[{"delta":{"role":"assistant"}}]}"#,
            r#"{"choices":[{"delta":{"role":"assistant","content":"","refusal":null,"tool_calls":null}}],"error":null}"#,
            r#"{"choices":[{"delta":{}}]}"#,
            r#"{"choices":[{"delta":null}]}"#,
            r#"{"choices":[]}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":1}}"#,
            r#"{"type":"ping"}"#,
            "{}",
        ] {
            assert_eq!(Chunk::inspect(data).kind, ChunkKind::Prelude, "{data}");
            assert!(!Chunk::inspect(data).ends.are_all_there(), "{data}");
        }
    }

    #[test]
    fn a_finish_reason_is_an_end_even_without_content() {
        let finished = |reason: &str| {
            let data = format!(
                r#"{{"choices":[{{"delta":{{}},"finish_reason":null}},{{"delta":{{}},"finish_reason":{reason}}}]}}"#
            );
            let chunk = Chunk::inspect(&data);
            assert_eq!(chunk.kind, ChunkKind::Prelude);
            chunk.ends.are_all_there()
        };
        assert!(finished("\"stop\"") && finished("\"length\""));
        assert!(!finished("null") && !finished("\"\""));
        let both =
            Chunk::inspect(r#"{"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}]}"#);
        assert!(both.ends.are_all_there() && both.kind == ChunkKind::Content);
    }

    /// Would break for clients that ask for several choices: a proxy that closes properly after the first one's end.
    #[test]
    fn a_stream_with_a_choice_in_the_middle_has_not_ended() {
        let said = |index: u64| format!(r#"{{"index":{index},"delta":{{"content":"x"}}}}"#);
        let ended =
            |index: u64| format!(r#"{{"index":{index},"delta":{{}},"finish_reason":"stop"}}"#);
        let mut ends = Ends::default();
        for (choices, all) in [
            (said(0), false),
            (said(1), false),
            (ended(0), false),
            (ended(1), true),
            (said(u64::MAX), false),
            (format!("{},{}", ended(0), ended(200)), true),
        ] {
            ends.add(Chunk::inspect(&format!(r#"{{"choices":[{choices}]}}"#)).ends);
            assert_eq!(ends.are_all_there(), all, "{choices}");
        }
    }

    #[test]
    fn errors_are_seen_in_every_shape() {
        for data in [
            r#"{"error":{"message":"m"}}"#,
            r#"{"error":"m"}"#,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#,
            r#"{"id":"1","choices":[{"delta":{"content":""},"finish_reason":"error"}],"error":{"code":502,"message":"m"}}"#,
            r#"{"choices":[{"delta":{"content":"x"},"error":{"message":"m"}}]}"#,
            r#"{"object":"error","message":"m"}"#,
            r#"[{"error":{"message":"m"}}]"#,
        ] {
            match kind(data) {
                ChunkKind::Error(error) => assert_eq!(error.message, "m", "{data}"),
                other => panic!("{data}: {other:?}"),
            }
        }
    }

    #[test]
    fn the_end_and_a_cut_event_are_told_apart() {
        assert_eq!(kind("[DONE]"), ChunkKind::Done);
        assert_eq!(kind(" [DONE] "), ChunkKind::Done);
        for data in [
            "",
            "[DON",
            r#"{"choices":[{"delta":{"content":"he"#,
            "1",
            "[]",
        ] {
            assert!(matches!(kind(data), ChunkKind::NotJson(_)), "{data}");
        }
    }

    #[test]
    fn usage_is_read_from_any_chunk() {
        let usage =
            Chunk::inspect(r#"{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#)
                .usage;
        let expected = Usage {
            prompt_tokens: Some(1),
            completion_tokens: Some(2),
        };
        assert_eq!(usage, Some(expected));
        assert_eq!(Chunk::inspect(r#"{"choices":[],"usage":null}"#).usage, None);
    }

    #[test]
    fn rewriting_leaves_the_rest_and_the_end_alone() {
        assert_eq!(rewrite("[DONE]", Some("m"), Some("{}")), "[DONE]");
        let data = r#"{"id":"\u0031","model":"up","choices":[ ]}"#;
        assert_eq!(rewrite(data, None, None), data);
        assert_eq!(
            rewrite(data, Some("r"), None),
            r#"{"id":"\u0031","model":"r","choices":[ ]}"#
        );
        assert_eq!(
            rewrite("{}", Some("r"), Some("1")),
            r#"{"model":"r","routing_summary":1}"#
        );
    }
}
