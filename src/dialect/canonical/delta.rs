//! An answer piece by piece: as a reader finds it, and in the order in which a writer can write it.

use super::token_counts::TokenCounts;

/// A piece of an answer as its provider's dialect has it. Of several choices the first one counts. Texts are the insides
/// of JSON strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delta<'a> {
    /// The beginning; a reader tells it once, before all else.
    Begin(Begin<'a>),
    Text(&'a str),
    Refusal(&'a str),
    Reasoning {
        text: &'a str,
        member: ReasoningMember,
    },
    /// The signature of the reasoning before it.
    Signature(&'a str),
    Call(CallFragment<'a>),
    /// A citation of the text, a raw object with `url`, `title`, `start_index`, `end_index` as far as they are known.
    Citation(&'a str),
    /// Log probabilities of tokens of the text that comes next, a raw array.
    Logprobs(&'a str),
    /// An image, by its URL, which mostly is one with data.
    Image(&'a str),
    /// The tokens so far; the last counts are the whole answer's.
    Usage(TokenCounts),
    End(End<'a>),
}

/// The beginning of an answer, as far as its provider tells it (the insides of JSON strings).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Begin<'a> {
    pub id: Option<&'a str>,
    pub model: Option<&'a str>,
}

/// The member in which a provider tells its reasoning, and in which it takes it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReasoningMember {
    /// `reasoning_content`.
    Content,
    /// `reasoning`.
    Reasoning,
    /// `reasoning_details`, whose parts go back to nobody: some of them are encrypted.
    Details,
    /// A block of thinking, in Messages.
    Thinking,
}

/// A piece of a tool call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallFragment<'a> {
    /// The place of the call; Gemini numbers all of them 0.
    pub index: Option<u64>,
    pub id: Option<&'a str>,
    pub name: Option<&'a str>,
    /// A piece of the arguments, which are a JSON text.
    pub arguments: &'a str,
}

/// The reason for the end of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End<'a> {
    Stop,
    /// A text that the request names was hit; the text, where it is told.
    StopSequence(Option<&'a str>),
    /// The answer has as many tokens as it may have.
    Length,
    ToolCalls,
    ContentFilter,
    /// Any other reason.
    Unknown,
}

/// A piece of an answer in an order that never interleaves: whatever begins has ended before something else begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderedDelta<'a> {
    Begin(Begin<'a>),
    Text(&'a str),
    Refusal(&'a str),
    Reasoning {
        text: &'a str,
        member: ReasoningMember,
    },
    Signature(&'a str),
    Citation(&'a str),
    Logprobs(&'a str),
    Image(&'a str),
    /// A call begins; its name is known, the provider's id perhaps not (empty ones are none).
    CallBegins {
        id: Option<&'a str>,
        name: &'a str,
    },
    /// A piece of the arguments of the call that has begun. All pieces of a call are one text, which never is empty.
    Arguments(&'a str),
    /// The call ends. Arguments that are no whole JSON value were cut.
    CallEnds {
        is_whole: bool,
    },
    Usage(TokenCounts),
    End(End<'a>),
}
