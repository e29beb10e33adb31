//! Ollama's API, for clients that speak nothing else: `/api/chat`, `/api/generate`, `/api/embed` and its lists.
//!
//! No provider is asked in it: conversations go through the canonical form, vectors are stated anew in the dialect of
//! embeddings. Streams are lines of JSON, without blank ones, comments or signs of life: clients parse each line.

mod answer_writer;
mod assemble;
mod embed;
mod errors;
pub mod lists;
mod pairing;
mod request;
mod request_reader;
#[cfg(test)]
mod tests;
mod timestamp;
mod unasked;

pub use embed::Embed;
pub use lists::TAG;
pub use request::{NAME, read_name};

use std::borrow::Cow;
use std::time::SystemTime;

use super::chat;
use super::completions::Completions;
use super::error::ErrorBody;
use super::messages::Messages;
use super::opening::{self, TakeText};
use super::request::{Incoming, Request, RequestError, Unfit};
use super::step_traits::{ProviderKind, StepTraits};
use super::translate::{AnswerWriter, Answering, ClientSide, FrameForm, Target};
use super::{Assemble, Dialect};
use crate::dialect::canonical::{Names, Request as Canonical};
use answer_writer::LineWriter;
use request::Endpoint;

/// The dialect of `/api/chat`.
pub struct Chat;

/// The dialect of `/api/generate`.
pub struct Generate;

impl Dialect for Chat {
    fn read<'a>(&self, incoming: Incoming<'a>) -> Result<Request<'a>, RequestError> {
        request::read(incoming.body, Endpoint::Chat)
    }

    fn tell_opening(&self, request: &Request<'_>, take: TakeText<'_>) -> bool {
        let object = request.payload.object();
        let messages = object.and_then(|object| object.get("messages"));
        messages.is_some_and(|messages| opening::of_messages(messages, take))
    }

    fn held_in(&self, step: &StepTraits) -> Option<&'static dyn Dialect> {
        Some(of_conversations(step))
    }

    fn client_side(&self) -> Option<&'static dyn ClientSide> {
        Some(&Self)
    }

    fn at_once(&self, request: &Request<'_>, now: fn() -> SystemTime) -> Option<String> {
        request::loaded(request, now, Endpoint::Chat)
    }

    unasked::questions!();
}

impl ClientSide for Chat {
    fn read_request<'a>(
        &self,
        request: &'a Request<'_>,
        target: &Target<'_>,
        names: &mut Names,
    ) -> Result<Canonical<'a>, Unfit> {
        Ok(request_reader::of_chat(request, target, names))
    }

    fn word<'m>(&self, member: &'m str) -> Cow<'m, str> {
        request_reader::word(member)
    }

    fn says_image(&self, url: &str) -> bool {
        !url.starts_with("data:")
    }

    fn write_answer(&self, answer: Answering<'_>) -> Box<dyn AnswerWriter> {
        Box::new(LineWriter::new(Endpoint::Chat, answer))
    }
}

impl Dialect for Generate {
    fn read<'a>(&self, incoming: Incoming<'a>) -> Result<Request<'a>, RequestError> {
        request::read(incoming.body, Endpoint::Generate)
    }

    fn spoken_by(&self, request: &Request<'_>, step: &StepTraits) -> Option<&'static dyn Dialect> {
        Some(match request::is_completion(request) {
            true => &Completions,
            false => of_conversations(step),
        })
    }

    fn client_side(&self) -> Option<&'static dyn ClientSide> {
        Some(&Self)
    }

    fn at_once(&self, request: &Request<'_>, now: fn() -> SystemTime) -> Option<String> {
        request::loaded(request, now, Endpoint::Generate)
    }

    unasked::questions!();
}

impl ClientSide for Generate {
    fn read_request<'a>(
        &self,
        request: &'a Request<'_>,
        _: &Target<'_>,
        _: &mut Names,
    ) -> Result<Canonical<'a>, Unfit> {
        Ok(request_reader::of_generate(request))
    }

    fn word<'m>(&self, member: &'m str) -> Cow<'m, str> {
        request_reader::word(member)
    }

    fn says_image(&self, url: &str) -> bool {
        !url.starts_with("data:")
    }

    fn write_answer(&self, answer: Answering<'_>) -> Box<dyn AnswerWriter> {
        Box::new(LineWriter::new(Endpoint::Generate, answer))
    }
}

/// The dialect in which a step's provider holds conversations.
fn of_conversations(step: &StepTraits) -> &'static dyn Dialect {
    match step.kind {
        ProviderKind::Anthropic => &Messages,
        ProviderKind::OpenAi => &chat::Chat,
    }
}
