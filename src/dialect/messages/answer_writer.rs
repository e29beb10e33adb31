//! The events of a client's stream, from the deltas of any provider's: one block after the other, each with a start, its
//! deltas and a stop, as both SDKs insist.

use std::fmt::Write as _;

use super::{errors, estimate};
use crate::dialect::answer::Flaw;
use crate::dialect::canonical::{Begin, End, Escaped, Names, OrderedDelta, TokenCounts};
use crate::dialect::error::ErrorBody;
use crate::dialect::request::Request;
use crate::dialect::translate::{AnswerWriter, Answering, Frames, link_to};
use crate::json::raw;
use crate::text::push_hex;

/// The beginning of ids of chat, which those of messages do not have.
const OF_CHAT: &str = "chatcmpl-";

/// The bytes of text that are a token, where nobody counts.
const BYTES_OF_A_TOKEN: u64 = 4;

/// The length of an id that is made up, behind its prefix.
const LENGTH_OF_ID: usize = 24;

/// The writer of one answer.
pub struct EventWriter {
    names: Names,
    model: Option<String>,
    id: Option<String>,
    summary: Option<String>,
    shows_thinking: bool,
    /// The signature of reasoning: a hash of the step that it came from.
    tag: u16,
    seed: u64,
    /// The ids of calls that are taken: those in the request, and those of this answer.
    taken: Vec<String>,
    /// The input's tokens, as far as its texts tell.
    estimate: u64,
    counts: TokenCounts,
    /// The bytes of what was said.
    said: u64,
    has_begun: bool,
    has_calls: bool,
    /// The number of blocks that have begun.
    blocks: usize,
    open: Option<Block>,
    /// The arguments so far of the call that is open, the inside of a JSON string.
    arguments: String,
    stop: &'static str,
    sequence: Option<String>,
}

/// The kind of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    Thinking,
    Text,
    Call,
}

impl EventWriter {
    pub fn new(answering: Answering<'_>) -> Self {
        let request = answering.request;
        let object = request.payload.object();
        Self {
            names: answering.names,
            model: answering.model.map(raw::quoted),
            id: None,
            summary: None,
            shows_thinking: shows_thinking(request),
            tag: answering.target.traits.translation.tag,
            seed: answering.seed,
            taken: ids_of(request),
            estimate: object.map_or(0, estimate::tokens_of),
            counts: TokenCounts::default(),
            said: 0,
            has_begun: false,
            has_calls: false,
            blocks: 0,
            open: None,
            arguments: String::new(),
            stop: "end_turn",
            sequence: None,
        }
    }

    /// Notes what the provider says of its answer.
    fn note(&mut self, begin: Begin<'_>) {
        self.id = begin.id.filter(|id| !id.is_empty()).map(str::to_owned);
        if self.model.is_none() {
            self.model = begin.model.map(|model| ["\"", model, "\""].concat());
        }
    }

    fn begin(&mut self, out: &mut Frames) {
        if std::mem::replace(&mut self.has_begun, true) {
            return;
        }
        let id = match &self.id {
            Some(id) => {
                let id = id.strip_prefix(OF_CHAT).unwrap_or(id);
                let prefix = if id.starts_with("msg_") { "" } else { "msg_" };
                [prefix, id].concat()
            }
            None => self.made_up("msg_", 0),
        };
        let model = self.model.as_deref().unwrap_or("\"\"");
        out.put(Some("message_start"), |out| {
            // A String takes whatever is written, here and below.
            let _ = write!(
                out,
                r#"{{"type":"message_start","message":{{"id":"{id}","type":"message","role":"assistant","model":{model},"content":[],"stop_reason":null,"stop_sequence":null,"usage":{{"input_tokens":{},"output_tokens":0}}"#,
                self.estimate
            );
            if let Some(summary) = &self.summary {
                out.push_str(r#","routing_summary":"#);
                out.push_str(summary);
            }
            out.push_str("}}");
        });
    }

    /// Opens a block of a kind, if it is not open; `start` is its beginning.
    fn open(&mut self, block: Block, start: &str, out: &mut Frames) {
        if self.open == Some(block) && block != Block::Call {
            return;
        }
        self.begin(out);
        self.close(out);
        let index = self.blocks;
        out.put(Some("content_block_start"), |out| {
            let _ = write!(
                out,
                r#"{{"type":"content_block_start","index":{index},"content_block":{start}}}"#
            );
        });
        self.blocks += 1;
        self.open = Some(block);
    }

    fn close(&mut self, out: &mut Frames) {
        match self.open {
            None => return,
            Some(Block::Thinking) => {
                let signature = format!("aigw:{:04x}", self.tag);
                self.delta("signature_delta", "signature", &signature, out);
            }
            Some(Block::Text | Block::Call) => {}
        }
        self.open = None;
        let index = self.blocks.saturating_sub(1);
        out.put(Some("content_block_stop"), |out| {
            let _ = write!(out, r#"{{"type":"content_block_stop","index":{index}}}"#);
        });
    }

    /// Writes a delta for the block that is open.
    fn delta(&self, kind: &str, member: &str, inside: &str, out: &mut Frames) {
        let index = self.blocks.saturating_sub(1);
        out.put(Some("content_block_delta"), |out| {
            out.push_str(r#"{"type":"content_block_delta","index":"#);
            let _ = write!(out, "{index}");
            for part in [r#","delta":{"type":""#, kind, r#"",""#, member, r#"":""#] {
                out.push_str(part);
            }
            out.push_str(inside);
            out.push_str(r#""}}"#);
        });
    }

    fn text(&mut self, text: &str, out: &mut Frames) {
        self.open(Block::Text, r#"{"type":"text","text":""}"#, out);
        self.delta("text_delta", "text", text, out);
    }

    /// Thinking that is not shown is a sign of life: clients that did not ask for it take the first block for the answer.
    fn think(&mut self, text: &str, out: &mut Frames) {
        if self.shows_thinking {
            let start = r#"{"type":"thinking","thinking":"","signature":""}"#;
            self.open(Block::Thinking, start, out);
            self.delta("thinking_delta", "thinking", text, out);
        } else if !self.has_begun {
            self.begin(out);
            self.ping(out);
        }
    }

    fn begin_call(&mut self, id: Option<&str>, name: &str, out: &mut Frames) {
        let place = self.taken.len();
        let id = match id {
            Some(id) if is_id(id) && !self.taken.iter().any(|taken| taken == id) => id.to_owned(),
            _ => self.made_up("toolu_", place),
        };
        let name = Escaped::plain(name);
        let name = name.decoded();
        let mut start = format!(r#"{{"type":"tool_use","id":"{id}","name":"#);
        raw::push_quoted(&mut start, self.names.restored(&name));
        start.push_str(r#","input":{}}"#);
        self.taken.push(id);
        self.arguments.clear();
        self.has_calls = true;
        self.open(Block::Call, &start, out);
    }

    /// Half a call must not pass for a whole one.
    fn end_call(&mut self, out: &mut Frames) -> Result<(), Flaw> {
        let arguments = Escaped::plain(&self.arguments);
        let checked = serde_json::from_str::<serde::de::IgnoredAny>(&arguments.decoded());
        if let Err(error) = checked {
            let reason = format!("the arguments of a tool call: {error}");
            return Err(Flaw::NotJson(reason));
        }
        self.arguments.clear();
        self.close(out);
        Ok(())
    }

    fn end(&mut self, end: End<'_>) {
        let refused = self.stop == "refusal";
        self.stop = match end {
            End::ContentFilter => "refusal",
            End::Length => "max_tokens",
            End::StopSequence(Some(sequence)) => {
                self.sequence = Some(["\"", sequence, "\""].concat());
                "stop_sequence"
            }
            _ if refused => "refusal",
            End::Stop | End::StopSequence(None) | End::ToolCalls | End::Unknown => "end_turn",
        };
    }

    /// Another id for each place in an answer.
    fn made_up(&self, prefix: &str, place: usize) -> String {
        let mut seed = self.seed.to_be_bytes().to_vec();
        seed.extend(place.to_be_bytes());
        let digest = ring::digest::digest(&ring::digest::SHA256, &seed);
        let mut id = prefix.to_owned();
        push_hex(
            &mut id,
            digest.as_ref().get(..LENGTH_OF_ID / 2).unwrap_or_default(),
        );
        id
    }

    fn usage(&self) -> String {
        let counts = &self.counts;
        let of_cache = counts.cached.saturating_add(counts.cache_written);
        let input = counts
            .input
            .map_or(self.estimate, |input| input.saturating_sub(of_cache));
        let output = counts
            .output
            .unwrap_or_else(|| self.said.div_ceil(BYTES_OF_A_TOKEN));
        format!(
            r#"{{"input_tokens":{input},"cache_read_input_tokens":{},"cache_creation_input_tokens":{},"output_tokens":{output}}}"#,
            counts.cached, counts.cache_written
        )
    }
}

impl AnswerWriter for EventWriter {
    fn summarize(&mut self, routing_summary: &str) {
        self.summary = Some(routing_summary.to_owned());
    }

    fn write(&mut self, delta: OrderedDelta<'_>, out: &mut Frames) -> Result<(), Flaw> {
        match delta {
            OrderedDelta::Begin(begin) => self.note(begin),
            OrderedDelta::Text(text) | OrderedDelta::Refusal(text) if !text.is_empty() => {
                if matches!(delta, OrderedDelta::Refusal(_)) {
                    self.stop = "refusal";
                }
                self.said += text.len() as u64;
                self.text(text, out);
            }
            OrderedDelta::Reasoning { text, .. } if !text.is_empty() => {
                self.said += text.len() as u64;
                self.think(text, out);
            }
            OrderedDelta::CallBegins { id, name } => self.begin_call(id, name, out),
            OrderedDelta::Arguments(text) => {
                self.said += text.len() as u64;
                self.arguments.push_str(text);
                self.delta("input_json_delta", "partial_json", text, out);
            }
            OrderedDelta::CallEnds { .. } => self.end_call(out)?,
            OrderedDelta::Image(url) if !url.starts_with("data:") => {
                self.text(&link_to(url), out);
            }
            OrderedDelta::Usage(counts) => self.counts = counts,
            OrderedDelta::End(end) => self.end(end),
            // Signatures of others, and what Messages has no place for.
            OrderedDelta::Text(_)
            | OrderedDelta::Refusal(_)
            | OrderedDelta::Reasoning { .. }
            | OrderedDelta::Signature(_)
            | OrderedDelta::Citation(_)
            | OrderedDelta::Logprobs(_)
            | OrderedDelta::Image(_) => {}
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Frames) -> Result<(), Flaw> {
        self.begin(out);
        self.close(out);
        let (stop, sequence) = if self.has_calls {
            ("tool_use", "null")
        } else {
            (self.stop, self.sequence.as_deref().unwrap_or("null"))
        };
        let usage = self.usage();
        out.put(Some("message_delta"), |out| {
            let _ = write!(
                out,
                r#"{{"type":"message_delta","delta":{{"stop_reason":"{stop}","stop_sequence":{sequence}}},"usage":{usage}}}"#
            );
        });
        out.put(Some("message_stop"), |out| {
            out.push_str(r#"{"type":"message_stop"}"#);
        });
        Ok(())
    }

    fn break_off(&mut self, error: &ErrorBody<'_>, out: &mut Frames) {
        out.put(Some("error"), |out| out.push_str(&errors::body(error)));
    }

    fn ping(&mut self, out: &mut Frames) {
        if self.has_begun {
            out.put(Some("ping"), |out| out.push_str(r#"{"type":"ping"}"#));
        } else {
            out.comment();
        }
    }

    fn shows_reasoning(&self) -> bool {
        self.shows_thinking
    }

    fn kept(&self) -> usize {
        self.arguments.len()
    }
}

/// Whether a request asks for thinking, and to see it.
fn shows_thinking(request: &Request<'_>) -> bool {
    let object = request.payload.object();
    let thinking = object.and_then(|object| object.get("thinking"));
    thinking.is_some_and(|thinking| {
        let display = raw::member(thinking, "display").and_then(raw::text);
        matches!(
            raw::kind_of(thinking).as_deref(),
            Some("enabled" | "adaptive")
        ) && display.as_deref() != Some("omitted")
    })
}

/// The ids of the calls in a request. Claude Code drops a call whose id it has seen before, and asks again without an end.
fn ids_of(request: &Request<'_>) -> Vec<String> {
    let mut ids = Vec::new();
    let object = request.payload.object();
    let messages = object.and_then(|object| object.get("messages"));
    // What is no array has no items, here and below.
    let _ = raw::each_item(messages.unwrap_or_default(), &mut |message| {
        if raw::member(message, "role") != Some("\"assistant\"") {
            return;
        }
        let content = raw::member(message, "content").unwrap_or_default();
        let _ = raw::each_item(content, &mut |block| {
            if raw::kind_of(block).as_deref() == Some("tool_use") {
                let id = raw::member(block, "id").and_then(raw::text);
                ids.extend(id.map(|id| id.into_owned()));
            }
        });
    });
    ids
}

fn is_id(id: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    !id.is_empty() && id.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests;
