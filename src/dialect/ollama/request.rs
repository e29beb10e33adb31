//! A request in Ollama's API, read as far as routing needs, and the answers that need no provider.

use std::fmt::Write as _;
use std::time::SystemTime;

use super::timestamp;
use crate::dialect::json_request::{model_if_any, object_of};
use crate::dialect::request::{Incoming, Payload, Request, RequestError, stream_of};
use crate::json::{Object, raw};

/// The name of the dialect.
pub const NAME: &str = "ollama";

/// The endpoints of conversations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    Chat,
    Generate,
}

/// The levels of `think`.
const LEVELS: [&str; 4] = ["low", "medium", "high", "max"];

/// Takes a body apart as far as routing needs. A stream is the usual answer.
///
/// # Errors
/// The first fault in the body.
pub fn read(body: &[u8], endpoint: Endpoint) -> Result<Request<'_>, RequestError> {
    let object = object_of(body)?;
    let model = model_if_any(object.get("model"))?;
    if endpoint == Endpoint::Chat {
        check_messages(&object)?;
    }
    check_think(&object)?;
    Ok(Request {
        model,
        stream: streams(&object)?,
        payload: Payload::Json(object),
    })
}

/// Reads the name in the body of a question about a model: `model`, or the older `name`.
///
/// # Errors
/// The first fault in the body.
pub fn read_name<'a>(incoming: Incoming<'a>) -> Result<Request<'a>, RequestError> {
    let object = object_of(incoming.body)?;
    let of = |key| model_if_any(object.get(key));
    let model = match of("model")? {
        model if model.is_empty() => of("name")?,
        model => model,
    };
    Ok(Request {
        model,
        stream: streams(&object)?,
        payload: Payload::Json(object),
    })
}

/// The member of a JSON request; `None` where it is absent or null.
pub fn member<'r>(request: &'r Request<'_>, key: &str) -> Option<&'r str> {
    let object = request.payload.object()?;
    object.get(key).filter(|value| *value != "null")
}

/// Whether a prompt is to go on as it is, or to end at a suffix: no conversation, but a completion.
pub fn is_completion(request: &Request<'_>) -> bool {
    let has_suffix = member(request, "suffix").and_then(raw::inside);
    has_suffix.is_some_and(|suffix| !suffix.is_empty()) || member(request, "raw") == Some("true")
}

/// The answer to a request that only loads a model, or unloads it; `None` for one that asks for something.
pub fn loaded(
    request: &Request<'_>,
    now: fn() -> SystemTime,
    endpoint: Endpoint,
) -> Option<String> {
    let is_empty = |key| match member(request, key) {
        None => true,
        Some(value) => is_empty(value),
    };
    let (asks_for_nothing, says) = match endpoint {
        Endpoint::Chat => (
            is_empty("messages"),
            r#""message":{"role":"assistant","content":""}"#,
        ),
        Endpoint::Generate => (
            is_empty("prompt") && is_empty("images") && is_empty("suffix"),
            r#""response":"""#,
        ),
    };
    if !asks_for_nothing {
        return None;
    }
    let reason = match member(request, "keep_alive") {
        Some("0" | "\"0\"" | "\"0s\"") => "unload",
        _ => "load",
    };
    let mut out = String::from("{\"model\":");
    raw::push_quoted(&mut out, &request.model);
    out.push_str(",\"created_at\":");
    timestamp::push(&mut out, now());
    // A String takes whatever is written.
    let _ = write!(out, r#",{says},"done_reason":"{reason}","done":true}}"#);
    Some(out)
}

/// Whether a raw value is an empty text or list.
pub fn is_empty(value: &str) -> bool {
    let inside = value.strip_prefix('[').map(str::trim_ascii_start);
    value == "\"\"" || inside.is_some_and(|inside| inside.starts_with(']'))
}

fn streams(object: &Object<'_>) -> Result<bool, RequestError> {
    match object.get("stream") {
        None | Some("null") => Ok(true),
        some => stream_of(some),
    }
}

fn check_messages(object: &Object<'_>) -> Result<(), RequestError> {
    let messages = object.get("messages").unwrap_or("null");
    if messages == "null" {
        return Ok(());
    }
    let (mut at, mut fault) = (0_usize, None);
    let read = raw::each_item(messages, &mut |message| {
        let role = raw::member(message, "role").and_then(raw::inside);
        if role.is_none_or(str::is_empty) && fault.is_none() {
            fault = Some(RequestError::invalid(
                &format!("messages[{at}].role"),
                "a string",
            ));
        }
        at += 1;
    });
    if read.is_err() {
        return Err(RequestError::invalid("messages", "an array"));
    }
    fault.map_or(Ok(()), Err)
}

fn check_think(object: &Object<'_>) -> Result<(), RequestError> {
    let think = object.get("think").unwrap_or("null");
    let level = raw::text(think);
    let is_level = |level: &str| level.is_empty() || LEVELS.contains(&level);
    if matches!(think, "null" | "true" | "false") || level.as_deref().is_some_and(is_level) {
        return Ok(());
    }
    let said = level.as_deref().unwrap_or(think);
    Err(RequestError::Told {
        param: "think".to_owned(),
        words: format!(
            "invalid think value: {:?} (must be \"high\", \"medium\", \"low\", \"max\", true, or false)",
            crate::text::cut(said, 60)
        ),
    })
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn chat(body: &str) -> Result<Request<'_>, String> {
        read(body.as_bytes(), Endpoint::Chat).map_err(|error| error.to_string())
    }

    #[test]
    fn a_stream_is_asked_for_unless_it_is_not() {
        for (body, stream) in [
            (r#"{"model":"m"}"#, true),
            (r#"{"model":"m","stream":null}"#, true),
            (r#"{"model":"m","stream":true}"#, true),
            (r#"{"model":"m","stream":false}"#, false),
        ] {
            assert_eq!(chat(body).unwrap().stream, stream, "{body}");
        }
        assert_eq!(chat("{}").unwrap().model, "");
    }

    #[test]
    fn a_wrong_request_is_told_in_the_words_of_ollama() {
        for (body, words) in [
            (
                r#"{"model":"m","think":"x"}"#,
                r#"invalid think value: "x" (must be "high", "medium", "low", "max", true, or false)"#,
            ),
            (r#"{"model":"m","think":7}"#, "invalid think value: \"7\""),
            (
                r#"{"model":"m","messages":[{"content":"a"}]}"#,
                "messages[0].role",
            ),
            (
                r#"{"model":"m","messages":"a"}"#,
                "'messages' must be an array",
            ),
            (r#"{"model":7}"#, "'model'"),
        ] {
            let told = chat(body).unwrap_err();
            assert!(told.contains(words), "{body}: {told}");
        }
        for think in ["true", "false", "null", "\"low\"", "\"max\"", "\"\""] {
            assert!(chat(&format!(r#"{{"model":"m","think":{think}}}"#)).is_ok());
        }
    }

    #[test]
    fn a_model_is_loaded_and_unloaded_without_a_call() {
        for (body, reason) in [
            (r#"{"model":"m"}"#, Some("\"load\"")),
            (r#"{"model":"m","messages":[]}"#, Some("\"load\"")),
            (
                r#"{"model":"m","messages":null,"keep_alive":0}"#,
                Some("\"unload\""),
            ),
            (r#"{"model":"m","messages":[{"role":"user"}]}"#, None),
        ] {
            let answer = loaded(&chat(body).unwrap(), || UNIX_EPOCH, Endpoint::Chat);
            assert_eq!(answer.is_some(), reason.is_some(), "{body}");
            let Some(answer) = answer else { continue };
            assert!(answer.contains(reason.unwrap()), "{answer}");
            assert!(answer.ends_with("\"done\":true}"), "{answer}");
        }
        let generate = |body: &str| {
            let request = read(body.as_bytes(), Endpoint::Generate).unwrap();
            (
                loaded(&request, || UNIX_EPOCH, Endpoint::Generate).is_some(),
                is_completion(&request),
            )
        };
        assert_eq!(generate(r#"{"model":"m","prompt":""}"#), (true, false));
        assert_eq!(generate(r#"{"model":"m","prompt":"a"}"#), (false, false));
        assert_eq!(generate(r#"{"model":"m","images":["x"]}"#), (false, false));
        assert_eq!(
            generate(r#"{"model":"m","prompt":"a","suffix":"b"}"#),
            (false, true)
        );
        assert_eq!(
            generate(r#"{"model":"m","prompt":"a","suffix":""}"#),
            (false, false)
        );
        assert_eq!(
            generate(r#"{"model":"m","prompt":"a","raw":true}"#),
            (false, true)
        );
    }
}
