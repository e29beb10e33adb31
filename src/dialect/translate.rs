//! Translation between a client's dialect and that of a step's provider, through the canonical form.
//!
//! A dialect that clients speak reads its requests into the form and writes answers out of it ([`ClientSide`]), one that
//! providers speak does the reverse ([`ProviderSide`]). A request is translated for each attempt anew, from the client's
//! own body; what an attempt sends and gets is then an exchange in the provider's dialect like any other: adapted, healed,
//! judged and committed by its rules.

use std::borrow::Cow;
use std::time::{Instant, SystemTime};

use crate::sse::{self, Lines};

use super::answer::Flaw;
use super::canonical::{Delta, End, Names, OrderedDelta, Request as Canonical, Sequence};
use super::error::ErrorBody;
use super::questions::Dialect;
use super::request::{Request, Unfit};
use super::step_traits::StepTraits;
use super::stream::Assemble;

/// The step that a request is translated for.
#[derive(Clone, Copy, Debug)]
pub struct Target<'s> {
    pub traits: &'s StepTraits,
    /// Whether the provider takes reasoning of earlier answers back, or even wants it.
    pub replays_reasoning: bool,
    /// Members that the configuration says the provider knows (`keep`).
    pub kept: &'s [String],
}

impl Target<'_> {
    /// Whether the configuration says that the provider knows a member.
    pub fn keeps(&self, member: &str) -> bool {
        self.kept.iter().any(|kept| kept == member)
    }
}

/// A dialect that clients speak, as translation sees it.
pub trait ClientSide: Sync {
    /// Reads a request into the canonical form, for a step.
    ///
    /// # Errors
    /// The step cannot carry it, and why.
    fn read_request<'a>(
        &self,
        request: &'a Request<'_>,
        target: &Target<'_>,
        names: &mut Names,
    ) -> Result<Canonical<'a>, Unfit>;

    /// The client's word for a setting that chat calls `member`.
    fn word<'m>(&self, member: &'m str) -> Cow<'m, str> {
        Cow::Borrowed(member)
    }

    /// Whether an image can be said, by its URL (the inside of a JSON string).
    fn says_image(&self, _url: &str) -> bool {
        true
    }

    /// A writer of one answer.
    fn write_answer(&self, answer: Answering<'_>) -> Box<dyn AnswerWriter>;
}

/// A dialect that providers speak, as translation sees it.
pub trait ProviderSide: Sync {
    /// Writes a request from the canonical form: a JSON object whose `model` is replaced when it is adapted to the step.
    /// Members that the dialect cannot say are noted among those that are dropped, in the words of chat.
    ///
    /// # Errors
    /// The step cannot carry it, and why.
    fn write_request(
        &self,
        request: &mut Canonical<'_>,
        target: &Target<'_>,
    ) -> Result<String, Unfit>;

    /// A reader of one stream.
    fn read_answer(&self) -> Box<dyn AnswerReader>;
}

/// A reader of one stream in a provider's dialect. Frames are those that its judge let pass, mended.
pub trait AnswerReader: Send {
    /// Reads the data of a frame, and has `take` take what it says: first of all a [`Delta::Begin`].
    ///
    /// # Errors
    /// Whatever `take` says.
    fn read(
        &mut self,
        data: &str,
        take: &mut dyn FnMut(Delta<'_>) -> Result<(), Flaw>,
    ) -> Result<(), Flaw>;
}

/// The facts that an answer is written from, besides what the provider says.
pub struct Answering<'a> {
    /// The client's request.
    pub request: &'a Request<'a>,
    pub target: Target<'a>,
    pub names: Names,
    /// The model that the answer names; `None` for the provider's own.
    pub model: Option<&'a str>,
    /// Any number, another one for each answer: ids that are made up come from it.
    pub seed: u64,
    pub now: SystemTime,
}

/// A writer of one answer in a client's dialect, as the frames of a stream. Deltas come in their order ([`Sequence`]), the
/// last one is an end; after it may only come counts of tokens.
pub trait AnswerWriter: Send {
    /// The `routing_summary`, raw JSON, that the first frame is to have. It is told before the first delta, if at all.
    fn summarize(&mut self, routing_summary: &str);

    /// Tells the time: first that at which the request came, then that of whatever is written next.
    fn at(&mut self, _now: SystemTime) {}

    /// Writes what a delta says. Nothing is written before something is said.
    ///
    /// # Errors
    /// The delta cannot be said, and the answer is none therefore.
    fn write(&mut self, delta: OrderedDelta<'_>, out: &mut Frames) -> Result<(), Flaw>;

    /// Writes the end of a whole answer: what is open is closed. Nothing follows.
    ///
    /// # Errors
    /// As [`Self::write`].
    fn finish(&mut self, out: &mut Frames) -> Result<(), Flaw>;

    /// Writes that the answer broke. Nothing follows.
    fn break_off(&mut self, error: &ErrorBody<'_>, out: &mut Frames);

    /// Writes a sign of life, where the provider gives one or has been silent for a while. The usual one is a comment.
    fn ping(&mut self, out: &mut Frames) {
        out.comment();
    }

    /// Whether the client is shown reasoning.
    fn shows_reasoning(&self) -> bool {
        true
    }

    /// The memory for what is kept for the end (bytes).
    fn kept(&self) -> usize {
        0
    }
}

/// Frames for a client, in the form of its dialect.
#[derive(Debug)]
pub struct Frames {
    form: FrameForm,
    /// Framed text that is to be sent.
    pub text: String,
    /// The data of frames that are to be put together.
    pub data: Vec<String>,
}

/// The form of a client's frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameForm {
    /// Server-sent events.
    Events,
    /// A JSON object a line.
    Lines,
    /// Data alone: a whole answer is made of them.
    Data,
}

impl FrameForm {
    /// The media type of a stream of such frames.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Events => "text/event-stream",
            Self::Lines => "application/x-ndjson",
            Self::Data => "application/json",
        }
    }
}

impl Frames {
    pub fn new(form: FrameForm) -> Self {
        Self {
            form,
            text: String::new(),
            data: Vec::new(),
        }
    }

    /// Adds a frame whose data are one line of JSON; `name` is that of its event, in dialects that have names.
    pub fn put(&mut self, name: Option<&str>, write: impl FnOnce(&mut String)) {
        match self.form {
            FrameForm::Events => {
                if let Some(name) = name {
                    self.text.push_str("event: ");
                    self.text.push_str(name);
                    self.text.push('\n');
                }
                sse::encode_with(&mut self.text, Lines::Any, write);
            }
            FrameForm::Lines => {
                write(&mut self.text);
                self.text.push('\n');
            }
            FrameForm::Data => {
                let mut data = String::new();
                write(&mut data);
                self.data.push(data);
            }
        }
    }

    /// Adds a comment, where there are comments, without a blank line behind it: some decoders take that for an empty event.
    pub fn comment(&mut self) {
        if self.form == FrameForm::Events {
            self.text.push_str(":\n");
        }
    }
}

/// A request in the dialect of a step's provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Translated {
    pub body: String,
    pub names: Names,
    /// The members that are lost on the way, by their paths.
    pub dropped: Vec<String>,
}

/// Translates a client's request for a step; both dialects have their sides of translation.
///
/// # Errors
/// The step cannot carry it, and why.
pub fn request(
    client: &dyn Dialect,
    provider: &dyn Dialect,
    request: &Request<'_>,
    target: &Target<'_>,
) -> Result<Translated, Unfit> {
    let (Some(reader), Some(writer)) = (client.client_side(), provider.provider_side()) else {
        return Err(Unfit::from(format!(
            "{} is not translated to {}",
            client.name(),
            provider.name()
        )));
    };
    let mut names = Names::default();
    let mut canonical = reader.read_request(request, target, &mut names)?;
    let lost_by_reader = std::mem::take(&mut canonical.dropped);
    let body = writer.write_request(&mut canonical, target)?;
    // The writer has the words of chat, whatever the client speaks.
    let lost_by_writer = std::mem::replace(&mut canonical.dropped, lost_by_reader);
    for member in lost_by_writer {
        canonical.drop_member(&reader.word(&member));
    }
    Ok(Translated {
        body,
        names,
        dropped: canonical.dropped,
    })
}

/// The translation of one answer, from a provider's frames to a client's.
pub struct Translation {
    reader: Box<dyn AnswerReader>,
    sequence: Sequence,
    writer: Box<dyn AnswerWriter>,
    client: &'static dyn ClientSide,
    says: Substance,
    has_ended: bool,
    last_sign: Instant,
}

/// The part of an answer that the client has got so far.
#[derive(Debug, Default)]
struct Substance {
    /// Words, calls, pictures.
    content: bool,
    reasoning: bool,
    /// Content that the client's dialect cannot say.
    unsayable: bool,
    /// The answer is as long as it may be, of which the client is told.
    is_cut: bool,
}

impl Translation {
    /// A translation; `None` between dialects that have no sides for it.
    pub fn new(
        client: &dyn Dialect,
        provider: &dyn Dialect,
        answering: Answering<'_>,
        now: Instant,
    ) -> Option<Self> {
        let client = client.client_side()?;
        Some(Self {
            reader: provider.provider_side()?.read_answer(),
            writer: client.write_answer(answering),
            client,
            says: Substance::default(),
            sequence: Sequence::default(),
            has_ended: false,
            last_sign: now,
        })
    }

    /// The `routing_summary` for the first frame; see [`AnswerWriter::summarize`].
    pub fn summarize(&mut self, routing_summary: &str) {
        self.writer.summarize(routing_summary);
    }

    /// Tells the time; see [`AnswerWriter::at`].
    pub fn at(&mut self, now: SystemTime) {
        self.writer.at(now);
    }

    /// Translates the data of a frame.
    ///
    /// # Errors
    /// The answer cannot be said in the client's dialect.
    pub fn push(&mut self, data: &str, out: &mut Frames) -> Result<(), Flaw> {
        let (sequence, writer) = (&mut self.sequence, &mut self.writer);
        let (says, client) = (&mut self.says, self.client);
        self.reader.read(data, &mut |delta| {
            says.take(client, &delta);
            sequence.push(delta, &mut |ordered| writer.write(ordered, out))
        })
    }

    /// Translates the end of a whole answer.
    ///
    /// # Errors
    /// As [`Self::push`]; nothing of the answer could be said.
    pub fn finish(&mut self, out: &mut Frames) -> Result<(), Flaw> {
        if self.has_ended {
            return Ok(());
        }
        let writer = &mut self.writer;
        self.sequence
            .finish(&mut |ordered| writer.write(ordered, out))?;
        if self.says.is_lost(writer.shows_reasoning()) {
            return Err(Flaw::Unsayable);
        }
        writer.finish(out)?;
        // An end that fails is a break, of which the client is to be told.
        self.has_ended = true;
        Ok(())
    }

    /// Tells of a break behind the frames so far.
    pub fn break_off(&mut self, error: &ErrorBody<'_>, out: &mut Frames) {
        if !std::mem::replace(&mut self.has_ended, true) {
            self.writer.break_off(error, out);
        }
    }

    /// Gives a sign of life, if the last one is old enough.
    pub fn ping(&mut self, now: Instant, every: std::time::Duration, out: &mut Frames) {
        if now.saturating_duration_since(self.last_sign) >= every {
            self.last_sign = now;
            self.writer.ping(out);
        }
    }

    /// The memory for what waits and what is kept for the end (bytes).
    pub fn kept(&self) -> usize {
        self.sequence.kept().saturating_add(self.writer.kept())
    }
}

impl Substance {
    fn take(&mut self, client: &dyn ClientSide, delta: &Delta<'_>) {
        match (delta, says(client, delta)) {
            (Delta::Reasoning { .. }, _) => self.reasoning = true,
            (Delta::End(End::Length), _) => self.is_cut = true,
            (_, Some(true)) => self.content = true,
            (_, Some(false)) => self.unsayable = true,
            (_, None) => {}
        }
    }

    /// Whether something was said, and nothing of it is an answer to the client.
    fn is_lost(&self, shows_reasoning: bool) -> bool {
        let is_hidden = self.reasoning && !shows_reasoning && !self.is_cut;
        !self.content && (self.unsayable || is_hidden)
    }
}

/// An image as text, by its URL (insides of JSON strings): a link, which most applications show as the image.
pub fn link_to(url: &str) -> String {
    ["![](", url, ")"].concat()
}

/// Whether a client's dialect can say a piece of an answer; `None` of pieces that are no answer by themselves.
pub fn says(client: &dyn ClientSide, delta: &Delta<'_>) -> Option<bool> {
    match delta {
        Delta::Text(_) | Delta::Refusal(_) | Delta::Call(_) | Delta::Reasoning { .. } => Some(true),
        Delta::Image(url) => Some(client.says_image(url)),
        Delta::Begin(_)
        | Delta::Signature(_)
        | Delta::Citation(_)
        | Delta::Logprobs(_)
        | Delta::Usage(_)
        | Delta::End(_) => None,
    }
}

/// Translates a whole answer: the frames that it makes as a stream, put together again in the client's dialect.
///
/// # Errors
/// The answer cannot be said in the client's dialect.
pub fn whole(
    translation: &mut Translation,
    frames: &[String],
    mut assembler: Box<dyn Assemble>,
) -> Result<String, Flaw> {
    let mut out = Frames::new(FrameForm::Data);
    let mut taken = 0;
    let mut take = |out: &mut Frames| {
        let new = out.data.drain(..);
        new.into_iter().try_for_each(|data| {
            taken += 1;
            assembler.push(&data)
        })
    };
    for data in frames {
        translation.push(data, &mut out)?;
        take(&mut out)?;
    }
    translation.finish(&mut out)?;
    take(&mut out)?;
    if taken == 0 {
        return Err(Flaw::EmptyContent);
    }
    Ok(assembler.finish())
}

#[cfg(test)]
mod tests;
