//! The members of an error object, as providers name them, found in one pass.

use std::borrow::Cow;

use super::provider_error::{bounded, is_nothing};
use crate::json::raw;

/// The members of an object that describe an error, as raw values; of a repeated one the last counts.
#[derive(Default)]
pub struct ErrorObject<'a> {
    messages: [Option<&'a str>; MESSAGES.len()],
    codes: [Option<&'a str>; CODES.len()],
    status: Option<&'a str>,
    kind: Option<&'a str>,
    error_type: Option<&'a str>,
    pub metadata: Option<&'a str>,
    /// The tokens that were asked for, and the most.
    pub sizes: [Option<&'a str>; 2],
    /// Any member holds more than nothing.
    pub says_anything: bool,
}

/// Members that hold the message, in the order of their worth.
const MESSAGES: [&str; 8] = [
    "message",
    "msg",
    "error_message",
    "error_msg",
    "status_msg",
    "error_description",
    "description",
    "detail",
];

/// Members that hold the code, in the order of their worth.
const CODES: [&str; 5] = [
    "code",
    "error_code",
    "status_code",
    "http_code",
    "statusCode",
];

impl<'a> ErrorObject<'a> {
    /// Reads an object; `None` for what is none.
    pub fn of(json: &'a str) -> Option<Self> {
        let mut object = Self::default();
        raw::each_member(json, &mut |key, value| object.take(key, value)).ok()?;
        Some(object)
    }

    fn take(&mut self, key: &str, value: &'a str) {
        self.says_anything |= !is_nothing(value);
        let Some(key) = raw::text(key) else {
            return;
        };
        let messages = MESSAGES.iter().zip(&mut self.messages);
        let codes = CODES.iter().zip(&mut self.codes);
        let listed = messages.chain(codes).find(|(name, _)| **name == key);
        let place = match (listed, &*key) {
            (Some((_, place)), _) => place,
            (None, "status") => &mut self.status,
            (None, "type") => &mut self.kind,
            (None, "error_type") => &mut self.error_type,
            (None, "metadata") => &mut self.metadata,
            (None, "n_prompt_tokens") => &mut self.sizes[0],
            (None, "n_ctx") => &mut self.sizes[1],
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
            None => code.parse::<f64>().ok().map(|_| bounded(code)),
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
