//! Properties of both sides together: what goes through the canonical form and back says the same.

use std::time::{Instant, SystemTime};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{request, split};
use crate::dialect::Dialect;
use crate::dialect::canonical::Names;
use crate::dialect::messages::Messages;
use crate::dialect::step_traits::PLAIN;
use crate::dialect::translate::{self, Answering, Target, Translation};

const TARGET: Target<'static> = Target {
    traits: &PLAIN,
    replays_reasoning: false,
    kept: &[],
};

/// A turn of a conversation: what the user says, and what the assistant says and calls.
#[derive(Clone, Debug)]
struct Round {
    said: String,
    answer: String,
    calls: usize,
    picture: bool,
}

fn round() -> impl Strategy<Value = Round> {
    // A letter first: blank texts are dropped on purpose.
    let text = "[a-z][ -~é\n]{0,12}[a-z]";
    (text, text, 0_usize..3, any::<bool>()).prop_map(|(said, answer, calls, picture)| Round {
        said,
        answer,
        calls,
        picture,
    })
}

fn conversation(rounds: &[Round]) -> Vec<Value> {
    let mut messages = Vec::new();
    for (place, round) in rounds.iter().enumerate() {
        let text = |text: &str| json!({"type": "text", "text": text});
        messages.push(json!({"role": "user", "content": [text(&round.said)]}));
        let mut blocks = vec![text(&round.answer)];
        let mut results = Vec::new();
        for call in 0..round.calls {
            let id = format!("call_{place}_{call}");
            blocks.push(
                json!({"type": "tool_use", "id": id, "name": "f", "input": {"said": round.said}}),
            );
            results.push(if round.picture {
                let source = json!({"type": "base64", "media_type": "image/png", "data": "AA"});
                json!({"type": "tool_result", "tool_use_id": id, "content": [text(&round.said), {"type": "image", "source": source}]})
            } else {
                json!({"type": "tool_result", "tool_use_id": id, "content": round.said})
            });
        }
        messages.push(json!({"role": "assistant", "content": blocks}));
        if !results.is_empty() {
            messages.push(json!({"role": "user", "content": results}));
            messages.push(json!({"role": "assistant", "content": [text("so")]}));
        }
    }
    messages.push(json!({"role": "user", "content": [{"type": "text", "text": "go on"}]}));
    messages
}

fn answering<'r>(request: &'r crate::dialect::request::Request<'r>) -> Answering<'r> {
    Answering {
        request,
        target: TARGET,
        names: Names::default(),
        model: None,
        seed: 1,
        now: SystemTime::UNIX_EPOCH,
    }
}

proptest! {
    #[test]
    fn a_conversation_keeps_its_roles_texts_calls_and_results(rounds in proptest::collection::vec(round(), 0..5)) {
        let messages = conversation(&rounds);
        let body = json!({"model": "r", "max_tokens": 9, "messages": messages}).to_string();
        let request = request::read(body.as_bytes()).unwrap();
        let translated = translate::request(&Messages, &Messages, &request, &TARGET).unwrap();
        let sent: Value = serde_json::from_str(&translated.body).unwrap();
        prop_assert_eq!(&sent["messages"], &Value::from(messages));
        prop_assert_eq!(translated.dropped, Vec::<String>::new());
    }

    #[test]
    fn an_answer_keeps_its_blocks(
        texts in proptest::collection::vec("[a-z][ -~é\n]{0,12}", 1..4),
        calls in 0_usize..3,
    ) {
        let mut content = vec![json!({"type": "text", "text": texts.concat()})];
        for call in 0..calls {
            content.push(json!({"type": "tool_use", "id": format!("c{call}"), "name": "f", "input": {"a": texts}}));
        }
        let reason = if calls > 0 { "tool_use" } else { "end_turn" };
        let answer = json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": content,
            "stop_reason": reason, "stop_sequence": null, "usage": {
                "input_tokens": 3, "cache_read_input_tokens": 2, "cache_creation_input_tokens": 1, "output_tokens": 5},
        });
        let body = r#"{"model":"r","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#;
        let request = request::read(body.as_bytes()).unwrap();
        let frames = split::split(&answer.to_string()).unwrap();
        let translation = Translation::new(&Messages, &Messages, answering(&request), Instant::now());
        let whole = translate::whole(&mut translation.unwrap(), &frames, Messages.assemble()).unwrap();
        prop_assert_eq!(serde_json::from_str::<Value>(&whole).unwrap(), answer);
    }
}
