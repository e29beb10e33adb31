//! Errors as providers write them, in their many shapes.

use std::borrow::Cow;

use super::error_envelope::ErrorEnvelope;
use super::error_members::{ErrorMembers, MOST_UNWRAPPED, json_in};
use super::error_object::ErrorObject;
use super::markup::{is_page, title_of, without_markup};
use super::wait_in_prose::find_wait;
use super::waits::Wait;
use crate::json::raw;
use crate::text::{self, same_name};

/// The longest message of a provider that is kept (bytes). What people are shown of it is shorter:
/// [`text::for_people`].
pub const MAX_MESSAGE: usize = 2 * 1024;

/// Bytes of a message that are looked through for a wait; those of Google end with it.
const LONGEST_READ: usize = 64 * 1024;

/// An error in a provider's words. Nothing in it is masked: providers echo keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderError {
    /// A word such as `insufficient_quota`, or a number such as `429`, as text.
    pub code: Option<String>,
    /// The `type` of OpenAI and Anthropic, the `status` of Google.
    pub kind: Option<String>,
    /// The codes, types and reasons that stand deeper, as in Google's `details`.
    pub names: Vec<String>,
    /// The message, without HTML (at most [`MAX_MESSAGE`] bytes).
    pub message: String,
    /// The wait that a member or the message states.
    pub wait: Option<Wait>,
    /// The body was a page of HTML; its title is the message.
    pub is_page: bool,
}

impl ProviderError {
    /// The code as an HTTP status; `None` where it is no error status. OpenRouter sends `{"error":{"code":429,...}}`
    /// inside a 200.
    pub fn status(&self) -> Option<u16> {
        let status = self.code.as_deref()?.trim().parse().ok()?;
        (400..=599).contains(&status).then_some(status)
    }

    /// An error that has this message, and nothing else.
    pub fn saying(message: String) -> Box<Self> {
        Box::new(Self {
            message,
            ..Self::default()
        })
    }

    fn of_message(message: &str) -> Self {
        Self {
            // A whole answer may be no error but a message of many megabytes.
            message: text::cut(message, LONGEST_READ).to_owned(),
            ..Self::default()
        }
    }

    /// The error with what its source says besides: names and waits at any depth, and no HTML.
    fn complete(mut self, members: ErrorMembers) -> Self {
        let own = [&self.code, &self.kind];
        let is_own = |name: &str| own.iter().any(|own| own.as_deref() == Some(name));
        self.names = members.names;
        self.names.retain(|name| !is_own(name));
        let message = text::truncated(self.message, LONGEST_READ);
        self.wait = members.wait.or_else(|| find_wait(&message));
        self.message = shortened(without_markup(message));
        self
    }
}

/// The error that a body speaks of; `None` if it is not JSON, or JSON that names no error.
///
/// Known shapes: `{"error": {...}}` (OpenAI, Anthropic), `{"error": "text"}` (Ollama), `{"object": "error", "message":
/// ...}` (Mistral, vLLM), `[{"error": {...}}]` (Google), `{"detail": ...}` (FastAPI, NVIDIA), `{"errors": [...]}`
/// (Cloudflare), `{"base_resp": {...}}` (MiniMax) and `{"message": ...}`; a message that is an object or holds JSON is
/// read, too.
pub fn error_of(body: &str) -> Option<Box<ProviderError>> {
    read(body).map(Box::new)
}

fn read(body: &str) -> Option<ProviderError> {
    let body = body.trim_ascii();
    let mut envelope = ErrorEnvelope::default();
    let (members, is_json) = ErrorMembers::heard(body, &mut |depth, key, value| {
        envelope.take(depth, key, value);
    });
    let error = if raw::is_object(body) {
        is_json.and_then(|()| error_in_envelope(envelope, body, 0))
    } else {
        error_of_value(body, 0)
    };
    error.map(|error| error.complete(members))
}

/// The error of a body below an error status, whatever it is: JSON, a page of HTML, plain text, nothing at all, which
/// makes an empty message.
pub fn refusal_of(body: &str) -> ProviderError {
    if let Some(error) = read(body) {
        return error;
    }
    let body = body.trim();
    if is_page(body) {
        return ProviderError {
            is_page: true,
            ..ProviderError::of_message(&bounded(&title_of(body)))
        };
    }
    worded(body, 0).complete(ErrorMembers::of(json_in(body).unwrap_or_default()))
}

/// The error in an `error` member; `None` for `null`, `false`, `""`, `{}` and whatever else says success, which stand
/// beside good answers.
pub(super) fn error_in(error: &str) -> Option<Box<ProviderError>> {
    error_in_member(error, 0).map(|found| found.complete(ErrorMembers::of(error)).into())
}

fn error_of_value(body: &str, unwrapped: usize) -> Option<ProviderError> {
    if unwrapped > MOST_UNWRAPPED {
        return None;
    }
    if raw::is_array(body) {
        return first_item(body)
            .filter(|item| raw::is_object(item))
            .and_then(|item| error_of_object(item, unwrapped));
    }
    error_of_object(body, unwrapped)
}

fn error_in_member(error: &str, unwrapped: usize) -> Option<ProviderError> {
    match error {
        "true" => Some(ProviderError::of_message("true")),
        text if text.starts_with('"') => {
            Some(told(decoded(text), unwrapped)).filter(|error| !says_success(&error.message))
        }
        object if raw::is_object(object) => described(object, unwrapped),
        array if raw::is_array(array) => first_item(array).and_then(|item| {
            if raw::is_array(item) {
                None
            } else {
                error_in_member(item, unwrapped)
            }
        }),
        _ => None,
    }
}

fn error_of_object(body: &str, unwrapped: usize) -> Option<ProviderError> {
    error_in_envelope(ErrorEnvelope::of(body)?, body, unwrapped)
}

fn error_in_envelope(
    envelope: ErrorEnvelope<'_>,
    body: &str,
    unwrapped: usize,
) -> Option<ProviderError> {
    let ErrorEnvelope {
        error,
        described: inner,
        errors,
        message,
        detail,
        base_resp,
        has_more,
        ..
    } = envelope;
    let in_error = error.filter(|error| *error != "true");
    let in_error = in_error.and_then(|error| match inner {
        Some(inner) if raw::is_object(error) => described_by(inner, error, unwrapped),
        _ => error_in_member(error, unwrapped),
    });
    if let Some(mut error) = in_error {
        // Beside a plain text, code and type stand one level up.
        if has_more && (error.code.is_none() || error.kind.is_none()) {
            let beside = ErrorObject::of(body)?;
            error.code = error.code.or_else(|| beside.code());
            error.kind = error.kind.or_else(|| beside.kind());
        }
        return Some(error);
    }
    if message.is_some_and(|message| message.starts_with('"')) {
        return described(body, unwrapped);
    }
    errors
        .and_then(|errors| error_in_member(errors, unwrapped))
        .or_else(|| detail.and_then(|detail| detail_error(body, detail, unwrapped)))
        .or_else(|| base_resp.and_then(|base_resp| described(base_resp, unwrapped)))
}

/// FastAPI's `detail` is a text, an object, or a list of complaints that is best shown whole; that of RFC 9457 stands
/// beside a status.
fn detail_error(body: &str, detail: &str, unwrapped: usize) -> Option<ProviderError> {
    if raw::is_array(detail) {
        return Some(ProviderError::of_message(detail)).filter(|_| first_item(detail).is_some());
    }
    let mut error = error_in_member(detail, unwrapped)?;
    error.code = error
        .code
        .or_else(|| ErrorObject::of(body).and_then(|body| body.code()));
    Some(error)
}

/// An error object with a message, code and type in it; `None` for one that says success: the code 0, or nothing at all.
fn described(object: &str, unwrapped: usize) -> Option<ProviderError> {
    described_by(ErrorObject::of(object)?, object, unwrapped)
}

fn described_by(members: ErrorObject<'_>, object: &str, unwrapped: usize) -> Option<ProviderError> {
    let (code, message) = (members.code(), members.message());
    let text = message.and_then(raw::text);
    let is_ok_text = || text.as_deref().is_some_and(says_success);
    let is_ok = match code.as_deref() {
        Some("0" | "0.0") => true,
        Some(code) => says_success(code) || (code == "200" && (message.is_none() || is_ok_text())),
        None => is_ok_text(),
    };
    if !members.says_anything || is_ok {
        return None;
    }
    let mut error = match (message, text) {
        (_, Some(text)) => told(text, unwrapped),
        (Some(text), None) if text.starts_with('"') => told(decoded(text), unwrapped),
        (Some(inner), None) if raw::is_object(inner) && unwrapped < MOST_UNWRAPPED => {
            described(inner, unwrapped + 1).unwrap_or_else(|| ProviderError::of_message(object))
        }
        _ => ProviderError::of_message(object),
    };
    // OpenRouter says only "Provider returned error"; what the provider said stands here.
    let behind = members
        .metadata
        .and_then(|metadata| raw::member(metadata, "raw"))
        .filter(|text| text.starts_with('"') && *text != r#""""#)
        .map(|text| told(decoded(text), unwrapped));
    if let Some(behind) = behind {
        error.message = [error.message.as_str(), ": ", &behind.message].concat();
    }
    // llama-server's sizes stand in members of their own.
    let [asked, context] = members.sizes.map(|size| size.and_then(raw::whole_number));
    if let (Some(asked), Some(context)) = (asked, context) {
        error.message = format!("{} ({asked} tokens > {context})", error.message);
    }
    Some(ProviderError {
        code: code.or(error.code),
        kind: members.kind().or(error.kind),
        ..error
    })
}

/// An error that is the text of a JSON string. One without escapes, which is borrowed, holds no JSON: its keys have quotes.
fn told(text: Cow<'_, str>, unwrapped: usize) -> ProviderError {
    match text {
        Cow::Borrowed(text) => ProviderError::of_message(text),
        Cow::Owned(text) => worded(&text, unwrapped),
    }
}

/// An error that is a text. JSON in it is read: gateways quote the error of the provider behind them.
fn worded(text: &str, unwrapped: usize) -> ProviderError {
    let inner = json_in(text).filter(|_| unwrapped < MOST_UNWRAPPED);
    let Some((inner, mut error)) =
        inner.and_then(|inner| Some((inner, error_of_value(inner, unwrapped + 1)?)))
    else {
        return ProviderError::of_message(text);
    };
    let before = text.split(inner).next().unwrap_or_default();
    let before =
        before.trim_matches(|c: char| c.is_whitespace() || matches!(c, ':' | '-' | '"' | '\''));
    if !before.is_empty() {
        error.message = [before, ": ", &error.message].concat();
    }
    error
}

pub(super) fn is_nothing(value: &str) -> bool {
    matches!(value, "null" | "false" | "0" | r#""""# | "{}" | "[]")
}

/// Words in place of an error that say that there is none.
const SUCCESSES: [&str; 8] = [
    "",
    "success",
    "succeeded",
    "ok",
    "none",
    "null",
    "no error",
    "no_error",
];

fn says_success(text: &str) -> bool {
    let text = text.trim();
    SUCCESSES.iter().any(|word| same_name(text, word))
}

fn first_item(array: &str) -> Option<&str> {
    let mut first = None;
    raw::each_item(array, &mut |item| {
        first.get_or_insert(item);
    })
    .ok()?;
    first
}

/// The text of a JSON string; with its escapes if it cannot be decoded.
fn decoded(raw: &str) -> Cow<'_, str> {
    raw::text(raw).unwrap_or_else(|| Cow::Borrowed(raw::inside(raw).unwrap_or(raw)))
}

pub(super) fn bounded(text: &str) -> String {
    text::cut(text, MAX_MESSAGE).to_owned()
}

/// The same of a text that is owned, which is mostly short. One that is cut does not keep its room.
fn shortened(text: String) -> String {
    if text.len() <= MAX_MESSAGE {
        text
    } else {
        bounded(&text)
    }
}

#[cfg(test)]
mod tests;
