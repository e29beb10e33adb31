//! The envelope that answers and stream chunks have in common: error, choices, usage, and where the gateway writes.

use crate::dialect::annotation::Annotation;
use crate::dialect::finish::{Ends, Finish, broken_off, finish_of};
use crate::dialect::provider_error::{ProviderError, error_in};
use crate::dialect::usage::Usage;
use crate::json::reader::{EntryCursor, Invalid, Reader};
use crate::json::{ObjectError, raw};

use super::message::{MessageMembers, Words};
use super::template::ChunkTemplate;

/// The top level of an answer or a chunk, read in one pass. Of repeated keys the last one counts.
#[derive(Debug, Default)]
pub(super) struct Envelope<'a> {
    /// The error of the `error` member; none if that says success.
    pub error: Option<Box<ProviderError>>,
    pub choices: Option<Choices<'a>>,
    pub usage: Option<Usage>,
    pub annotation: Annotation,
}

impl<'a> Envelope<'a> {
    /// Reads a body; `holder` is the member of a choice with the content: `message` in answers, `delta` in chunks.
    /// `take` is called with each choice that is an object, and may change the judgement on it.
    ///
    /// # Errors
    /// The body is no JSON object.
    pub fn read(
        body: &'a str,
        holder: &str,
        take: &mut dyn FnMut(&mut ChoiceMembers<'a>),
    ) -> Result<Self, ObjectError> {
        Self::read_like(None, body, holder, take)
    }

    /// The same of a body that may be like the one before it, but for its words: `take` is not called then.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_like(
        template: Option<&mut ChunkTemplate>,
        body: &'a str,
        holder: &str,
        take: &mut dyn FnMut(&mut ChoiceMembers<'a>),
    ) -> Result<Self, ObjectError> {
        u32::try_from(body.len()).map_err(|_| ObjectError::TooLarge)?;
        let mut view = Self::default();
        match view.read_members(template, body, holder, take) {
            Ok(()) => Ok(view),
            Err(Invalid) => Err(ObjectError::of(body)),
        }
    }

    fn read_members(
        &mut self,
        mut template: Option<&mut ChunkTemplate>,
        body: &'a str,
        holder: &str,
        take: &mut dyn FnMut(&mut ChoiceMembers<'a>),
    ) -> Result<(), Invalid> {
        let mut reader = Reader::new(body);
        let mut object = EntryCursor::default();
        let passed = template.as_ref().and_then(|known| known.passed(body));
        if let Some(passed) = passed {
            (reader, object) = (passed.reader, EntryCursor::entered());
            self.annotation = passed.annotation;
            self.choices = passed.choices;
            if self.choices.is_none() {
                self.read_choices(&mut reader, template.as_deref_mut(), holder, take)?;
            }
            self.annotation.note_end(reader.at());
        } else {
            reader.peek();
            self.annotation = Annotation::of_empty(reader.at() + 1);
        }
        while let Some(key) = reader.key(&mut object)? {
            match &*key.text().ok_or(Invalid)? {
                "error" => self.error = error_in(reader.value()?),
                "choices" => {
                    let template = template.as_deref_mut().filter(|_| self.says_nothing());
                    self.read_choices(&mut reader, template, holder, take)?;
                }
                "usage" => self.usage = Usage::read(&mut reader)?,
                "model" => self.annotation.note_model(reader.value()?, reader.at()),
                "routing_summary" => {
                    self.annotation.note_summary();
                    reader.skip()?;
                }
                _ => reader.skip()?,
            }
            self.annotation.note_end(reader.at());
        }
        reader.end()
    }

    /// Reads the choices, and has the template remember the body up to their end.
    fn read_choices(
        &mut self,
        reader: &mut Reader<'a>,
        template: Option<&mut ChunkTemplate>,
        holder: &str,
        take: &mut dyn FnMut(&mut ChoiceMembers<'a>),
    ) -> Result<(), Invalid> {
        let at = reader.at();
        // The choices are read in place: no call of a plain answer lies deeper on the stack than those below, and a copy
        // of them there cost every worker a fourth page.
        let choices = self.choices.insert(Choices::default());
        choices.read(reader, holder, take)?;
        if let Some(template) = template
            && let Some(text) = reader.since(0)
        {
            template.remember(text, at, self.annotation, choices);
        }
        Ok(())
    }

    /// Whether the members so far are none but places to write into.
    fn says_nothing(&self) -> bool {
        self.error.is_none() && self.choices.is_none() && self.usage.is_none()
    }
}

/// The judgement on a `choices` array.
#[derive(Debug, Default)]
pub(super) struct Choices<'a> {
    pub count: usize,
    /// Some choice holds content.
    pub has_content: bool,
    /// Some choice holds reasoning.
    pub has_reasoning: bool,
    pub ends: Ends,
    /// The end of the last choice that has one.
    pub finish: Option<Finish>,
    /// The first choice that failed on its own, as OpenRouter reports a model that broke off.
    pub error: Option<Box<ProviderError>>,
    /// The words of the last choice, see [`ChoiceMembers::words`].
    words: Option<Words<'a>>,
}

impl<'a> Choices<'a> {
    /// Reads the member `choices`; the rest as in [`Envelope::read`]. A value that is no array has no choices.
    fn read(
        &mut self,
        reader: &mut Reader<'a>,
        holder: &str,
        take: &mut dyn FnMut(&mut ChoiceMembers<'a>),
    ) -> Result<(), Invalid> {
        if reader.peek() != Some(b'[') {
            return reader.skip();
        }
        let mut array = EntryCursor::default();
        while reader.item(&mut array)? {
            if reader.peek() == Some(b'{') {
                let mut choice = ChoiceMembers::at(self.count);
                choice.read(reader, holder)?;
                take(&mut choice);
                self.add(&choice);
            } else {
                reader.skip()?;
            }
            self.count += 1;
        }
        Ok(())
    }

    /// A single choice that goes on with words, and whose stream has counted it before.
    pub fn of_words(words: Words<'a>, has_content: bool, has_reasoning: bool) -> Self {
        Self {
            count: 1,
            has_content,
            has_reasoning,
            words: Some(words),
            ..Self::default()
        }
    }

    /// The words of a single choice of which there is nothing else to say.
    pub fn words(&self) -> Option<Words<'a>> {
        let goes_on = self.count == 1 && self.error.is_none() && self.finish.is_none();
        self.words.filter(|_| goes_on)
    }

    fn add(&mut self, choice: &ChoiceMembers<'a>) {
        let index = choice.index();
        let message = &choice.message;
        let has_content = message.has_content();
        self.has_content |= has_content;
        self.has_reasoning |= message.has_reasoning;
        let speaks = has_content || message.has_reasoning;
        self.ends.note(index, speaks, choice.finish);
        if choice.finish != Finish::Open {
            self.finish = Some(choice.finish);
        }
        if self.error.is_none() {
            let error = choice.error.or(message.error);
            self.error = error.and_then(error_in);
        }
        if self.error.is_none() && choice.finish == Finish::Broken {
            self.error = Some(broken_off(choice.finish_reason.unwrap_or_default()));
        }
        self.words = choice.words;
    }
}

/// The members of one choice that count.
pub(super) struct ChoiceMembers<'a> {
    /// The place of the choice in its array.
    pub position: usize,
    /// Raw.
    index: Option<&'a str>,
    /// Raw.
    finish_reason: Option<&'a str>,
    pub finish: Finish,
    /// Raw.
    error: Option<&'a str>,
    pub message: MessageMembers<'a>,
    /// The words, where the next chunk with others is to be taken alike.
    pub words: Option<Words<'a>>,
}

impl<'a> ChoiceMembers<'a> {
    fn at(position: usize) -> Self {
        Self {
            position,
            index: None,
            finish_reason: None,
            finish: Finish::Open,
            error: None,
            message: MessageMembers::default(),
            words: None,
        }
    }

    fn read(&mut self, reader: &mut Reader<'a>, holder: &str) -> Result<(), Invalid> {
        let mut object = EntryCursor::default();
        while let Some(key) = reader.key(&mut object)? {
            match key.text().as_deref() {
                Some("index") => self.index = Some(reader.value()?),
                Some("finish_reason") => self.finish_reason = Some(reader.value()?),
                Some("error") => self.error = Some(reader.value()?),
                Some(name) if name == holder => self.message.read(reader)?,
                _ => reader.skip()?,
            }
        }
        let reason = self.finish_reason.and_then(raw::text);
        if let Some(reason) = reason {
            self.finish = finish_of(&reason);
        }
        self.words = self.message.words();
        Ok(())
    }

    /// The choice's index; one without is the first.
    pub fn index(&self) -> u64 {
        self.index.and_then(raw::whole_number).unwrap_or(0)
    }
}
