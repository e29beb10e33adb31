//! Thinking that a step will not take back: a conversation in other words.
//!
//! A thinking block is signed by who thought it. What others signed, or nobody, is refused.

use crate::dialect::StepRefusal;
use crate::dialect::request::Payload;
use crate::json::{Object, raw};

/// The beginning of the signatures that the gateway makes for the reasoning of providers that do not sign.
const OWN_SIGNATURE: &str = "aigw:";

/// Cuts out the thinking that no provider has signed. A request without such blocks stays byte for byte.
pub fn cut_foreign_thinking(payload: &mut Payload<'_>) {
    let Payload::Json(object) = payload else {
        return;
    };
    // Most conversations have none: then no message is taken apart.
    if object
        .get("messages")
        .is_some_and(|messages| messages.contains("thinking"))
    {
        cut_blocks(object, |block| {
            let signature = raw::member(block, "signature").and_then(raw::text);
            let signature = signature.unwrap_or_default();
            raw::kind_of(block).as_deref() == Some("thinking")
                && (signature.is_empty() || signature.starts_with(OWN_SIGNATURE))
        });
    }
}

/// The request without what a refusal is about, where that is thinking; `None` for other refusals, and where nothing would
/// change.
pub fn reworded<'a>(refusal: &StepRefusal<'_>, payload: &Payload<'a>) -> Option<Payload<'a>> {
    if refusal.status != 400 {
        return None;
    }
    let mut payload = payload.clone();
    let Payload::Json(object) = &mut payload else {
        return None;
    };
    let changed = match complaint(refusal.body)? {
        Complaint::Signature => {
            let is_cut = cut_blocks(object, is_thinking);
            is_cut && {
                if calls_a_tool_last(object) {
                    end_thinking(object);
                }
                true
            }
        }
        Complaint::NotPassedBack => end_thinking(object),
    };
    changed.then_some(payload)
}

/// The subject of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Complaint {
    /// A thinking block that is not the provider's own, or not as it was.
    Signature,
    /// A turn that began with thinking, and lacks it now.
    NotPassedBack,
}

fn complaint(refusal: &str) -> Option<Complaint> {
    let says = |words: &str| refusal.contains(words);
    if says("thinking") && says("must be passed back") {
        Some(Complaint::NotPassedBack)
    } else {
        let is_signature = (says("signature") && says("`thinking`")) || says("thinking block");
        is_signature.then_some(Complaint::Signature)
    }
}

fn is_thinking(block: &str) -> bool {
    matches!(
        raw::kind_of(block).as_deref(),
        Some("thinking" | "redacted_thinking")
    )
}

/// Cuts out the blocks of assistant messages that `is_cut` names, and messages that are empty then. Tells whether there
/// were any.
fn cut_blocks(object: &mut Object<'_>, is_cut: impl Fn(&str) -> bool) -> bool {
    let messages = object.get("messages").unwrap_or_default();
    let (mut kept, mut changed) = (Vec::new(), false);
    // A request that was read has an array.
    let _ = raw::each_item(
        messages,
        &mut |message| match without_blocks(message, &is_cut) {
            None => kept.push(message.to_owned()),
            Some(rest) => {
                changed = true;
                kept.extend(rest);
            }
        },
    );
    if changed {
        let messages = ["[", &kept.join(","), "]"].concat();
        object.set("messages", messages);
    }
    changed
}

/// A message without some of its blocks, if anything is left of it; `None` where it has none of these.
fn without_blocks(message: &str, is_cut: &impl Fn(&str) -> bool) -> Option<Option<String>> {
    let is_assistants = raw::member(message, "role") == Some("\"assistant\"");
    let content = raw::member(message, "content").filter(|_| is_assistants)?;
    let (mut kept, mut changed) = (Vec::new(), false);
    raw::each_item(content, &mut |block| {
        if is_cut(block) {
            changed = true;
        } else {
            kept.push(block);
        }
    })
    .ok()?;
    if !changed {
        return None;
    }
    if kept.is_empty() {
        return Some(None);
    }
    let mut message = Object::parse_lenient(message).ok()?;
    message.set("content", ["[", &kept.join(","), "]"].concat());
    Some(Some(message.to_json()))
}

/// Whether the last assistant message calls a tool: its turn goes on, and a turn that thinks has to begin with thinking.
fn calls_a_tool_last(object: &Object<'_>) -> bool {
    let mut last = "";
    let _ = raw::each_item(object.get("messages").unwrap_or_default(), &mut |message| {
        if raw::member(message, "role") == Some("\"assistant\"") {
            last = message;
        }
    });
    let mut found = false;
    // A text has no blocks.
    let _ = raw::each_item(
        raw::member(last, "content").unwrap_or_default(),
        &mut |block| {
            found |= raw::kind_of(block).as_deref() == Some("tool_use");
        },
    );
    found
}

/// Asks for no thinking, nor for edits of it. Tells whether it was asked for.
fn end_thinking(object: &mut Object<'_>) -> bool {
    let was_asked_for = object.get("thinking").is_some();
    object.remove("thinking");
    let management = object.get("context_management").unwrap_or_default();
    let edits = raw::member(management, "edits").unwrap_or_default();
    let (mut kept, mut changed) = (Vec::new(), false);
    // What is no array has no edits.
    let _ = raw::each_item(edits, &mut |edit| {
        if raw::kind_of(edit).is_some_and(|kind| kind.starts_with("clear_thinking_")) {
            changed = true;
        } else {
            kept.push(edit);
        }
    });
    if changed && let Ok(mut management) = Object::parse_lenient(management) {
        management.set("edits", ["[", &kept.join(","), "]"].concat());
        let management = management.to_json();
        object.set("context_management", management);
    }
    was_asked_for || changed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::step_traits::PLAIN;

    fn payload(members: &str) -> String {
        format!(r#"{{"model":"r",{members}}}"#)
    }

    fn json(payload: &Payload<'_>) -> String {
        payload.object().unwrap().to_json()
    }

    #[test]
    fn thinking_that_nobody_signed_is_cut_out_and_all_else_stays_byte_for_byte() {
        for (messages, left) in [
            (
                r#"[{"role":"user","content":"thinking"}, {"role":"assistant","content":[{"type":"thinking","thinking":"x","signature":"Er"} ,{"type":"text","text":"a"}]}]"#,
                None,
            ),
            (
                r#"[{"role":"assistant","content":[{"type":"thinking","thinking":"x","signature":""},{"type":"text", "text":"a"}]}]"#,
                Some(r#"[{"role":"assistant","content":[{"type":"text", "text":"a"}]}]"#),
            ),
            (
                r#"[{"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"thinking","thinking":"x","signature":"aigw:01"}]}]"#,
                Some(r#"[{"role":"user","content":"hi"}]"#),
            ),
            (
                r#"[{"role":"assistant","content":[{"type":"redacted_thinking","data":"x"},{"type":"thinking","thinking":"x"}]}]"#,
                Some(
                    r#"[{"role":"assistant","content":[{"type":"redacted_thinking","data":"x"}]}]"#,
                ),
            ),
        ] {
            let body = payload(&format!("\"messages\":{messages}"));
            let mut request = Payload::Json(Object::parse(&body).unwrap());
            cut_foreign_thinking(&mut request);
            let expected = payload(&format!("\"messages\":{}", left.unwrap_or(messages)));
            assert_eq!(json(&request), expected);
        }
    }

    fn after(refusal: &str, members: &str) -> Option<String> {
        let body = payload(members);
        let request = Payload::Json(Object::parse(&body).unwrap());
        let refusal = StepRefusal {
            status: 400,
            body: refusal,
            step: &PLAIN,
        };
        reworded(&refusal, &request).map(|request| json(&request))
    }

    const SIGNATURE: &str = r#"{"type":"error","error":{"type":"invalid_request_error","message":"messages.1.content.0: Invalid `signature` in `thinking` block"}}"#;
    const LACKING: &str = r#"{"error":{"message":"The `content[].thinking` in the thinking mode must be passed back to the API."}}"#;

    #[test]
    fn a_refused_signature_takes_all_thinking_with_it() {
        let thought = r#"{"type":"thinking","thinking":"x","signature":"s"}"#;
        let hidden = r#"{"type":"redacted_thinking","data":"d"}"#;
        let text = r#"{"type":"text","text":"a"}"#;
        let call = r#"{"type":"tool_use","id":"t","name":"f","input":{}}"#;
        let messages =
            |blocks: &str| format!(r#""messages":[{{"role":"assistant","content":[{blocks}]}}]"#);
        let with =
            |blocks: &str| format!(r#"{},"thinking":{{"type":"enabled"}}"#, messages(blocks));
        assert_eq!(
            after(SIGNATURE, &with(&format!("{thought},{hidden},{text}"))),
            Some(payload(&with(text)))
        );
        // A turn that goes on would have to begin with thinking.
        assert_eq!(
            after(SIGNATURE, &with(&format!("{thought},{call}"))),
            Some(payload(&messages(call)))
        );
        assert_eq!(after(SIGNATURE, &with(text)), None);
        let managed = format!(
            r#"{},"context_management":{{"edits":[{{"type":"clear_thinking_20251015"}},{{"type":"clear_tool_uses_20250919"}}]}}"#,
            with(call)
        );
        assert_eq!(
            after(LACKING, &managed),
            Some(payload(&format!(
                r#"{},"context_management":{{"edits":[{{"type":"clear_tool_uses_20250919"}}]}}"#,
                messages(call)
            )))
        );
        assert_eq!(after(LACKING, &messages(call)), None);
        assert_eq!(
            after(
                r#"{"error":{"message":"max_tokens: too large"}}"#,
                &with(thought)
            ),
            None
        );
    }
}
