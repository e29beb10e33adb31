//! Responses, the dialect of `POST /v1/responses`.
//!
//! The gateway keeps nothing of an answer: what an id of its own would stand for is not there. Providers that speak the
//! dialect themselves are asked in it, all others in their own.

mod answer;
mod answer_writer;
mod assemble;
mod breaking;
mod events;
mod frame;
mod ids;
mod item;
mod numbered_events;
mod open_item;
mod open_message;
mod request;
mod request_reader;
mod split;
mod text_marks;

use std::borrow::Cow;

use super::chat::Chat;
use super::messages::Messages;
use crate::dialect::answer::{Flaw, JudgedWhole, WholeAnswer};
use crate::dialect::canonical::{Escaped, Names, Request as Canonical};
use crate::dialect::error::ErrorBody;
use crate::dialect::json_request::ask_for_events;
use crate::dialect::opening::TakeText;
use crate::dialect::reading::{Asked, Expectation};
use crate::dialect::request::{Incoming, Payload, Request, RequestError, Unfit};
use crate::dialect::step_traits::{ProviderKind, StepTraits};
use crate::dialect::translate::{AnswerWriter, Answering, ClientSide, Target};
use crate::dialect::vocabulary::{FormatMember, Vocabulary};
use crate::dialect::{Assemble, Dialect, Framing, StreamJudge};
use crate::json::raw;

/// The dialect of Responses.
pub struct Responses;

impl Dialect for Responses {
    fn name(&self) -> &'static str {
        "responses"
    }

    fn operation(&self) -> &'static str {
        "chat"
    }

    fn read<'a>(&self, incoming: Incoming<'a>) -> Result<Request<'a>, RequestError> {
        request::read(incoming.body)
    }

    fn tell_opening(&self, request: &Request<'_>, take: TakeText<'_>) -> bool {
        request::tell_opening(request, take)
    }

    fn continuation<'a>(&self, answer: &'a str) -> Option<&'a str> {
        // A stream's first frame holds the response, a whole answer is one.
        let response = raw::member(answer, "response").unwrap_or(answer);
        raw::member(response, "id").filter(|id| !ids::is_response(id))
    }

    fn unfit(&self, request: &Request<'_>, step: &StepTraits) -> Option<Unfit> {
        match self.spoken_by(request, step) {
            None => request::own_reference(request),
            Some(_) => None,
        }
    }

    fn held_in(&self, step: &StepTraits) -> Option<&'static dyn Dialect> {
        match step.kind {
            ProviderKind::Anthropic => Some(&Messages),
            ProviderKind::OpenAi if step.speaks_responses => None,
            ProviderKind::OpenAi => Some(&Chat),
        }
    }

    fn client_side(&self) -> Option<&'static dyn ClientSide> {
        Some(&Responses)
    }

    fn path(&self, _: &Request<'_>, _: &StepTraits) -> &'static str {
        "/responses"
    }

    fn accept(&self, stream: bool) -> &'static str {
        if stream {
            "text/event-stream, application/json"
        } else {
            "application/json"
        }
    }

    fn vocabulary(&self) -> Vocabulary {
        Vocabulary {
            has_table: false,
            format: FormatMember::TextFormat,
        }
    }

    fn edits_inside(&self) -> bool {
        true
    }

    fn own_edits(&self, request: &mut Payload<'_>, _: &StepTraits) {
        request::cut_own_reasoning(request);
    }

    fn advice_on_absence(&self) -> Option<&'static str> {
        Some("does it speak Responses? (`responses: true`)")
    }

    fn framing(&self, _: &Request<'_>) -> Framing {
        Framing::Events
    }

    fn expectation(&self, request: &Payload<'_>) -> Expectation {
        request::expectation(request)
    }

    fn ask_for_stream(&self, request: &mut Payload<'_>) {
        ask_for_events(request);
    }

    fn judge_stream(&self, _: &Asked<'_>) -> Box<dyn StreamJudge> {
        Box::new(events::EventJudge::default())
    }

    fn judge_whole(&self, text: &str, _: &Asked<'_>) -> Result<JudgedWhole, Flaw> {
        answer::judge(text)
    }

    fn check_json(&self, answer: &WholeAnswer) -> Result<(), Flaw> {
        answer::check_json(answer.text())
    }

    fn assemble(&self) -> Box<dyn Assemble> {
        Box::new(assemble::Assembler::default())
    }

    fn split(&self, answer: &WholeAnswer) -> Result<Vec<String>, Flaw> {
        split::split(answer.text())
    }

    fn names_events(&self) -> bool {
        true
    }

    fn end_mark(&self) -> Option<&'static str> {
        None
    }

    fn refusal(&self, error: &ErrorBody<'_>) -> Vec<u8> {
        error.to_json()
    }

    fn broken(&self, error: &ErrorBody<'_>) -> String {
        breaking::error_event(error, 0)
    }
}

impl ClientSide for Responses {
    fn read_request<'a>(
        &self,
        request: &'a Request<'_>,
        target: &Target<'_>,
        names: &mut Names,
    ) -> Result<Canonical<'a>, Unfit> {
        request_reader::read(request, target, names)
    }

    fn word<'m>(&self, member: &'m str) -> Cow<'m, str> {
        Cow::Borrowed(match member {
            "reasoning_effort" => "reasoning.effort",
            same => same,
        })
    }

    fn says_image(&self, url: &str) -> bool {
        !url.starts_with("data:") || Escaped::plain(url).base64_parts().is_some()
    }

    fn write_answer(&self, answer: Answering<'_>) -> Box<dyn AnswerWriter> {
        Box::new(answer_writer::EventWriter::new(answer))
    }
}
