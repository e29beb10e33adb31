//! The rules by which one answer is read, from the request and from the configuration of its step.

use super::request::Request;
use super::step_traits::{PLAIN, StepTraits};

/// The question that an answer is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The client's request; none where an answer is read for its own sake.
    pub request: Option<&'a Request<'a>>,
    /// The step that was asked.
    pub step: &'a StepTraits,
    pub reading: Reading,
}

impl Asked<'_> {
    /// No request in particular: an answer is read for its own sake.
    pub fn nothing(reading: Reading) -> Self {
        Self {
            request: None,
            step: &PLAIN,
            reading,
        }
    }

    /// The same question to an answer that is read by other rules.
    pub fn with(self, reading: Reading) -> Self {
        Self { reading, ..self }
    }
}

/// The rules for reading one answer. The default reads it as it came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Answers that no client can use are repaired.
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
