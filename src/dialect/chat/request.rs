//! A chat completion request: what routing needs to know, and the body it came in.

use std::error::Error;
use std::fmt;

use crate::dialect::error::{Code, ErrorBody};
use crate::json::reader::{EntryCursor, Invalid, MemberKey, Reader};
use crate::json::{Object, ObjectError, raw};

/// A request that can be routed.
#[derive(Clone, Debug)]
pub struct ChatRequest<'a> {
    object: Object<'a>,
    model: String,
    stream: bool,
    include_usage: bool,
    messages: usize,
    tools: usize,
}

/// Why a body is no request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestError {
    Empty,
    /// The offset of the first byte that is not UTF-8.
    NotUtf8(usize),
    Object(ObjectError),
    /// A member that must be there, by its path.
    Missing(String),
    /// A member that is not what it must be.
    Invalid {
        param: String,
        expected: &'static str,
    },
}

impl<'a> ChatRequest<'a> {
    /// Takes a body apart as far as routing needs: a JSON object without repeated keys, a `model`, `messages` with
    /// roles, and `stream`. Everything else is the provider's business.
    #[inline(never)] // frames of their own keep the stack of a waiting worker small
    pub fn parse(body: &'a [u8]) -> Result<Self, RequestError> {
        if body.trim_ascii().is_empty() {
            return Err(RequestError::Empty);
        }
        let text = std::str::from_utf8(body)
            .map_err(|error| RequestError::NotUtf8(error.valid_up_to()))?;
        let mut seen = Seen::default();
        let object = Object::parse_with(text, &mut |key, value| seen.read(key, value))
            .map_err(RequestError::Object)?;
        Ok(Self {
            model: model(seen.model)?,
            messages: seen.messages.unwrap_or_else(|| Err(missing("messages")))?,
            stream: stream(seen.stream)?,
            include_usage: seen
                .stream_options
                .and_then(|options| raw::member(options, "include_usage"))
                == Some("true"),
            tools: seen.tools,
            object,
        })
    }

    /// The body, for adapters to edit a copy of.
    pub fn object(&self) -> &Object<'a> {
        &self.object
    }

    /// The route that is asked for; never empty.
    pub fn model(&self) -> &str {
        &self.model
    }

    pub fn stream(&self) -> bool {
        self.stream
    }

    /// `stream_options.include_usage`
    pub fn include_usage(&self) -> bool {
        self.include_usage
    }

    pub fn message_count(&self) -> usize {
        self.messages
    }

    pub fn tool_count(&self) -> usize {
        self.tools
    }
}

/// What the one pass over a body finds, before anything is judged: a body must be JSON first.
#[derive(Default)]
struct Seen<'a> {
    model: Option<&'a str>,
    messages: Option<Result<usize, RequestError>>,
    stream: Option<&'a str>,
    stream_options: Option<&'a str>,
    tools: usize,
}

impl<'a> Seen<'a> {
    fn read(&mut self, key: MemberKey<'a>, value: &mut Reader<'a>) -> Result<(), Invalid> {
        match key.text().as_deref() {
            Some("model") => self.model = Some(value.value()?),
            Some("messages") => self.messages = Some(count_messages(value)?),
            Some("stream") => self.stream = Some(value.value()?),
            Some("stream_options") => self.stream_options = Some(value.value()?),
            Some("tools") => self.tools = count_items(value)?,
            _ => drop(value.value()?),
        }
        Ok(())
    }
}

fn model(raw: Option<&str>) -> Result<String, RequestError> {
    match raw::text(raw.ok_or_else(|| missing("model"))?) {
        Some(model) if !model.is_empty() => Ok(model.into_owned()),
        _ => Err(invalid("model", "a string that is not empty")),
    }
}

fn stream(raw: Option<&str>) -> Result<bool, RequestError> {
    match raw {
        None | Some("null" | "false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(invalid("stream", "true or false")),
    }
}

fn count_messages(messages: &mut Reader<'_>) -> Result<Result<usize, RequestError>, Invalid> {
    let (mut count, mut problem) = (0, None);
    if messages.peek() == Some(b'[') {
        let mut array = EntryCursor::default();
        while messages.item(&mut array)? {
            if problem.is_none() {
                problem = message_problem(messages, count)?;
            } else {
                messages.value()?;
            }
            count += 1;
        }
    } else {
        messages.value()?;
    }
    Ok(match problem {
        Some(problem) => Err(problem),
        None if count > 0 => Ok(count),
        None => Err(invalid("messages", "an array that is not empty")),
    })
}

fn message_problem(
    message: &mut Reader<'_>,
    index: usize,
) -> Result<Option<RequestError>, Invalid> {
    if message.peek() != Some(b'{') {
        message.value()?;
        return Ok(Some(invalid(&format!("messages[{index}]"), "an object")));
    }
    let mut role = None;
    let mut object = EntryCursor::default();
    while let Some(key) = message.key(&mut object)? {
        let value = message.value()?;
        if key.text().as_deref() == Some("role") {
            role = Some(value);
        }
    }
    let param = || format!("messages[{index}].role");
    Ok(match role {
        None => Some(missing(&param())),
        Some(role) if !role.starts_with('"') => Some(invalid(&param(), "a string")),
        Some(_) => None,
    })
}

/// What is no array has no items; whether it may be there is for the provider to say.
fn count_items(value: &mut Reader<'_>) -> Result<usize, Invalid> {
    let mut count = 0;
    if value.peek() == Some(b'[') {
        let mut array = EntryCursor::default();
        while value.item(&mut array)? {
            value.value()?;
            count += 1;
        }
    } else {
        value.value()?;
    }
    Ok(count)
}

fn missing(param: &str) -> RequestError {
    RequestError::Missing(param.to_owned())
}

fn invalid(param: &str, expected: &'static str) -> RequestError {
    RequestError::Invalid {
        param: param.to_owned(),
        expected,
    }
}

impl RequestError {
    /// `INVALID_JSON` for what no JSON reader takes, `VALIDATION_FAILED` for JSON that is no chat request.
    pub fn code(&self) -> Code {
        match self {
            Self::Empty | Self::NotUtf8(_) | Self::Object(ObjectError::NotJson { .. }) => {
                Code::InvalidJson
            }
            Self::Object(
                ObjectError::NotAnObject | ObjectError::DuplicateKey(_) | ObjectError::TooLarge,
            )
            | Self::Missing(_)
            | Self::Invalid { .. } => Code::ValidationFailed,
        }
    }

    /// The member at fault, by its path: `messages[2].role`.
    pub fn param(&self) -> Option<&str> {
        match self {
            Self::Missing(param) | Self::Invalid { param, .. } => Some(param),
            Self::Object(ObjectError::DuplicateKey(key)) => Some(key),
            Self::Empty | Self::NotUtf8(_) | Self::Object(_) => None,
        }
    }

    /// The error body for the client.
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
            Self::Missing(param) => write!(f, "'{param}' is missing"),
            Self::Invalid { param, expected } => write!(f, "'{param}' must be {expected}"),
        }
    }
}

impl Error for RequestError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_as_far_as_routing_needs() {
        let body = r#"{"model":"dynamic\/n8n","messages":[{"role":"system","content":null},{"content":[],"role":"tool"}],
            "stream":true,"stream_options":{"include_usage":true},"tools":[{},{}],"x":"\ud800"}"#;
        let request = ChatRequest::parse(body.as_bytes()).unwrap();
        assert_eq!(request.model(), "dynamic/n8n");
        assert!(request.stream() && request.include_usage());
        assert_eq!((request.message_count(), request.tool_count()), (2, 2));
        assert_eq!(request.object().to_json(), body);

        let body = r#"{"model":"m","messages":[{"role":""}],"stream":null,"stream_options":7,"tools":null}"#;
        let request = ChatRequest::parse(body.as_bytes()).unwrap();
        assert!(!request.stream() && !request.include_usage());
        assert_eq!((request.message_count(), request.tool_count()), (1, 0));
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
            let error = ChatRequest::parse(body).unwrap_err();
            let shown = String::from_utf8_lossy(body);
            assert_eq!(error.code().label(), code, "{shown}");
            assert_eq!(error.param(), param, "{shown}");
            assert!(error.to_string().contains(message), "{shown}: {error}");
        }
    }

    #[test]
    fn the_error_body_names_the_member() {
        let body = ChatRequest::parse(br#"{"model":7}"#).unwrap_err().to_json();
        assert_eq!(
            String::from_utf8(body).unwrap(),
            r#"{"error":{"message":"'model' must be a string that is not empty","type":"invalid_request_error","param":"model","code":"VALIDATION_FAILED"}}"#
        );
    }

    #[test]
    fn deep_nesting_passes_as_far_as_it_is_not_ours() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":{deep}}}]}}"#);
        ChatRequest::parse(body.as_bytes()).unwrap();
        let body = format!(r#"{{"model":"m","messages":{deep}}}"#);
        assert_eq!(
            ChatRequest::parse(body.as_bytes()).unwrap_err().param(),
            Some("messages[0]")
        );
    }
}
