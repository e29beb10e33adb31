//! Answers of Ollama's API, written line by line.
//!
//! Clients parse each line by itself and want the same members in all of them; a call of a tool is one line, once its
//! arguments are complete; and the last line, with `done`, has the figures that applications divide by each other.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use super::request::{Endpoint, member};
use super::timestamp;
use crate::dialect::answer::Flaw;
use crate::dialect::canonical::{End, Escaped, Names, OrderedDelta, TokenCounts};
use crate::dialect::error::ErrorBody;
use crate::dialect::translate::{AnswerWriter, Answering, Frames, link_to};
use crate::json::raw;

/// About as many bytes as a token has, where a provider counts none.
const BYTES_OF_A_TOKEN: u64 = 4;

/// The writer of one answer.
pub struct LineWriter {
    endpoint: Endpoint,
    /// The name that the client asked for, as JSON.
    model: String,
    names: Names,
    shows_thinking: bool,
    wants_logprobs: bool,
    seed: u64,
    /// The time at which the request came.
    began: Option<SystemTime>,
    now: SystemTime,
    /// The time of the first content.
    first: Option<SystemTime>,
    summary: Option<String>,
    call: Option<OpenCall>,
    calls: u64,
    counts: TokenCounts,
    /// The bytes of the request and of the answer.
    bytes: (u64, u64),
    reason: &'static str,
}

/// A call whose arguments are not complete.
struct OpenCall {
    id: Option<String>,
    name: String,
    arguments: String,
}

/// The kinds of text in a line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Text {
    Content,
    Thinking,
}

impl LineWriter {
    pub fn new(endpoint: Endpoint, answer: Answering<'_>) -> Self {
        let request = answer.request;
        let object = request.payload.object();
        let length = object.map_or(0, |object| object.source().len());
        Self {
            endpoint,
            model: raw::quoted(&request.model),
            names: answer.names,
            shows_thinking: member(request, "think") != Some("false"),
            wants_logprobs: member(request, "logprobs") == Some("true"),
            seed: answer.seed,
            began: None,
            now: answer.now,
            first: None,
            summary: None,
            call: None,
            calls: 0,
            counts: TokenCounts::default(),
            bytes: (u64::try_from(length).unwrap_or(u64::MAX), 0),
            reason: "stop",
        }
    }

    /// Writes a line whose members behind those of every line `write` writes.
    fn line(&mut self, out: &mut Frames, write: impl FnOnce(&Self, &mut String)) {
        let now = self.now;
        self.first.get_or_insert(now);
        let summary = self.summary.take();
        out.put(None, |line| {
            line.push_str("{\"model\":");
            line.push_str(&self.model);
            line.push_str(",\"created_at\":");
            timestamp::push(line, now);
            write(self, line);
            if let Some(summary) = summary {
                line.push_str(",\"routing_summary\":");
                line.push_str(&summary);
            }
            line.push('}');
        });
    }

    /// Writes a line with a text.
    fn text(&mut self, kind: Text, text: &str, out: &mut Frames) {
        self.bytes.1 = self
            .bytes
            .1
            .saturating_add(u64::try_from(text.len()).unwrap_or(u64::MAX));
        if text.is_empty() {
            return;
        }
        let endpoint = self.endpoint;
        self.line(out, |_, line| {
            push_said(line, endpoint, |line| match kind {
                Text::Content => push_text(line, endpoint, text, ""),
                Text::Thinking => push_text(line, endpoint, "", text),
            });
            line.push_str(",\"done\":false");
        });
    }

    fn call(&mut self, is_whole: bool, out: &mut Frames) -> Result<(), Flaw> {
        let Some(call) = self.call.take() else {
            return Ok(());
        };
        let arguments = Escaped::plain(&call.arguments).decoded().into_owned();
        let object = arguments.trim();
        let is_object =
            is_whole && raw::is_object(object) && raw::each_member(object, &mut |_, _| {}).is_ok();
        if !is_object {
            return Err(Flaw::NoAnswer(
                "the arguments of a tool call are no JSON object".to_owned(),
            ));
        }
        let number = self.calls;
        self.calls = number.saturating_add(1);
        let (seed, endpoint) = (self.seed, self.endpoint);
        // A line ends where its text does.
        let arguments = arguments.replace(['\n', '\r'], " ");
        self.line(out, |_, line| {
            push_said(line, endpoint, |line| {
                push_text(line, endpoint, "", "");
                line.push_str(",\"tool_calls\":[{\"id\":\"");
                match &call.id {
                    Some(id) => line.push_str(id),
                    None => {
                        // A String takes whatever is written, here and below.
                        let _ = write!(line, "call_{seed:016x}{number}");
                    }
                }
                let _ = write!(line, "\",\"function\":{{\"index\":{number},\"name\":\"");
                line.push_str(&call.name);
                line.push_str("\",\"arguments\":");
                line.push_str(&arguments);
                line.push_str("}}]");
            });
            line.push_str(",\"done\":false");
        });
        Ok(())
    }

    fn figures(&self) -> String {
        let now = self.now;
        let (began, first) = (self.began.unwrap_or(now), self.first.unwrap_or(now));
        let since = |time: SystemTime, earlier: SystemTime| {
            nanoseconds(time.duration_since(earlier).unwrap_or_default())
        };
        let estimate = |bytes: u64| bytes.div_ceil(BYTES_OF_A_TOKEN).max(1);
        format!(
            ",\"total_duration\":{},\"load_duration\":1,\"prompt_eval_count\":{},\"prompt_eval_duration\":{},\
             \"eval_count\":{},\"eval_duration\":{}",
            since(now, began),
            self.counts.input.unwrap_or_else(|| estimate(self.bytes.0)),
            since(first, began),
            self.counts.output.unwrap_or_else(|| estimate(self.bytes.1)),
            since(now, first),
        )
    }
}

impl AnswerWriter for LineWriter {
    fn summarize(&mut self, routing_summary: &str) {
        self.summary = Some(routing_summary.to_owned());
    }

    fn at(&mut self, now: SystemTime) {
        self.began.get_or_insert(now);
        self.now = now;
    }

    fn write(&mut self, delta: OrderedDelta<'_>, out: &mut Frames) -> Result<(), Flaw> {
        match delta {
            OrderedDelta::Text(text) | OrderedDelta::Refusal(text) => {
                self.text(Text::Content, text, out);
            }
            OrderedDelta::Reasoning { text, .. } if self.shows_thinking => {
                self.text(Text::Thinking, text, out);
            }
            OrderedDelta::Logprobs(list) if self.wants_logprobs => {
                let (list, endpoint) = (list.replace(['\n', '\r'], " "), self.endpoint);
                self.line(out, |_, line| {
                    push_said(line, endpoint, |line| push_text(line, endpoint, "", ""));
                    line.push_str(",\"logprobs\":");
                    line.push_str(&list);
                    line.push_str(",\"done\":false");
                });
            }
            OrderedDelta::Image(url) if !url.starts_with("data:") => {
                self.text(Text::Content, &link_to(url), out);
            }
            OrderedDelta::CallBegins { id, name } => {
                let decoded = Escaped::plain(name).decoded().into_owned();
                let restored = Escaped::text(self.names.restored(&decoded));
                self.call = Some(OpenCall {
                    id: id.filter(|id| !id.is_empty()).map(str::to_owned),
                    name: restored.inside().to_owned(),
                    arguments: String::new(),
                });
            }
            OrderedDelta::Arguments(arguments) => {
                if let Some(call) = &mut self.call {
                    call.arguments.push_str(arguments);
                }
            }
            OrderedDelta::CallEnds { is_whole } => self.call(is_whole, out)?,
            OrderedDelta::Usage(counts) => self.counts = counts,
            OrderedDelta::End(end) => {
                self.reason = match end {
                    End::Length => "length",
                    _ => "stop",
                };
            }
            OrderedDelta::Begin(_)
            | OrderedDelta::Reasoning { .. }
            | OrderedDelta::Signature(_)
            | OrderedDelta::Citation(_)
            | OrderedDelta::Logprobs(_)
            | OrderedDelta::Image(_) => {}
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Frames) -> Result<(), Flaw> {
        let figures = self.figures();
        let (reason, endpoint) = (self.reason, self.endpoint);
        self.line(out, |_, line| {
            push_said(line, endpoint, |line| push_text(line, endpoint, "", ""));
            line.push_str(",\"done\":true,\"done_reason\":\"");
            line.push_str(reason);
            line.push('"');
            line.push_str(&figures);
        });
        Ok(())
    }

    fn break_off(&mut self, error: &ErrorBody<'_>, out: &mut Frames) {
        out.put(None, |line| line.push_str(&super::errors::line(error)));
    }

    /// Nothing: clients parse each line, a blank one as well.
    fn ping(&mut self, _: &mut Frames) {}

    fn shows_reasoning(&self) -> bool {
        self.shows_thinking
    }

    fn kept(&self) -> usize {
        let call = self.call.as_ref();
        call.map_or(0, |call| {
            call.name.len().saturating_add(call.arguments.len())
        })
    }
}

/// Appends the place of what is said: `message`, or the members themselves.
fn push_said(line: &mut String, endpoint: Endpoint, write: impl FnOnce(&mut String)) {
    match endpoint {
        Endpoint::Chat => {
            line.push_str(",\"message\":{\"role\":\"assistant\"");
            write(line);
            line.push('}');
        }
        Endpoint::Generate => write(line),
    }
}

/// Appends texts, the insides of JSON strings.
fn push_text(line: &mut String, endpoint: Endpoint, content: &str, thinking: &str) {
    line.push_str(match endpoint {
        Endpoint::Chat => ",\"content\":\"",
        Endpoint::Generate => ",\"response\":\"",
    });
    line.push_str(content);
    line.push('"');
    if !thinking.is_empty() {
        line.push_str(",\"thinking\":\"");
        line.push_str(thinking);
        line.push('"');
    }
}

/// A duration as applications divide by it (nanoseconds, at least 1).
pub fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos())
        .unwrap_or(u64::MAX)
        .max(1)
}
