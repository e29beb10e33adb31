//! Legacy completions, the dialect of `POST /v1/completions`: a text goes on behind a prompt, or between it and a suffix.

mod answer;
mod assemble;
mod chunk;
mod infill;
mod request;
mod translated;

use super::answer::{Flaw, JudgedWhole, WholeAnswer};
use super::canonical;
use super::reading::{Asked, Expectation};
use super::request::{Incoming, Payload, Request, RequestError, Unfit};
use super::step_traits::{FillInTheMiddle, StepTraits};
use super::translate::{AnswerReader, ProviderSide, Target};
use super::{Assemble, DONE, Dialect, Framing, StreamJudge};

/// The dialect of legacy completions.
pub struct Completions;

impl Dialect for Completions {
    fn name(&self) -> &'static str {
        "completions"
    }

    fn operation(&self) -> &'static str {
        "text_completion"
    }

    fn read<'a>(&self, incoming: Incoming<'a>) -> Result<Request<'a>, RequestError> {
        request::read(incoming.body)
    }

    fn unfit(&self, request: &Request<'_>, step: &StepTraits) -> Option<Unfit> {
        request::unfit(request, step)
    }

    fn fit(&self, sent: &mut Payload<'_>, request: &Request<'_>, step: &StepTraits) {
        if let Payload::Json(sent) = sent {
            request::fit(sent, request, step);
        }
    }

    fn base<'u>(&self, base_url: &'u str, request: &Request<'_>, step: &StepTraits) -> &'u str {
        match request::infix(request, step) {
            // llama-server has it beside its `/v1`.
            Some(FillInTheMiddle::LlamaCpp) => base_url.strip_suffix("/v1").unwrap_or(base_url),
            Some(FillInTheMiddle::Mistral) | None => base_url,
        }
    }

    fn path(&self, request: &Request<'_>, step: &StepTraits) -> &'static str {
        match request::infix(request, step) {
            Some(FillInTheMiddle::Mistral) => "/fim/completions",
            Some(FillInTheMiddle::LlamaCpp) => "/infill",
            None if step.completions_by_chat => "/chat/completions",
            None => "/completions",
        }
    }

    fn provider_side(&self) -> Option<&'static dyn ProviderSide> {
        Some(&Self)
    }

    fn framing(&self, _: &Request<'_>) -> Framing {
        Framing::Events
    }

    fn expectation(&self, request: &Payload<'_>) -> Expectation {
        request::expectation(request)
    }

    fn ask_for_usage(&self, request: &mut Payload<'_>) -> bool {
        match request {
            Payload::Json(request) => super::json_request::ask_for_usage(request),
            Payload::Multipart(_) => false,
        }
    }

    fn ask_for_stream(&self, request: &mut Payload<'_>) {
        if let Payload::Json(request) = request {
            super::json_request::ask_for_stream(request);
        }
    }

    fn judge_stream(&self, asked: &Asked<'_>) -> Box<dyn StreamJudge> {
        Box::new(chunk::ChunkJudge::new(asked))
    }

    fn judge_whole(&self, text: &str, asked: &Asked<'_>) -> Result<JudgedWhole, Flaw> {
        answer::judge(text, asked)
    }

    fn assemble(&self) -> Box<dyn Assemble> {
        Box::new(assemble::Assembler::default())
    }

    /// A whole answer has the shape of a chunk.
    fn split(&self, answer: &WholeAnswer) -> Result<Vec<String>, Flaw> {
        Ok(vec![answer.text().to_owned(), DONE.to_owned()])
    }
}

impl ProviderSide for Completions {
    fn write_request(
        &self,
        request: &mut canonical::Request<'_>,
        target: &Target<'_>,
    ) -> Result<String, Unfit> {
        translated::write(request, target)
    }

    fn read_answer(&self) -> Box<dyn AnswerReader> {
        Box::new(translated::TextReader::default())
    }
}
