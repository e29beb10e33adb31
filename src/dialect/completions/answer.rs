//! A completion or a chunk of one: judging it, and giving it the shape of completions where it has that of chat.

use std::borrow::Cow;

use super::infill::as_completion;
use super::request::{has_suffix, infix};
use crate::dialect::annotation::Annotation;
use crate::dialect::answer::{Flaw, JudgedWhole, Says};
use crate::dialect::finish::{Ends, Finish, broken_off, finish_of};
use crate::dialect::provider_error::{ProviderError, error_in, error_of};
use crate::dialect::reading::Asked;
use crate::dialect::repairs::Repairs;
use crate::dialect::step_traits::FillInTheMiddle;
use crate::dialect::usage::Usage;
use crate::json::{ObjectError, raw};

/// The parts of a question that completions are judged by.
#[derive(Clone, Copy, Debug, Default)]
pub struct Question {
    /// The end of an answer without a word is one: there was nothing to put in.
    pub has_suffix: bool,
    is_infill: bool,
    seed: u64,
}

impl Question {
    pub fn new(asked: &Asked<'_>) -> Self {
        let infix = asked.request.and_then(|request| infix(request, asked.step));
        Self {
            has_suffix: asked.request.is_some_and(has_suffix),
            is_infill: infix == Some(FillInTheMiddle::LlamaCpp),
            seed: asked.reading.seed,
        }
    }
}

/// The judgement on one object.
#[derive(Debug, Default)]
pub struct JudgedObject {
    pub annotation: Annotation,
    pub error: Option<Box<ProviderError>>,
    pub usage: Option<Usage>,
    pub choices: usize,
    pub has_text: bool,
    /// A choice has no text in any shape.
    pub lacks_text: bool,
    pub ends: Ends,
    /// The end of the last choice that has one.
    pub finish: Option<Finish>,
    /// The object in the shape of completions, for which the annotation is then; none if it came so.
    pub mended: Option<String>,
}

impl JudgedObject {
    /// Judges a text.
    ///
    /// # Errors
    /// The text is no JSON object.
    pub fn read(data: &str, question: Question) -> Result<Self, ObjectError> {
        let judged = Self::read_as_it_is(data)?;
        let is_foreign = question.is_infill && judged.choices == 0 && judged.error.is_none();
        if let Some(object) = is_foreign
            .then(|| as_completion(data, question.seed))
            .flatten()
        {
            let mended = Self::read_as_it_is(&object)?;
            return Ok(Self {
                mended: Some(object),
                ..mended
            });
        }
        let Some(object) = mended(data) else {
            return Ok(judged);
        };
        let annotation = Annotation::read(&object, &mut |_, _| ())?;
        Ok(Self {
            annotation,
            mended: Some(object),
            ..judged
        })
    }

    fn read_as_it_is(data: &str) -> Result<Self, ObjectError> {
        let mut judged = Self::default();
        let mut choices = "";
        judged.annotation = Annotation::read(data, &mut |key, value| match key {
            "error" => judged.error = error_in(value),
            "choices" => choices = value,
            "usage" => judged.usage = Usage::of(value),
            _ => {}
        })?;
        // What is no array has no items.
        let _ = raw::each_item(choices, &mut |choice| judged.add(choice));
        Ok(judged)
    }

    fn add(&mut self, choice: &str) {
        let choice = Choice::read(choice);
        self.choices += 1;
        let text = choice.text();
        let has_text = text.as_deref().is_some_and(|text| text != r#""""#);
        let reason = choice.finish_reason.and_then(raw::text);
        let finish = reason.as_deref().map_or(Finish::Open, finish_of);
        self.lacks_text |= text.is_none();
        self.has_text |= has_text;
        self.ends.note(choice.index.unwrap_or(0), has_text, finish);
        if finish != Finish::Open {
            self.finish = Some(finish);
        }
        let error = choice.error.and_then(error_in);
        let error = error.or_else(|| {
            let reason = choice.finish_reason.unwrap_or_default();
            (finish == Finish::Broken).then(|| broken_off(reason))
        });
        if self.error.is_none() {
            self.error = error;
        }
    }
}

/// The members of one choice that count, raw but for the index.
#[derive(Default)]
struct Choice<'a> {
    index: Option<u64>,
    text: Option<&'a str>,
    /// The message or delta of an answer in the shape of chat.
    message: Option<&'a str>,
    finish_reason: Option<&'a str>,
    error: Option<&'a str>,
}

impl<'a> Choice<'a> {
    fn read(json: &'a str) -> Self {
        let mut choice = Self::default();
        // A value that is no object has no members.
        let _ = raw::each_member(json, &mut |key, value| match raw::text(key).as_deref() {
            Some("index") => choice.index = raw::whole_number(value),
            Some("text") => choice.text = Some(value).filter(|text| text.starts_with('"')),
            Some("message" | "delta") if raw::is_object(value) => choice.message = Some(value),
            Some("finish_reason") => choice.finish_reason = Some(value),
            Some("error") => choice.error = Some(value),
            _ => {}
        });
        choice
    }

    /// The text as a JSON string, in either shape; `None` where the choice has neither.
    fn text(&self) -> Option<Cow<'a, str>> {
        match (self.text, self.message) {
            (Some(text), _) => Some(Cow::Borrowed(text)),
            (None, Some(message)) => Some(content_of(message)),
            (None, None) => None,
        }
    }
}

/// The content of a message as a JSON string. Mistral's may be an array of parts.
fn content_of(message: &str) -> Cow<'_, str> {
    let content = raw::member(message, "content").unwrap_or_default();
    if content.starts_with('"') {
        return Cow::Borrowed(content);
    }
    let mut text = String::new();
    let _ = raw::each_item(content, &mut |part| {
        if let Some(piece) = raw::member(part, "text").and_then(raw::text) {
            text.push_str(&piece);
        }
    });
    Cow::Owned(raw::quoted(&text))
}

/// The object with choices in the shape of chat made those of completions; `None` where there are none.
fn mended(data: &str) -> Option<String> {
    let choices = raw::member(data, "choices")?;
    let choices = raw::edit_items(choices, &mut |json| {
        let choice = Choice::read(json);
        let (None, Some(message)) = (choice.text, choice.message) else {
            return None;
        };
        Some(format!(
            r#"{{"index":{},"text":{},"logprobs":null,"finish_reason":{}}}"#,
            choice.index.unwrap_or(0),
            content_of(message),
            choice.finish_reason.unwrap_or("null")
        ))
    })?;
    let edited = raw::map_members(data, &mut |key, _| match raw::text(key).as_deref() {
        Some("choices") => Some(choices.clone()),
        Some("object") => Some(r#""text_completion""#.to_owned()),
        _ => None,
    });
    edited.ok()
}

/// Judges a whole answer.
///
/// # Errors
/// The reason why no client can be given it.
pub fn judge(body: &str, asked: &Asked<'_>) -> Result<JudgedWhole, Flaw> {
    let question = Question::new(asked);
    let judged = JudgedObject::read(body, question).map_err(|error| match error {
        ObjectError::NotAnObject => error_of(body).map_or(Flaw::NotAnObject, Flaw::ErrorObject),
        other => Flaw::NotJson(other.to_string()),
    })?;
    if let Some(error) = judged.error {
        return Err(Flaw::ErrorObject(error));
    }
    if judged.choices == 0 {
        return Err(error_of(body).map_or(Flaw::NoChoices, Flaw::ErrorObject));
    }
    if judged.lacks_text {
        return Err(Flaw::WrongShape("a choice of the answer has no text"));
    }
    let has_ended = judged.finish.is_some();
    let says = if judged.has_text || (question.has_suffix && has_ended) {
        Says::Content
    } else {
        Says::Nothing(Finish::silence(judged.finish))
    };
    Ok(JudgedWhole {
        annotation: judged.annotation,
        usage: judged.usage,
        says,
        mended: judged.mended,
        repairs: Repairs::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::answer::Silence;
    use crate::dialect::reading::Reading;

    fn judged(body: &str) -> Result<JudgedWhole, Flaw> {
        judge(body, &Asked::nothing(Reading::default()))
    }

    #[test]
    fn a_text_is_an_answer_and_its_absence_is_none() {
        let text = |text: &str| {
            format!(r#"{{"choices":[{{"index":0,"text":{text},"finish_reason":"stop"}}]}}"#)
        };
        assert_eq!(judged(&text(r#"" x""#)).unwrap().says, Says::Content);
        assert_eq!(
            judged(&text(r#""""#)).unwrap().says,
            Says::Nothing(Silence::Stop)
        );
        for (body, flaw) in [
            (
                text("null"),
                Flaw::WrongShape("a choice of the answer has no text"),
            ),
            (r#"{"choices":[]}"#.to_owned(), Flaw::NoChoices),
            (r#"{"content":"x"}"#.to_owned(), Flaw::NoChoices),
        ] {
            assert_eq!(judged(&body), Err(flaw), "{body}");
        }
        for body in [
            r#"{"error":{"message":"m"}}"#,
            r#"{"choices":[{"text":"x","finish_reason":"abort"}]}"#,
            r#"{"choices":[{"text":"x","error":{"message":"m"}}]}"#,
            r#"{"detail":"m"}"#,
        ] {
            assert!(matches!(judged(body), Err(Flaw::ErrorObject(_))), "{body}");
        }
        assert!(matches!(judged("<html>"), Err(Flaw::NotJson(_))));
    }

    #[test]
    fn an_answer_in_the_shape_of_chat_becomes_text() {
        let body = r#"{"id":"1","object":"chat.completion","x":[1],"choices":[{"index":0,"message":{"role":"assistant","content":"a\n"},"finish_reason":"stop"},{"index":1,"message":{"content":[{"type":"text","text":"b"}]}}]}"#;
        let judged = judged(body).unwrap();
        assert_eq!(
            judged.mended.as_deref(),
            Some(
                r#"{"id":"1","object":"text_completion","x":[1],"choices":[{"index":0,"text":"a\n","logprobs":null,"finish_reason":"stop"},{"index":1,"text":"b","logprobs":null,"finish_reason":null}]}"#
            )
        );
        let mut out = String::new();
        let mended = judged.mended.unwrap();
        judged.annotation.write(&mut out, &mended, Some("r"), None);
        assert!(out.ends_with(r#","model":"r"}"#), "{out}");
    }
}
