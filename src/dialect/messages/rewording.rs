//! Thinking that a step will not take back, and system messages among the others: a conversation in other words.
//!
//! A thinking block is signed by who thought it. What others signed, or nobody, is refused.

use super::blocks::kind_of;
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
            kind_of(block).as_deref() == Some("thinking")
                && (signature.is_empty() || signature.starts_with(OWN_SIGNATURE))
        });
    }
}

/// The request without what a refusal is about, where that is thinking or a system message among the others; `None` for
/// other refusals, and where nothing would change.
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
        Complaint::SystemMessage => fold_system_messages(object),
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
    /// A message with the role `system`.
    SystemMessage,
}

fn complaint(refusal: &str) -> Option<Complaint> {
    let says = |words: &str| refusal.contains(words);
    // JSON in front of the words has its quotes escaped.
    let refuses_role = says("Unexpected role") && says("system")
        || says("Input should be 'user' or 'assistant'")
        || says("System message must be at the beginning");
    if says("thinking") && says("must be passed back") {
        Some(Complaint::NotPassedBack)
    } else if (says("signature") && says("`thinking`")) || says("thinking block") {
        Some(Complaint::Signature)
    } else {
        refuses_role.then_some(Complaint::SystemMessage)
    }
}

fn is_thinking(block: &str) -> bool {
    matches!(
        kind_of(block).as_deref(),
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
            found |= kind_of(block).as_deref() == Some("tool_use");
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
        if kind_of(edit).is_some_and(|kind| kind.starts_with("clear_thinking_")) {
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

/// Puts system messages into the user message before each, as a reminder; behind results of tools, and where there is
/// none before it, into a user message of its own. Tells whether there were any.
fn fold_system_messages(object: &mut Object<'_>) -> bool {
    let messages = object.get("messages").unwrap_or_default();
    let (mut folded, mut changed) = (Vec::<String>::new(), false);
    // A request that was read has an array.
    let _ = raw::each_item(messages, &mut |message| {
        if raw::member(message, "role") != Some("\"system\"") {
            return folded.push(message.to_owned());
        }
        changed = true;
        let reminder = reminder(message);
        match folded.last().and_then(|last| appended(last, &reminder)) {
            Some(longer) => {
                folded.pop();
                folded.push(longer);
            }
            None => folded.push(format!(r#"{{"role":"user","content":[{reminder}]}}"#)),
        }
    });
    if changed {
        let messages = ["[", &folded.join(","), "]"].concat();
        object.set("messages", messages);
    }
    changed
}

/// A text block with what a system message says.
fn reminder(message: &str) -> String {
    let content = raw::member(message, "content").unwrap_or_default();
    let mut texts: Vec<String> = Vec::new();
    match raw::text(content) {
        Some(text) => texts.push(text.into_owned()),
        None => {
            // What is neither a text nor an array says nothing.
            let _ = raw::each_item(content, &mut |block| {
                let text = raw::member(block, "text").and_then(raw::text);
                texts.extend(text.map(|text| text.into_owned()));
            });
        }
    }
    let text = format!(
        "<system-reminder>\n{}\n</system-reminder>",
        texts.join("\n\n")
    );
    format!(r#"{{"type":"text","text":{}}}"#, raw::quoted(&text))
}

/// A user message with one more block at its end; `None` for other messages, and for those that end with the result of a
/// tool.
fn appended(message: &str, block: &str) -> Option<String> {
    if raw::member(message, "role") != Some("\"user\"") {
        return None;
    }
    let content = raw::member(message, "content")?;
    let (mut blocks, mut last_kind) = (Vec::new(), None);
    if content.starts_with('"') {
        blocks.push(format!(r#"{{"type":"text","text":{content}}}"#));
    } else {
        raw::each_item(content, &mut |block| {
            last_kind = kind_of(block).map(|kind| kind.into_owned());
            blocks.push(block.to_owned());
        })
        .ok()?;
    }
    if last_kind.as_deref() == Some("tool_result") {
        return None;
    }
    blocks.push(block.to_owned());
    let mut message = Object::parse_lenient(message).ok()?;
    message.set("content", ["[", &blocks.join(","), "]"].concat());
    Some(message.to_json())
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

    #[test]
    fn a_refused_role_becomes_a_reminder_of_the_users() {
        let refusal = r#"{"error":{"message":"messages: Unexpected role \"system\". The Messages API accepts a top-level `system` parameter"}}"#;
        let system = r#"{"role":"system","content":[{"type":"text","text":"be brief"}]}"#;
        let reminder =
            r#"{"type":"text","text":"<system-reminder>\nbe brief\n</system-reminder>"}"#;
        for (before, folded) in [
            (
                r#"{"role":"user","content":"hi"}"#,
                format!(
                    r#"{{"role":"user","content":[{{"type":"text","text":"hi"}},{reminder}]}}"#
                ),
            ),
            (
                r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"t"}]}"#,
                format!(
                    r#"{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"t"}}]}},{{"role":"user","content":[{reminder}]}}"#
                ),
            ),
            (
                r#"{"role":"assistant","content":"hi"}"#,
                format!(
                    r#"{{"role":"assistant","content":"hi"}},{{"role":"user","content":[{reminder}]}}"#
                ),
            ),
        ] {
            let found = after(refusal, &format!(r#""messages":[{before},{system}]"#));
            assert_eq!(found, Some(payload(&format!(r#""messages":[{folded}]"#))));
        }
        assert_eq!(
            after(refusal, r#""messages":[{"role":"user","content":"hi"}]"#),
            None
        );
    }
}
