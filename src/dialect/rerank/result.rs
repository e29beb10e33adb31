//! A result of a ranking.

use std::borrow::Cow;

use crate::dialect::answer::Flaw;
use crate::dialect::step_traits::RerankForm;
use crate::json::{Object, raw};

/// A document's place, by its index in the request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RankedDocument<'a> {
    /// The result as the provider wrote it, raw.
    text: &'a str,
    pub index: usize,
    pub score: f64,
    /// Raw.
    raw_score: &'a str,
    /// The document, or its text, raw; none where it is not in the answer.
    document: Option<&'a str>,
    /// The document stands in the member where clients look for it, as an object.
    has_document: bool,
}

impl<'a> RankedDocument<'a> {
    /// Reads a result, in any form.
    ///
    /// # Errors
    /// It names no document, or no score.
    pub fn read(text: &'a str) -> Result<Self, Flaw> {
        let (mut index, mut score, mut document) = (None, None, None);
        let mut has_document = false;
        // What is no object has no members.
        let _ = raw::each_member(text, &mut |key, value| {
            if raw::is_key(key, "index") {
                index = raw::whole_number(value).and_then(|index| usize::try_from(index).ok());
            } else if raw::is_key(key, "relevance_score") || raw::is_key(key, "score") {
                score = value.parse().ok().map(|score: f64| (score, value));
            } else if (raw::is_key(key, "document") || raw::is_key(key, "text")) && value != "null"
            {
                document = Some(value);
                has_document = raw::is_object(value);
            }
        });
        let no = |what: &str| Flaw::NoAnswer(format!("a result of the answer has no {what}"));
        let (score, raw_score) = score.ok_or_else(|| no("relevance_score that is a number"))?;
        Ok(Self {
            text,
            index: index.ok_or_else(|| no("index"))?,
            score,
            raw_score,
            document,
            has_document,
        })
    }

    /// Whether the result lacks the document, as the object that clients read.
    pub fn lacks_document(&self) -> bool {
        !self.has_document
    }

    /// Appends the result, in the form that clients read where it came in another one. `requested` is the document of the
    /// request, raw, for a client that wants it.
    pub fn push(&self, out: &mut String, form: RerankForm, requested: Option<&str>) {
        let document = requested.filter(|_| self.lacks_document());
        if form != RerankForm::Cohere {
            return self.push_anew(out, document);
        }
        let object = document.map(|_| Object::parse_lenient(self.text));
        match (object, self.document.or(document)) {
            (Some(Ok(mut object)), Some(document)) => {
                object.set("document", as_object(document).into_owned());
                out.push_str(&object.to_json());
            }
            _ => out.push_str(self.text),
        }
    }

    fn push_anew(&self, out: &mut String, requested: Option<&str>) {
        out.push_str("{\"index\":");
        out.push_str(&self.index.to_string());
        out.push_str(",\"relevance_score\":");
        out.push_str(self.raw_score);
        if let Some(document) = self.document.or(requested) {
            out.push_str(",\"document\":");
            out.push_str(&as_object(document));
        }
        out.push('}');
    }
}

/// A document as an object with its text.
fn as_object(document: &str) -> Cow<'_, str> {
    if raw::is_object(document) {
        Cow::Borrowed(document)
    } else {
        Cow::Owned(format!("{{\"text\":{document}}}"))
    }
}
