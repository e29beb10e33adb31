//! Chat completions, the dialect of `POST /v1/chat/completions`.

mod answer;
mod assemble;
mod chunk;
mod envelope;
mod merge;
mod request;
mod split;

use crate::dialect::annotation::Annotation;
use crate::dialect::answer::{Flaw, Usage, WholeAnswer};
use crate::dialect::error::ErrorBody;
use crate::dialect::request::{Request, RequestError};
use crate::dialect::{Assemble, Dialect, Framing, StreamJudge};

/// The dialect of chat completions.
pub struct Chat;

impl Dialect for Chat {
    fn read<'a>(&self, body: &'a [u8]) -> Result<Request<'a>, RequestError> {
        request::read(body)
    }

    fn path(&self) -> &'static str {
        "/chat/completions"
    }

    fn accept(&self, stream: bool) -> &'static str {
        if stream {
            "text/event-stream, application/json"
        } else {
            "application/json"
        }
    }

    fn framing(&self) -> Framing {
        Framing::Events
    }

    fn judge_stream(&self) -> Box<dyn StreamJudge> {
        Box::new(chunk::ChunkJudge::default())
    }

    fn judge_whole(&self, text: &str) -> Result<(Annotation, Option<Usage>), Flaw> {
        answer::judge(text)
    }

    fn assemble(&self) -> Box<dyn Assemble> {
        Box::new(assemble::Assembler::default())
    }

    fn split(&self, answer: &WholeAnswer) -> Result<Vec<String>, Flaw> {
        let mut chunks = split::split(answer.text())?;
        chunks.push(chunk::DONE.to_owned());
        Ok(chunks)
    }

    fn end_mark(&self) -> &'static str {
        chunk::DONE
    }

    fn refusal(&self, error: &ErrorBody<'_>) -> Vec<u8> {
        error.to_json()
    }

    fn broken(&self, error: &ErrorBody<'_>) -> String {
        String::from_utf8(error.to_json()).unwrap_or_default()
    }
}

/// Where the gateway writes into a chunk, for tests of the writing itself.
#[cfg(test)]
pub fn annotation_of(data: &str) -> Annotation {
    let judged = chunk::ChunkJudge::default().judge_data(data);
    judged.annotation.unwrap()
}

/// Judges a body, for tests of what is made of it.
#[cfg(test)]
fn whole(text: String) -> Result<WholeAnswer, Flaw> {
    let dialect: &dyn Dialect = &Chat;
    dialect.whole(text)
}
