//! The frame: the `response` object that lifecycle events hold, and that a whole answer is.

use std::time::{SystemTime, UNIX_EPOCH};

use super::ids::Ids;
use crate::dialect::canonical::TokenCounts;
use crate::dialect::request::Request;
use crate::json::raw;

/// The members that a frame repeats from the request, raw, and what stands for one that the request leaves out.
const REPEATED: [(&str, &str); 17] = [
    ("instructions", "null"),
    ("max_output_tokens", "null"),
    ("max_tool_calls", "null"),
    ("metadata", "{}"),
    ("parallel_tool_calls", "true"),
    ("prompt_cache_key", "null"),
    ("reasoning", "null"),
    ("safety_identifier", "null"),
    ("service_tier", "null"),
    ("temperature", "null"),
    ("text", "null"),
    ("tool_choice", "\"auto\""),
    ("tools", "[]"),
    ("top_logprobs", "0"),
    ("top_p", "null"),
    ("truncation", "\"disabled\""),
    ("user", "null"),
];

/// The members that nothing but this gateway decides: it keeps nothing.
const DECIDED: &str =
    r#""background":false,"store":false,"previous_response_id":null,"conversation":null}"#;

/// The members of a frame that stay the same from the first to the last.
#[derive(Debug)]
pub struct Frame {
    /// The beginning up to `created_at`.
    head: String,
    created_at: u64,
    model: String,
    /// The members from the request on.
    tail: String,
}

/// The members of a frame that change.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    pub status: Status<'a>,
    /// The items so far, raw and with commas.
    pub output: &'a str,
    pub usage: Option<TokenCounts>,
    /// The time of it.
    pub now: SystemTime,
}

/// The status of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status<'a> {
    InProgress,
    Completed,
    /// Cut short, for this reason.
    Incomplete(&'static str),
    /// Broken, with the raw `error`.
    Failed(&'a str),
}

impl Frame {
    pub fn new(request: &Request<'_>, ids: &Ids, now: SystemTime, model: Option<&str>) -> Self {
        let created_at = seconds(now);
        let head = format!(
            r#"{{"id":"{}","object":"response","created_at":{created_at}"#,
            ids.response()
        );
        Self {
            head,
            created_at,
            model: raw::quoted(model.unwrap_or_default()),
            tail: repeated(request),
        }
    }

    /// Sets the model, the inside of a JSON string.
    pub fn set_model(&mut self, model: &str) {
        self.model = ["\"", model, "\""].concat();
    }

    /// Whether no model is named yet.
    pub fn lacks_model(&self) -> bool {
        self.model == "\"\""
    }

    /// The frame as it is now.
    pub fn write(&self, progress: Progress<'_>) -> String {
        let (status, reason, error) = match progress.status {
            Status::InProgress => ("in_progress", None, "null"),
            Status::Completed => ("completed", None, "null"),
            Status::Incomplete(reason) => ("incomplete", Some(reason), "null"),
            Status::Failed(error) => ("failed", None, error),
        };
        let completed_at = match progress.status {
            Status::Completed => seconds(progress.now).max(self.created_at).to_string(),
            _ => "null".to_owned(),
        };
        let details = reason.map_or("null".to_owned(), |reason| {
            format!(r#"{{"reason":"{reason}"}}"#)
        });
        let usage = progress.usage.and_then(usage_of);
        [
            &self.head,
            ",\"status\":\"",
            status,
            "\",\"completed_at\":",
            &completed_at,
            ",\"error\":",
            error,
            ",\"incomplete_details\":",
            &details,
            ",\"model\":",
            &self.model,
            ",\"output\":[",
            progress.output,
            "],\"usage\":",
            usage.as_deref().unwrap_or("null"),
            ",",
            &self.tail,
        ]
        .concat()
    }

    /// Its memory (bytes).
    pub fn bytes(&self) -> usize {
        self.head.len() + self.model.len() + self.tail.len()
    }
}

/// Since 1970, whole.
fn seconds(time: SystemTime) -> u64 {
    let elapsed = time.duration_since(UNIX_EPOCH);
    elapsed.unwrap_or_default().as_secs()
}

/// The members that are repeated from a request, and those that are decided.
fn repeated(request: &Request<'_>) -> String {
    let object = request.payload.object();
    let mut out = String::new();
    for (name, otherwise) in REPEATED {
        let value = object.and_then(|object| object.get(name));
        let value = value.filter(|value| *value != "null").unwrap_or(otherwise);
        out.push('"');
        out.push_str(name);
        out.push_str("\":");
        match name {
            "text" => out.push_str(&typed_format(value)),
            _ => out.push_str(value),
        }
        out.push(',');
    }
    out.push_str(DECIDED);
    // Between values a line may end, and an event's data then take several lines, which not every client puts together.
    if out.contains(['\n', '\r']) {
        out = out.replace(['\n', '\r'], " ");
    }
    out
}

/// `text` with a `format` that has a type: n8n sends an empty one.
fn typed_format(text: &str) -> String {
    let typed = raw::map_members(text, &mut |key, value| {
        let lacks_type = raw::is_key(key, "format")
            && raw::is_object(value)
            && raw::said_members(value, ["type"]) == [None];
        lacks_type.then(|| r#"{"type":"text"}"#.to_owned())
    });
    typed.unwrap_or_else(|_| text.to_owned())
}

/// The counts with all their details; `None` where one that nobody counted would be told.
fn usage_of(counts: TokenCounts) -> Option<String> {
    let (input, output, total) = (counts.input?, counts.output?, counts.sum()?);
    let TokenCounts {
        cached,
        cache_written,
        reasoning,
        ..
    } = counts;
    Some(format!(
        r#"{{"input_tokens":{input},"input_tokens_details":{{"cached_tokens":{cached},"cache_write_tokens":{cache_written}}},"output_tokens":{output},"output_tokens_details":{{"reasoning_tokens":{reasoning}}},"total_tokens":{total}}}"#
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Dialect as _;
    use crate::dialect::responses::Responses;

    fn frame(body: &str, progress: Progress<'_>) -> serde_json::Value {
        let request = Responses.read(body.as_bytes().into()).unwrap();
        let now = UNIX_EPOCH + std::time::Duration::from_millis(1_700_000_000_900);
        let frame = Frame::new(&request, &Ids::new(1, now), now, Some("route"));
        serde_json::from_str(&frame.write(progress)).unwrap()
    }

    const BEGUN: Progress<'_> = Progress {
        status: Status::InProgress,
        output: "",
        usage: None,
        now: UNIX_EPOCH,
    };

    #[test]
    fn every_member_is_there_always() {
        let begun = frame(r#"{"model":"route","input":"hi"}"#, BEGUN);
        let mut expected = serde_json::json!({
            "object": "response", "created_at": 1_700_000_000, "status": "in_progress", "completed_at": null,
            "error": null, "incomplete_details": null, "model": "route", "output": [], "usage": null,
            "instructions": null, "max_output_tokens": null, "max_tool_calls": null, "metadata": {},
            "parallel_tool_calls": true, "prompt_cache_key": null, "reasoning": null, "safety_identifier": null,
            "service_tier": null, "temperature": null, "text": null, "tool_choice": "auto", "tools": [],
            "top_logprobs": 0, "top_p": null, "truncation": "disabled", "user": null, "background": false,
            "store": false, "previous_response_id": null, "conversation": null,
        });
        expected["id"] = begun["id"].clone();
        assert_eq!(begun, expected);
    }

    #[test]
    fn members_of_the_request_are_repeated_as_they_were_sent() {
        for (sent, said) in [
            (r#""temperature":1.50,"user":"u""#, r#""temperature":1.50,"#),
            (r#""store":true"#, r#""store":false"#),
            (
                r#""tools":[ {"type" : "function"}
 ]"#,
                r#""tools":[ {"type" : "function"}  ]"#,
            ),
            (
                r#""text":{"format":{}}"#,
                r#""text":{"format":{"type":"text"}}"#,
            ),
            (
                r#""text":{"format":{"type":null}}"#,
                r#""text":{"format":{"type":"text"}}"#,
            ),
            (
                r#""text":{"verbosity":"low"}"#,
                r#""text":{"verbosity":"low"}"#,
            ),
            (r#""metadata":null"#, r#""metadata":{}"#),
        ] {
            let body = format!(r#"{{"model":"route","input":"hi",{sent}}}"#);
            let request = Responses.read(body.as_bytes().into()).unwrap();
            let frame = Frame::new(&request, &Ids::new(1, UNIX_EPOCH), UNIX_EPOCH, None);
            let written = frame.write(BEGUN);
            assert!(written.contains(said), "{sent}: {written}");
            assert!(!written.contains('\n'));
        }
    }

    #[test]
    fn an_answer_ends_in_one_of_three_ways() {
        let body = r#"{"model":"route","input":"hi"}"#;
        for (status, expected) in [
            (
                Status::Completed,
                serde_json::json!(["completed", 1_700_000_007, null, null]),
            ),
            (
                Status::Incomplete("max_output_tokens"),
                serde_json::json!(["incomplete", null, null, {"reason": "max_output_tokens"}]),
            ),
            (
                Status::Failed(r#"{"code":"server_error"}"#),
                serde_json::json!(["failed", null, {"code": "server_error"}, null]),
            ),
        ] {
            let now = UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_007);
            let ended = frame(
                body,
                Progress {
                    status,
                    now,
                    ..BEGUN
                },
            );
            let said = ["status", "completed_at", "error", "incomplete_details"];
            assert_eq!(
                serde_json::json!(said.map(|name| ended[name].clone())),
                expected
            );
        }
    }

    #[test]
    fn counts_are_whole_or_none() {
        let counts = TokenCounts {
            input: Some(10),
            output: Some(4),
            cached: 3,
            reasoning: 2,
            ..TokenCounts::default()
        };
        let whole = serde_json::json!({
            "input_tokens": 10, "input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 0},
            "output_tokens": 4, "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 14,
        });
        let usage = |counts| usage_of(counts).map(|usage| serde_json::from_str(&usage).unwrap());
        assert_eq!(usage(counts), Some(whole));
        assert_eq!(
            usage(TokenCounts {
                output: None,
                ..counts
            }),
            None::<serde_json::Value>
        );
    }
}
