//! The answers of llama-server's `/infill`, made those of completions: one object with `content`, or one for each piece.

use crate::json::raw;

/// The object of a completion, whole or a chunk; `None` for anything else. `seed` makes its id.
///
/// A whole answer says `stop: true`, and so does the last piece; before it there is no end.
pub fn as_completion(data: &str, seed: u64) -> Option<String> {
    let content = raw::member(data, "content").filter(|content| content.starts_with('"'))?;
    let has_ended = raw::member(data, "stop") == Some("true");
    let kind = raw::member(data, "stop_type").and_then(raw::text);
    // `stopped_limit` is the word of older versions.
    let is_cut = kind.as_deref() == Some("limit")
        || raw::member(data, "stopped_limit") == Some("true")
        || raw::member(data, "truncated") == Some("true");
    let reason = match (has_ended, is_cut) {
        (false, _) => "null",
        (true, true) => r#""length""#,
        (true, false) => r#""stop""#,
    };
    let model = raw::member(data, "model").unwrap_or(r#""""#);
    let mut object = format!(
        r#"{{"id":"cmpl-{seed:016x}","object":"text_completion","created":0,"model":{model},"choices":[{{"index":0,"text":{content},"logprobs":null,"finish_reason":{reason}}}]"#
    );
    let tokens = |key| raw::member(data, key).and_then(raw::whole_number);
    if has_ended
        && let (Some(prompt), Some(completion)) =
            (tokens("tokens_evaluated"), tokens("tokens_predicted"))
    {
        let total = prompt.saturating_add(completion);
        object.push_str(&format!(
            r#","usage":{{"prompt_tokens":{prompt},"completion_tokens":{completion},"total_tokens":{total}}}"#
        ));
    }
    object.push('}');
    Some(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_and_whole_answers_of_llama_server_become_completions() {
        for (data, expected) in [
            (
                r#"{"index":0,"content":"x","tokens":[1],"stop":false,"id_slot":-1}"#,
                r#"{"id":"cmpl-0000000000000007","object":"text_completion","created":0,"model":"","choices":[{"index":0,"text":"x","logprobs":null,"finish_reason":null}]}"#,
            ),
            (
                r#"{"content":"x\n","stop":true,"stop_type":"eos","model":"q","tokens_predicted":2,"tokens_evaluated":3,"truncated":false}"#,
                r#"{"id":"cmpl-0000000000000007","object":"text_completion","created":0,"model":"q","choices":[{"index":0,"text":"x\n","logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#,
            ),
        ] {
            assert_eq!(as_completion(data, 7).as_deref(), Some(expected));
        }
        let reason = |data: &str| {
            let object = as_completion(data, 7).unwrap();
            object.contains(r#""finish_reason":"length""#)
        };
        assert!(reason(r#"{"content":"","stop":true,"stop_type":"limit"}"#));
        assert!(reason(r#"{"content":"","stop":true,"stopped_limit":true}"#));
        assert_eq!(as_completion(r#"{"error":{"message":"m"}}"#, 7), None);
        assert_eq!(as_completion(r#"{"content":null}"#, 7), None);
    }
}
