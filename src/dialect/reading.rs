//! The rules by which one answer is read, from the request and from the configuration of its step.

/// The rules for reading one answer. The default reads it as it came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// What no client can use is repaired.
    pub repairs: bool,
    /// The request asks for JSON.
    pub wants_json: bool,
    pub think_tags: Option<ThinkTags>,
    /// Any number, another one for each answer: ids that are made up come from it.
    pub seed: u64,
}

/// The treatment of the text between `<think>` and `</think>` at the beginning of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThinkTags {
    /// The text becomes `reasoning_content`.
    Reasoning,
    /// The text goes.
    Strip,
}

/// The expectations of a request that decide whether an answer without a word is one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expectation {
    /// The most tokens that the answer may take; none if the request says nothing.
    pub max_tokens: Option<u64>,
    /// The request names texts at which the answer stops.
    pub has_stop: bool,
    /// The request asks for JSON.
    pub wants_json: bool,
    /// The request offers tools.
    pub has_tools: bool,
}
