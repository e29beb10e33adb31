//! JSON requests as far as several dialects read and write them alike.

use super::request::{Payload, RequestError, model_of, text_of};
use crate::json::{Object, raw};

/// The object of a body, without repeated keys.
///
/// # Errors
/// The body is none.
pub fn object_of(body: &[u8]) -> Result<Object<'_>, RequestError> {
    Object::parse(text_of(body)?).map_err(RequestError::Object)
}

/// The `model` of a request that may leave it out, and then has an empty one.
///
/// # Errors
/// It is there, and no name.
pub fn model_if_any(raw: Option<&str>) -> Result<String, RequestError> {
    match raw {
        None | Some("null") => Ok(String::new()),
        some => model_of(some),
    }
}

/// Makes a request ask for a stream, in a dialect whose streams tell their usage unasked.
pub fn ask_for_events(request: &mut Payload<'_>) {
    if let Payload::Json(object) = request {
        object.set("stream", "true".to_owned());
    }
}

/// Makes a request ask for a stream that tells its usage.
pub fn ask_for_stream(request: &mut Object<'_>) {
    request.set("stream", "true".to_owned());
    ask_for_usage(request);
}

/// Makes a request for a stream ask for its usage; false where it does so already.
pub fn ask_for_usage(request: &mut Object<'_>) -> bool {
    let asked = request.get("stream_options");
    let asked = asked.and_then(|options| raw::member(options, "include_usage"));
    if asked == Some("true") {
        return false;
    }
    let options = request.get("stream_options").unwrap_or("{}");
    let options = Object::parse_lenient(options).or_else(|_| Object::parse_lenient("{}"));
    if let Ok(mut options) = options {
        options.set("include_usage", "true".to_owned());
        let options = options.to_json();
        request.set("stream_options", options);
    }
    true
}

/// A list whose objects with a `text` are that text; `None` where it has no such objects.
pub fn texts_of(list: &str) -> Option<String> {
    raw::edit_items(list, &mut |item| {
        let text = raw::member(item, "text")?;
        text.starts_with('"').then(|| text.to_owned())
    })
}
