//! A request of Messages, read as far as routing needs.

use super::request_reader::BILLING;
use crate::dialect::conversation::check_messages;
use crate::dialect::opening::{self, TakeText};
use crate::dialect::reading::Expectation;
use crate::dialect::request::{Payload, Request, RequestError, model_of, stream_of, text_of};
use crate::json::{Object, raw};

/// Takes a body apart as far as routing needs: a JSON object without repeated keys, `model`, `messages` with roles,
/// `max_tokens` and `stream`. Everything else is the provider's business.
///
/// # Errors
/// The first fault in the body; faults of JSON come before those of members.
pub fn read(body: &[u8]) -> Result<Request<'_>, RequestError> {
    let request = read_to_count(body)?;
    let has_limit = request
        .payload
        .object()
        .is_some_and(|object| object.get("max_tokens").is_some());
    if has_limit {
        Ok(request)
    } else {
        // Every provider would refuse it.
        Err(RequestError::missing("max_tokens"))
    }
}

/// The same without `max_tokens`, which a question for the number of tokens does not have.
///
/// # Errors
/// As [`read`].
pub fn read_to_count(body: &[u8]) -> Result<Request<'_>, RequestError> {
    let mut messages = None;
    let object = Object::parse_with(text_of(body)?, &mut |key, value| {
        if key == "messages" {
            messages = Some(check_messages(value)?);
        } else {
            value.skip()?;
        }
        Ok(())
    })
    .map_err(RequestError::Object)?;
    let model = model_of(object.get("model"))?;
    messages.unwrap_or_else(|| Err(RequestError::missing("messages")))?;
    Ok(Request {
        model,
        stream: stream_of(object.get("stream"))?,
        payload: Payload::Json(object),
    })
}

/// Tells the opening of a conversation: the system prompt, and the messages up to the first one of a user.
pub fn tell_opening(request: &Request<'_>, take: TakeText<'_>) -> bool {
    let Some(object) = request.payload.object() else {
        return false;
    };
    opening::of_content(object.get("system").unwrap_or_default(), &mut |text| {
        if !raw::inside(text).is_some_and(|text| text.starts_with(BILLING)) {
            take(text);
        }
    });
    opening::of_messages(object.get("messages").unwrap_or_default(), take)
}

/// The expectations of a request that was read.
pub fn expectation(request: &Payload<'_>) -> Expectation {
    let Some(object) = request.object() else {
        return Expectation::default();
    };
    let config = object.get("output_config").unwrap_or_default();
    Expectation {
        max_tokens: object.get("max_tokens").and_then(raw::whole_number),
        has_stop: !matches!(object.get("stop_sequences"), None | Some("null" | "[]")),
        wants_json: raw::member(config, "format").is_some_and(raw::is_object),
        has_tools: !matches!(object.get("tools"), None | Some("null" | "[]")),
    }
}

/// Whether the last message holds the result of a tool.
pub fn ends_with_tool_result(request: &Request<'_>) -> bool {
    let Some(object) = request.payload.object() else {
        return false;
    };
    let mut last = "";
    let _ = raw::each_item(object.get("messages").unwrap_or_default(), &mut |message| {
        last = message
    });
    let mut found = false;
    // A text has no blocks.
    let _ = raw::each_item(
        raw::member(last, "content").unwrap_or_default(),
        &mut |block| {
            found |= raw::kind_of(block).as_deref() == Some("tool_result");
        },
    );
    found
}

/// The beginnings of the types of tools that run at the provider.
const SERVER_TOOLS: [&str; 5] = [
    "web_search_",
    "web_fetch_",
    "code_execution_",
    "tool_search_",
    "mcp_toolset",
];

/// Whether a tool of a type runs at the provider.
pub fn is_server_tool(kind: &str) -> bool {
    SERVER_TOOLS.iter().any(|begin| kind.starts_with(begin))
}

/// Whether all tools of a request run at the provider, so that an answer without them would be made up. Servers that only
/// take the dialect were seen to accept such tools and ignore them.
pub fn has_server_tools_only(request: &Request<'_>) -> bool {
    let Some(object) = request.payload.object() else {
        return false;
    };
    let (mut servers, mut others) = (0_usize, 0_usize);
    // What is no array has no tools.
    let _ = raw::each_item(object.get("tools").unwrap_or_default(), &mut |tool| {
        let kind = raw::kind_of(tool).unwrap_or_default();
        if is_server_tool(&kind) {
            servers += 1;
        } else {
            others += 1;
        }
    });
    servers > 0 && others == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(members: &str) -> String {
        format!(r#"{{"model":"r","max_tokens":9,{members}}}"#)
    }

    const HI: &str = r#""messages":[{"role":"user","content":"hi"}]"#;

    #[test]
    fn a_client_is_told_what_is_wrong_and_where() {
        for (body, param) in [
            (format!(r#"{{"model":"r",{HI}}}"#), "max_tokens"),
            (format!(r#"{{"max_tokens":9,{HI}}}"#), "model"),
            (request(r#""x":1"#), "messages"),
            (request(r#""messages":[]"#), "messages"),
            (
                request(r#""messages":[{"role":"user"},{"content":"x"}]"#),
                "messages[1].role",
            ),
            (request(&format!(r#"{HI},"stream":"yes""#)), "stream"),
        ] {
            let error = read(body.as_bytes()).unwrap_err();
            assert_eq!(error.param(), Some(param), "{body}");
        }
        let whole = request(&format!(
            r#"{HI},"stream":true,"system":[{{"cache_control":{{}}}}]"#
        ));
        let read = read(whole.as_bytes()).unwrap();
        assert_eq!((&*read.model, read.stream), ("r", true));
        assert_eq!(read.payload.object().unwrap().to_json(), whole);
        let count = format!(r#"{{"model":"r",{HI}}}"#);
        read_to_count(count.as_bytes()).unwrap();
    }

    #[test]
    fn a_result_at_the_end_may_be_all_there_is_to_say() {
        for (messages, is) in [
            (
                r#"[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t"}]}]"#,
                true,
            ),
            (
                r#"[{"role":"user","content":[{"type":"tool_result"}]},{"role":"user","content":"hi"}]"#,
                false,
            ),
            (r#"[{"role":"user","content":"tool_result"}]"#, false),
        ] {
            let body = request(&format!("\"messages\":{messages}"));
            assert_eq!(
                ends_with_tool_result(&read(body.as_bytes()).unwrap()),
                is,
                "{messages}"
            );
        }
    }

    #[test]
    fn tools_of_the_providers_own_are_told_from_others() {
        for (tools, only) in [
            (
                r#"[{"type":"web_search_20250305","name":"web_search"}]"#,
                true,
            ),
            (
                r#"[{"type":"web_search_20250305"},{"name":"f","input_schema":{}}]"#,
                false,
            ),
            (r#"[{"type":"custom","name":"f"}]"#, false),
            ("[]", false),
            ("null", false),
        ] {
            let body = request(&format!("{HI},\"tools\":{tools}"));
            assert_eq!(
                has_server_tools_only(&read(body.as_bytes()).unwrap()),
                only,
                "{tools}"
            );
        }
    }
}
