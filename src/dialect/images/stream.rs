//! The events of images under way: `image_generation.partial_image`, `image_generation.completed`, and the same of edits.

use crate::dialect::answer::{Flaw, Silence};
use crate::dialect::object_frame::{ObjectFrame, read_frame};
use crate::dialect::repairs::Repairs;
use crate::dialect::usage::Usage;
use crate::dialect::{Assemble, FrameKind, Judged, StreamJudge};
use crate::json::raw;
use crate::sse::Event;

/// The judge of one stream.
#[derive(Debug, Default)]
pub struct ImageJudge {
    is_completed: bool,
    usage: Option<Usage>,
}

impl StreamJudge for ImageJudge {
    fn judge(&mut self, frame: &Event<'_>) -> Judged {
        let annotation = match read_frame(frame) {
            ObjectFrame::Object(annotation) => annotation,
            ObjectFrame::Other(kind) => return kind.into(),
        };
        let kind = raw::kind_of(&frame.data);
        let kind = kind.as_deref().unwrap_or_default();
        let image = raw::member(&frame.data, "b64_json").filter(|image| image.starts_with('"'));
        let has_image = image.is_some_and(|image| image != r#""""#);
        if has_image && kind.ends_with(".completed") {
            self.is_completed = true;
            let usage = raw::member(&frame.data, "usage").and_then(Usage::of);
            self.usage = usage.or(self.usage);
        }
        Judged {
            kind: if has_image {
                FrameKind::Content
            } else {
                FrameKind::Prelude
            },
            annotation: Some(annotation.without_model()),
            mended: None,
        }
    }

    fn is_whole(&self) -> bool {
        self.is_completed
    }

    /// Every stream of images does: an end mark alone is none.
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

/// The whole answer of a stream: its completed images.
#[derive(Debug, Default)]
pub struct Assembler {
    images: Vec<String>,
    created: Option<String>,
    usage: Option<String>,
}

impl Assemble for Assembler {
    fn push(&mut self, data: &str) -> Result<(), Flaw> {
        let kind = raw::kind_of(data);
        if !kind.is_some_and(|kind| kind.ends_with(".completed")) {
            return Ok(());
        }
        if let Some(image) = raw::member(data, "b64_json") {
            self.images.push(format!(r#"{{"b64_json":{image}}}"#));
        }
        let owned = |key| raw::member(data, key).map(str::to_owned);
        self.created = owned("created_at").or(self.created.take());
        self.usage = owned("usage").or(self.usage.take());
        Ok(())
    }

    fn finish(self: Box<Self>) -> String {
        let created = self.created.as_deref().unwrap_or("0");
        let usage = self.usage.map(|usage| format!(r#","usage":{usage}"#));
        format!(
            r#"{{"created":{created},"data":[{}]{}}}"#,
            self.images.join(","),
            usage.unwrap_or_default()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_commits_and_a_completed_one_ends() {
        let mut judge = ImageJudge::default();
        let mut assembler = Box::new(Assembler::default());
        for (data, kind, is_whole) in [
            (
                r#"{"type":"image_generation.partial_image","b64_json":""}"#,
                FrameKind::Prelude,
                false,
            ),
            (
                r#"{"type":"image_generation.partial_image","b64_json":"a","partial_image_index":0}"#,
                FrameKind::Content,
                false,
            ),
            (
                r#"{"type":"image_edit.completed","b64_json":"b","created_at":5,"usage":{"input_tokens":1,"output_tokens":2}}"#,
                FrameKind::Content,
                true,
            ),
        ] {
            let event = Event {
                data: data.into(),
                ..Event::default()
            };
            assert_eq!(judge.judge(&event).kind, kind, "{data}");
            assert_eq!(judge.is_whole(), is_whole, "{data}");
            assembler.push(data).unwrap();
        }
        assert_eq!(judge.usage().unwrap().prompt_tokens, Some(1));
        assert_eq!(
            assembler.finish(),
            r#"{"created":5,"data":[{"b64_json":"b"}],"usage":{"input_tokens":1,"output_tokens":2}}"#
        );
    }
}
