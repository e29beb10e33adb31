//! The members of an error object, as providers name them, found in one pass.

use std::borrow::Cow;

use super::provider_error::{bounded, is_nothing};
use crate::json::raw;
use crate::json::reader::{EntryCursor, Invalid, MemberKey, Reader};

/// The members of an object that describe an error, as raw values; of a repeated one the last counts.
#[derive(Default)]
pub struct ErrorObject<'a> {
    /// Members that hold the message, in the order of their worth.
    messages: [Option<&'a str>; 8],
    /// Members that hold the code, in the order of their worth.
    codes: [Option<&'a str>; 5],
    status: Option<&'a str>,
    kind: Option<&'a str>,
    error_type: Option<&'a str>,
    pub metadata: Option<&'a str>,
    /// The tokens that were asked for, and the most.
    pub sizes: [Option<&'a str>; 2],
    /// Any member holds more than nothing.
    pub says_anything: bool,
}

impl<'a> ErrorObject<'a> {
    /// Reads an object; `None` for what is none.
    pub fn of(json: &'a str) -> Option<Self> {
        let mut object = Self::default();
        each_member(json, &mut |key, value| object.take(key, value)).ok()?;
        Some(object)
    }

    /// Takes a member.
    pub fn take(&mut self, key: MemberKey<'a>, value: &'a str) {
        self.says_anything |= !is_nothing(value);
        let place = match key.text().as_deref() {
            Some("message") => &mut self.messages[0],
            Some("msg") => &mut self.messages[1],
            Some("error_message") => &mut self.messages[2],
            Some("error_msg") => &mut self.messages[3],
            Some("status_msg") => &mut self.messages[4],
            Some("error_description") => &mut self.messages[5],
            Some("description") => &mut self.messages[6],
            Some("detail") => &mut self.messages[7],
            Some("code") => &mut self.codes[0],
            Some("error_code") => &mut self.codes[1],
            Some("status_code") => &mut self.codes[2],
            Some("http_code") => &mut self.codes[3],
            Some("statusCode") => &mut self.codes[4],
            Some("status") => &mut self.status,
            Some("type") => &mut self.kind,
            Some("error_type") => &mut self.error_type,
            Some("metadata") => &mut self.metadata,
            Some("n_prompt_tokens") => &mut self.sizes[0],
            Some("n_ctx") => &mut self.sizes[1],
            _ => return,
        };
        *place = Some(value);
    }

    /// The message, whatever its value is; `None` where no member says one.
    pub fn message(&self) -> Option<&'a str> {
        let mut said = self.messages.into_iter().flatten();
        said.find(|message| !is_nothing(message))
    }

    /// The code of an error, by whichever name; of a MiniMax `base_resp`, of a problem of RFC 9457.
    pub fn code(&self) -> Option<String> {
        let of_member = |code: &str| match raw::text(code) {
            Some(text) => Some(bounded(&text)).filter(|text| !text.is_empty()),
            None => is_number(code).then(|| bounded(code)),
        };
        let mut codes = self.codes.into_iter().flatten();
        codes.find_map(of_member).or_else(|| {
            // A number here is a status, a word is a kind.
            let status = self.status?;
            status.parse::<u16>().ok().map(|_| status.to_owned())
        })
    }

    /// The type of an error, by whichever name.
    pub fn kind(&self) -> Option<String> {
        let kinds = [self.kind, self.status, self.error_type].into_iter();
        let mut kinds = kinds.filter_map(|kind| raw::text(kind?));
        let first: Cow<'_, str> = kinds.next()?;
        Some(bounded(&first)).filter(|kind| !kind.is_empty())
    }
}

/// Visits the members of an object, with their keys as they were read. Fails if `json` is not one JSON object, possibly
/// after some members were visited.
pub fn each_member<'a>(
    json: &'a str,
    visit: &mut dyn FnMut(MemberKey<'a>, &'a str),
) -> Result<(), Invalid> {
    let mut reader = Reader::new(json);
    let mut object = EntryCursor::default();
    while let Some(key) = reader.key(&mut object)? {
        if !key.is_text() {
            return Err(Invalid);
        }
        visit(key, reader.value()?);
    }
    reader.end()
}

/// Whether a JSON value is a number, by its first byte: none but numbers begin so.
pub fn is_number(json: &str) -> bool {
    json.starts_with(|first: char| first == '-' || first.is_ascii_digit())
}
