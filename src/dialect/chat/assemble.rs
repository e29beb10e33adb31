//! A stream's chunks put together into one answer, for a client that asked for a plain answer and a provider that
//! streamed nevertheless.

use std::collections::BTreeMap;

use super::chunk::{ChunkJudge, deltas};
use super::merge::MergedObject;
use crate::dialect::answer::Flaw;
use crate::dialect::chat::delta::Delta;
use crate::dialect::{Assemble, FrameKind};
use crate::json::raw;

/// OpenAI's bound for `n`, and for the tools of a request.
const MAX_CHOICES: usize = 128;
const MAX_TOOL_CALLS: usize = 1024;

/// The writer of a whole answer from deltas. Its memory is linear in the chunks pushed; the caller bounds those.
#[derive(Debug, Default)]
pub struct Assembler {
    top: MergedObject,
    choices: BTreeMap<u64, MergedChoice>,
}

#[derive(Debug, Default)]
struct MergedChoice {
    members: MergedObject,
    message: MergedObject,
    calls: Vec<MergedObject>,
    /// The position in `calls` of the latest call with an index.
    positions: BTreeMap<u64, usize>,
}

impl Assemble for Assembler {
    /// `[DONE]` adds nothing.
    fn push(&mut self, data: &str) -> Result<(), Flaw> {
        match ChunkJudge::default().judge_data(data).kind {
            FrameKind::End | FrameKind::Heartbeat => Ok(()),
            FrameKind::Error(error) => Err(Flaw::ErrorObject(error)),
            FrameKind::Broken(reason) | FrameKind::Unusable(reason) => Err(Flaw::NotJson(reason)),
            FrameKind::Content | FrameKind::Reasoning | FrameKind::Prelude | FrameKind::Opening => {
                deltas(data, &mut |delta| self.write(delta))
            }
        }
    }

    fn finish(self: Box<Self>) -> String {
        let mut answer = String::from(r#"{"object":"chat.completion""#);
        let mut top = String::new();
        self.top.write_members(&mut top);
        if !top.is_empty() {
            answer.push(',');
            answer.push_str(&top);
        }
        answer.push_str(r#","choices":["#);
        for (position, (index, choice)) in self.choices.into_iter().enumerate() {
            if position > 0 {
                answer.push(',');
            }
            choice.write(index, &mut answer);
        }
        answer.push_str("]}");
        answer
    }
}

impl Assembler {
    fn write(&mut self, delta: Delta<'_>) -> Result<(), Flaw> {
        match delta {
            Delta::Answer(member) if raw::is_key(member.key, "object") => Ok(()),
            Delta::Answer(member) => self.top.merge(member.key, member.value),
            Delta::Choice(index) => self.choice(index).map(drop),
            Delta::OfChoice(index, member) => {
                let members = &mut self.choice(index)?.members;
                members.merge(member.key, member.value)
            }
            // Calls come one by one; a member in their place says that there are none.
            Delta::OfMessage(_, member) if raw::is_key(member.key, "tool_calls") => Ok(()),
            Delta::OfMessage(index, member) => {
                let message = &mut self.choice(index)?.message;
                message.merge(member.key, member.value)
            }
            Delta::ToolCall { choice, call } => self.choice(choice)?.push_call(call),
        }
    }

    fn choice(&mut self, index: u64) -> Result<&mut MergedChoice, Flaw> {
        if self.choices.len() >= MAX_CHOICES && !self.choices.contains_key(&index) {
            return Err(Flaw::TooMany("choices"));
        }
        Ok(self.choices.entry(index).or_default())
    }
}

impl MergedChoice {
    fn push_call(&mut self, call: &str) -> Result<(), Flaw> {
        let index = raw::member(call, "index").and_then(raw::whole_number);
        let known = match index {
            Some(index) => self.positions.get(&index).copied(),
            None => self.calls.len().checked_sub(1),
        };
        let known = known.filter(|position| {
            self.calls
                .get(*position)
                .is_some_and(|known| !is_another(known, call))
        });
        let position = known.unwrap_or(self.calls.len());
        if position >= MAX_TOOL_CALLS {
            return Err(Flaw::TooMany("tool calls"));
        }
        if known.is_none() {
            self.calls.push(MergedObject::default());
        }
        if let Some(index) = index {
            self.positions.insert(index, position);
        }
        match self.calls.get_mut(position) {
            Some(known) => known.merge_all(call, |key| key != "index"),
            None => Ok(()),
        }
    }

    fn write(mut self, index: u64, out: &mut String) {
        self.message.ensure("role", r#""assistant""#);
        self.message.ensure("content", "null");
        self.members.ensure("finish_reason", "null");
        out.push_str(&format!(r#"{{"index":{index},"message":{{"#));
        self.message.write_members(out);
        if !self.calls.is_empty() {
            out.push_str(r#","tool_calls":["#);
            for (position, call) in self.calls.iter().enumerate() {
                out.push_str(if position > 0 { ",{" } else { "{" });
                call.write_members(out);
                out.push('}');
            }
            out.push(']');
        }
        out.push_str("},");
        self.members.write_members(out);
        out.push('}');
    }
}

/// Whether a delta begins another call than the one that stands at its index. Gemini's compatible API gives parallel
/// calls the same index, or none; they differ in their ids and each comes with its name. An id alone does not tell:
/// old versions of vLLM made up a new one for every delta.
fn is_another(known: &MergedObject, call: &str) -> bool {
    let function = raw::member(call, "function").unwrap_or_default();
    let has_name = raw::member(function, "name")
        .and_then(raw::inside)
        .is_some_and(|name| !name.is_empty());
    let id = raw::member(call, "id").and_then(raw::inside);
    match (id, known.text("id")) {
        (Some(id), Some(known)) => has_name && !id.is_empty() && id != known,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::whole;
    use super::*;
    use crate::dialect::provider_error::ProviderError;

    fn assemble(chunks: &[&str]) -> Result<String, Flaw> {
        let mut assembler = Box::new(Assembler::default());
        for chunk in chunks {
            assembler.push(chunk)?;
        }
        whole(assembler.finish()).map(|answer| answer.text().to_owned())
    }

    /// A message from a chunk per delta of the first choice.
    fn message(deltas: &[&str]) -> String {
        let chunks: Vec<String> = deltas
            .iter()
            .map(|delta| format!(r#"{{"choices":[{{"index":0,"delta":{delta}}}]}}"#))
            .collect();
        let chunks: Vec<&str> = chunks.iter().map(String::as_str).collect();
        let answer = assemble(&chunks).unwrap();
        let mut message = None;
        raw::each_item(raw::member(&answer, "choices").unwrap(), &mut |choice| {
            message = raw::member(choice, "message");
        })
        .unwrap();
        message.unwrap().to_owned()
    }

    #[test]
    fn a_stream_becomes_the_answer_it_would_have_been() {
        let answer = assemble(&[
            r#"{"id":"c","object":"chat.completion.chunk","created":7,"model":"m","system_fingerprint":"fp","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}"#,
            r#"{"id":"c","object":"chat.completion.chunk","created":7,"model":"m","choices":[{"index":0,"delta":{"content":"Hel"},"finish_reason":null}]}"#,
            r#"{"id":"c","created":7,"model":"m","choices":[{"index":1,"delta":{"content":"other"}},{"index":0,"delta":{"content":"lo"}}]}"#,
            r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"},{"index":1,"delta":{},"finish_reason":"length"}]}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#,
            "[DONE]",
        ]);
        assert_eq!(
            answer.unwrap(),
            concat!(
                r#"{"object":"chat.completion","id":"c","created":7,"model":"m","system_fingerprint":"fp","#,
                r#""usage":{"prompt_tokens":1,"completion_tokens":2},"choices":["#,
                r#"{"index":0,"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"},"#,
                r#"{"index":1,"message":{"content":"other","role":"assistant"},"finish_reason":"length"}]}"#,
            )
        );
    }

    #[test]
    fn tool_calls_are_put_together_however_they_are_numbered() {
        let f = r#"{"id":"1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}"#;
        let g = r#"{"id":"2","type":"function","function":{"name":"g","arguments":"{}"}}"#;
        let expected = format!(r#"{{"role":"assistant","content":null,"tool_calls":[{f},{g}]}}"#);
        let first = r#"{"role":"assistant","content":null}"#;
        for deltas in [
            // In pieces, interleaved.
            &[
                r#"{"tool_calls":[{"index":0,"id":"1","type":"function","function":{"name":"f","arguments":""}}]}"#,
                r#"{"tool_calls":[{"index":1,"id":"2","type":"function","function":{"name":"g","arguments":"{"}}]}"#,
                r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\""}},{"index":1,"function":{"arguments":"}"}}]}"#,
                r#"{"tool_calls":[{"index":0,"id":"1","function":{"name":"f","arguments":":1}"}}]}"#,
            ][..],
            // Whole, with the same index, and without any.
            &[
                r#"{"tool_calls":[{"index":0,"id":"1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]}"#,
                r#"{"tool_calls":[{"index":0,"id":"2","type":"function","function":{"name":"g","arguments":"{}"}}]}"#,
            ],
            &[
                r#"{"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{\"a\":"}}]}"#,
                r#"{"tool_calls":[{"function":{"arguments":"1}"}}]}"#,
                r#"{"tool_calls":[{"id":"2","type":"function","function":{"name":"g","arguments":"{}"}}]}"#,
            ],
        ] {
            let deltas: Vec<&str> = std::iter::once(&first).chain(deltas).copied().collect();
            assert_eq!(message(&deltas), expected, "{deltas:?}");
        }
    }

    #[test]
    fn an_id_that_changes_with_every_piece_does_not_tear_a_call_apart() {
        let message = message(&[
            r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{"}}]}"#,
            r#"{"tool_calls":[{"index":0,"id":"b","function":{"arguments":"}"}}]}"#,
        ]);
        assert!(
            message.contains(r#""function":{"name":"f","arguments":"{}"}"#),
            "{message}"
        );
    }

    #[test]
    fn reasoning_refusals_and_unknown_members_are_kept() {
        assert_eq!(
            message(&[
                r#"{"role":"assistant","reasoning_content":"a","x":1}"#,
                r#"{"reasoning_content":"b","refusal":"n"}"#,
                r#"{"refusal":"o","function_call":{"name":"f","arguments":"{"}}"#,
                r#"{"function_call":{"arguments":"}"},"x":2}"#,
            ]),
            r#"{"role":"assistant","reasoning_content":"ab","x":2,"refusal":"no","function_call":{"name":"f","arguments":"{}"},"content":null}"#
        );
    }

    #[test]
    fn what_makes_no_answer_says_why() {
        assert_eq!(assemble(&[]), Err(Flaw::NoChoices));
        assert_eq!(
            assemble(&[r#"{"choices":[],"usage":{}}"#, "[DONE]"]),
            Err(Flaw::NoChoices)
        );
        assert_eq!(
            assemble(&[r#"{"choices":[{"delta":{"role":"assistant"}}]}"#]),
            Err(Flaw::EmptyContent)
        );
        assert!(matches!(assemble(&["{"]), Err(Flaw::NotJson(_))));
        let error = ProviderError::saying("m".to_owned());
        assert_eq!(
            assemble(&[r#"{"error":"m"}"#]),
            Err(Flaw::ErrorObject(error))
        );
    }

    #[test]
    fn indexes_do_not_become_memory() {
        let far = r#"{"choices":[{"index":18446744073709551615,"delta":{"content":"x","tool_calls":[{"index":4000000000,"id":"1"}]}}]}"#;
        assert!(
            assemble(&[far])
                .unwrap()
                .contains(r#""tool_calls":[{"id":"1"}]"#)
        );

        let choices: Vec<String> = (0..=MAX_CHOICES)
            .map(|n| format!(r#"{{"index":{n}}}"#))
            .collect();
        let chunk = format!(r#"{{"choices":[{}]}}"#, choices.join(","));
        assert_eq!(assemble(&[&chunk]), Err(Flaw::TooMany("choices")));
        let calls: Vec<String> = (0..=MAX_TOOL_CALLS)
            .map(|n| format!(r#"{{"index":{n}}}"#))
            .collect();
        let chunk = format!(
            r#"{{"choices":[{{"delta":{{"tool_calls":[{}]}}}}]}}"#,
            calls.join(",")
        );
        assert_eq!(assemble(&[&chunk]), Err(Flaw::TooMany("tool calls")));
    }
}
