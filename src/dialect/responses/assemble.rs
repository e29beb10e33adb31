//! The whole answer of a stream: the `response` of the event that ended it.

use super::events::EventJudge;
use crate::dialect::answer::Flaw;
use crate::dialect::{Assemble, FrameKind, StreamJudge};
use crate::json::raw;
use crate::sse::Event;

/// A whole answer in the making.
#[derive(Default)]
pub struct Assembler {
    judge: EventJudge,
    /// The latest frame, raw.
    response: String,
}

impl Assemble for Assembler {
    fn push(&mut self, data: &str) -> Result<(), Flaw> {
        let event = Event {
            data: data.into(),
            ..Event::default()
        };
        match self.judge.judge(&event).kind {
            FrameKind::Error(error) => Err(Flaw::ErrorObject(error)),
            FrameKind::Broken(reason) => Err(Flaw::NotJson(reason)),
            FrameKind::Unusable(reason) => Err(Flaw::NoAnswer(reason)),
            FrameKind::Heartbeat | FrameKind::End => Ok(()),
            FrameKind::Content | FrameKind::Reasoning | FrameKind::Prelude | FrameKind::Opening => {
                if let Some(response) = raw::member(data, "response") {
                    self.response.clear();
                    self.response.push_str(response);
                }
                Ok(())
            }
        }
    }

    fn finish(self: Box<Self>) -> String {
        self.response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_frame_is_the_answer() {
        let mut assembler = Box::new(Assembler::default());
        for data in [
            r#"{"type":"response.created","sequence_number":0,"response":{"output":[]}}"#,
            r#"{"type":"response.output_text.delta","sequence_number":1,"delta":"x"}"#,
            r#"{"type":"response.completed","sequence_number":2,"response":{"output":[1]}}"#,
            "[DONE]",
        ] {
            assembler.push(data).unwrap();
        }
        assert_eq!(assembler.finish(), r#"{"output":[1]}"#);
    }
}
