//! A stream's chunks put together into one answer, for a client that asked for a plain answer and a provider that
//! streamed nevertheless.

use std::collections::BTreeMap;

use super::answer::{Answer, Flaw};
use super::chunk::{Chunk, ChunkKind};
use super::merge::Fields;
use crate::json::raw;

/// OpenAI's bound for `n`, and for the tools of a request.
const MAX_CHOICES: usize = 128;
const MAX_TOOL_CALLS: usize = 1024;

/// Takes the data of events one by one. Its memory is linear in what was pushed; how much that is, the caller bounds.
#[derive(Debug, Default)]
pub struct Assembler {
    top: Fields,
    choices: BTreeMap<u64, Choice>,
}

#[derive(Debug, Default)]
struct Choice {
    fields: Fields,
    message: Fields,
    calls: Vec<Fields>,
    /// The place of the latest call with an index.
    places: BTreeMap<u64, usize>,
}

impl Assembler {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an event's data; `[DONE]` adds nothing. Whether the stream came to its end is for the caller to see, from
    /// [`Chunk::inspect`].
    pub fn push(&mut self, data: &str) -> Result<(), Flaw> {
        match Chunk::inspect(data).kind {
            ChunkKind::Done => return Ok(()),
            ChunkKind::Error(error) => return Err(Flaw::ErrorObject(error)),
            ChunkKind::NotJson(reason) => return Err(Flaw::NotJson(reason)),
            ChunkKind::Content | ChunkKind::Prelude => {}
        }
        let choices = raw::member(data, "choices").unwrap_or_default();
        self.top
            .merge_all(data, |key| !matches!(key, "choices" | "object"))?;
        let mut pushed = Ok(());
        // What is no array has no choices.
        let _ = raw::each_item(choices, &mut |choice| {
            if pushed.is_ok() {
                pushed = self.push_choice(choice);
            }
        });
        pushed
    }

    /// The answer, if it is one.
    pub fn finish(self) -> Result<Answer, Flaw> {
        let mut answer = String::from(r#"{"object":"chat.completion""#);
        let mut top = String::new();
        self.top.write_members(&mut top);
        if !top.is_empty() {
            answer.push(',');
            answer.push_str(&top);
        }
        answer.push_str(r#","choices":["#);
        for (place, (index, choice)) in self.choices.into_iter().enumerate() {
            if place > 0 {
                answer.push(',');
            }
            choice.write(index, &mut answer);
        }
        answer.push_str("]}");
        Answer::read(answer)
    }

    fn push_choice(&mut self, choice: &str) -> Result<(), Flaw> {
        let index = raw::member(choice, "index").and_then(raw::whole_number);
        let index = index.unwrap_or_default();
        if self.choices.len() >= MAX_CHOICES && !self.choices.contains_key(&index) {
            return Err(Flaw::TooMany("choices"));
        }
        self.choices.entry(index).or_default().push(choice)
    }
}

impl Choice {
    fn push(&mut self, choice: &str) -> Result<(), Flaw> {
        self.fields
            .merge_all(choice, |key| !matches!(key, "index" | "delta"))?;
        let delta = raw::member(choice, "delta").unwrap_or_default();
        self.message.merge_all(delta, |key| key != "tool_calls")?;
        let calls = raw::member(delta, "tool_calls").unwrap_or_default();
        let mut pushed = Ok(());
        let _ = raw::each_item(calls, &mut |call| {
            if pushed.is_ok() {
                pushed = self.push_call(call);
            }
        });
        pushed
    }

    fn push_call(&mut self, call: &str) -> Result<(), Flaw> {
        let index = raw::member(call, "index").and_then(raw::whole_number);
        let known = match index {
            Some(index) => self.places.get(&index).copied(),
            None => self.calls.len().checked_sub(1),
        };
        let known = known.filter(|place| {
            self.calls
                .get(*place)
                .is_some_and(|fields| !is_another(fields, call))
        });
        let place = known.unwrap_or(self.calls.len());
        if place >= MAX_TOOL_CALLS {
            return Err(Flaw::TooMany("tool calls"));
        }
        if known.is_none() {
            self.calls.push(Fields::default());
        }
        if let Some(index) = index {
            self.places.insert(index, place);
        }
        match self.calls.get_mut(place) {
            Some(fields) => fields.merge_all(call, |key| key != "index"),
            None => Ok(()),
        }
    }

    fn write(mut self, index: u64, out: &mut String) {
        self.message.ensure("role", r#""assistant""#);
        self.message.ensure("content", "null");
        self.fields.ensure("finish_reason", "null");
        out.push_str(&format!(r#"{{"index":{index},"message":{{"#));
        self.message.write_members(out);
        if !self.calls.is_empty() {
            out.push_str(r#","tool_calls":["#);
            for (place, call) in self.calls.iter().enumerate() {
                out.push_str(if place > 0 { ",{" } else { "{" });
                call.write_members(out);
                out.push('}');
            }
            out.push(']');
        }
        out.push_str("},");
        self.fields.write_members(out);
        out.push('}');
    }
}

/// Whether a delta begins another call than the one that stands at its index. Gemini's compatible API gives parallel
/// calls the same index, or none; they differ in their ids and each comes with its name. An id alone does not tell:
/// old versions of vLLM made up a new one for every delta.
fn is_another(known: &Fields, call: &str) -> bool {
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
    use super::*;
    use crate::dialect::provider_error::ProviderError;

    fn assemble(chunks: &[&str]) -> Result<String, Flaw> {
        let mut assembler = Assembler::new();
        for chunk in chunks {
            assembler.push(chunk)?;
        }
        assembler.finish().map(Answer::into_text)
    }

    /// One chunk per delta of the first choice.
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
        let error = ProviderError {
            message: "m".to_owned(),
            ..ProviderError::default()
        };
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
