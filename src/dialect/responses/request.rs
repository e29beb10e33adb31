//! A request of Responses, read as far as routing needs, and what a step is not to see of it.

use super::ids;
use crate::dialect::opening::{self, TakeText};
use crate::dialect::reading::Expectation;
use crate::dialect::request::{
    Payload, Request, RequestError, Unfit, model_of, stream_of, text_of,
};
use crate::json::{Object, raw};

/// Takes a body apart as far as routing needs: a JSON object without repeated keys, `model`, `input`, `stream`, and what
/// a gateway that keeps no answers cannot do. Everything else is the provider's business.
///
/// # Errors
/// The first fault in the body; faults of JSON come before those of members.
pub fn read(body: &[u8]) -> Result<Request<'_>, RequestError> {
    let object = Object::parse(text_of(body)?).map_err(RequestError::Object)?;
    let model = model_of(object.get("model"))?;
    check_input(&object)?;
    let stream = stream_of(object.get("stream"))?;
    if object
        .get("previous_response_id")
        .is_some_and(ids::is_response)
    {
        return Err(RequestError::invalid(
            "previous_response_id",
            "left out, and the whole conversation sent in `input`: this gateway keeps no responses",
        ));
    }
    if object.get("background") == Some("true") {
        return Err(RequestError::invalid(
            "background",
            "false: this gateway keeps no responses, so nobody could fetch the result",
        ));
    }
    Ok(Request {
        model,
        stream,
        payload: Payload::Json(object),
    })
}

/// Members that bring a conversation which the provider has.
const KEPT_ELSEWHERE: [&str; 3] = ["previous_response_id", "prompt", "conversation"];

fn check_input(object: &Object<'_>) -> Result<(), RequestError> {
    let Some(input) = object.get("input").filter(|input| *input != "null") else {
        let is_elsewhere = |member: &&str| !matches!(object.get(member), None | Some("null"));
        return if KEPT_ELSEWHERE.iter().any(is_elsewhere) {
            Ok(())
        } else {
            Err(RequestError::missing("input"))
        };
    };
    if input.starts_with('"') {
        return Ok(());
    }
    let (mut count, mut problem) = (0_usize, None);
    let is_array = raw::each_item(input, &mut |item| {
        if !raw::is_object(item) {
            problem = problem.or(Some(count));
        }
        count += 1;
    });
    match (is_array, problem) {
        (Ok(()), None) if count > 0 => Ok(()),
        (Ok(()), Some(index)) => {
            let param = format!("input[{index}]");
            Err(RequestError::invalid(&param, "an object"))
        }
        _ => Err(RequestError::invalid(
            "input",
            "a string, or an array of objects that is not empty",
        )),
    }
}

/// Tells the opening of a conversation: the answer or the conversation at the provider that it goes on with, else the
/// instructions, and the items up to the first message of a user.
pub fn tell_opening(request: &Request<'_>, take: TakeText<'_>) -> bool {
    let Some(object) = request.payload.object() else {
        return false;
    };
    let said = |member| object.get(member).filter(|value| *value != "null");
    if let Some(at_provider) = said("previous_response_id").or_else(|| said("conversation")) {
        take(at_provider);
        return true;
    }
    take(said("instructions").unwrap_or_default());
    match said("input") {
        Some(text) if text.starts_with('"') => {
            opening::of_user(text, take);
            true
        }
        Some(items) => opening::of_messages(items, take),
        None => false,
    }
}

/// A reference to an item of ours that is not just reasoning: no provider has it.
pub fn own_reference(request: &Request<'_>) -> Option<Unfit> {
    let mut index = 0_usize;
    let mut found = None;
    let input = request.payload.object()?.get("input")?;
    // A string has no items.
    let _ = raw::each_item(input, &mut |item| {
        if found.is_none() && is_of_kind(item, "item_reference") {
            let id = raw::member(item, "id").unwrap_or_default();
            found = (ids::is_item(id) && !ids::is_reasoning(id)).then_some(index);
        }
        index += 1;
    });
    let index = found?;
    Some(Unfit::at(
        &format!("input[{index}]"),
        format!(
            "input[{index}] refers to an item that this gateway does not keep; send the item itself: set `store: false` in \
             the client"
        ),
    ))
}

/// Cuts out reasoning of ours, and references to it: OpenAI answers 400 `invalid_encrypted_content` or "item not found" to
/// what it did not say. A request without it stays byte for byte.
pub fn cut_own_reasoning(request: &mut Payload<'_>) {
    let Payload::Json(object) = request else {
        return;
    };
    let input = object.get("input").unwrap_or_default();
    let (mut kept, mut is_cut) = (Vec::new(), false);
    // A string has no items.
    let _ = raw::each_item(input, &mut |item| {
        if is_own_reasoning(item) {
            is_cut = true;
        } else {
            kept.push(item);
        }
    });
    if is_cut {
        let input = ["[", &kept.join(","), "]"].concat();
        object.set("input", input);
    }
}

fn is_own_reasoning(item: &str) -> bool {
    let has =
        |member: &str, is_ours: fn(&str) -> bool| raw::member(item, member).is_some_and(is_ours);
    let is_reasoning = is_of_kind(item, "reasoning");
    (is_reasoning && (has("id", ids::is_reasoning) || has("encrypted_content", ids::is_cipher)))
        || (is_of_kind(item, "item_reference") && has("id", ids::is_reasoning))
}

fn is_of_kind(item: &str, kind: &str) -> bool {
    raw::kind_of(item).as_deref() == Some(kind)
}

/// The expectations of a request that was read.
pub fn expectation(request: &Payload<'_>) -> Expectation {
    let Some(object) = request.object() else {
        return Expectation::default();
    };
    let format = raw::member(object.get("text").unwrap_or_default(), "format").unwrap_or_default();
    let kind = raw::kind_of(format);
    Expectation {
        max_tokens: object.get("max_output_tokens").and_then(raw::whole_number),
        has_stop: false,
        wants_json: matches!(kind.as_deref(), Some("json_object" | "json_schema")),
        has_tools: !matches!(object.get("tools"), None | Some("null" | "[]")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(members: &str) -> String {
        format!(r#"{{"model":"r",{members}}}"#)
    }

    #[test]
    fn a_request_is_read_as_far_as_routing_needs() {
        for members in [
            r#""input":"hi""#,
            r#""input":[{"role":"user","content":"hi"}],"stream":null,"store":false,"x":1"#,
            r#""previous_response_id":"resp_1""#,
            r#""prompt":{"id":"pmpt_1"},"input":null"#,
            r#""conversation":"conv_1""#,
            r#""input":"hi","background":false"#,
            r#""input":"hi","previous_response_id":null"#,
        ] {
            let body = request(members);
            let read = read(body.as_bytes()).unwrap();
            assert_eq!((&*read.model, read.stream), ("r", false), "{members}");
            assert_eq!(read.payload.object().unwrap().to_json(), body);
        }
        assert!(
            read(request(r#""input":"hi","stream":true"#).as_bytes())
                .unwrap()
                .stream
        );
    }

    #[test]
    fn a_client_is_told_what_is_wrong_and_where() {
        for (members, param, words) in [
            (r#""x":1"#, "input", "missing"),
            (r#""input":null"#, "input", "missing"),
            (r#""input":[]"#, "input", "not empty"),
            (r#""input":{}"#, "input", "not empty"),
            (r#""input":1"#, "input", "not empty"),
            (r#""input":[{},"hi"]"#, "input[1]", "an object"),
            (r#""input":"hi","stream":"yes""#, "stream", "true or false"),
            (
                r#""input":"hi","previous_response_id":"resp_agw0123""#,
                "previous_response_id",
                "keeps no responses",
            ),
            (r#""input":"hi","background":true"#, "background", "false"),
            (r#""input":"hi","input":"ho""#, "input", "repeated"),
        ] {
            let error = read(request(members).as_bytes()).unwrap_err();
            assert_eq!(error.code().label(), "VALIDATION_FAILED", "{members}");
            assert_eq!(error.param(), Some(param), "{members}");
            assert!(error.to_string().contains(words), "{members}: {error}");
        }
    }

    #[test]
    fn only_what_is_ours_is_cut_out() {
        for (items, left) in [
            (
                r#"[{"type":"message"} , {"type":"reasoning","id":"rs_1"}]"#,
                None,
            ),
            (
                r#"[{"a":1}, {"type":"reasoning","id":"rs_agw01"} ,{"b": 2}]"#,
                Some(r#"[{"a":1},{"b": 2}]"#),
            ),
            (
                r#"[{"type":"reasoning","encrypted_content":"agw1_abcdc"},{"type":"reasoning","encrypted_content":"gAAA"}]"#,
                Some(r#"[{"type":"reasoning","encrypted_content":"gAAA"}]"#),
            ),
            (
                r#"[{"type":"item_reference","id":"rs_agw01"},{"type":"item_reference","id":"rs_2"}]"#,
                Some(r#"[{"type":"item_reference","id":"rs_2"}]"#),
            ),
            (r#"[{"type":"message","id":"msg_agw01_0"}]"#, None),
            (r#""rs_agw""#, None),
        ] {
            let body = request(&format!(r#""input":{items}"#));
            let mut payload = read(body.as_bytes()).unwrap().payload;
            cut_own_reasoning(&mut payload);
            let expected = request(&format!(r#""input":{}"#, left.unwrap_or(items)));
            assert_eq!(payload.object().unwrap().to_json(), expected);
        }
    }

    #[test]
    fn a_reference_to_what_nobody_keeps_is_named() {
        for (items, param) in [
            (
                r#"[{"type":"item_reference","id":"msg_agw01_0"}]"#,
                Some("input[0]"),
            ),
            (
                r#"[{"type":"item_reference","id":"msg_1"},{"type":"item_reference","id":"fc_agw01_1"}]"#,
                Some("input[1]"),
            ),
            (r#"[{"type":"item_reference","id":"rs_agw01_0"}]"#, None),
            (r#"[{"type":"message","id":"msg_agw01_0"}]"#, None),
        ] {
            let body = request(&format!(r#""input":{items}"#));
            let unfit = own_reference(&read(body.as_bytes()).unwrap());
            assert_eq!(
                unfit.and_then(|unfit| unfit.param).as_deref(),
                param,
                "{items}"
            );
        }
    }
}
