//! The whole answer of a stream: the message that it began with, its blocks, and what its end says.

use super::events::EventJudge;
use crate::dialect::answer::Flaw;
use crate::dialect::{Assemble, FrameKind, StreamJudge};
use crate::json::{Object, raw};
use crate::sse::Event;

/// The most blocks of an answer.
const MOST: usize = 1024;

/// A whole answer in the making.
pub struct Assembler {
    judge: EventJudge,
    /// The message as it began, raw.
    message: String,
    blocks: Vec<Block>,
    /// The members that the end of the message brings, raw: keys as text, and values.
    ending: Vec<(String, String)>,
    usage: Vec<(String, String)>,
}

/// A block in the making.
struct Block {
    index: u64,
    /// The block as it began, raw.
    begun: String,
    /// Members that deltas bring, with the insides of JSON strings.
    texts: Vec<(&'static str, String)>,
    citations: Vec<String>,
}

impl Default for Assembler {
    fn default() -> Self {
        Self {
            judge: EventJudge::new(false),
            message: "{}".to_owned(),
            blocks: Vec::new(),
            ending: Vec::new(),
            usage: Vec::new(),
        }
    }
}

impl Assemble for Assembler {
    fn push(&mut self, data: &str) -> Result<(), Flaw> {
        let event = Event {
            data: data.into(),
            ..Event::default()
        };
        match self.judge.judge(&event).kind {
            FrameKind::Error(error) => Err(Flaw::ErrorObject(error)),
            FrameKind::Broken(reason) => Err(Flaw::NotJson(reason)),
            FrameKind::Unusable(reason) => Err(Flaw::NoAnswer(reason)),
            FrameKind::Heartbeat | FrameKind::End => Ok(()),
            FrameKind::Content | FrameKind::Reasoning | FrameKind::Prelude | FrameKind::Opening => {
                self.take(data)
            }
        }
    }

    fn finish(self: Box<Self>) -> String {
        let Ok(mut message) = Object::parse_lenient(&self.message) else {
            return self.message;
        };
        let blocks: Vec<String> = self.blocks.iter().map(Block::written).collect();
        message.set("content", ["[", &blocks.join(","), "]"].concat());
        for (key, value) in self.ending {
            message.set(&key, value);
        }
        let usage = message.get("usage").unwrap_or("{}").to_owned();
        if let Ok(mut usage) = Object::parse_lenient(&usage) {
            for (key, value) in self.usage {
                usage.set(&key, value);
            }
            let usage = usage.to_json();
            message.set("usage", usage);
        }
        message.to_json()
    }
}

impl Assembler {
    fn take(&mut self, data: &str) -> Result<(), Flaw> {
        let member = |name: &str| raw::member(data, name).unwrap_or_default();
        let index = raw::whole_number(member("index")).unwrap_or(0);
        match raw::text(member("type")).unwrap_or_default().as_ref() {
            "message_start" if raw::is_object(member("message")) => {
                member("message").clone_into(&mut self.message);
            }
            "content_block_start" => {
                if self.blocks.len() >= MOST {
                    return Err(Flaw::TooMany("blocks"));
                }
                self.blocks.push(Block {
                    index,
                    begun: member("content_block").to_owned(),
                    texts: Vec::new(),
                    citations: Vec::new(),
                });
            }
            "content_block_delta" => {
                let mut blocks = self.blocks.iter_mut().rev();
                if let Some(block) = blocks.find(|block| block.index == index) {
                    block.take(member("delta"));
                }
            }
            "message_delta" => {
                note(&mut self.ending, member("delta"));
                note(&mut self.usage, member("usage"));
            }
            _ => {}
        }
        Ok(())
    }
}

/// Notes the members of an object, the later ones in place of earlier ones.
fn note(noted: &mut Vec<(String, String)>, object: &str) {
    // What is no object has no members.
    let _ = raw::each_member(object, &mut |key, value| {
        if let Some(key) = raw::text(key)
            && noted.len() < MOST
        {
            noted.retain(|(known, _)| *known != key);
            noted.push((key.into_owned(), value.to_owned()));
        }
    });
}

impl Block {
    fn take(&mut self, delta: &str) {
        let kind = raw::kind_of(delta);
        let (member, text) = match kind.as_deref() {
            Some("text_delta") => ("text", "text"),
            Some("thinking_delta") => ("thinking", "thinking"),
            Some("signature_delta") => ("signature", "signature"),
            Some("input_json_delta") => ("input", "partial_json"),
            Some("citations_delta") => {
                self.citations
                    .extend(raw::member(delta, "citation").map(str::to_owned));
                return;
            }
            _ => return,
        };
        let piece = raw::member(delta, text)
            .and_then(raw::inside)
            .unwrap_or_default();
        match self.texts.iter_mut().find(|(known, _)| *known == member) {
            Some((_, text)) => text.push_str(piece),
            None => self.texts.push((member, piece.to_owned())),
        }
    }

    fn written(&self) -> String {
        let Ok(mut block) = Object::parse_lenient(&self.begun) else {
            return "{}".to_owned();
        };
        for (member, text) in &self.texts {
            if *member == "input" {
                let input = raw::text(&["\"", text, "\""].concat()).map(|input| input.into_owned());
                if let Some(input) = input.filter(|input| raw::is_object(input.trim_ascii())) {
                    block.set(member, input);
                }
                continue;
            }
            // A block may begin with some of its text.
            let begun = block.get(member).and_then(raw::inside).unwrap_or_default();
            let text = ["\"", begun, text, "\""].concat();
            block.set(member, text);
        }
        if !self.citations.is_empty() {
            block.set("citations", ["[", &self.citations.join(","), "]"].concat());
        }
        block.to_json()
    }
}

#[cfg(test)]
mod tests {
    use super::super::split::split;
    use super::*;

    /// A client that asked for no stream must not see that there was one.
    #[test]
    fn what_is_split_is_put_together_again() {
        let answer = r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"thinking","thinking":"hm \"x\"","signature":"s"},{"type":"text","text":"hi \u00e9\n"},{"type":"tool_use","id":"t","name":"f","input":{"a": "b\"c"}},{"type":"web_search_tool_result","content":[]},{"type":"tool_use","id":"u","name":"f","input":{}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":5}}"#;
        let mut assembler = Box::new(Assembler::default());
        for data in split(answer).unwrap() {
            assembler.push(&data).unwrap();
        }
        assert_eq!(assembler.finish(), answer);
    }

    #[test]
    fn pieces_are_joined_and_the_end_adds_what_it_counts() {
        let mut assembler = Box::new(Assembler::default());
        for data in [
            r#"{"type":"message_start","message":{"type":"message","content":[],"usage":{"input_tokens":3,"output_tokens":1}}}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"a"}}"#,
            r#"{"type":"ping"}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"b"}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":{"c":1}}}"#,
            r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","input":{}}}"#,
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a\""}}"#,
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":":1}"}}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":7}}"#,
            r#"{"type":"message_stop"}"#,
        ] {
            assembler.push(data).unwrap();
        }
        assert_eq!(
            assembler.finish(),
            r#"{"type":"message","content":[{"type":"text","text":"ab","citations":[{"c":1}]},{"type":"tool_use","input":{"a":1}}],"usage":{"input_tokens":3,"output_tokens":7},"stop_reason":"tool_use"}"#
        );
    }
}
