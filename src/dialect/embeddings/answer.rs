//! An answer with vectors: whether there is a good one to each input.

use crate::dialect::annotation::Annotation;
use crate::dialect::answer::{Flaw, JudgedWhole, Says};
use crate::dialect::provider_error::{ProviderError, error_in, error_of};
use crate::dialect::reading::Asked;
use crate::dialect::repairs::Repairs;
use crate::dialect::usage::Usage;
use crate::json::reader::{EntryCursor, Invalid, Reader};
use crate::json::{ObjectError, raw};

use super::request::{count_inputs, encoding, input, length};
use super::rewrite::rewrite;
use super::vector::{self, Encoding, ReadVector};

/// The parts of a question that vectors are judged by.
struct Question {
    /// `None` where an answer is read for its own sake.
    inputs: Option<usize>,
    encoding: Encoding,
    /// The length that each vector must have; `None` where neither request nor route says one.
    length: Option<u64>,
}

impl Question {
    fn new(asked: &Asked<'_>) -> Self {
        let request = asked.request;
        Self {
            inputs: request.and_then(input).map(count_inputs),
            encoding: request.map_or(Encoding::Floats, encoding),
            length: request.and_then(length).or(asked.step.vectors.dimensions),
        }
    }
}

/// Judges a body. Vectors in another encoding than the one that was asked for are converted, and members that readers
/// expect are added where they are absent.
///
/// # Errors
/// The reason why no client can be given it.
pub fn judge(body: &str, asked: &Asked<'_>) -> Result<JudgedWhole, Flaw> {
    let question = Question::new(asked);
    let answer = Answer::read(body, &question).map_err(|error| match error {
        ObjectError::NotAnObject => error_of(body).map_or(Flaw::NotAnObject, Flaw::ErrorObject),
        other => Flaw::NotJson(other.to_string()),
    })?;
    if let Some(error) = answer.error {
        return Err(Flaw::ErrorObject(error));
    }
    let vectors = match answer.vectors {
        Some(Ok(vectors)) if vectors.count > 0 || question.inputs == Some(0) => vectors,
        Some(Err(flaw)) => return Err(flaw),
        Some(Ok(_)) => return Err(error_of(body).map_or(Flaw::EmptyContent, Flaw::ErrorObject)),
        None => {
            let none = || Flaw::NoAnswer("the answer has no data".to_owned());
            return Err(error_of(body).map_or_else(none, Flaw::ErrorObject));
        }
    };
    vectors.check(&question)?;
    let is_complete = answer.has_object
        && answer.has_usage
        && vectors.have_indexes
        && answer.annotation.model(body).is_some();
    let rewritten = (!is_complete || vectors.need_conversion)
        .then(|| {
            let model = asked.request.map_or("", |request| request.model.as_str());
            rewrite(body, question.encoding, model)
        })
        .flatten();
    let (mended, annotation) = match rewritten {
        Some(rewritten) => (Some(rewritten.text), rewritten.annotation),
        None => (None, answer.annotation),
    };
    Ok(JudgedWhole {
        annotation,
        usage: answer.usage,
        says: Says::Content,
        mended,
        repairs: Repairs::default(),
    })
}

/// The length of the first vector of an answer that was judged; none if it has a foreign encoding.
pub fn first_length(body: &str) -> Option<u64> {
    let mut reader = Reader::new(body);
    go_to_first_vector(&mut reader)?;
    let read = vector::read(&mut reader, Encoding::Floats, &mut Vec::new());
    Some(read.ok()?.ok()?.length).filter(|length| *length > 0)
}

/// The encoding of the first vector of a body, be it that no more of it is JSON; none if there is no vector.
pub fn first_encoding(body: &str) -> Option<Encoding> {
    let mut reader = Reader::new(body);
    go_to_first_vector(&mut reader)?;
    match reader.peek()? {
        b'[' => Some(Encoding::Floats),
        b'"' => Some(Encoding::Base64),
        _ => None,
    }
}

/// Goes to the vector of the first item; `None` if there is none.
fn go_to_first_vector(reader: &mut Reader<'_>) -> Option<()> {
    go_to(reader, "data")?;
    let has_items = reader.item(&mut EntryCursor::default()).ok()?;
    has_items.then(|| go_to(reader, "embedding")).flatten()
}

/// Goes to the value of a member of the object at the reader's place; `None` if there is no such member.
fn go_to(reader: &mut Reader<'_>, name: &str) -> Option<()> {
    let mut object = EntryCursor::default();
    while let Some(key) = reader.key(&mut object).ok()? {
        if key.text()? == name {
            return Some(());
        }
        reader.value().ok()?;
    }
    None
}

/// The top level of an answer, read in one pass. Of repeated keys the last one counts.
#[derive(Default)]
struct Answer {
    annotation: Annotation,
    error: Option<Box<ProviderError>>,
    vectors: Option<Result<Vectors, Flaw>>,
    usage: Option<Usage>,
    has_usage: bool,
    has_object: bool,
}

impl Answer {
    fn read(body: &str, question: &Question) -> Result<Self, ObjectError> {
        u32::try_from(body.len()).map_err(|_| ObjectError::TooLarge)?;
        let mut answer = Self::default();
        let read = answer.read_members(&mut Reader::new(body), question);
        read.map_err(|Invalid| ObjectError::of(body))?;
        Ok(answer)
    }

    fn read_members(
        &mut self,
        reader: &mut Reader<'_>,
        question: &Question,
    ) -> Result<(), Invalid> {
        reader.peek();
        self.annotation = Annotation::of_empty(reader.at() + 1);
        let mut object = EntryCursor::default();
        while let Some(key) = reader.key(&mut object)? {
            match &*key.text().ok_or(Invalid)? {
                "error" => self.error = error_in(reader.value()?),
                "data" => self.vectors = Some(Vectors::read(reader, question)?),
                "usage" => {
                    self.usage = Usage::of(reader.value()?);
                    self.has_usage = self.usage.is_some();
                }
                "object" => self.has_object = reader.value()? != "null",
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
}

/// The vectors of an answer, each of which is one.
#[derive(Default)]
struct Vectors {
    count: usize,
    /// The length of the first one whose length is known.
    length: Option<u64>,
    /// Whether some vector is in another encoding than the one that was asked for.
    need_conversion: bool,
    have_indexes: bool,
    /// The inputs that have a vector.
    answered: Vec<bool>,
}

impl Vectors {
    fn read(reader: &mut Reader<'_>, question: &Question) -> Result<Result<Self, Flaw>, Invalid> {
        let mut vectors = Self {
            have_indexes: true,
            answered: vec![false; question.inputs.unwrap_or_default()],
            ..Self::default()
        };
        let mut problem = None;
        if reader.peek() != Some(b'[') {
            reader.skip()?;
            return Ok(Ok(vectors));
        }
        let mut decoded = Vec::new();
        let mut array = EntryCursor::default();
        while reader.item(&mut array)? {
            if problem.is_some() {
                reader.skip()?;
                continue;
            }
            let item = DataItem::read(reader, question.encoding, &mut decoded)?;
            problem = vectors.add(item, question).err();
        }
        Ok(match problem {
            None => Ok(vectors),
            Some(flaw) => Err(flaw),
        })
    }

    fn add(&mut self, item: DataItem<'_>, question: &Question) -> Result<(), Flaw> {
        let vector = item.vector.unwrap_or_else(|| {
            Err(Flaw::NoAnswer(
                "an item of the answer's data has no embedding".to_owned(),
            ))
        })?;
        let place = self.count;
        self.count += 1;
        self.have_indexes &= item.index.is_some();
        if question.encoding != Encoding::Foreign {
            self.need_conversion |= vector.encoding != question.encoding;
        }
        if vector.encoding != Encoding::Foreign {
            let first = *self.length.get_or_insert(vector.length);
            if first != vector.length {
                return Err(Flaw::NoAnswer(format!(
                    "the vectors of the answer have different lengths: {first} and {}",
                    vector.length
                )));
            }
        }
        let Some(inputs) = question.inputs else {
            return Ok(());
        };
        if place >= inputs {
            return Err(Flaw::NoAnswer(format!(
                "the answer has more vectors than there are inputs ({inputs})"
            )));
        }
        let index = match item.index {
            None => Some(place),
            Some(raw) => raw::whole_number(raw).and_then(|index| usize::try_from(index).ok()),
        };
        match index.and_then(|index| self.answered.get_mut(index)) {
            Some(is_answered) if !*is_answered => {
                *is_answered = true;
                Ok(())
            }
            _ => Err(Flaw::NoAnswer(format!(
                "the index {} of a vector is none, or there twice",
                crate::text::cut(item.index.unwrap_or_default(), 20)
            ))),
        }
    }

    fn check(&self, question: &Question) -> Result<(), Flaw> {
        if let Some(inputs) = question.inputs
            && inputs != self.count
        {
            let count = self.count;
            return Err(Flaw::NoAnswer(format!(
                "the answer has {count} vectors to {inputs} inputs"
            )));
        }
        match (self.length, question.length) {
            (Some(length), Some(asked)) if length != asked => Err(Flaw::NoAnswer(format!(
                "the vectors have the length {length}, not {asked}"
            ))),
            _ => Ok(()),
        }
    }
}

/// An item of `data`.
#[derive(Default)]
struct DataItem<'a> {
    vector: Option<Result<ReadVector<'a>, Flaw>>,
    /// Raw.
    index: Option<&'a str>,
}

impl<'a> DataItem<'a> {
    fn read(
        reader: &mut Reader<'a>,
        asked: Encoding,
        decoded: &mut Vec<u8>,
    ) -> Result<Self, Invalid> {
        let mut item = Self::default();
        if reader.peek() != Some(b'{') {
            reader.skip()?;
            return Ok(item);
        }
        let mut object = EntryCursor::default();
        while let Some(key) = reader.key(&mut object)? {
            match key.text().as_deref() {
                Some("embedding") => item.vector = Some(vector::read(reader, asked, decoded)?),
                Some("index") => item.index = Some(reader.value()?),
                _ => reader.skip()?,
            }
        }
        Ok(item)
    }
}

#[cfg(test)]
mod tests;
