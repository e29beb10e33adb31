//! The events of a transcript under way: `transcript.text.delta`, `.segment`, `.done`.

use crate::dialect::annotation::Annotation;
use crate::dialect::answer::Silence;
use crate::dialect::object_frame::{ObjectFrame, read_frame};
use crate::dialect::repairs::Repairs;
use crate::dialect::usage::Usage;
use crate::dialect::{FrameKind, Judged, StreamJudge};
use crate::json::raw;
use crate::sse::Event;

/// The judge of one transcript.
#[derive(Debug, Default)]
pub struct TranscriptJudge {
    is_done: bool,
    usage: Option<Usage>,
}

impl TranscriptJudge {
    fn judge_object(&mut self, data: &str, annotation: Annotation) -> Judged {
        let text = |member| raw::member(data, member).and_then(raw::text);
        let kind = match text("type").as_deref() {
            Some("transcript.text.done") => {
                self.is_done = true;
                let usage = raw::member(data, "usage").and_then(Usage::of);
                self.usage = usage.or(self.usage);
                FrameKind::Content
            }
            Some("transcript.text.delta") if text("delta").is_none_or(|delta| delta.is_empty()) => {
                FrameKind::Prelude
            }
            Some("transcript.text.delta" | "transcript.text.segment") => FrameKind::Content,
            _ => FrameKind::Prelude,
        };
        Judged {
            kind,
            annotation: Some(annotation.without_model()),
            mended: None,
        }
    }
}

impl StreamJudge for TranscriptJudge {
    fn judge(&mut self, frame: &Event<'_>) -> Judged {
        match read_frame(frame) {
            ObjectFrame::Object(annotation) => self.judge_object(&frame.data, annotation),
            ObjectFrame::Other(kind) => kind.into(),
        }
    }

    fn is_whole(&self) -> bool {
        self.is_done
    }

    /// Every transcript does: an end mark alone is none.
    fn names_its_end(&self) -> bool {
        true
    }

    fn silence(&self) -> Silence {
        Silence::Unexplained
    }

    fn repairs(&self) -> Repairs {
        Repairs::default()
    }

    fn rest(&mut self) -> Option<String> {
        None
    }

    fn usage(&self) -> Option<Usage> {
        self.usage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_commit_and_done_ends() {
        let mut judge = TranscriptJudge::default();
        let mut kind = |data: &str| {
            let event = Event {
                data: data.into(),
                ..Event::default()
            };
            let kind = judge.judge(&event).kind;
            (kind, judge.is_whole())
        };
        for (data, expected, is_whole) in [
            (
                r#"{"type":"transcript.text.delta","delta":""}"#,
                FrameKind::Prelude,
                false,
            ),
            (
                r#"{"type":"transcript.language","language":"en"}"#,
                FrameKind::Prelude,
                false,
            ),
            (
                r#"{"type":"transcript.text.delta","delta":"a"}"#,
                FrameKind::Content,
                false,
            ),
            (
                r#"{"type":"transcript.text.segment","text":"a"}"#,
                FrameKind::Content,
                false,
            ),
            (
                r#"{"type":"transcript.text.done","text":""}"#,
                FrameKind::Content,
                true,
            ),
            ("[DONE]", FrameKind::End, true),
        ] {
            assert_eq!(kind(data), (expected, is_whole), "{data}");
        }
        assert!(matches!(
            kind(r#"{"type":"error","error":{"message":"m"}}"#).0,
            FrameKind::Error(_)
        ));
        assert!(matches!(
            kind(r#"{"type":"transcr"#).0,
            FrameKind::Broken(_)
        ));
    }
}
