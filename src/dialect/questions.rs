//! The questions that every dialect answers.

use std::time::SystemTime;

use crate::json::raw;
use crate::sse::encode;

use super::answer::{Flaw, JudgedWhole, WholeAnswer};
use super::call_rules::CallRules;
use super::error::ErrorBody;
use super::last_frame::LastFrame;
use super::opening::TakeText;
use super::reading::{Asked, Expectation, Reading};
use super::request::{Incoming, Payload, Request, RequestError, Unfit};
use super::restatement::Restatement;
use super::step_traits::{ProviderKind, StepTraits};
use super::stream::{Assemble, DONE, StreamJudge};
use super::translate::{ClientSide, FrameForm, ProviderSide};
use super::vocabulary::Vocabulary;

/// A wire format between a client and the gateway, and between the gateway and a provider.
pub trait Dialect: Sync {
    /// The name under which the configuration and the telemetry know it.
    fn name(&self) -> &'static str;

    /// The operation that its requests are, in the words of OpenTelemetry's GenAI conventions (`gen_ai.operation.name`).
    fn operation(&self) -> &'static str;

    /// The medium that a request asks for, in the words of the same conventions (`gen_ai.output.type`); `None` where the
    /// operation says it all.
    fn output_type(&self, _request: &Payload<'_>) -> Option<&'static str> {
        None
    }

    /// Reads a request as far as routing needs.
    ///
    /// # Errors
    /// The member at fault, in words for the client.
    fn read<'a>(&self, incoming: Incoming<'a>) -> Result<Request<'a>, RequestError>;

    /// Tells the texts that all requests of a conversation begin with. Whether it has any comes back: a request without
    /// messages is no part of a conversation.
    fn tell_opening(&self, _request: &Request<'_>, _take: TakeText<'_>) -> bool {
        false
    }

    /// The raw id by which a later request goes on where an answer ended, in a whole answer or a stream's first frame; `None`
    /// where requests bring the whole conversation.
    fn continuation<'a>(&self, _answer: &'a str) -> Option<&'a str> {
        None
    }

    /// The rules for its calls.
    fn rules(&self) -> CallRules {
        CallRules::default()
    }

    /// The reason why a step cannot carry a request; `None` where it may. Most dialects are OpenAI's, which no provider of
    /// another kind speaks.
    fn unfit(&self, _request: &Request<'_>, step: &StepTraits) -> Option<Unfit> {
        let reason =
            "this step's provider speaks Anthropic's Messages only: ask this route at /v1/messages";
        (step.kind == ProviderKind::Anthropic).then(|| reason.to_owned().into())
    }

    /// The dialect in which conversations are held with a step's provider; `None` for this one.
    fn held_in(&self, _step: &StepTraits) -> Option<&'static dyn Dialect> {
        None
    }

    /// The dialect in which a step's provider is asked; `None` for this one.
    fn spoken_by(&self, _request: &Request<'_>, step: &StepTraits) -> Option<&'static dyn Dialect> {
        self.held_in(step)
    }

    /// Its side of translation where clients speak it; `None` if its requests are only asked as they are.
    fn client_side(&self) -> Option<&'static dyn ClientSide> {
        None
    }

    /// Its side of translation where providers speak it; `None` if no other dialect is translated to it.
    fn provider_side(&self) -> Option<&'static dyn ProviderSide> {
        None
    }

    /// The dialect in which its requests are put as a whole; `None` if they are asked as they are, or translated.
    fn restatement(&self) -> Option<&'static dyn Restatement> {
        None
    }

    /// The answer to a request that asks a provider for nothing; `None` for all others.
    fn at_once(&self, _request: &Request<'_>, _now: fn() -> SystemTime) -> Option<String> {
        None
    }

    /// The form of the frames that its clients read.
    fn frame_form(&self) -> FrameForm {
        FrameForm::Events
    }

    /// Makes a request, with the edits of its step, the one that the step's provider takes. Requests that cannot be made so
    /// are unfit.
    fn fit(&self, _sent: &mut Payload<'_>, _request: &Request<'_>, _step: &StepTraits) {}

    /// The parts of a request that a step takes one by one; `None` where it takes the request whole.
    fn parts<'a>(&self, _request: &'a Request<'a>, _step: &StepTraits) -> Option<Parts<'a>> {
        None
    }

    /// The part of a provider's base URL that a path stands behind.
    fn base<'u>(&self, base_url: &'u str, _request: &Request<'_>, _step: &StepTraits) -> &'u str {
        base_url
    }

    /// The path of a call, behind a provider's base URL, with its slash.
    fn path(&self, request: &Request<'_>, step: &StepTraits) -> &'static str;

    /// The media types that a call accepts, as its `Accept` header lists them.
    fn accept(&self, stream: bool) -> &'static str {
        if stream {
            "text/event-stream, application/json"
        } else {
            "application/json"
        }
    }

    /// The fields of a client's head that its calls may need, by their names in lower case.
    fn passed_fields(&self) -> &'static [&'static str] {
        &[]
    }

    /// The fields of a call's head besides those of every call; `passed` are the client's [`Self::passed_fields`].
    fn headers<'h>(
        &self,
        _passed: &'h PassedFields,
        _step: &StepTraits,
    ) -> Vec<(&'static str, &'h str)> {
        Vec::new()
    }

    /// The members of its requests, as the adapters know them.
    fn vocabulary(&self) -> Vocabulary {
        Vocabulary::CHAT
    }

    /// Makes the edits that only this dialect knows of, for a step.
    fn own_edits(&self, _request: &mut Payload<'_>, _step: &StepTraits) {}

    /// Whether [`Self::own_edits`] and [`Self::fit`] may reach into the members of a request, and so copy them.
    fn edits_inside(&self) -> bool {
        false
    }

    /// The request to call a step with once more, where it refuses what only this dialect knows of; `None` where another
    /// body would do no better. `payload` is the client's.
    fn reworded<'a>(
        &self,
        _refusal: &StepRefusal<'_>,
        _payload: &Payload<'a>,
    ) -> Option<Payload<'a>> {
        None
    }

    /// The advice beside a status that says that a provider lacks the endpoint (404, 405, 501); none for the usual one.
    fn advice_on_absence(&self) -> Option<&'static str> {
        None
    }

    /// How the frames of an answer are told apart.
    fn framing(&self, request: &Request<'_>) -> Framing;

    /// Whether bytes without frames come under a media type, in lower case; under all others comes an error. Empty where a
    /// provider names none.
    fn is_opaque_type(&self, _media_type: &str) -> bool {
        true
    }

    /// Whether a request asks for bare samples of sound, in whose place compressed sound is noise.
    fn wants_pcm(&self, _request: &Request<'_>) -> bool {
        false
    }

    /// The expectations of a request that was read.
    fn expectation(&self, _request: &Payload<'_>) -> Expectation {
        Expectation::default()
    }

    /// Makes a request ask for a stream that tells its usage, where streams make the same answers as no streams.
    fn ask_for_stream(&self, _request: &mut Payload<'_>) {}

    /// Makes a request for a stream ask for its usage as well, where streams tell it only when asked. False where it does so
    /// already, or need not.
    fn ask_for_usage(&self, _request: &mut Payload<'_>) -> bool {
        false
    }

    /// A judge of one stream, from its first frame to its last.
    fn judge_stream(&self, asked: &Asked<'_>) -> Box<dyn StreamJudge>;

    /// Judges a body that is one JSON object, or the text that the framing tells. Repeated keys are forgiven, the last one counts. An answer without a word
    /// is one, for the caller to judge.
    ///
    /// # Errors
    /// The reason why no client can be given it.
    fn judge_whole(&self, text: &str, asked: &Asked<'_>) -> Result<JudgedWhole, Flaw>;

    /// Checks that an answer is JSON in every choice that ends by itself with text.
    ///
    /// # Errors
    /// The reason why it is none.
    fn check_json(&self, _answer: &WholeAnswer) -> Result<(), Flaw> {
        Ok(())
    }

    /// The memory that judging a body may take beside it, about: that of a copy in another form (bytes).
    fn memory_beside(&self, _body: &str, _asked: &Asked<'_>) -> usize {
        0
    }

    /// Whether answers are held against a member of the request. A step that refuses it may then be asked without it: an
    /// answer that does not do what the member says is found out.
    fn is_held_against(&self, _member: &str) -> bool {
        false
    }

    /// The number that an answer has in common with all others of its route; `None` where the question decides it, or there
    /// is none.
    fn invariant(&self, _answer: &WholeAnswer, _asked: &Asked<'_>) -> Option<Invariant> {
        None
    }

    /// A builder of one whole answer from the frames of a stream. The usual one takes the last frame, for streams whose end
    /// repeats all.
    fn assemble(&self) -> Box<dyn Assemble> {
        Box::new(LastFrame::default())
    }

    /// The data of the events that a whole answer makes as a stream, its end mark included.
    ///
    /// # Errors
    /// An answer that makes no stream, for one with more choices than any sane one has.
    fn split(&self, answer: &WholeAnswer) -> Result<Vec<String>, Flaw>;

    /// Whether the events of a stream have names, which are the `type` of their data.
    fn names_events(&self) -> bool {
        false
    }

    /// The status and the message of a walk without an answer, from those of the house.
    fn verdict(&self, status: u16, message: String) -> (u16, String) {
        (status, message)
    }

    /// The words for a model that is no route of the client's; `None` for those of the house.
    fn unknown_model(&self, _name: &str) -> Option<String> {
        None
    }

    /// The field of an answer's head in which the dialect's clients look for the id of the request, besides `X-Request-Id`.
    fn id_field(&self) -> Option<&'static str> {
        None
    }

    /// Whether its clients are told in `x-should-retry` that trying again is useless.
    fn advises_on_retries(&self) -> bool {
        false
    }

    /// The data of the event that ends a stream, for a provider that leaves it out; none where the last event with content
    /// is the end.
    fn end_mark(&self) -> Option<&'static str> {
        Some(DONE)
    }

    /// The body of a refusal.
    fn refusal(&self, error: &ErrorBody<'_>) -> Vec<u8> {
        error.to_json()
    }

    /// The data of the event that says that a stream broke after its commit point. No end mark follows.
    fn broken(&self, error: &ErrorBody<'_>) -> String {
        String::from_utf8(error.to_json()).unwrap_or_default()
    }
}

impl dyn Dialect {
    /// Takes a body that this dialect judges to be an answer.
    ///
    /// # Errors
    /// The reason why no client can be given it.
    pub fn whole(&self, text: String, asked: &Asked<'_>) -> Result<WholeAnswer, Flaw> {
        let judged = self.judge_whole(&text, asked)?;
        Ok(WholeAnswer::new(text, judged))
    }

    /// Appends the line with an event's name, where the dialect's events have names: the one that it came under, else
    /// the one that its data say.
    pub fn push_name(&self, out: &mut String, came_under: Option<&str>, data: &str) {
        if !self.names_events() {
            return;
        }
        let said = raw::kind_of(data);
        if let Some(name) = came_under.or(said.as_deref())
            && !name.contains(['\r', '\n'])
        {
            out.push_str("event: ");
            out.push_str(name);
            out.push('\n');
        }
    }

    /// Appends an event of the gateway's own.
    pub fn push_event(&self, out: &mut String, data: &str) {
        self.push_name(out, None, data);
        encode(out, data);
    }

    /// Appends the events that tell that a stream broke before anything of an answer was sent.
    pub fn push_break(&self, out: &mut String, error: &ErrorBody<'_>) {
        let mut judge = self.judge_stream(&Asked::nothing(Reading::default()));
        let told = judge.broken(error);
        for data in told.unwrap_or_else(|| vec![self.broken(error)]) {
            self.push_event(out, &data);
        }
    }
}

/// The fields of a client's head that a dialect's calls may need, by their names in lower case.
pub type PassedFields = Vec<(&'static str, String)>;

/// A refusal as a step sent it.
#[derive(Clone, Copy, Debug)]
pub struct StepRefusal<'a> {
    pub status: u16,
    pub body: &'a str,
    pub step: &'a StepTraits,
}

/// The parts of a request, for calls to the same step and key.
pub struct Parts<'a> {
    /// In their order, at least one.
    pub requests: Box<dyn Iterator<Item = Request<'a>> + 'a>,
    /// Makes one answer of those to all parts, in the order of the parts.
    ///
    /// # Errors
    /// The reason why the answers are no answer together.
    pub merge: fn(Vec<WholeAnswer>) -> Result<WholeAnswer, Flaw>,
}

/// A number that all answers of a route have in common, so that one with another number is from another model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invariant {
    /// The number in words ("length of a vector").
    pub name: &'static str,
    pub value: u64,
    /// The setting of a route that says the number for good.
    pub setting: &'static str,
}

/// How the frames of an answer are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events where a stream is asked for, else one JSON object.
    Events,
    /// One text that need not be JSON, whole, under this media type.
    Text(&'static str),
    /// Bytes without frames, such as audio: relayed as they come.
    Opaque,
}
