//! A request as the rooms above see it, whatever its dialect, and why a body is none.

use std::error::Error;
use std::fmt;

use super::error::{Code, ErrorBody};
use super::multipart::Form;
use crate::json::{Object, ObjectError, raw};

/// The body of a request as it arrived, and what its head says of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Incoming<'a> {
    pub body: &'a [u8],
    /// The `Content-Type` of a form, with its boundary; `None` of all other bodies, which their bytes tell.
    pub form_type: Option<&'a str>,
}

impl<'a> Incoming<'a> {
    /// A body as a client sent it. Editors and frameworks of Windows put a byte order mark before JSON, which a reader may
    /// ignore (RFC 8259 section 8.1).
    pub fn new(body: &'a [u8], form_type: Option<&'a str>) -> Self {
        const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
        Self {
            body: body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body),
            form_type,
        }
    }
}

impl<'a> From<&'a [u8]> for Incoming<'a> {
    fn from(body: &'a [u8]) -> Self {
        Self {
            body,
            form_type: None,
        }
    }
}

/// A request that can be routed.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    pub payload: Payload<'a>,
    /// The name of the route; empty where the dialect lets a client leave it out.
    pub model: String,
    /// Whether the client asks for a stream.
    pub stream: bool,
}

/// The body of a request. It is sent as it came, but for the edits of a step.
#[derive(Clone, Debug)]
pub enum Payload<'a> {
    Json(Object<'a>),
    /// A form with files.
    Multipart(Form<'a>),
}

impl<'a> Payload<'a> {
    /// The same body, to be edited by itself.
    pub fn borrowed(&self) -> Payload<'_> {
        match self {
            Self::Json(object) => Payload::Json(object.borrowed()),
            Self::Multipart(form) => Payload::Multipart(form.clone()),
        }
    }

    /// The object of a JSON body; none of a form.
    pub fn object(&self) -> Option<&Object<'a>> {
        match self {
            Self::Json(object) => Some(object),
            Self::Multipart(_) => None,
        }
    }

    /// The length of the body (bytes).
    pub fn length(&self) -> usize {
        match self {
            Self::Json(object) => object.source().len(),
            Self::Multipart(form) => form.length(),
        }
    }

    /// The form of a body with files; none of JSON.
    pub fn form(&self) -> Option<&Form<'a>> {
        match self {
            Self::Json(_) => None,
            Self::Multipart(form) => Some(form),
        }
    }

    /// The media type under which the body is sent.
    pub fn content_type(&self) -> &str {
        match self {
            Self::Json(_) => "application/json",
            Self::Multipart(form) => form.content_type(),
        }
    }

    /// The body with its edits, in slices: nothing of its size is copied.
    pub fn slices(&self) -> Vec<&[u8]> {
        match self {
            Self::Json(object) => object.slices(),
            Self::Multipart(form) => form.slices(),
        }
    }

    /// Whether both make the same bytes.
    pub fn is_written_as(&self, other: &Self) -> bool {
        let (one, other) = (self.slices(), other.slices());
        let length = |slices: &[&[u8]]| slices.iter().map(|slice| slice.len()).sum::<usize>();
        length(&one) == length(&other)
            && one
                .iter()
                .copied()
                .flatten()
                .eq(other.iter().copied().flatten())
    }
}

/// The text of a JSON body.
///
/// # Errors
/// It is empty, or no UTF-8.
pub fn text_of(body: &[u8]) -> Result<&str, RequestError> {
    if body.trim_ascii().is_empty() {
        return Err(RequestError::Empty);
    }
    std::str::from_utf8(body).map_err(|error| RequestError::NotUtf8(error.valid_up_to()))
}

/// The name of the route in a raw `model`.
///
/// # Errors
/// It is none, or empty.
pub fn model_of(raw: Option<&str>) -> Result<String, RequestError> {
    match raw::text(raw.ok_or_else(|| RequestError::missing("model"))?) {
        Some(model) if !model.is_empty() => Ok(model.into_owned()),
        _ => Err(RequestError::invalid("model", "a string that is not empty")),
    }
}

/// Whether a raw `stream` asks for a stream.
///
/// # Errors
/// It is no boolean, nor null.
pub fn stream_of(raw: Option<&str>) -> Result<bool, RequestError> {
    match raw {
        None | Some("null" | "false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(RequestError::invalid("stream", "true or false")),
    }
}

/// The reason why a step cannot carry a request. It is passed over without a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// In words for the client.
    pub reason: String,
    /// The member at fault, by its path; none if it is no single one.
    pub param: Option<String>,
    /// The request is too large for the step; else the step lacks a thing that it needs.
    pub too_large: bool,
}

impl Unfit {
    /// A member that a step cannot carry, by its path.
    pub fn at(param: &str, reason: String) -> Self {
        Self {
            reason,
            param: Some(param.to_owned()),
            too_large: false,
        }
    }
}

impl From<String> for Unfit {
    fn from(reason: String) -> Self {
        Self {
            reason,
            param: None,
            too_large: false,
        }
    }
}

/// The reason why a body is no request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestError {
    Empty,
    /// The offset of the first byte that is not UTF-8.
    NotUtf8(usize),
    Object(ObjectError),
    /// The body is no form with files, or a broken one, in words for the client.
    Form(&'static str),
    /// A member that must be there, by its path.
    Missing(String),
    /// A member of the wrong kind, by its path.
    Invalid {
        param: String,
        expected: &'static str,
    },
    /// A member that is wrong in words of its dialect's own.
    Told {
        param: String,
        words: String,
    },
}

impl RequestError {
    /// An absent member, by its path.
    pub fn missing(param: &str) -> Self {
        Self::Missing(param.to_owned())
    }

    /// A member of the wrong kind, by its path; `expected` completes "must be".
    pub fn invalid(param: &str, expected: &'static str) -> Self {
        Self::Invalid {
            param: param.to_owned(),
            expected,
        }
    }

    /// `INVALID_JSON` for text that no JSON reader takes, `VALIDATION_FAILED` for JSON that is no request.
    pub fn code(&self) -> Code {
        match self {
            Self::Empty | Self::NotUtf8(_) | Self::Object(ObjectError::NotJson { .. }) => {
                Code::InvalidJson
            }
            Self::Object(
                ObjectError::NotAnObject | ObjectError::DuplicateKey(_) | ObjectError::TooLarge,
            )
            | Self::Form(_)
            | Self::Missing(_)
            | Self::Invalid { .. }
            | Self::Told { .. } => Code::ValidationFailed,
        }
    }

    /// The member at fault, by its path (`messages[2].role`); none if the whole body is.
    pub fn param(&self) -> Option<&str> {
        match self {
            Self::Missing(param) | Self::Invalid { param, .. } | Self::Told { param, .. } => {
                Some(param)
            }
            Self::Object(ObjectError::DuplicateKey(key)) => Some(key),
            Self::Empty | Self::NotUtf8(_) | Self::Object(_) | Self::Form(_) => None,
        }
    }

    /// The error body in OpenAI's shape.
    pub fn to_json(&self) -> Vec<u8> {
        ErrorBody {
            param: self.param(),
            ..ErrorBody::new(self.code(), &self.to_string())
        }
        .to_json()
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the body is empty"),
            Self::NotUtf8(at) => write!(f, "the body is not UTF-8 from byte {at} on"),
            Self::Object(error @ ObjectError::NotJson { .. }) => {
                write!(f, "the body is not valid JSON: {error}")
            }
            Self::Object(ObjectError::NotAnObject) => f.write_str("the body must be a JSON object"),
            Self::Object(error) => write!(f, "the body cannot be read safely: {error}"),
            Self::Form(problem) => f.write_str(problem),
            Self::Told { words, .. } => f.write_str(words),
            Self::Missing(param) => write!(f, "'{param}' is missing"),
            Self::Invalid { param, expected } => write!(f, "'{param}' must be {expected}"),
        }
    }
}

impl Error for RequestError {}
