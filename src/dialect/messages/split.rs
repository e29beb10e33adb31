//! The events of a whole answer, for a client that asked for a stream: block after block, a delta for each text.

use crate::dialect::answer::Flaw;
use crate::json::{Object, raw};

/// The most blocks of an answer.
const MOST: usize = 1024;

/// The data of the events that an answer makes.
///
/// # Errors
/// An answer with more blocks than any sane one has.
pub fn split(answer: &str) -> Result<Vec<String>, Flaw> {
    let mut blocks = Vec::new();
    // An answer that was judged has an array.
    let _ = raw::each_item(
        raw::member(answer, "content").unwrap_or_default(),
        &mut |block| {
            blocks.push(block);
        },
    );
    if blocks.len() > MOST {
        return Err(Flaw::TooMany("blocks"));
    }
    let mut events = vec![format!(
        r#"{{"type":"message_start","message":{}}}"#,
        opening(answer)
    )];
    for (index, block) in blocks.into_iter().enumerate() {
        let (begun, deltas) = pieces(block);
        events.push(format!(
            r#"{{"type":"content_block_start","index":{index},"content_block":{begun}}}"#
        ));
        events.extend(deltas.into_iter().map(|delta| {
            format!(r#"{{"type":"content_block_delta","index":{index},"delta":{delta}}}"#)
        }));
        events.push(format!(
            r#"{{"type":"content_block_stop","index":{index}}}"#
        ));
    }
    let of = |member: &str| raw::member(answer, member).unwrap_or("null");
    let usage = raw::member(answer, "usage").unwrap_or(r#"{"output_tokens":0}"#);
    events.push(format!(
        r#"{{"type":"message_delta","delta":{{"stop_reason":{},"stop_sequence":{}}},"usage":{usage}}}"#,
        of("stop_reason"),
        of("stop_sequence")
    ));
    events.push(r#"{"type":"message_stop"}"#.to_owned());
    Ok(events)
}

/// The message as it begins.
fn opening(answer: &str) -> String {
    let Ok(mut message) = Object::parse_lenient(answer) else {
        return "{}".to_owned();
    };
    message.set("content", "[]".to_owned());
    message.set("stop_reason", "null".to_owned());
    message.set("stop_sequence", "null".to_owned());
    message.to_json()
}

/// A block as it begins, and the deltas that bring the rest.
fn pieces(block: &str) -> (String, Vec<String>) {
    let texts: &[(&str, &str, &str)] = match raw::kind_of(block).as_deref() {
        Some("text") => &[("text", "text_delta", "text")],
        Some("thinking") => &[
            ("thinking", "thinking_delta", "thinking"),
            ("signature", "signature_delta", "signature"),
        ],
        Some("tool_use" | "server_tool_use") => &[("input", "input_json_delta", "partial_json")],
        _ => &[],
    };
    let Ok(mut begun) = Object::parse_lenient(block) else {
        return (block.to_owned(), Vec::new());
    };
    let mut deltas = Vec::new();
    for (member, kind, name) in texts {
        let Some(value) = raw::member(block, member) else {
            continue;
        };
        // An input is an object, and comes as the text of it.
        let (empty, text) = if *member == "input" {
            ("{}", raw::quoted(value))
        } else {
            ("\"\"", value.to_owned())
        };
        if value != empty {
            deltas.push(format!(r#"{{"type":"{kind}","{name}":{text}}}"#));
        }
        begun.set(member, empty.to_owned());
    }
    (begun.to_json(), deltas)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_follow_each_other() {
        let answer = r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"hi"},{"type":"tool_use","id":"t","name":"f","input":{"a":"b"}},{"type":"tool_use","id":"u","name":"f","input":{}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":5}}"#;
        let events = split(answer).unwrap();
        let expected = [
            r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":5}}}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"s"}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}"#,
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"hi"}}"#,
            r#"{"type":"content_block_stop","index":1}"#,
            r#"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
            r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"a\":\"b\"}"}}"#,
            r#"{"type":"content_block_stop","index":2}"#,
            r#"{"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"u","name":"f","input":{}}}"#,
            r#"{"type":"content_block_stop","index":3}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"input_tokens":3,"output_tokens":5}}"#,
            r#"{"type":"message_stop"}"#,
        ];
        assert_eq!(events, expected);
        let many = vec!["{}"; MOST + 1].join(",");
        let many = split(&format!(r#"{{"content":[{many}]}}"#));
        assert_eq!(many, Err(Flaw::TooMany("blocks")));
    }
}
