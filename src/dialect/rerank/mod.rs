//! Reranking, the dialect of `POST /v1/rerank` and `/v2/rerank`: documents in the order of their worth for a query.
//!
//! Clients ask in the form of Cohere and Jina, which most providers speak; Text Embeddings Inference and Voyage are asked
//! in their own.

mod answer;
mod request;
mod result;

use super::answer::{Flaw, JudgedWhole, WholeAnswer};
use super::call_rules::CallRules;
use super::reading::Asked;
use super::request::{Incoming, Payload, Request, RequestError, Unfit};
use super::step_traits::{ProviderKind, StepTraits};
use super::without_streams::WithoutStreams;
use super::{Assemble, Dialect, Framing, StreamJudge};

/// The dialect of reranking.
pub struct Rerank;

impl Dialect for Rerank {
    fn name(&self) -> &'static str {
        "rerank"
    }

    fn operation(&self) -> &'static str {
        "rerank"
    }

    fn read<'a>(&self, incoming: Incoming<'a>) -> Result<Request<'a>, RequestError> {
        request::read(incoming.body)
    }

    fn rules(&self) -> CallRules {
        CallRules::beside_chat()
    }

    fn unfit(&self, _: &Request<'_>, step: &StepTraits) -> Option<Unfit> {
        (step.kind == ProviderKind::Anthropic)
            .then(|| Unfit::from("Anthropic's API ranks no documents".to_owned()))
    }

    fn edits_inside(&self) -> bool {
        true
    }

    fn fit(&self, sent: &mut Payload<'_>, _: &Request<'_>, step: &StepTraits) {
        if let Payload::Json(sent) = sent {
            request::fit(sent, step.rerank);
        }
    }

    fn path(&self, _: &Request<'_>, _: &StepTraits) -> &'static str {
        "/rerank"
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
        let documents = asked.request.map_or(0, request::returned_length);
        body.len().saturating_add(documents)
    }

    fn assemble(&self) -> Box<dyn Assemble> {
        Box::new(WithoutStreams)
    }

    fn split(&self, _: &WholeAnswer) -> Result<Vec<String>, Flaw> {
        Err(Flaw::NoAnswer("the endpoint has no streams".to_owned()))
    }
}
