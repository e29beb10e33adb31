//! Embeddings, the dialect of `POST /v1/embeddings`: a vector for each text.
//!
//! Two things go wrong without a sign. Vectors of another model, or of another length, make an index useless: a step has
//! to be of the route's space, and a route's vectors have one length. And a client that asks for base64 reads an array as
//! bytes, one that asks for floats shows a text: each vector gets the encoding that was asked for.

mod answer;
mod merge;
mod parts;
mod request;
mod rewrite;
mod vector;

use self::vector::Encoding;
use super::answer::{Flaw, JudgedWhole, WholeAnswer};
use super::call_rules::CallRules;
use super::reading::Asked;
use super::request::{Incoming, Request, RequestError, Unfit};
use super::step_traits::StepTraits;
use super::without_streams::WithoutStreams;
use super::{Assemble, Dialect, Framing, Invariant, Parts, StreamJudge};

/// The dialect of embeddings.
pub struct Embeddings;

impl Dialect for Embeddings {
    fn name(&self) -> &'static str {
        "embeddings"
    }

    fn operation(&self) -> &'static str {
        "embeddings"
    }

    fn read<'a>(&self, incoming: Incoming<'a>) -> Result<Request<'a>, RequestError> {
        request::read(incoming.body)
    }

    fn rules(&self) -> CallRules {
        CallRules::beside_chat()
    }

    fn unfit(&self, request: &Request<'_>, step: &StepTraits) -> Option<Unfit> {
        request::unfit(request, step)
    }

    fn parts<'a>(&self, request: &'a Request<'a>, step: &StepTraits) -> Option<Parts<'a>> {
        let requests = parts::InputParts::new(request, step.vectors.max_inputs?)?;
        Some(Parts {
            requests: Box::new(requests),
            merge: merge::merge,
        })
    }

    fn path(&self, _: &Request<'_>, _: &StepTraits) -> &'static str {
        "/embeddings"
    }

    fn accept(&self, _: bool) -> &'static str {
        "application/json"
    }

    fn framing(&self, _: &Request<'_>) -> Framing {
        Framing::Events
    }

    fn judge_stream(&self, _: &Asked<'_>) -> Box<dyn StreamJudge> {
        Box::new(WithoutStreams)
    }

    fn judge_whole(&self, text: &str, asked: &Asked<'_>) -> Result<JudgedWhole, Flaw> {
        answer::judge(text, asked)
    }

    fn memory_beside(&self, body: &str, asked: &Asked<'_>) -> usize {
        let wanted = asked.request.map_or(Encoding::Floats, request::encoding);
        match (answer::first_encoding(body), wanted) {
            (Some(came), wanted) => rewrite::length(body, came, wanted),
            (None, _) => 0,
        }
    }

    fn is_held_against(&self, member: &str) -> bool {
        member == "dimensions"
    }

    fn invariant(&self, answer: &WholeAnswer, asked: &Asked<'_>) -> Option<Invariant> {
        let vectors = &asked.step.vectors;
        let is_told =
            vectors.dimensions.is_some() || asked.request.is_some_and(request::has_length);
        if is_told || vectors.space_of_route.is_none() {
            return None;
        }
        Some(Invariant {
            name: "length of a vector",
            value: answer::first_length(answer.text())?,
            setting: "dimensions",
        })
    }

    fn assemble(&self) -> Box<dyn Assemble> {
        Box::new(WithoutStreams)
    }

    fn split(&self, _: &WholeAnswer) -> Result<Vec<String>, Flaw> {
        Err(Flaw::NoAnswer("the endpoint has no streams".to_owned()))
    }
}
