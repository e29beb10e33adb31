//! `/api/embed`, a vector for each text, and the older `/api/embeddings`, for one.

use std::fmt::Write as _;
use std::time::SystemTime;

use super::errors;
use super::request::{NAME, is_empty, member};
use crate::dialect::answer::{Flaw, JudgedWhole, WholeAnswer};
use crate::dialect::embeddings::Embeddings;
use crate::dialect::error::ErrorBody;
use crate::dialect::json_request::{model_if_any, object_of};
use crate::dialect::reading::Asked;
use crate::dialect::request::{Incoming, Payload, Request, RequestError};
use crate::dialect::restatement::Restatement;
use crate::dialect::step_traits::StepTraits;
use crate::dialect::{Dialect, Framing, StreamJudge};
use crate::heapsort::sorted_by_key;
use crate::json::raw;

/// The dialect of either endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Embed {
    is_for_one: bool,
}

impl Embed {
    /// `/api/embed`.
    pub const SEVERAL: Self = Self { is_for_one: false };

    /// `/api/embeddings`.
    pub const ONE: Self = Self { is_for_one: true };

    /// The member with what a vector is made of; `None` where it is absent, null or empty.
    fn input<'r>(self, request: &'r Request<'_>) -> Option<&'r str> {
        let key = if self.is_for_one { "prompt" } else { "input" };
        let input = member(request, key)?;
        let is_nothing = match raw::is_array(input) || self.is_for_one {
            true => is_empty(input),
            false => false,
        };
        (!is_nothing).then_some(input)
    }
}

impl Dialect for Embed {
    fn name(&self) -> &'static str {
        NAME
    }

    fn operation(&self) -> &'static str {
        "embeddings"
    }

    fn read<'a>(&self, incoming: Incoming<'a>) -> Result<Request<'a>, RequestError> {
        let object = object_of(incoming.body)?;
        let request = Request {
            model: model_if_any(object.get("model"))?,
            stream: false,
            payload: Payload::Json(object),
        };
        let is_text = |value: &str| raw::inside(value).is_some();
        let mut are_texts = true;
        if let Some(input) = self.input(&request) {
            let items = raw::each_item(input, &mut |item| are_texts &= is_text(item));
            are_texts &= is_text(input) || (items.is_ok() && !self.is_for_one);
        }
        match are_texts {
            true => Ok(request),
            false => Err(RequestError::Told {
                param: if self.is_for_one { "prompt" } else { "input" }.to_owned(),
                words: "invalid input type".to_owned(),
            }),
        }
    }

    fn restatement(&self) -> Option<&'static dyn Restatement> {
        Some(match self.is_for_one {
            true => &Self::ONE,
            false => &Self::SEVERAL,
        })
    }

    fn at_once(&self, request: &Request<'_>, _: fn() -> SystemTime) -> Option<String> {
        if self.input(request).is_some() {
            return None;
        }
        Some(match self.is_for_one {
            true => r#"{"embedding":[]}"#.to_owned(),
            false => format!(
                r#"{{"model":{},"embeddings":[]}}"#,
                raw::quoted(&request.model)
            ),
        })
    }

    fn path(&self, request: &Request<'_>, step: &StepTraits) -> &'static str {
        Embeddings.path(request, step)
    }

    fn framing(&self, request: &Request<'_>) -> Framing {
        Embeddings.framing(request)
    }

    fn judge_stream(&self, asked: &Asked<'_>) -> Box<dyn StreamJudge> {
        Embeddings.judge_stream(asked)
    }

    fn judge_whole(&self, text: &str, asked: &Asked<'_>) -> Result<JudgedWhole, Flaw> {
        Embeddings.judge_whole(text, asked)
    }

    fn split(&self, answer: &WholeAnswer) -> Result<Vec<String>, Flaw> {
        Embeddings.split(answer)
    }

    fn unknown_model(&self, name: &str) -> Option<String> {
        Some(errors::unknown_model(name))
    }

    fn refusal(&self, error: &ErrorBody<'_>) -> Vec<u8> {
        errors::body(error).into_bytes()
    }
}

impl Restatement for Embed {
    fn dialect(&self) -> &'static dyn Dialect {
        &Embeddings
    }

    fn body(&self, request: &Request<'_>, model: &str) -> String {
        let mut out = String::from("{\"model\":");
        raw::push_quoted(&mut out, model);
        let input = self.input(request).unwrap_or("[]");
        let (open, close) = match raw::is_array(input) {
            true => ("", ""),
            false => ("[", "]"),
        };
        // A String takes whatever is written, here and below.
        let _ = write!(
            out,
            ",\"input\":{open}{input}{close},\"encoding_format\":\"float\""
        );
        let dimensions = member(request, "dimensions");
        let dimensions = dimensions
            .and_then(raw::whole_number)
            .filter(|length| *length > 0);
        if let Some(dimensions) = dimensions {
            let _ = write!(out, ",\"dimensions\":{dimensions}");
        }
        out.push('}');
        out
    }

    fn answer(&self, answer: &str, model: &str, elapsed: u64) -> Result<String, Flaw> {
        let mut vectors = Vec::new();
        let data = raw::member(answer, "data").unwrap_or("[]");
        let read = raw::each_item(data, &mut |item| {
            let index = raw::member(item, "index").and_then(raw::whole_number);
            let vector = raw::member(item, "embedding").filter(|vector| raw::is_array(vector));
            vectors.push((index.unwrap_or(u64::MAX), vector));
        });
        let vectors = sorted_by_key(vectors, |(index, _)| *index);
        let vectors: Option<Vec<&str>> = vectors.into_iter().map(|(_, vector)| vector).collect();
        let vectors = vectors.filter(|vectors| read.is_ok() && !vectors.is_empty());
        let Some(vectors) = vectors else {
            return Err(Flaw::WrongShape("the answer has no vectors"));
        };
        if self.is_for_one {
            let first = vectors.first().copied().unwrap_or("[]");
            return Ok(format!("{{\"embedding\":{first}}}"));
        }
        let usage = raw::member(answer, "usage");
        let tokens = usage.and_then(|usage| raw::member(usage, "prompt_tokens"));
        let tokens = tokens.and_then(raw::whole_number).unwrap_or_default();
        Ok(format!(
            "{{\"model\":{},\"embeddings\":[{}],\"total_duration\":{},\"load_duration\":1,\"prompt_eval_count\":{tokens}}}",
            raw::quoted(model),
            vectors.join(","),
            elapsed.max(1)
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn a_request_is_stated_anew_and_its_answer_too() {
        for (embed, body, expected) in [
            (
                Embed::SEVERAL,
                r#"{"model":"m","input":"a","truncate":true}"#,
                r#"{"model":"m","input":["a"],"encoding_format":"float"}"#,
            ),
            (
                Embed::SEVERAL,
                r#"{"model":"m","input":["a","b"],"dimensions":2}"#,
                r#"{"model":"m","input":["a","b"],"encoding_format":"float","dimensions":2}"#,
            ),
            (
                Embed::SEVERAL,
                r#"{"model":"m","input":"","dimensions":0}"#,
                r#"{"model":"m","input":[""],"encoding_format":"float"}"#,
            ),
            (
                Embed::ONE,
                r#"{"model":"m","prompt":"a"}"#,
                r#"{"model":"m","input":["a"],"encoding_format":"float"}"#,
            ),
        ] {
            let request = embed.read(body.as_bytes().into()).unwrap();
            assert_eq!(embed.at_once(&request, || UNIX_EPOCH), None, "{body}");
            assert_eq!(embed.body(&request, &request.model), expected);
        }
        let answer = r#"{"data":[{"index":1,"embedding":[2.50,3]},{"index":0,"embedding":[1]}],"usage":{"prompt_tokens":4}}"#;
        assert_eq!(
            Embed::SEVERAL.answer(answer, "m", 9).unwrap(),
            r#"{"model":"m","embeddings":[[1],[2.50,3]],"total_duration":9,"load_duration":1,"prompt_eval_count":4}"#
        );
        assert_eq!(
            Embed::ONE.answer(answer, "m", 9).unwrap(),
            r#"{"embedding":[1]}"#
        );
        assert!(Embed::ONE.answer("{}", "m", 9).is_err());
    }

    #[test]
    fn nothing_has_no_vectors_and_what_is_no_text_is_refused() {
        for (embed, body, nothing) in [
            (
                Embed::SEVERAL,
                r#"{"model":"m"}"#,
                r#"{"model":"m","embeddings":[]}"#,
            ),
            (
                Embed::SEVERAL,
                r#"{"model":"m","input":[ ]}"#,
                r#"{"model":"m","embeddings":[]}"#,
            ),
            (
                Embed::ONE,
                r#"{"model":"m","prompt":""}"#,
                r#"{"embedding":[]}"#,
            ),
        ] {
            let request = embed.read(body.as_bytes().into()).unwrap();
            assert_eq!(
                embed.at_once(&request, || UNIX_EPOCH).as_deref(),
                Some(nothing),
                "{body}"
            );
        }
        for (embed, body) in [
            (Embed::SEVERAL, r#"{"model":"m","input":[1]}"#),
            (Embed::SEVERAL, r#"{"model":"m","input":7}"#),
            (Embed::SEVERAL, r#"{"model":"m","input":["a",["b"]]}"#),
            (Embed::ONE, r#"{"model":"m","prompt":["a"]}"#),
        ] {
            let error = embed.read(body.as_bytes().into()).unwrap_err();
            assert_eq!(error.to_string(), "invalid input type", "{body}");
        }
    }
}
