//! The head of an answer: the usual one read in place, every other one by ureq-proto.
//!
//! Usual is an answer of HTTP/1.1 with a body of one announced length, or in the chunked coding alone. Whatever has two readings, or another framing, or no
//! body by its status, or is no final answer, is left to the one strict reader of such things. For what both read, a test
//! has them agree.

use std::mem::MaybeUninit;

use httparse::{Header, Response, Status};

use crate::header_fields::HeaderFields;
use crate::text::{has_control, same_name};

/// The bound of fields in a head, which is ureq-proto's as well.
const MAX_FIELDS: usize = 128;

/// The fields that there is room for on the stack, in pages that the read before has had: few answers have more.
const USUAL_FIELDS: usize = 32;

/// The status and the fields of an answer.
#[derive(Debug)]
pub struct Head {
    pub status: u16,
    fields: HeaderFields,
    /// The answer came over a connection that had served another call before.
    pub reused: bool,
}

/// A usual head, and the framing of the body behind it.
pub(super) struct UsualHead {
    pub head: Head,
    /// The length of the head (bytes).
    pub size: usize,
    pub body: Framing,
    /// The connection ends with the body.
    pub closes: bool,
}

/// The framing of a body that is usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// The announced length (bytes).
    Length(u64),
    Chunked,
}

impl Head {
    /// The first value of a field, whose name is compared without case. `None`: it is absent, or not visible ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.fields.text(name).filter(|value| is_visible(value))
    }

    /// The fields whose values are visible ASCII, names as they came, repeated ones repeatedly.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers_named(|_| true)
    }

    /// The same of the fields whose names are asked for: the values of most need no look.
    pub fn headers_named(
        &self,
        is_asked_for: impl Fn(&str) -> bool,
    ) -> impl Iterator<Item = (&str, &str)> {
        self.fields
            .iter()
            .filter(move |(name, _)| is_asked_for(name))
            .filter_map(|(name, value)| Some((name, std::str::from_utf8(value).ok()?)))
            .filter(|(_, value)| is_visible(value))
    }

    /// The names of all fields, as they came.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.names()
    }
}

impl From<ureq::http::Response<()>> for Head {
    fn from(answer: ureq::http::Response<()>) -> Self {
        let fields = answer.headers();
        Self {
            status: answer.status().as_u16(),
            fields: HeaderFields::copy(
                fields
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_bytes())),
            ),
            reused: false,
        }
    }
}

/// Reads a head that is all there, if it is a usual one.
pub(super) fn usual(input: &[u8]) -> Option<UsualHead> {
    let mut usual = [const { MaybeUninit::<Header<'_>>::uninit() }; USUAL_FIELDS];
    let mut all;
    let reader = httparse::ParserConfig::default();
    let mut answer = Response::new(&mut []);
    let mut parsed = reader.parse_response_with_uninit_headers(&mut answer, input, &mut usual);
    if parsed == Err(httparse::Error::TooManyHeaders) {
        all = Box::new_uninit_slice(MAX_FIELDS);
        answer = Response::new(&mut []);
        parsed = reader.parse_response_with_uninit_headers(&mut answer, input, &mut all);
    }
    let Ok(Status::Complete(size)) = parsed else {
        return None;
    };
    let status = answer.code?;
    if answer.version != Some(1) || !(200..600).contains(&status) || matches!(status, 204 | 304) {
        return None;
    }
    let (mut length, mut is_chunked, mut closes) = (None, false, false);
    for field in &*answer.headers {
        match field.name.len() {
            10 if same_name(field.name, "connection") => {
                closes |= closes_connection(field.value);
            }
            14 if same_name(field.name, "content-length") => {
                if length.is_some() {
                    return None;
                }
                length = Some(decimal(field.value)?);
            }
            17 if same_name(field.name, "transfer-encoding") => {
                if is_chunked || !field.value.eq_ignore_ascii_case(b"chunked") {
                    return None;
                }
                is_chunked = true;
            }
            _ => {}
        }
    }
    let body = match length {
        // A body with both is ureq-proto's.
        Some(length) => (!is_chunked).then_some(Framing::Length(length))?,
        None => is_chunked.then_some(Framing::Chunked)?,
    };
    let fields = &*answer.headers;
    Some(UsualHead {
        head: Head {
            status,
            fields: HeaderFields::within(
                input.get(..size)?,
                fields.iter().map(|field| (field.name, field.value)),
            ),
            reused: false,
        },
        size,
        body,
        closes,
    })
}

/// The number that a `Content-Length` is, digits only (RFC 9110 section 8.6).
fn decimal(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

fn closes_connection(value: &[u8]) -> bool {
    let mut options = value.split(|byte| *byte == b',');
    options.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"))
}

fn is_visible(value: &str) -> bool {
    let is_tab_or_no_control = |byte: u8| byte == b'\t' || !byte.is_ascii_control();
    value.is_ascii() && (!has_control(value) || value.bytes().all(is_tab_or_no_control))
}
