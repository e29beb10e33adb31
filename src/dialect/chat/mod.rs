//! Chat completions, the dialect of `POST /v1/chat/completions`.

mod answer;
mod assemble;
mod chunk;
mod chunk_reader;
mod chunk_writer;
mod delta;
mod envelope;
mod format;
mod merge;
mod message;
mod repair;
mod request;
mod request_reader;
mod request_writer;
mod split;
mod template;
mod text_filter;
mod tool_calls;

#[cfg(test)]
use crate::dialect::annotation::Annotation;
#[cfg(test)]
use crate::dialect::answer::Says;
use crate::dialect::answer::{Flaw, JudgedWhole, WholeAnswer};
use crate::dialect::canonical;
use crate::dialect::messages::Messages;
use crate::dialect::opening::{self, TakeText};
#[cfg(test)]
use crate::dialect::reading::Reading;
use crate::dialect::reading::{Asked, Expectation};
use crate::dialect::request::{Incoming, Payload, Request, RequestError, Unfit};
use crate::dialect::step_traits::{ProviderKind, StepTraits};
use crate::dialect::translate::{
    AnswerReader, AnswerWriter, Answering, ClientSide, ProviderSide, Target,
};
use crate::dialect::{Assemble, DONE, Dialect, Framing, StreamJudge};

/// The dialect of chat completions.
pub struct Chat;

impl Dialect for Chat {
    fn name(&self) -> &'static str {
        "chat"
    }

    fn operation(&self) -> &'static str {
        "chat"
    }

    fn output_type(&self, request: &Payload<'_>) -> Option<&'static str> {
        self.expectation(request).wants_json.then_some("json")
    }

    fn read<'a>(&self, incoming: Incoming<'a>) -> Result<Request<'a>, RequestError> {
        request::read(incoming.body)
    }

    fn tell_opening(&self, request: &Request<'_>, take: TakeText<'_>) -> bool {
        let object = request.payload.object();
        let messages = object.and_then(|object| object.get("messages"));
        messages.is_some_and(|messages| opening::of_messages(messages, take))
    }

    fn path(&self, _: &Request<'_>, _: &StepTraits) -> &'static str {
        "/chat/completions"
    }

    fn unfit(&self, _: &Request<'_>, _: &StepTraits) -> Option<Unfit> {
        None
    }

    fn held_in(&self, step: &StepTraits) -> Option<&'static dyn Dialect> {
        (step.kind == ProviderKind::Anthropic).then_some(&Messages)
    }

    fn client_side(&self) -> Option<&'static dyn ClientSide> {
        Some(&Self)
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
        Box::new(chunk::ChunkJudge::new(asked.reading))
    }

    fn judge_whole(&self, text: &str, asked: &Asked<'_>) -> Result<JudgedWhole, Flaw> {
        answer::judge(text, asked.reading)
    }

    fn check_json(&self, answer: &WholeAnswer) -> Result<(), Flaw> {
        format::check(answer.text())
    }

    fn assemble(&self) -> Box<dyn Assemble> {
        Box::new(assemble::Assembler::default())
    }

    fn split(&self, answer: &WholeAnswer) -> Result<Vec<String>, Flaw> {
        let mut chunks = split::split(answer.text())?;
        chunks.push(DONE.to_owned());
        Ok(chunks)
    }
}

impl ClientSide for Chat {
    fn read_request<'a>(
        &self,
        request: &'a Request<'_>,
        _: &Target<'_>,
        names: &mut canonical::Names,
    ) -> Result<canonical::Request<'a>, Unfit> {
        request_reader::read(request, names)
    }

    fn write_answer(&self, answering: Answering<'_>) -> Box<dyn AnswerWriter> {
        Box::new(chunk_writer::ChunkWriter::new(answering))
    }
}

impl ProviderSide for Chat {
    fn write_request(
        &self,
        request: &mut canonical::Request<'_>,
        target: &Target<'_>,
    ) -> Result<String, Unfit> {
        request_writer::write(request, target)
    }

    fn read_answer(&self) -> Box<dyn AnswerReader> {
        Box::new(chunk_reader::ChunkReader::default())
    }
}

/// The places where the gateway writes into a chunk, for tests of the writing itself.
#[cfg(test)]
pub fn annotation_of(data: &str) -> Annotation {
    let judged = chunk::ChunkJudge::default().judge_data(data);
    judged.annotation.unwrap()
}

/// Judges a body, for tests of what is made of it.
#[cfg(test)]
fn whole(text: String) -> Result<WholeAnswer, Flaw> {
    let dialect: &dyn Dialect = &Chat;
    let answer = dialect.whole(text, &Asked::nothing(Reading::default()))?;
    match answer.says {
        Says::Nothing(_) => Err(Flaw::EmptyContent),
        Says::Content | Says::Reasoning(_) => Ok(answer),
    }
}
