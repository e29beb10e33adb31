//! A chat completion request, read as far as routing needs.

use crate::dialect::conversation::check_messages;
use crate::dialect::reading::Expectation;
use crate::dialect::request::{Payload, Request, RequestError, model_of, stream_of, text_of};
use crate::json::reader::{Invalid, Reader};
use crate::json::{NameFilter, Object, raw};

/// Takes a body apart as far as routing needs: a JSON object without repeated keys, a `model`, `messages` with roles, and
/// `stream`. Everything else is the provider's business.
///
/// # Errors
/// The first fault in the body; faults of JSON come before those of members.
pub fn read(body: &[u8]) -> Result<Request<'_>, RequestError> {
    let text = text_of(body)?;
    let mut members = Members::default();
    let object = Object::parse_with(text, &mut |key, value| members.read(key, value))
        .map_err(RequestError::Object)?;
    let model = model_of(members.model)?;
    members
        .messages
        .unwrap_or_else(|| Err(RequestError::missing("messages")))?;
    Ok(Request {
        model,
        stream: stream_of(members.stream)?,
        payload: Payload::Json(object),
    })
}

/// The members that count, from the one pass over a body. They are judged after it: a body must be JSON first.
#[derive(Default)]
struct Members<'a> {
    model: Option<&'a str>,
    messages: Option<Result<(), RequestError>>,
    stream: Option<&'a str>,
}

impl<'a> Members<'a> {
    fn read(&mut self, key: &str, value: &mut Reader<'a>) -> Result<(), Invalid> {
        match key {
            "model" => self.model = Some(value.value()?),
            "messages" => self.messages = Some(check_messages(value)?),
            "stream" => self.stream = Some(value.value()?),
            _ => value.skip()?,
        }
        Ok(())
    }
}

/// The members that tell of an expectation.
const EXPECTING: NameFilter = NameFilter::of(&[
    "max_completion_tokens",
    "max_tokens",
    "stop",
    "response_format",
    "tools",
]);

/// The expectations of a request that was read. A member that says nothing of use counts as absent: the provider judges
/// it.
pub fn expectation(request: &Payload<'_>) -> Expectation {
    let object = request.object();
    let Some(object) = object.filter(|object| object.may_have_any(EXPECTING)) else {
        return Expectation::default();
    };
    let tokens = |key| object.get(key).and_then(raw::whole_number);
    let kind = object.get("response_format").and_then(raw::kind_of);
    Expectation {
        max_tokens: tokens("max_completion_tokens").or_else(|| tokens("max_tokens")),
        has_stop: !matches!(object.get("stop"), None | Some("null" | "[]" | r#""""#)),
        wants_json: matches!(kind.as_deref(), Some("json_object" | "json_schema")),
        has_tools: !matches!(object.get("tools"), None | Some("null" | "[]")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_as_far_as_routing_needs() {
        let body = r#"{"model":"dynamic\/n8n","messages":[{"role":"system","content":null},{"content":[],"role":"tool"}],
            "stream":true,"tools":[{},{}],"x":"\ud800"}"#;
        let request = read(body.as_bytes()).unwrap();
        assert_eq!(request.model, "dynamic/n8n");
        assert!(request.stream);
        assert_eq!(request.payload.object().unwrap().to_json(), body);

        let body = r#"{"model":"m","messages":[{"role":""}],"stream":null,"tools":null}"#;
        let request = read(body.as_bytes()).unwrap();
        assert!(!request.stream);
    }

    #[test]
    fn a_client_is_told_what_is_wrong_and_where() {
        // (body, code, param, part of the message)
        for (body, code, param, message) in [
            (&b""[..], "INVALID_JSON", None, "empty"),
            (b" \n", "INVALID_JSON", None, "empty"),
            (b"{", "INVALID_JSON", None, "line 1 column 1"),
            (b"\xef\xbb\xbf{}", "INVALID_JSON", None, "not valid JSON"),
            (
                b"{\"model\":\"\xff\"}",
                "INVALID_JSON",
                None,
                "from byte 10",
            ),
            (b"[]", "VALIDATION_FAILED", None, "object"),
            (
                br#"{"model":"a","mod\u0065l":"b"}"#,
                "VALIDATION_FAILED",
                Some("model"),
                "repeated",
            ),
            (b"{}", "VALIDATION_FAILED", Some("model"), "missing"),
            (
                br#"{"model":1}"#,
                "VALIDATION_FAILED",
                Some("model"),
                "string",
            ),
            (
                br#"{"model":""}"#,
                "VALIDATION_FAILED",
                Some("model"),
                "not empty",
            ),
            (
                br#"{"model":"\ud800"}"#,
                "VALIDATION_FAILED",
                Some("model"),
                "string",
            ),
            (
                br#"{"model":"m"}"#,
                "VALIDATION_FAILED",
                Some("messages"),
                "missing",
            ),
            (
                br#"{"model":"m","messages":[]}"#,
                "VALIDATION_FAILED",
                Some("messages"),
                "not empty",
            ),
            (
                br#"{"model":"m","messages":{}}"#,
                "VALIDATION_FAILED",
                Some("messages"),
                "array",
            ),
            (
                br#"{"model":"m","messages":"hi"}"#,
                "VALIDATION_FAILED",
                Some("messages"),
                "array",
            ),
            (
                br#"{"model":"m","messages":["hi"]}"#,
                "VALIDATION_FAILED",
                Some("messages[0]"),
                "object",
            ),
            (
                br#"{"model":"m","messages":[{"role":"user"},{"content":"x"},1]}"#,
                "VALIDATION_FAILED",
                Some("messages[1].role"),
                "missing",
            ),
            (
                br#"{"model":"m","messages":[{"role":1}]}"#,
                "VALIDATION_FAILED",
                Some("messages[0].role"),
                "string",
            ),
            (
                br#"{"model":"m","messages":[{"role":"user"}],"stream":"true"}"#,
                "VALIDATION_FAILED",
                Some("stream"),
                "true or false",
            ),
        ] {
            let error = read(body).unwrap_err();
            let shown = String::from_utf8_lossy(body);
            assert_eq!(error.code().label(), code, "{shown}");
            assert_eq!(error.param(), param, "{shown}");
            assert!(error.to_string().contains(message), "{shown}: {error}");
        }
    }

    #[test]
    fn the_error_body_names_the_member() {
        let body = read(br#"{"model":7}"#).unwrap_err().to_json();
        assert_eq!(
            String::from_utf8(body).unwrap(),
            r#"{"error":{"message":"'model' must be a string that is not empty","type":"invalid_request_error","param":"model","code":"VALIDATION_FAILED"}}"#
        );
    }

    #[test]
    fn deep_nesting_passes_as_far_as_it_is_not_ours() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":{deep}}}]}}"#);
        read(body.as_bytes()).unwrap();
        let body = format!(r#"{{"model":"m","messages":{deep}}}"#);
        assert_eq!(
            read(body.as_bytes()).unwrap_err().param(),
            Some("messages[0]")
        );
    }
}
