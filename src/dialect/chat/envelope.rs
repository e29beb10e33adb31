//! The envelope that answers and stream chunks have in common: error, choices, usage, and where the gateway writes.

use crate::dialect::annotation::Annotation;
use crate::dialect::answer::Usage;
use crate::dialect::provider_error::{ProviderError, error_in};
use crate::json::reader::{EntryCursor, Invalid, Reader};
use crate::json::{ObjectError, raw};

/// The top level of an answer or a chunk, read in one pass. Of repeated keys the last one counts.
#[derive(Debug, Default)]
pub(super) struct Envelope<'a> {
    /// The `error` member, raw.
    pub error: Option<&'a str>,
    pub choices: Option<Choices>,
    pub usage: Option<Usage>,
    pub annotation: Annotation,
}

impl<'a> Envelope<'a> {
    /// Reads a body; `holder` is the member of a choice with the content: `message` in answers, `delta` in chunks.
    ///
    /// # Errors
    /// The body is no JSON object.
    pub fn read(body: &'a str, holder: &str) -> Result<Self, ObjectError> {
        u32::try_from(body.len()).map_err(|_| ObjectError::TooLarge)?;
        let mut view = Self::default();
        match view.read_members(&mut Reader::new(body), holder) {
            Ok(()) => Ok(view),
            Err(Invalid) => Err(ObjectError::of(body)),
        }
    }

    fn read_members(&mut self, reader: &mut Reader<'a>, holder: &str) -> Result<(), Invalid> {
        reader.peek();
        self.annotation = Annotation::of_empty(reader.at() + 1);
        let mut object = EntryCursor::default();
        while let Some(key) = reader.key(&mut object)? {
            match &*key.text().ok_or(Invalid)? {
                "error" => self.error = Some(reader.value()?),
                "choices" => self.choices = Some(Choices::read(reader, holder)?),
                "usage" => self.usage = read_usage(reader)?,
                "model" => self.annotation.note_model(reader.value()?, reader.at()),
                "routing_summary" => {
                    self.annotation.note_summary();
                    reader.value()?;
                }
                _ => drop(reader.value()?),
            }
            self.annotation.note_end(reader.at());
        }
        reader.end()
    }
}

/// Reads the member `usage`; none if it is no object.
fn read_usage(reader: &mut Reader<'_>) -> Result<Option<Usage>, Invalid> {
    if reader.peek() != Some(b'{') {
        return reader.value().map(|_| None);
    }
    let mut usage = Usage::default();
    let mut object = EntryCursor::default();
    while let Some(key) = reader.key(&mut object)? {
        let value = reader.value()?;
        match key.text().as_deref() {
            Some("prompt_tokens") => usage.prompt_tokens = raw::whole_number(value),
            Some("completion_tokens") => usage.completion_tokens = raw::whole_number(value),
            _ => {}
        }
    }
    Ok(Some(usage))
}

/// The choices of a stream that have begun to speak, and those that have named their `finish_reason`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// A bit for each index; the API allows 128 choices.
    begun: u128,
    finished: u128,
}

impl Ends {
    /// Adds the choices of a later chunk.
    pub fn add(&mut self, later: Self) {
        self.begun |= later.begun;
        self.finished |= later.finished;
    }

    /// Whether an end of the stream here is a whole answer: some choice has finished, and none is in the middle.
    pub fn are_all_there(self) -> bool {
        self.finished != 0 && self.begun & !self.finished == 0
    }
}

/// The judgement on a `choices` array.
#[derive(Debug, Default)]
pub(super) struct Choices {
    pub count: usize,
    /// Some choice holds content.
    pub has_content: bool,
    pub ends: Ends,
    /// The first choice that failed on its own, as OpenRouter reports a model that broke off.
    pub error: Option<ProviderError>,
}

impl Choices {
    /// Reads the member `choices`; `holder` as in [`Envelope::read`]. A value that is no array has no choices.
    pub fn read(reader: &mut Reader<'_>, holder: &str) -> Result<Self, Invalid> {
        let mut choices = Self::default();
        if reader.peek() != Some(b'[') {
            return reader.value().map(|_| choices);
        }
        let mut array = EntryCursor::default();
        while reader.item(&mut array)? {
            choices.count += 1;
            if reader.peek() == Some(b'{') {
                choices.add(ChoiceMembers::read(reader, holder)?);
            } else {
                reader.value()?;
            }
        }
        Ok(choices)
    }

    fn add(&mut self, choice: ChoiceMembers<'_>) {
        let index = choice.index.and_then(raw::whole_number);
        let bit = 1_u128 << index.unwrap_or(0).min(127);
        if choice.has_content {
            self.has_content = true;
            self.ends.begun |= bit;
        }
        let finish_reason = choice.finish_reason.and_then(raw::text);
        let finish_reason = finish_reason.as_deref().unwrap_or_default();
        if !finish_reason.is_empty() {
            self.ends.finished |= bit;
        }
        if self.error.is_none() {
            self.error = choice.error.and_then(error_in);
        }
        if self.error.is_none() && finish_reason == "error" {
            self.error = Some(ProviderError {
                message: "the provider ended its answer with finish_reason \"error\"".to_owned(),
                ..ProviderError::default()
            });
        }
    }
}

/// The members of one choice that count, raw.
#[derive(Default)]
struct ChoiceMembers<'a> {
    index: Option<&'a str>,
    finish_reason: Option<&'a str>,
    error: Option<&'a str>,
    has_content: bool,
}

impl<'a> ChoiceMembers<'a> {
    fn read(reader: &mut Reader<'a>, holder: &str) -> Result<Self, Invalid> {
        let mut choice = Self::default();
        let mut object = EntryCursor::default();
        while let Some(key) = reader.key(&mut object)? {
            match key.text().as_deref() {
                Some("index") => choice.index = Some(reader.value()?),
                Some("finish_reason") => choice.finish_reason = Some(reader.value()?),
                Some("error") => choice.error = Some(reader.value()?),
                Some(name) if name == holder => choice.has_content = has_content(reader)?,
                _ => drop(reader.value()?),
            }
        }
        Ok(choice)
    }
}

/// Whether a message or a delta has content for a client. `reasoning`, `reasoning_details` and
/// `images` are OpenRouter's, `reasoning_content` is DeepSeek's.
fn has_content(reader: &mut Reader<'_>) -> Result<bool, Invalid> {
    if reader.peek() != Some(b'{') {
        return reader.value().map(|_| false);
    }
    let mut found = false;
    let mut object = EntryCursor::default();
    while let Some(key) = reader.key(&mut object)? {
        match key.text().as_deref() {
            Some(
                "content" | "refusal" | "reasoning_content" | "reasoning" | "reasoning_details"
                | "tool_calls" | "function_call" | "audio" | "images",
            ) => found |= is_filled(reader)?,
            _ => drop(reader.value()?),
        }
    }
    Ok(found)
}

fn is_filled(reader: &mut Reader<'_>) -> Result<bool, Invalid> {
    if reader.peek() != Some(b'[') {
        let value = reader.value()?;
        return Ok(match value.as_bytes().first() {
            Some(b'"') => value != r#""""#,
            Some(b'{') => Reader::new(value)
                .key(&mut EntryCursor::default())?
                .is_some(),
            _ => false,
        });
    }
    let mut filled = false;
    let mut array = EntryCursor::default();
    while reader.item(&mut array)? {
        filled |= is_filled_part(reader)?;
    }
    Ok(filled)
}

/// A part of a `content` array, a tool call and the like. Only a text part can be there and say nothing.
fn is_filled_part(reader: &mut Reader<'_>) -> Result<bool, Invalid> {
    if reader.peek() != Some(b'{') {
        return Ok(!matches!(reader.value()?, "null" | r#""""#));
    }
    let (mut kind, mut text) = (None, None);
    let mut object = EntryCursor::default();
    while let Some(key) = reader.key(&mut object)? {
        let value = reader.value()?;
        match key.text().as_deref() {
            Some("type") => kind = Some(value),
            Some("text") => text = Some(value),
            _ => {}
        }
    }
    Ok(match text {
        Some(text) if kind == Some(r#""text""#) => text.starts_with('"') && text != r#""""#,
        _ => true,
    })
}
