//! Canonical deltas: an answer piece by piece, between a reader and a writer of whatever form.
//!
//! A whole answer and a stream are two forms of one thing. A reader of each form gives deltas, a writer of each takes
//! them, so that no pair of forms needs a bridge of its own. A delta names its place in the answer and carries raw JSON:
//! a member that the gateway has never heard of passes through as it came.

/// A member of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// Raw, quotes and escapes included.
    pub key: &'a str,
    /// Raw.
    pub value: &'a str,
}

/// A piece of an answer. Choices are named by their index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delta<'a> {
    /// A member of the answer itself (`id`, `created`, `model`, `usage`).
    Answer(Member<'a>),
    /// A choice is spoken of, be it that nothing follows.
    Choice(u64),
    /// A member of a choice beside its message (`finish_reason`, `logprobs`).
    OfChoice(u64, Member<'a>),
    /// A member of a choice's message, or a piece of one (`role`, `content`, `reasoning_content`, `refusal`).
    OfMessage(u64, Member<'a>),
    /// A tool call, or a piece of one, as an object.
    ToolCall { choice: u64, call: &'a str },
}
