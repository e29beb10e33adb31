//! The part of a JSON request that most dialects read alike: its text, `model`, `stream`.

use super::request::RequestError;
use crate::json::{Object, raw};

/// The text of a body.
///
/// # Errors
/// There is none, or it is not UTF-8.
pub fn text_of(body: &[u8]) -> Result<&str, RequestError> {
    if body.trim_ascii().is_empty() {
        return Err(RequestError::Empty);
    }
    std::str::from_utf8(body).map_err(|error| RequestError::NotUtf8(error.valid_up_to()))
}

/// The object of a body, without repeated keys.
///
/// # Errors
/// The body is none.
pub fn object_of(body: &[u8]) -> Result<Object<'_>, RequestError> {
    Object::parse(text_of(body)?).map_err(RequestError::Object)
}

/// The `model` of a request, from its raw value.
///
/// # Errors
/// It is absent, or no name.
pub fn model(raw: Option<&str>) -> Result<String, RequestError> {
    match raw::text(raw.ok_or_else(|| RequestError::missing("model"))?) {
        Some(model) if !model.is_empty() => Ok(model.into_owned()),
        _ => Err(RequestError::invalid("model", "a string that is not empty")),
    }
}

/// The `model` of a request that may leave it out, and then has an empty one.
///
/// # Errors
/// It is there, and no name.
pub fn model_if_any(raw: Option<&str>) -> Result<String, RequestError> {
    match raw {
        None | Some("null") => Ok(String::new()),
        some => model(some),
    }
}

/// The `stream` of a request, from its raw value.
///
/// # Errors
/// It is no boolean.
pub fn stream(raw: Option<&str>) -> Result<bool, RequestError> {
    match raw {
        None | Some("null" | "false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(RequestError::invalid("stream", "true or false")),
    }
}

/// Makes a request ask for a stream that tells its usage.
pub fn ask_for_stream(request: &mut Object<'_>) {
    request.set("stream", "true".to_owned());
    let options = request.get("stream_options").unwrap_or("{}");
    let options = Object::parse_lenient(options).or_else(|_| Object::parse_lenient("{}"));
    if let Ok(mut options) = options {
        options.set("include_usage", "true".to_owned());
        let options = options.to_json();
        request.set("stream_options", options);
    }
}
