//! One answer made into the chunks of a stream, for a client that asked for a stream and a provider that answered plain.

use super::answer::{Answer, Flaw};
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

/// The data of one event per choice, with the usage in the last one; the caller adds `[DONE]`. At most about twice the
/// size of the answer and 128 times 5 KiB.
pub fn unfold(answer: &Answer) -> Result<Vec<String>, Flaw> {
    let object =
        Object::parse_lenient(answer.text()).map_err(|error| Flaw::NotJson(error.to_string()))?;
    let mut choices = Vec::new();
    let mut count = 0;
    let _ = raw::each_item(object.get("choices").unwrap_or_default(), &mut |choice| {
        count += 1;
        if count <= MAX_CHOICES {
            choices.push(unfold_choice(choice, count - 1));
        }
    });
    if count > MAX_CHOICES {
        return Err(Flaw::TooMany("choices"));
    }
    let chunks = choices.iter().enumerate().map(|(place, choice)| {
        let mut chunk = String::from(r#"{"object":"chat.completion.chunk""#);
        let mut add = |key: &str, value: &str| {
            chunk.push(',');
            chunk.push_str(key);
            chunk.push(':');
            chunk.push_str(value);
        };
        for (key, value) in object.members() {
            if belongs(key, value, place == 0) {
                add(key, value);
            }
        }
        add("\"choices\"", &format!("[{choice}]"));
        if place + 1 == choices.len()
            && let Some(usage) = object.get("usage")
        {
            add("\"usage\"", usage);
        }
        chunk.push('}');
        chunk
    });
    Ok(chunks.collect())
}

fn belongs(raw_key: &str, value: &str, is_first: bool) -> bool {
    let key = raw::text(raw_key).unwrap_or_default();
    match &*key {
        "object" | "choices" | "usage" => false,
        key => is_first || (REPEATED.contains(&key) && value.len() <= MAX_REPEATED),
    }
}

/// The choice with its message as a delta, and an index and an end if it had none.
fn unfold_choice(choice: &str, place: usize) -> String {
    let index = raw::member(choice, "index").and_then(raw::whole_number);
    let index = index.unwrap_or(place as u64);
    let message = raw::member(choice, "message").unwrap_or_default();
    let finish_reason = match raw::member(choice, "finish_reason") {
        // Without a reason a client could not tell this end from a cut.
        None | Some("null" | r#""""#) if has_tool_calls(message) => r#""tool_calls""#,
        None | Some("null" | r#""""#) => r#""stop""#,
        Some(reason) => reason,
    };
    let mut out = format!(r#"{{"index":{index},"delta":{}"#, delta(message));
    let _ = raw::each_member(choice, &mut |key, value| {
        if !matches!(key, r#""index""# | r#""message""# | r#""finish_reason""#) {
            out.push_str(&format!(",{key}:{value}"));
        }
    });
    out.push_str(&format!(r#","finish_reason":{finish_reason}}}"#));
    out
}

/// The message with an index in each tool call, which only deltas have; all else as it came.
fn delta(message: &str) -> String {
    raw::map_members(message, &mut |key, value| {
        if key == r#""tool_calls""# {
            numbered(value)
        } else {
            None
        }
    })
    .unwrap_or_else(|_| "{}".to_owned())
}

fn numbered(calls: &str) -> Option<String> {
    let mut place = 0;
    raw::map_items(calls, &mut |call| {
        let mut call = Object::parse_lenient(call).ok()?;
        if call.get("index").is_none() {
            call.set("index", place.to_string());
        }
        place += 1;
        Some(call.to_json())
    })
    .ok()
}

fn has_tool_calls(message: &str) -> bool {
    raw::member(message, "tool_calls").is_some_and(raw::is_array)
}

#[cfg(test)]
mod tests {
    use super::super::assemble::Assembler;
    use super::super::chunk::{Chunk, ChunkKind};
    use super::*;

    fn unfolded(answer: &str) -> Result<Vec<String>, Flaw> {
        unfold(&Answer::read(answer.to_owned())?)
    }

    #[test]
    fn a_plain_answer_streams_as_one_chunk_per_choice() {
        let answer = r#"{"id":"c","object":"chat.completion","created":7,"model":"m","x":[1e-7],
            "choices":[{"index":0,"message":{"role":"assistant","content":"h\u0069"},"logprobs":null,"finish_reason":"length"},
                       {"index":1,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"1","function":{"name":"f"}},{"id":"2"}]}}],
            "usage":{"prompt_tokens":1}}"#;
        assert_eq!(
            unfolded(answer).unwrap(),
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
    fn unfolded_and_put_together_again_it_says_the_same() {
        let answer = r#"{"object":"chat.completion","id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"hi","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}"#;
        let mut assembler = Assembler::new();
        for chunk in unfolded(answer).unwrap() {
            let inspected = Chunk::inspect(&chunk);
            assert!(inspected.kind == ChunkKind::Content && inspected.ends.are_all_there());
            assembler.push(&chunk).unwrap();
        }
        let again: serde_json::Value =
            serde_json::from_str(assembler.finish().unwrap().text()).unwrap();
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
        let chunks = unfolded(&answer).unwrap();
        assert_eq!(chunks.len(), MAX_CHOICES);
        assert!(chunks.iter().map(String::len).sum::<usize>() < 2 * answer.len());
        assert!(chunks.iter().all(|chunk| chunk.contains(r#""model":"m""#)));

        let answer = format!(r#"{{"choices":[{choices},{choices}]}}"#);
        assert_eq!(unfolded(&answer), Err(Flaw::TooMany("choices")));
    }

    #[test]
    fn what_is_no_answer_is_not_unfolded() {
        assert_eq!(unfolded(r#"{"choices":[]}"#), Err(Flaw::NoChoices));
        assert_eq!(
            unfolded(r#"{"choices":[{"message":{}}]}"#),
            Err(Flaw::EmptyContent)
        );
        assert!(matches!(unfolded("<html>"), Err(Flaw::NotJson(_))));
    }
}
