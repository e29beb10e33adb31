//! A provider's whole answer, whatever its dialect: the body that was judged, and why a body is no answer.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use super::annotation::Annotation;
use super::provider_error::ProviderError;
use super::repairs::Repairs;
use super::usage::Usage;
use crate::freed_memory::LEAST_SHARED;
use crate::json::raw;
use crate::json::spliced::{Spliced, Splices};

/// A whole answer that a client can be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WholeAnswer {
    text: String,
    annotation: Annotation,
    pub usage: Option<Usage>,
    pub says: Says,
    pub repairs: Repairs,
}

/// The judgement on a body that is an answer, be it one without a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgedWhole {
    pub annotation: Annotation,
    pub usage: Option<Usage>,
    pub says: Says,
    /// The body with what no client can use mended, for which the annotation is then; none if it stays as it came.
    pub mended: Option<String>,
    pub repairs: Repairs,
}

/// The substance of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// Text, a refusal, tool calls, audio, images.
    Content,
    /// Reasoning, and nothing else.
    Reasoning(Silence),
    Nothing(Silence),
}

/// The reason that an answer without a word gives for its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// The answer ran out of tokens before its first word.
    Length,
    /// The model stopped, be it at a text that the request names.
    Stop,
    Unexplained,
}

/// The reason why a body with status 200 is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// With the reason and its place.
    NotJson(String),
    NotAnObject,
    ErrorObject(Box<ProviderError>),
    NoChoices,
    /// No choice has content, tool calls, a refusal, reasoning or audio.
    EmptyContent,
    /// Nothing of the answer can be said in the client's dialect.
    Unsayable,
    /// Not the format that the request asks for, with the reason.
    WrongFormat(String),
    /// An object that is no answer in this dialect, with the reason.
    NoAnswer(String),
    /// Not what the endpoint answers, with the reason.
    WrongShape(&'static str),
    /// More of these than any sane answer has.
    TooMany(&'static str),
}

impl WholeAnswer {
    /// A body that its dialect has judged to be an answer.
    pub fn new(text: String, judged: JudgedWhole) -> Self {
        Self {
            text: judged.mended.unwrap_or(text),
            annotation: judged.annotation,
            usage: judged.usage,
            says: judged.says,
            repairs: judged.repairs,
        }
    }

    /// The answer as the provider wrote it, but for repairs.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The `model` that the provider names; none if it names none.
    pub fn model(&self) -> Option<Cow<'_, str>> {
        self.annotation.model(&self.text).and_then(raw::text)
    }

    /// The answer with its `model` replaced and `routing_summary`, raw JSON, added, where given; all else byte for byte.
    pub fn annotated(self, model: Option<&str>, routing_summary: Option<&str>) -> Annotated {
        let Self {
            text, annotation, ..
        } = self;
        if text.len() > COPIED {
            let mut splices = Splices::default();
            annotation.each_piece(&text, model, routing_summary, &mut splices);
            return Annotated::Spliced(splices.of(text));
        }
        let added = routing_summary.map_or(0, str::len) + model.map_or(0, str::len) + NAMES;
        let mut out = String::with_capacity((text.len() + added).max(LEAST_SHARED));
        annotation.write(&mut out, &text, model, routing_summary);
        Annotated::Copied(out)
    }
}

/// An answer with the gateway's members in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Annotated {
    /// A small one, copied: that costs less than slices do.
    Copied(String),
    Spliced(Spliced),
}

/// The size up to which an answer is copied (bytes).
const COPIED: usize = 16 * 1024;

/// About as much as the names of both members take, with quotes, colons and commas (bytes).
const NAMES: usize = 32;

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson(reason) => write!(f, "the answer is not JSON: {reason}"),
            Self::NotAnObject => f.write_str("the answer is not a JSON object"),
            Self::ErrorObject(error) => f.write_str(&error.message),
            Self::NoChoices => f.write_str("the answer has no choices"),
            Self::EmptyContent => f.write_str("the answer is empty"),
            Self::Unsayable => f.write_str("nothing of the answer can be said in the client's API"),
            Self::WrongFormat(reason) => {
                write!(f, "the answer is not the JSON asked for: {reason}")
            }
            Self::NoAnswer(reason) => f.write_str(reason),
            Self::WrongShape(reason) => f.write_str(reason),
            Self::TooMany(members) => write!(f, "the answer has too many {members}"),
        }
    }
}

impl Error for Flaw {}
