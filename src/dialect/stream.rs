//! The frames of a stream: what each means, and the whole answer that they make.

use crate::sse::Event;

use super::annotation::Annotation;
use super::answer::{Flaw, Silence};
use super::error::ErrorBody;
use super::provider_error::ProviderError;
use super::repairs::Repairs;
use super::usage::Usage;

/// The end mark of OpenAI's streams.
pub const DONE: &str = "[DONE]";

/// The judgement on one stream, frame by frame. What is known of the stream so far is the judge's state.
pub trait StreamJudge: Send {
    /// Judges the next frame.
    fn judge(&mut self, frame: &Event<'_>) -> Judged;

    /// Whether the frames so far are a whole answer, were the stream to end here without its end mark.
    fn is_whole(&self) -> bool;

    /// Whether some frame has told why the answer, or a part of it, ended.
    fn names_its_end(&self) -> bool;

    /// The reason for the end of an answer without a word.
    fn silence(&self) -> Silence;

    /// The kinds of repairs so far.
    fn repairs(&self) -> Repairs;

    /// The data of a frame with what is held back yet, to be sent before the end mark; none if nothing is.
    fn rest(&mut self) -> Option<String>;

    /// The tokens as the provider counted them; none before it said so.
    fn usage(&self) -> Option<Usage>;

    /// The memory for what has to be repeated should the stream break (bytes).
    fn kept(&self) -> usize {
        0
    }

    /// Gives up all that need not be repeated: there is no memory for it.
    fn forget(&mut self) {}

    /// Whether a client gets an error of the provider's as it came, behind the commit point.
    fn passes_errors(&self) -> bool {
        false
    }

    /// The data of the events that tell of a break behind the frames so far, which may be none; `None` where
    /// [`Dialect::broken`](super::Dialect::broken) will do.
    fn broken(&mut self, _error: &ErrorBody<'_>) -> Option<Vec<String>> {
        None
    }
}

/// A frame that was judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    pub kind: FrameKind,
    /// Where the gateway writes into the frame's data; it writes nothing into data that is no object.
    pub annotation: Option<Annotation>,
    /// The data with what no client can use mended; none if it stays as it came.
    pub mended: Option<String>,
}

impl From<FrameKind> for Judged {
    /// A frame without an object to write into.
    fn from(kind: FrameKind) -> Self {
        Self {
            kind,
            annotation: None,
            mended: None,
        }
    }
}

/// The meaning of a frame for the commit point and the end of its stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// A frame that holds nothing for a person yet: roles, empty deltas, usage, and everything unknown.
    Prelude,
    /// A frame that holds nothing for a person either, but that those behind it cannot do without.
    Opening,
    /// Text, a refusal, a tool call, audio: the first of these commits.
    Content,
    /// Reasoning, and nothing else. It commits as content does, unless a step counts it for nothing.
    Reasoning,
    /// A sign of life without a meaning, which no client is to see as a frame.
    Heartbeat,
    /// The end mark.
    End,
    Error(Box<ProviderError>),
    /// Data that is no JSON object, with the reason: broken, or cut.
    Broken(String),
    /// A frame that no client can use, with the reason in whole words.
    Unusable(String),
}

/// A whole answer in the making. Its memory is linear in the frames pushed; the caller bounds those.
pub trait Assemble: Send {
    /// Adds a frame's data. Whether the stream came to its end is for its [`StreamJudge`] to say.
    ///
    /// # Errors
    /// Data that belongs into no answer.
    fn push(&mut self, data: &str) -> Result<(), Flaw>;

    /// The answer as JSON.
    fn finish(self: Box<Self>) -> String;
}
