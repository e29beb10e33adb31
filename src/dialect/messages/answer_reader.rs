//! The events of a provider's stream as deltas of the canonical form.

use std::borrow::Cow;

use crate::dialect::answer::Flaw;
use crate::dialect::canonical::{Begin, CallFragment, Delta, End, ReasoningMember, TokenCounts};
use crate::dialect::translate::AnswerReader;
use crate::json::raw;

/// The reader of one stream. Tools that run at the provider, their results, and thinking that is hidden are left out.
#[derive(Default)]
pub struct EventReader {
    has_begun: bool,
    has_ended: bool,
    counts: Option<TokenCounts>,
    /// The indexes of the blocks that are calls.
    calls: Vec<u64>,
}

/// Whatever takes deltas.
type Take<'t> = dyn FnMut(Delta<'_>) -> Result<(), Flaw> + 't;

impl AnswerReader for EventReader {
    fn read(&mut self, data: &str, take: &mut Take<'_>) -> Result<(), Flaw> {
        let event = Event::of(data);
        let kind = event.kind();
        if !self.has_begun {
            self.has_begun = true;
            let text = |member| raw::member(event.message, member).and_then(raw::inside);
            take(Delta::Begin(Begin {
                id: text("id"),
                model: text("model"),
            }))?;
        }
        match kind.as_ref() {
            "message_start" => {
                let usage = raw::member(event.message, "usage");
                self.count(usage.unwrap_or_default(), take)
            }
            "content_block_start" => self.begin_block(&event, take),
            "content_block_delta" => self.read_delta(&event, take),
            "message_delta" => {
                self.count(event.usage, take)?;
                match raw::member(event.delta, "stop_reason").and_then(raw::text) {
                    Some(reason) => self.end(end_of(&reason, event.delta), take),
                    None => Ok(()),
                }
            }
            "message_stop" => self.end(End::Unknown, take),
            _ => Ok(()),
        }
    }
}

impl EventReader {
    fn begin_block(&mut self, event: &Event<'_>, take: &mut Take<'_>) -> Result<(), Flaw> {
        let block = event.block;
        let text = |member| raw::member(block, member).and_then(raw::inside);
        let said = |member| text(member).filter(|text| !text.is_empty());
        match raw::kind_of(block).as_deref() {
            Some("text") => said("text").map_or(Ok(()), |text| take(Delta::Text(text))),
            Some("thinking") => {
                said("thinking").map_or(Ok(()), |text| take(reasoning(text)))?;
                said("signature").map_or(Ok(()), |text| take(Delta::Signature(text)))
            }
            Some("tool_use") => {
                self.calls.push(event.index);
                // Some servers tell the whole input at once.
                let input = raw::member(block, "input").filter(|input| !is_empty(input));
                let input = input.map(raw::quoted).unwrap_or_default();
                take(Delta::Call(CallFragment {
                    index: Some(event.index),
                    id: text("id"),
                    name: text("name"),
                    arguments: raw::inside(&input).unwrap_or_default(),
                }))
            }
            _ => Ok(()),
        }
    }

    fn read_delta(&self, event: &Event<'_>, take: &mut Take<'_>) -> Result<(), Flaw> {
        let (mut kind, mut text, mut citation) = (None, "", "");
        // What is no object says nothing.
        let _ = raw::each_member(event.delta, &mut |key, value| match key {
            "\"type\"" => kind = raw::inside(value),
            "\"text\"" | "\"thinking\"" | "\"partial_json\"" | "\"signature\"" => {
                text = raw::inside(value).unwrap_or_default();
            }
            "\"citation\"" => citation = value,
            _ => {}
        });
        match kind {
            Some("citations_delta") if raw::member(citation, "url").is_some() => {
                take(Delta::Citation(citation))
            }
            _ if text.is_empty() => Ok(()),
            Some("text_delta") => take(Delta::Text(text)),
            Some("thinking_delta") => take(reasoning(text)),
            Some("signature_delta") => take(Delta::Signature(text)),
            Some("input_json_delta") if self.calls.contains(&event.index) => {
                take(Delta::Call(CallFragment {
                    index: Some(event.index),
                    arguments: text,
                    ..CallFragment::default()
                }))
            }
            _ => Ok(()),
        }
    }

    fn count(&mut self, usage: &str, take: &mut Take<'_>) -> Result<(), Flaw> {
        match TokenCounts::of_messages(usage, self.counts) {
            Some(counts) => {
                self.counts = Some(counts);
                take(Delta::Usage(counts))
            }
            None => Ok(()),
        }
    }

    fn end(&mut self, end: End<'_>, take: &mut Take<'_>) -> Result<(), Flaw> {
        if std::mem::replace(&mut self.has_ended, true) {
            return Ok(());
        }
        take(Delta::End(end))
    }
}

fn reasoning(text: &str) -> Delta<'_> {
    Delta::Reasoning {
        text,
        member: ReasoningMember::Thinking,
    }
}

fn is_empty(input: &str) -> bool {
    let mut members = 0;
    let read = raw::each_member(input, &mut |_, _| members += 1);
    read.is_err() || members == 0
}

fn end_of<'d>(reason: &str, delta: &'d str) -> End<'d> {
    match reason {
        "end_turn" | "pause_turn" => End::Stop,
        "stop_sequence" => {
            let sequence = raw::member(delta, "stop_sequence").and_then(raw::inside);
            End::StopSequence(sequence)
        }
        "max_tokens" | "model_context_window_exceeded" => End::Length,
        "tool_use" => End::ToolCalls,
        "refusal" => End::ContentFilter,
        _ => End::Unknown,
    }
}

/// The members of an event that say something, raw; empty where they are missing.
#[derive(Default)]
struct Event<'a> {
    kind: &'a str,
    index: u64,
    message: &'a str,
    block: &'a str,
    delta: &'a str,
    usage: &'a str,
}

impl<'a> Event<'a> {
    fn of(data: &'a str) -> Self {
        let mut event = Self::default();
        // The judge has let it pass: it is an object.
        let _ = raw::each_member(data, &mut |key, value| match key {
            "\"type\"" => event.kind = value,
            "\"index\"" => event.index = raw::whole_number(value).unwrap_or(0),
            "\"message\"" => event.message = value,
            "\"content_block\"" => event.block = value,
            "\"delta\"" => event.delta = value,
            "\"usage\"" => event.usage = value,
            _ => {}
        });
        event
    }

    fn kind(&self) -> Cow<'a, str> {
        raw::text(self.kind).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(events: &[&str]) -> Vec<String> {
        let mut reader = EventReader::default();
        let mut said = Vec::new();
        for event in events {
            reader
                .read(event, &mut |delta| {
                    said.push(match delta {
                        Delta::Begin(begin) => format!("begin {:?} {:?}", begin.id, begin.model),
                        Delta::Text(text) => format!("text {text}"),
                        Delta::Reasoning { text, .. } => format!("reasoning {text}"),
                        Delta::Signature(text) => format!("signature {text}"),
                        Delta::Call(call) => format!(
                            "call {:?} {:?} {:?} {}",
                            call.index, call.id, call.name, call.arguments
                        ),
                        Delta::Usage(counts) => {
                            format!(
                                "usage {:?} {:?} {}",
                                counts.input, counts.output, counts.cached
                            )
                        }
                        Delta::End(end) => format!("end {end:?}"),
                        other => format!("{other:?}"),
                    });
                    Ok(())
                })
                .unwrap();
        }
        said
    }

    #[test]
    fn a_stream_says_what_its_blocks_say() {
        let said = read(&[
            r#"{"type":"message_start","message":{"id":"msg_1","model":"m","usage":{"input_tokens":3,"cache_read_input_tokens":4,"output_tokens":1}}}"#,
            r#"{"type":"ping"}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"h\nm"}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"s"}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":"a"}}"#,
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"b"}}"#,
            r#"{"type":"content_block_start","index":2,"content_block":{"type":"server_tool_use","id":"s","name":"web_search","input":{}}}"#,
            r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{}"}}"#,
            r#"{"type":"content_block_start","index":3,"content_block":{"type":"web_search_tool_result","content":[]}}"#,
            r#"{"type":"content_block_start","index":4,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
            r#"{"type":"content_block_delta","index":4,"delta":{"type":"input_json_delta","partial_json":"{\"a\":1}"}}"#,
            r#"{"type":"content_block_start","index":5,"content_block":{"type":"tool_use","id":"u","name":"g","input":{"b":"c"}}}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":9}}"#,
            r#"{"type":"message_stop"}"#,
        ]);
        assert_eq!(
            said,
            [
                r#"begin Some("msg_1") Some("m")"#,
                "usage Some(7) Some(1) 4",
                r"reasoning h\nm",
                "signature s",
                "text a",
                "text b",
                r#"call Some(4) Some("t") Some("f") "#,
                r#"call Some(4) None None {\"a\":1}"#,
                r#"call Some(5) Some("u") Some("g") {\"b\":\"c\"}"#,
                "usage Some(7) Some(9) 4",
                "end ToolCalls",
            ]
        );
    }

    #[test]
    fn a_stream_ends_once_for_the_reason_that_it_tells() {
        for (reason, end) in [
            (r#""end_turn""#, "end Stop"),
            (r#""pause_turn""#, "end Stop"),
            (r#""max_tokens""#, "end Length"),
            (r#""model_context_window_exceeded""#, "end Length"),
            (r#""refusal""#, "end ContentFilter"),
            (r#""tool_use""#, "end ToolCalls"),
            (
                r#""stop_sequence","stop_sequence":"X""#,
                r#"end StopSequence(Some("X"))"#,
            ),
            (r#""new""#, "end Unknown"),
            ("null", "end Unknown"),
        ] {
            let said = read(&[
                &format!(r#"{{"type":"message_delta","delta":{{"stop_reason":{reason}}}}}"#),
                r#"{"type":"message_stop"}"#,
            ]);
            assert_eq!(said, ["begin None None", end], "{reason}");
        }
    }

    #[test]
    fn a_citation_of_a_page_is_told() {
        let delta = |citation: &str| {
            format!(
                r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"citations_delta","citation":{citation}}}}}"#
            )
        };
        let web = r#"{"type":"web_search_result_location","url":"u","title":"t"}"#;
        let said = read(&[&delta(web), &delta(r#"{"type":"page_location"}"#)]);
        assert_eq!(
            said,
            [
                "begin None None".to_owned(),
                format!("{:?}", Delta::Citation(web))
            ]
        );
    }
}
