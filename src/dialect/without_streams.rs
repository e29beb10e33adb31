//! Streams of dialects that have none: whatever comes as one is broken.

use crate::sse::Event;

use super::answer::{Flaw, Silence};
use super::repairs::Repairs;
use super::stream::{Assemble, FrameKind, Judged, StreamJudge};
use super::usage::Usage;

/// The judge of a stream, and the builder of an answer from one, where there cannot be any.
pub struct WithoutStreams;

impl StreamJudge for WithoutStreams {
    fn judge(&mut self, _: &Event<'_>) -> Judged {
        FrameKind::Broken("the endpoint has no streams".to_owned()).into()
    }

    fn is_whole(&self) -> bool {
        false
    }

    fn names_its_end(&self) -> bool {
        false
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
        None
    }
}

impl Assemble for WithoutStreams {
    fn push(&mut self, _: &str) -> Result<(), Flaw> {
        Err(Flaw::NotAnObject)
    }

    fn finish(self: Box<Self>) -> String {
        String::new()
    }
}
