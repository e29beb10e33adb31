//! An answer as the chunks of a chat stream, from canonical deltas.

use std::fmt::Write as _;
use std::time::UNIX_EPOCH;

use crate::dialect::DONE;
use crate::dialect::answer::Flaw;
use crate::dialect::canonical::{Begin, End, Escaped, Names, OrderedDelta, TokenCounts};
use crate::dialect::error::ErrorBody;
use crate::dialect::translate::{AnswerWriter, Answering, Frames};
use crate::json::raw;

/// The writer of one answer.
pub struct ChunkWriter {
    /// The members that every chunk has, without their braces.
    envelope: String,
    model: Option<String>,
    names: Names,
    seed: u64,
    created: u64,
    /// The counts of tokens are told at the end: the client asks for them, or the answer is put together from the chunks.
    tells_usage: bool,
    summary: Option<String>,
    calls: usize,
    usage: Option<TokenCounts>,
    end: Option<&'static str>,
}

impl ChunkWriter {
    pub fn new(answering: Answering<'_>) -> Self {
        let request = answering.request;
        let options = request
            .payload
            .object()
            .and_then(|object| object.get("stream_options"));
        let asks = options.and_then(|options| raw::member(options, "include_usage"));
        let since = answering.now.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            envelope: String::new(),
            model: answering.model.map(raw::quoted),
            names: answering.names,
            seed: answering.seed,
            created: since.as_secs(),
            tells_usage: !request.stream || asks == Some("true"),
            summary: None,
            calls: 0,
            usage: None,
            end: None,
        }
    }

    fn begin(&mut self, begin: Begin<'_>, out: &mut Frames) {
        let mut envelope = String::from(r#""id":""#);
        let id = begin.id.filter(|id| !id.is_empty());
        // A String takes whatever is written.
        let _ = match id {
            Some(id) => write!(envelope, "{id}"),
            None => write!(envelope, "chatcmpl-{:016x}", self.seed),
        };
        let _ = write!(
            envelope,
            r#"","object":"chat.completion.chunk","created":{},"model":"#,
            self.created
        );
        match (&self.model, begin.model) {
            (Some(model), _) => envelope.push_str(model),
            (None, model) => {
                let _ = write!(envelope, "\"{}\"", model.unwrap_or_default());
            }
        }
        self.envelope = envelope;
        self.delta(out, |out| {
            out.push_str(r#""role":"assistant","content":"""#)
        });
    }

    /// Writes a chunk whose delta has these members.
    fn delta(&mut self, out: &mut Frames, write: impl FnOnce(&mut String)) {
        self.chunk(out, |out| {
            out.push_str(r#"[{"index":0,"delta":{"#);
            write(out);
            out.push_str(r#"},"finish_reason":null}]"#);
        });
    }

    fn chunk(&mut self, out: &mut Frames, write_choices: impl FnOnce(&mut String)) {
        let summary = self.summary.take();
        let usage = self
            .usage
            .filter(|_| self.end.is_some() && self.tells_usage);
        out.put(None, |out| {
            out.push('{');
            out.push_str(&self.envelope);
            out.push_str(r#","choices":"#);
            write_choices(out);
            if let Some(usage) = usage {
                write_usage(out, &usage);
            }
            if let Some(summary) = summary {
                out.push_str(r#","routing_summary":"#);
                out.push_str(&summary);
            }
            out.push('}');
        });
    }

    fn text(&mut self, member: &str, text: &str, out: &mut Frames) {
        self.delta(out, |out| {
            let _ = write!(out, r#""{member}":"{text}""#);
        });
    }

    fn call_begins(&mut self, id: Option<&str>, name: &str, out: &mut Frames) {
        let index = self.calls;
        self.calls += 1;
        let made = format!("call_{:016x}_{index}", self.seed);
        let id = id.filter(|id| !id.is_empty()).unwrap_or(&made).to_owned();
        let name = Escaped::plain(name);
        let name = raw::quoted(self.names.restored(&name.decoded()));
        self.delta(out, |out| {
            let _ = write!(
                out,
                r#""tool_calls":[{{"index":{index},"id":"{id}","type":"function","function":{{"name":{name},"arguments":""}}}}]"#
            );
        });
    }

    fn arguments(&mut self, part: &str, out: &mut Frames) {
        let index = self.calls.saturating_sub(1);
        self.delta(out, |out| {
            let _ = write!(
                out,
                r#""tool_calls":[{{"index":{index},"function":{{"arguments":"{part}"}}}}]"#
            );
        });
    }
}

impl AnswerWriter for ChunkWriter {
    fn summarize(&mut self, routing_summary: &str) {
        self.summary = Some(routing_summary.to_owned());
    }

    fn write(&mut self, delta: OrderedDelta<'_>, out: &mut Frames) -> Result<(), Flaw> {
        match delta {
            OrderedDelta::Begin(begin) => self.begin(begin, out),
            OrderedDelta::Text(text) => self.text("content", text, out),
            OrderedDelta::Refusal(text) => self.text("refusal", text, out),
            OrderedDelta::Reasoning { text, .. } => self.text("reasoning_content", text, out),
            OrderedDelta::CallBegins { id, name } => self.call_begins(id, name, out),
            OrderedDelta::Arguments(part) => self.arguments(part, out),
            OrderedDelta::Image(url) => self.delta(out, |out| {
                let _ = write!(
                    out,
                    r#""images":[{{"type":"image_url","image_url":{{"url":"{url}"}}}}]"#
                );
            }),
            OrderedDelta::Usage(counts) => self.usage = Some(counts),
            OrderedDelta::End(end) => {
                self.end = Some(match end {
                    End::Length => "length",
                    End::ToolCalls => "tool_calls",
                    End::ContentFilter => "content_filter",
                    End::Stop | End::StopSequence(_) | End::Unknown => "stop",
                });
            }
            // Chat has no place for these.
            OrderedDelta::Signature(_)
            | OrderedDelta::Citation(_)
            | OrderedDelta::Logprobs(_)
            | OrderedDelta::CallEnds { .. } => {}
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Frames) -> Result<(), Flaw> {
        if self.envelope.is_empty() {
            self.begin(Begin::default(), out);
        }
        let usage = self.usage.take();
        let reason = *self.end.get_or_insert("stop");
        self.chunk(out, |out| {
            let _ = write!(
                out,
                r#"[{{"index":0,"delta":{{}},"finish_reason":"{reason}"}}]"#
            );
        });
        if self.tells_usage && usage.is_some() {
            self.usage = usage;
            self.chunk(out, |out| out.push_str("[]"));
        }
        out.put(None, |out| out.push_str(DONE));
        Ok(())
    }

    fn break_off(&mut self, error: &ErrorBody<'_>, out: &mut Frames) {
        let error = String::from_utf8(error.to_json()).unwrap_or_default();
        out.put(None, |out| out.push_str(&error));
    }
}

fn write_usage(out: &mut String, usage: &TokenCounts) {
    let (input, output) = (usage.input.unwrap_or(0), usage.output.unwrap_or(0));
    // A String takes whatever is written.
    let _ = write!(
        out,
        r#","usage":{{"prompt_tokens":{input},"completion_tokens":{output},"total_tokens":{},"prompt_tokens_details":{{"cached_tokens":{}}}}}"#,
        usage.sum().unwrap_or(input.saturating_add(output)),
        usage.cached
    );
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::dialect::Dialect;
    use crate::dialect::chat::Chat;
    use crate::dialect::step_traits::PLAIN;
    use crate::dialect::translate::{FrameForm, Target};

    fn written(body: &str, names: Names, deltas: &[OrderedDelta<'_>]) -> Vec<String> {
        let request = Chat.read(body.as_bytes().into()).unwrap();
        let mut writer = ChunkWriter::new(Answering {
            request: &request,
            target: Target {
                traits: &PLAIN,
                replays_reasoning: false,
                kept: &[],
            },
            names,
            model: Some("r"),
            seed: 1,
            now: SystemTime::UNIX_EPOCH + Duration::from_secs(7),
        });
        writer.summarize("{}");
        let mut frames = Frames::new(FrameForm::Data);
        for delta in deltas {
            writer.write(*delta, &mut frames).unwrap();
        }
        writer.finish(&mut frames).unwrap();
        frames.data
    }

    const PLAIN_REQUEST: &str = r#"{"model":"r","messages":[{"role":"user","content":"a"}]}"#;

    #[test]
    fn names_of_tools_come_back_as_the_client_knows_them() {
        let mut names = Names::default();
        let long = "ü".repeat(70);
        let sent = names.sent(&long);
        for (said, expected) in [(sent.as_str(), long.as_str()), (r"f\u00fc", "fü")] {
            let deltas = [
                OrderedDelta::Begin(Begin::default()),
                OrderedDelta::CallBegins {
                    id: None,
                    name: said,
                },
            ];
            let chunks = written(PLAIN_REQUEST, names.clone(), &deltas);
            let name = format!(r#""name":"{expected}""#);
            assert!(chunks[1].contains(&name), "{}", chunks[1]);
        }
    }

    #[test]
    fn counts_come_behind_the_end_where_they_are_asked_for() {
        let counts = TokenCounts {
            input: Some(3),
            output: Some(5),
            ..TokenCounts::default()
        };
        let deltas = [
            OrderedDelta::Begin(Begin::default()),
            OrderedDelta::Text("a"),
            OrderedDelta::Usage(counts),
            OrderedDelta::End(End::Length),
        ];
        let streamed = PLAIN_REQUEST.replace("{\"model\"", "{\"stream\":true,\"model\"");
        let asked = streamed.replace(
            "{\"stream\"",
            "{\"stream_options\":{\"include_usage\":true},\"stream\"",
        );
        for (body, has_usage) in [
            (PLAIN_REQUEST, true),
            (streamed.as_str(), false),
            (asked.as_str(), true),
        ] {
            let chunks = written(body, Names::default(), &deltas);
            let told = chunks
                .iter()
                .filter(|chunk| chunk.contains("\"usage\""))
                .count();
            assert_eq!(told, usize::from(has_usage), "{chunks:?}");
            assert!(
                chunks[0].ends_with(r#""routing_summary":{}}"#),
                "{}",
                chunks[0]
            );
            assert!(
                chunks[2].contains(r#""finish_reason":"length""#),
                "{chunks:?}"
            );
            assert_eq!(chunks.last().map(String::as_str), Some(DONE));
        }
    }
}
