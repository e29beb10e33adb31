//! An answer made into the chunks of a stream, for a client that asked for a stream and a provider that answered plain.

use super::answer::deltas;
use crate::dialect::answer::Flaw;
use crate::dialect::chat::delta::{Delta, Member};
use crate::json::{Object, raw};

/// OpenAI's bound for `n`.
const MAX_CHOICES: usize = 128;

/// The members that every chunk repeats, if they are short. All others stand in the first one only.
const REPEATED: [&str; 5] = [
    "id",
    "created",
    "model",
    "system_fingerprint",
    "service_tier",
];
const MAX_REPEATED: usize = 1024;

/// The data of one event for each choice, with the usage in the last one, without an end mark (at most about twice the
/// size of the answer and 128 times 5 KiB).
///
/// # Errors
/// More choices than any sane answer has.
pub fn split(answer: &str) -> Result<Vec<String>, Flaw> {
    let mut splitter = Splitter::default();
    deltas(answer, &mut |delta| splitter.write(delta))?;
    Ok(splitter.finish())
}

/// The writer of chunks from deltas.
#[derive(Default)]
struct Splitter<'a> {
    members: Vec<Member<'a>>,
    choices: Vec<ChoiceChunk<'a>>,
}

#[derive(Default)]
struct ChoiceChunk<'a> {
    index: u64,
    /// The members of the delta as JSON, without braces.
    delta: String,
    /// Tool calls so far. Their array is open as long as no other member follows.
    calls: usize,
    in_calls: bool,
    has_calls: bool,
    /// The members beside the delta, but for the end.
    beside: String,
    finish_reason: Option<&'a str>,
}

impl<'a> Splitter<'a> {
    fn write(&mut self, delta: Delta<'a>) -> Result<(), Flaw> {
        match delta {
            Delta::Answer(member) => {
                // Of a repeated key the last one counts.
                match self
                    .members
                    .iter_mut()
                    .find(|known| known.key == member.key)
                {
                    Some(known) => *known = member,
                    None => self.members.push(member),
                }
            }
            Delta::Choice(_) if self.choices.len() >= MAX_CHOICES => {
                return Err(Flaw::TooMany("choices"));
            }
            Delta::Choice(index) => self.choices.push(ChoiceChunk {
                index,
                ..ChoiceChunk::default()
            }),
            Delta::OfChoice(_, member) => self.latest(|choice| choice.push_beside(member)),
            Delta::OfMessage(_, member) => self.latest(|choice| choice.push_member(member)),
            Delta::ToolCall { call, .. } => self.latest(|choice| choice.push_call(call)),
        }
        Ok(())
    }

    /// Changes the choice under way: those of a whole answer come one after the other.
    fn latest(&mut self, change: impl FnOnce(&mut ChoiceChunk<'a>)) {
        if let Some(choice) = self.choices.last_mut() {
            change(choice);
        }
    }

    fn finish(mut self) -> Vec<String> {
        let choices = std::mem::take(&mut self.choices);
        let last = choices.len().saturating_sub(1);
        let chunks = choices.into_iter().enumerate();
        chunks
            .map(|(position, choice)| self.chunk(choice.finish(), position == 0, position == last))
            .collect()
    }

    fn chunk(&self, choice: String, is_first: bool, is_last: bool) -> String {
        let mut chunk = String::from(r#"{"object":"chat.completion.chunk""#);
        for member in self
            .members
            .iter()
            .filter(|member| belongs(member, is_first))
        {
            push_member(&mut chunk, member);
        }
        chunk.push_str(",\"choices\":[");
        chunk.push_str(&choice);
        chunk.push(']');
        let mut members = self.members.iter();
        if is_last && let Some(usage) = members.find(|member| raw::is_key(member.key, "usage")) {
            push_member(&mut chunk, usage);
        }
        chunk.push('}');
        chunk
    }
}

impl<'a> ChoiceChunk<'a> {
    fn push_beside(&mut self, member: Member<'a>) {
        if raw::is_key(member.key, "finish_reason") {
            self.finish_reason = Some(member.value);
        } else {
            push_member(&mut self.beside, &member);
        }
    }

    fn push_member(&mut self, member: Member<'_>) {
        self.has_calls |= raw::is_key(member.key, "tool_calls") && raw::is_array(member.value);
        self.close_calls();
        push_member(&mut self.delta, &member);
    }

    /// Adds a call with an index, which only deltas have; all else as it came.
    fn push_call(&mut self, call: &str) {
        self.delta.push_str(match self.in_calls {
            true => ",",
            false => ",\"tool_calls\":[",
        });
        self.delta.push_str(&numbered(call, self.calls));
        self.calls += 1;
        (self.in_calls, self.has_calls) = (true, true);
    }

    fn close_calls(&mut self) {
        if std::mem::take(&mut self.in_calls) {
            self.delta.push(']');
        }
    }

    fn finish(mut self) -> String {
        self.close_calls();
        let finish_reason = match self.finish_reason {
            // Without a reason a client could not tell this end from a cut.
            None | Some("null" | r#""""#) if self.has_calls => r#""tool_calls""#,
            None | Some("null" | r#""""#) => r#""stop""#,
            Some(reason) => reason,
        };
        let delta = self.delta.strip_prefix(',').unwrap_or_default();
        let (index, beside) = (self.index, self.beside);
        format!(
            r#"{{"index":{index},"delta":{{{delta}}}{beside},"finish_reason":{finish_reason}}}"#
        )
    }
}

fn belongs(member: &Member<'_>, is_first: bool) -> bool {
    let key = raw::text(member.key).unwrap_or_default();
    match &*key {
        "object" | "choices" | "usage" => false,
        key => is_first || (REPEATED.contains(&key) && member.value.len() <= MAX_REPEATED),
    }
}

fn push_member(out: &mut String, member: &Member<'_>) {
    out.push(',');
    out.push_str(member.key);
    out.push(':');
    out.push_str(member.value);
}

fn numbered(call: &str, position: usize) -> String {
    match Object::parse_lenient(call) {
        Ok(mut call) => {
            if call.get("index").is_none() {
                call.set("index", position.to_string());
            }
            call.to_json()
        }
        Err(_) => call.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::assemble::Assembler;
    use super::super::chunk::ChunkJudge;
    use super::super::whole;
    use super::*;
    use crate::dialect::{Assemble, FrameKind, StreamJudge};

    fn chunks_of(answer: &str) -> Result<Vec<String>, Flaw> {
        split(whole(answer.to_owned())?.text())
    }

    #[test]
    fn a_plain_answer_streams_as_one_chunk_per_choice() {
        let answer = r#"{"id":"c","object":"chat.completion","created":7,"model":"m","x":[1e-7],
            "choices":[{"index":0,"message":{"role":"assistant","content":"h\u0069"},"logprobs":null,"finish_reason":"length"},
                       {"index":1,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"1","function":{"name":"f"}},{"id":"2"}]}}],
            "usage":{"prompt_tokens":1}}"#;
        assert_eq!(
            chunks_of(answer).unwrap(),
            [
                concat!(
                    r#"{"object":"chat.completion.chunk","id":"c","created":7,"model":"m","x":[1e-7],"#,
                    r#""choices":[{"index":0,"delta":{"role":"assistant","content":"h\u0069"},"logprobs":null,"finish_reason":"length"}]}"#,
                ),
                concat!(
                    r#"{"object":"chat.completion.chunk","id":"c","created":7,"model":"m","choices":[{"index":1,"delta":{"role":"assistant","#,
                    r#""content":null,"tool_calls":[{"id":"1","function":{"name":"f"},"index":0},{"id":"2","index":1}]},"#,
                    r#""finish_reason":"tool_calls"}],"usage":{"prompt_tokens":1}}"#,
                ),
            ]
        );
    }

    #[test]
    fn split_and_put_together_again_it_says_the_same() {
        let answer = r#"{"object":"chat.completion","id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"hi","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}"#;
        let mut assembler = Box::new(Assembler::default());
        for chunk in chunks_of(answer).unwrap() {
            let mut judge = ChunkJudge::default();
            assert_eq!(judge.judge_data(&chunk).kind, FrameKind::Content);
            assert!(judge.is_whole());
            assembler.push(&chunk).unwrap();
        }
        let again: serde_json::Value = serde_json::from_str(&assembler.finish()).unwrap();
        assert_eq!(
            again,
            serde_json::from_str::<serde_json::Value>(answer).unwrap()
        );
    }

    #[test]
    fn many_choices_do_not_multiply_a_large_answer() {
        let large = "x".repeat(100_000);
        let choices = vec![r#"{"message":{"content":"x"}}"#; MAX_CHOICES].join(",");
        let answer =
            format!(r#"{{"id":"{large}","model":"m","x":"{large}","choices":[{choices}]}}"#);
        let chunks = chunks_of(&answer).unwrap();
        assert_eq!(chunks.len(), MAX_CHOICES);
        assert!(chunks.iter().map(String::len).sum::<usize>() < 2 * answer.len());
        assert!(chunks.iter().all(|chunk| chunk.contains(r#""model":"m""#)));

        let answer = format!(r#"{{"choices":[{choices},{choices}]}}"#);
        assert_eq!(chunks_of(&answer), Err(Flaw::TooMany("choices")));
    }

    #[test]
    fn what_is_no_answer_is_not_chunks_of() {
        assert_eq!(chunks_of(r#"{"choices":[]}"#), Err(Flaw::NoChoices));
        assert_eq!(
            chunks_of(r#"{"choices":[{"message":{}}]}"#),
            Err(Flaw::EmptyContent)
        );
        assert!(matches!(chunks_of("<html>"), Err(Flaw::NotJson(_))));
    }
}
