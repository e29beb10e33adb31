//! Anthropic's Messages, the dialect of `POST /v1/messages`.
//!
//! Only providers of the kind are asked. What they say is relayed byte for byte: a block that is written anew, with another
//! order of members, is refused when it comes back (anthropic-sdk-python issue 1598).

mod answer;
mod answer_reader;
mod answer_writer;
mod assemble;
mod blocks;
mod errors;
mod estimate;
mod events;
mod request;
mod request_reader;
mod request_writer;
mod rewording;
mod split;
mod stop_reason;

use std::borrow::Cow;

use crate::dialect::answer::{Flaw, JudgedWhole, WholeAnswer};
use crate::dialect::canonical::{Names, Request as Canonical};
use crate::dialect::chat::Chat;
use crate::dialect::error::ErrorBody;
use crate::dialect::json_request::ask_for_events;
use crate::dialect::opening::TakeText;
use crate::dialect::reading::{Asked, Expectation};
use crate::dialect::request::{Incoming, Payload, Request, RequestError, Unfit};
use crate::dialect::side_question::SideQuestion;
use crate::dialect::step_traits::{ProviderKind, StepTraits};
use crate::dialect::translate::{
    AnswerReader, AnswerWriter, Answering, ClientSide, ProviderSide, Target,
};
use crate::dialect::vocabulary::{FormatMember, Vocabulary};
use crate::dialect::{Assemble, Dialect, Framing, PassedFields, StepRefusal, StreamJudge};
use crate::json::raw;

/// The version of the API where the client names none: many forget it, and the API insists on one.
const VERSION: &str = "2023-06-01";

/// The dialect of Messages.
pub struct Messages;

impl Dialect for Messages {
    fn name(&self) -> &'static str {
        "messages"
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

    fn unfit(&self, request: &Request<'_>, step: &StepTraits) -> Option<Unfit> {
        let tools_of_its_own = !step.has_server_tools && request::has_server_tools_only(request);
        tools_of_its_own.then(|| Unfit::at("tools", "the request has no tool but the provider's own, and this provider may have none: `server_tools: true` \
                     says that it does"
                .to_owned()))
    }

    fn held_in(&self, step: &StepTraits) -> Option<&'static dyn Dialect> {
        (step.kind != ProviderKind::Anthropic).then_some(&Chat as &dyn Dialect)
    }

    fn client_side(&self) -> Option<&'static dyn ClientSide> {
        Some(&Self)
    }

    fn provider_side(&self) -> Option<&'static dyn ProviderSide> {
        Some(&Self)
    }

    fn path(&self, _: &Request<'_>, step: &StepTraits) -> &'static str {
        if step.base_has_version {
            "/messages"
        } else {
            "/v1/messages"
        }
    }

    fn accept(&self, stream: bool) -> &'static str {
        if stream {
            "text/event-stream, application/json"
        } else {
            "application/json"
        }
    }

    fn passed_fields(&self) -> &'static [&'static str] {
        &["anthropic-version", "anthropic-beta"]
    }

    fn headers<'h>(
        &self,
        passed: &'h PassedFields,
        _: &StepTraits,
    ) -> Vec<(&'static str, &'h str)> {
        let of = |name: &str| {
            let mut fields = passed.iter();
            fields.find_map(|(field, value)| (*field == name).then_some(value.as_str()))
        };
        let version = (
            "Anthropic-Version",
            of("anthropic-version").unwrap_or(VERSION),
        );
        let beta = of("anthropic-beta").map(|beta| ("Anthropic-Beta", beta));
        [Some(version), beta].into_iter().flatten().collect()
    }

    fn vocabulary(&self) -> Vocabulary {
        Vocabulary {
            has_table: false,
            format: FormatMember::None,
        }
    }

    fn edits_inside(&self) -> bool {
        true
    }

    fn own_edits(&self, request: &mut Payload<'_>, _: &StepTraits) {
        rewording::cut_foreign_thinking(request);
    }

    fn reworded<'a>(
        &self,
        refusal: &StepRefusal<'_>,
        payload: &Payload<'a>,
    ) -> Option<Payload<'a>> {
        rewording::reworded(refusal, payload)
    }

    fn advice_on_absence(&self) -> Option<&'static str> {
        Some("does it speak Messages there? (`kind: anthropic`, `base_url`)")
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

    fn judge_stream(&self, asked: &Asked<'_>) -> Box<dyn StreamJudge> {
        Box::new(events::EventJudge::new(may_say_nothing(asked)))
    }

    fn judge_whole(&self, text: &str, asked: &Asked<'_>) -> Result<JudgedWhole, Flaw> {
        answer::judge(text, may_say_nothing(asked))
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
        Some(r#"{"type":"message_stop"}"#)
    }

    fn verdict(&self, status: u16, message: String) -> (u16, String) {
        errors::verdict(status, message)
    }

    fn id_field(&self) -> Option<&'static str> {
        Some("Request-Id")
    }

    fn advises_on_retries(&self) -> bool {
        true
    }

    fn refusal(&self, error: &ErrorBody<'_>) -> Vec<u8> {
        errors::body(error).into_bytes()
    }

    fn broken(&self, error: &ErrorBody<'_>) -> String {
        errors::body(error)
    }
}

impl ClientSide for Messages {
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
            "reasoning_effort" => "output_config.effort",
            "stop" => "stop_sequences",
            same => same,
        })
    }

    fn says_image(&self, url: &str) -> bool {
        !url.starts_with("data:")
    }

    fn write_answer(&self, answer: Answering<'_>) -> Box<dyn AnswerWriter> {
        Box::new(answer_writer::EventWriter::new(answer))
    }
}

impl ProviderSide for Messages {
    fn write_request(
        &self,
        request: &mut Canonical<'_>,
        target: &Target<'_>,
    ) -> Result<String, Unfit> {
        request_writer::write(request, &target.traits.translation)
    }

    fn read_answer(&self) -> Box<dyn AnswerReader> {
        Box::new(answer_reader::EventReader::default())
    }
}

/// The question for the number of a request's tokens, that of `POST /v1/messages/count_tokens`.
pub struct CountTokens;

impl SideQuestion for CountTokens {
    fn dialect(&self) -> &'static dyn Dialect {
        &Messages
    }

    fn read<'a>(&self, incoming: Incoming<'a>) -> Result<Request<'a>, RequestError> {
        request::read_to_count(incoming.body)
    }

    fn path(&self, step: &StepTraits) -> Option<&'static str> {
        match (step.kind, step.base_has_version) {
            (ProviderKind::Anthropic, true) => Some("/messages/count_tokens"),
            (ProviderKind::Anthropic, false) => Some("/v1/messages/count_tokens"),
            (ProviderKind::OpenAi, _) => None,
        }
    }

    fn answer(&self, body: &str) -> Option<String> {
        let tokens = raw::member(body, "input_tokens").and_then(raw::whole_number)?;
        Some(spelled(tokens))
    }

    fn estimate(&self, request: &Request<'_>) -> String {
        let object = request.payload.object();
        spelled(object.map_or(0, estimate::tokens_of))
    }

    fn estimate_mark(&self) -> (&'static str, &'static str) {
        ("X-Token-Count", "estimated")
    }
}

fn spelled(tokens: u64) -> String {
    format!(r#"{{"input_tokens":{tokens}}}"#)
}

/// Whether an answer without a word is documented for the request: the last message holds the result of a tool, and there
/// is nothing more to say.
fn may_say_nothing(asked: &Asked<'_>) -> bool {
    asked.request.is_some_and(request::ends_with_tool_result)
}

#[cfg(test)]
mod tests;
