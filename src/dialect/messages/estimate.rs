//! An estimate of a request's tokens, rather high than low: a compaction that comes too late breaks a session.

use crate::json::{Object, raw};

/// Seven bytes of text are two tokens.
const BYTES: u64 = 7;
const TOKENS: u64 = 2;

const A_MESSAGE: u64 = 8;
const TOOLS: u64 = 350;
const AN_IMAGE: u64 = 1600;

/// The bytes of a document, in Base64, that are a token.
const DOCUMENT_BYTES: u64 = 6;

/// The tokens of a request, as far as its texts tell.
pub fn tokens_of(request: &Object<'_>) -> u64 {
    let mut count = Count::default();
    count.text_or_blocks(request.get("system").unwrap_or_default());
    let _ = raw::each_item(
        request.get("messages").unwrap_or_default(),
        &mut |message| {
            count.tokens += A_MESSAGE;
            count.text_or_blocks(raw::member(message, "content").unwrap_or_default());
        },
    );
    let mut has_tools = false;
    // What is no array has no tools.
    let _ = raw::each_item(request.get("tools").unwrap_or_default(), &mut |tool| {
        has_tools = true;
        for text in ["name", "description"] {
            count.text(raw::member(tool, text));
        }
        count.bytes += length(raw::member(tool, "input_schema"));
    });
    count.tokens += if has_tools { TOOLS } else { 0 };
    count.tokens + (count.bytes * TOKENS).div_ceil(BYTES)
}

#[derive(Default)]
struct Count {
    bytes: u64,
    tokens: u64,
}

impl Count {
    fn text_or_blocks(&mut self, content: &str) {
        self.at_depth(content, 0);
    }

    /// Blocks stand in the results of tools, and in documents there: not deeper.
    fn at_depth(&mut self, content: &str, depth: usize) {
        const DEEPEST: usize = 3;
        if content.starts_with('"') {
            return self.text(Some(content));
        }
        if depth == DEEPEST {
            self.bytes += length(Some(content));
            return;
        }
        // What is neither a text nor an array has no blocks.
        let _ = raw::each_item(content, &mut |block| self.block(block, depth));
    }

    fn block(&mut self, block: &str, depth: usize) {
        let member = |name: &str| raw::member(block, name);
        match raw::kind_of(block).as_deref() {
            Some("image") => self.tokens += AN_IMAGE,
            Some("document") => {
                let source = member("source").unwrap_or_default();
                let data = raw::member(source, "data");
                match raw::kind_of(source).as_deref() {
                    Some("base64") => self.tokens += length(data).div_ceil(DOCUMENT_BYTES),
                    Some("content") => {
                        let content = raw::member(source, "content").unwrap_or_default();
                        self.at_depth(content, depth + 1);
                    }
                    _ => self.text(data),
                }
                for text in ["title", "context"] {
                    self.text(member(text));
                }
            }
            Some("tool_use") => {
                self.text(member("name"));
                self.bytes += length(member("input"));
            }
            _ => {
                for text in ["text", "thinking", "title", "source"] {
                    self.text(member(text));
                }
                if let Some(content) = member("content") {
                    self.at_depth(content, depth + 1);
                }
            }
        }
    }

    fn text(&mut self, raw: Option<&str>) {
        self.bytes += raw.and_then(raw::text).map_or(0, |text| text.len() as u64);
    }
}

/// The bytes of a raw value.
fn length(raw: Option<&str>) -> u64 {
    raw.map_or(0, |raw| raw.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(members: &str) -> u64 {
        let body = format!("{{{members}}}");
        tokens_of(&Object::parse(&body).unwrap())
    }

    #[test]
    fn texts_images_and_tools_are_counted_wherever_they_stand() {
        let message =
            |content: &str| format!(r#""messages":[{{"role":"user","content":{content}}}]"#);
        for (members, expected) in [
            (message("\"1234567\""), 8 + 2),
            (message("\"12345678\""), 8 + 3),
            (message(r#"[{"type":"text","text":"1234567"}]"#), 8 + 2),
            (
                format!(r#""system":"1234567",{}"#, message("\"1234567\"")),
                8 + 4,
            ),
            (
                message(r#"[{"type":"image","source":{"type":"base64","data":"AAAA"}}]"#),
                8 + 1600,
            ),
            (
                message(
                    r#"[{"type":"tool_result","content":[{"type":"text","text":"1234567"},{"type":"image"}]}]"#,
                ),
                8 + 2 + 1600,
            ),
            (
                message(r#"[{"type":"document","source":{"type":"base64","data":"AAAAAAAAAA"}}]"#),
                // With its quotes.
                8 + 2,
            ),
            (
                message(r#"[{"type":"tool_use","name":"fff","input":{"":1}}]"#),
                8 + 3,
            ),
            (
                format!(
                    r#""tools":[{{"name":"fff","description":"ffff","input_schema":{{}}}}],{}"#,
                    message("\"\"")
                ),
                8 + 350 + 3,
            ),
            ("\"messages\":1".to_owned(), 0),
        ] {
            assert_eq!(tokens(&members), expected, "{members}");
        }
    }
}
