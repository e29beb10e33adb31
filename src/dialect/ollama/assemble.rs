//! A whole answer of Ollama's API from the lines that it makes as a stream: the last line with the whole message.

use crate::dialect::Assemble;
use crate::dialect::annotation::Annotation;
use crate::dialect::answer::{Flaw, JudgedWhole, Says};
use crate::dialect::repairs::Repairs;
use crate::dialect::usage::Usage;
use crate::json::raw;

/// The judgement on a whole answer that was assembled here: its model is the one that the client named, and stays.
pub fn judge(text: &str) -> JudgedWhole {
    let tokens = |key| raw::member(text, key).and_then(raw::whole_number);
    JudgedWhole {
        annotation: Annotation::of_body(text).without_model(),
        usage: Some(Usage {
            prompt_tokens: tokens("prompt_eval_count"),
            completion_tokens: tokens("eval_count"),
            ..Usage::default()
        }),
        says: Says::Content,
        mended: None,
        repairs: Repairs::default(),
    }
}

/// The texts of an answer, by their member: those of `/api/chat` are in a message.
#[derive(Debug, Default)]
pub struct Assembler {
    is_chat: bool,
    content: String,
    thinking: String,
    calls: Vec<String>,
    logprobs: Vec<String>,
    summary: Option<String>,
    /// The last line.
    last: String,
}

impl Assemble for Assembler {
    fn push(&mut self, data: &str) -> Result<(), Flaw> {
        if let Some(error) = raw::member(data, "error") {
            let words = raw::text(error).unwrap_or_default().into_owned();
            return Err(Flaw::NoAnswer(words));
        }
        let message = raw::member(data, "message");
        self.is_chat |= message.is_some();
        let said = message.unwrap_or(data);
        let text = |key| raw::member(said, key).and_then(raw::inside);
        let content = text("content")
            .filter(|_| message.is_some())
            .or_else(|| text("response"));
        self.content.push_str(content.unwrap_or_default());
        self.thinking.push_str(text("thinking").unwrap_or_default());
        for (list, key) in [
            (&mut self.calls, "tool_calls"),
            (&mut self.logprobs, "logprobs"),
        ] {
            let of = if key == "logprobs" { data } else { said };
            if let Some(items) = raw::member(of, key) {
                // What is no list has no items.
                let _ = raw::each_item(items, &mut |item| list.push(item.to_owned()));
            }
        }
        if let Some(summary) = raw::member(data, "routing_summary") {
            self.summary = Some(summary.to_owned());
        }
        data.clone_into(&mut self.last);
        Ok(())
    }

    fn finish(self: Box<Self>) -> String {
        let mut out = String::from("{");
        // Members of a line that the gateway has written itself.
        let _ = raw::each_member(&self.last, &mut |key, value| {
            let key = raw::text(key).unwrap_or_default();
            if out.len() > 1 && !matches!(&*key, "routing_summary" | "thinking") {
                out.push(',');
            }
            match &*key {
                "message" => self.push_message(&mut out),
                "response" => {
                    out.push_str("\"response\":");
                    push_quoted(&mut out, &self.content);
                    self.push_thinking(&mut out);
                }
                "routing_summary" | "thinking" => {}
                key => {
                    raw::push_quoted(&mut out, key);
                    out.push(':');
                    out.push_str(value);
                }
            }
        });
        if !self.logprobs.is_empty() {
            out.push_str(",\"logprobs\":[");
            out.push_str(&self.logprobs.join(","));
            out.push(']');
        }
        if let Some(summary) = &self.summary {
            out.push_str(",\"routing_summary\":");
            out.push_str(summary);
        }
        out.push('}');
        out
    }
}

impl Assembler {
    fn push_message(&self, out: &mut String) {
        out.push_str("\"message\":{\"role\":\"assistant\",\"content\":");
        push_quoted(out, &self.content);
        self.push_thinking(out);
        if !self.calls.is_empty() {
            out.push_str(",\"tool_calls\":[");
            out.push_str(&self.calls.join(","));
            out.push(']');
        }
        out.push('}');
    }

    fn push_thinking(&self, out: &mut String) {
        if !self.thinking.is_empty() {
            out.push_str(",\"thinking\":");
            push_quoted(out, &self.thinking);
        }
    }
}

/// Appends the inside of a JSON string with its quotes.
fn push_quoted(out: &mut String, inside: &str) {
    out.push('"');
    out.push_str(inside);
    out.push('"');
}
