//! A message of an answer, or a delta of one: whether it has anything for a client, and what a repair has to know.

use super::text_filter::Filtered;
use crate::json::reader::{EntryCursor, Invalid, Reader};

/// A text of a message with something in it, raw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    /// The words in a value; none where it is no text, or an empty one.
    pub fn of(value: &'a str) -> Option<Self> {
        (value.starts_with('"') && value != r#""""#).then_some(Self(value))
    }

    /// The words with their quotes, escapes as they are.
    pub fn raw(self) -> &'a str {
        self.0
    }
}

/// The members of a message that count, raw.
#[derive(Debug, Default)]
pub(super) struct MessageMembers<'a> {
    /// The message is there, and an object.
    pub is_object: bool,
    /// The content is a text that is not empty.
    has_text: bool,
    /// A refusal, a tool call, audio, images, parts of a content.
    has_others: bool,
    /// Reasoning under any name.
    pub has_reasoning: bool,
    pub role: Option<&'a str>,
    /// The content, where it is a text.
    pub text: Option<&'a str>,
    /// The last text that is content or reasoning.
    words: Option<Words<'a>>,
    pub tool_calls: Option<&'a str>,
    pub function_call: Option<&'a str>,
    pub error: Option<&'a str>,
}

impl<'a> MessageMembers<'a> {
    /// Reads a message, in the place of one that was read. Reasoning has many names: `reasoning` and `reasoning_details` are OpenRouter's,
    /// `reasoning_content` DeepSeek's, `reasoning_text` Copilot's, `thinking` Ollama's, `thinking_blocks` LiteLLM's.
    pub fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Invalid> {
        *self = Self::default();
        if reader.peek() != Some(b'{') {
            return reader.skip();
        }
        self.is_object = true;
        let mut object = EntryCursor::default();
        while let Some(key) = reader.key(&mut object)? {
            match key.text().as_deref() {
                Some("content") => self.read_content(reader)?,
                Some("role") => self.role = Some(reader.value()?),
                Some("tool_calls") => {
                    let calls = reader.value()?;
                    self.tool_calls = Some(calls);
                    self.has_others |= is_filled(&mut Reader::new(calls))?;
                }
                Some("function_call") => {
                    let call = reader.value()?;
                    self.function_call = Some(call);
                    self.has_others |= is_filled(&mut Reader::new(call))?;
                }
                Some("refusal" | "audio" | "images") => self.has_others |= is_filled(reader)?,
                Some("error") => self.error = Some(reader.value()?),
                Some(name) if name.starts_with("reasoning") || name.starts_with("thinking") => {
                    self.has_reasoning |= if reader.peek() == Some(b'"') {
                        self.has_words(reader.value()?)
                    } else {
                        is_filled(reader)?
                    };
                }
                _ => reader.skip()?,
            }
        }
        Ok(())
    }

    fn read_content(&mut self, reader: &mut Reader<'a>) -> Result<(), Invalid> {
        match reader.peek() {
            Some(b'"') => {
                let text = reader.value()?;
                self.text = Some(text);
                self.has_text |= self.has_words(text);
                return Ok(());
            }
            Some(b'[') => {}
            _ => {
                self.has_others |= is_filled(reader)?;
                return Ok(());
            }
        }
        let mut array = EntryCursor::default();
        while reader.item(&mut array)? {
            match part(reader)? {
                Carries::Empty => {}
                Carries::Reasoning => self.has_reasoning = true,
                Carries::Content => self.has_others = true,
            }
        }
        Ok(())
    }

    /// Whether a text of content or reasoning has words, which are noted.
    fn has_words(&mut self, text: &'a str) -> bool {
        let words = Words::of(text);
        self.words = words.or(self.words);
        words.is_some()
    }

    /// The words, where the message goes on with them alone, and with no tool call.
    pub fn words(&self) -> Option<Words<'a>> {
        let has_no_calls = matches!(self.tool_calls, None | Some("null" | "[]"));
        self.words.filter(|_| has_no_calls)
    }

    /// Whether there is anything for a client but reasoning.
    pub fn has_content(&self) -> bool {
        self.has_text || self.has_others
    }

    /// Counts a text behind its filter in place of the text that came.
    pub fn counts_as(&mut self, filtered: &Filtered) {
        self.has_reasoning |= !filtered.reasoning.is_empty();
        self.has_text = !filtered.content.is_empty();
    }

    /// Whether no role is named.
    pub fn lacks_role(&self) -> bool {
        matches!(self.role, None | Some("null" | r#""""#))
    }
}

/// Whether a text, an array or an object holds anything.
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
        filled |= part(reader)? != Carries::Empty;
    }
    Ok(filled)
}

#[derive(PartialEq, Eq)]
enum Carries {
    Empty,
    /// Mistral's thinking models send their thoughts as parts of the content.
    Reasoning,
    Content,
}

/// A part of a `content` array, a tool call and the like. Only a text part can be there and say nothing.
fn part(reader: &mut Reader<'_>) -> Result<Carries, Invalid> {
    if reader.peek() != Some(b'{') {
        let value = reader.value()?;
        return Ok(match value {
            "null" | r#""""# => Carries::Empty,
            _ => Carries::Content,
        });
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
    let kind = kind.unwrap_or_default();
    Ok(match text {
        Some(text) if kind == r#""text""# && (!text.starts_with('"') || text == r#""""#) => {
            Carries::Empty
        }
        _ if kind.starts_with(r#""thinking"#) || kind.starts_with(r#""reasoning"#) => {
            Carries::Reasoning
        }
        _ => Carries::Content,
    })
}
