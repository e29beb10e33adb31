//! Streams of any shape: every split of them ends in the same frame.

use super::*;

/// A piece of an answer before it is cut into deltas.
#[derive(Clone, Debug)]
enum Said {
    Text(String),
    Refusal(String),
    Reasoning(String),
    Call(String),
}

fn said() -> impl Strategy<Value = Said> {
    let text = "[a-z\"\\\\\n😀 ]{1,12}";
    prop_oneof![
        text.prop_map(Said::Text),
        text.prop_map(Said::Refusal),
        text.prop_map(Said::Reasoning),
        text.prop_map(Said::Call),
    ]
}

/// The chunks of what is said, its texts cut into pieces of some letters.
fn chunks(all: &[Said], letters: usize) -> Vec<Value> {
    let pieces = |text: &str| -> Vec<String> {
        let letters_of: Vec<char> = text.chars().collect();
        letters_of
            .chunks(letters)
            .map(|piece| piece.iter().collect())
            .collect()
    };
    let mut chunks = Vec::new();
    for (place, said) in all.iter().enumerate() {
        match said {
            Said::Text(text) => chunks.extend(
                pieces(text)
                    .into_iter()
                    .map(|text| chunk(json!({"content": text}))),
            ),
            Said::Refusal(text) => chunks.extend(
                pieces(text)
                    .into_iter()
                    .map(|text| chunk(json!({"refusal": text}))),
            ),
            Said::Reasoning(text) => chunks.extend(
                pieces(text)
                    .into_iter()
                    .map(|text| chunk(json!({"reasoning": text}))),
            ),
            Said::Call(text) => {
                let arguments = json!({ "x": text }).to_string();
                let index = u64::try_from(place).unwrap();
                for (nth, piece) in pieces(&arguments).iter().enumerate() {
                    let id = format!("c{place}");
                    let begin = if nth == 0 { (&*id, "f") } else { ("", "") };
                    chunks.push(call(index, begin.0, begin.1, piece));
                }
            }
        }
    }
    chunks.push(end("stop"));
    chunks.push(json!({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}));
    chunks
}

proptest! {
    /// Providers cut where they like; the answer must not depend on it.
    #[test]
    fn every_split_ends_in_the_same_frame(all in prop::collection::vec(said(), 1..6), letters in 1_usize..9) {
        let whole = events(&chunks(&all, usize::MAX));
        let split = events(&chunks(&all, letters));
        prop_assert_eq!(whole.last().unwrap()["response"].clone(), split.last().unwrap()["response"].clone());
    }

    /// A client that sends our items back gets its ids back, and they stay what they are.
    #[test]
    fn ids_of_calls_survive_a_turn(all in prop::collection::vec(said(), 1..6)) {
        let events = events(&chunks(&all, 4));
        let items = output(&events).as_array().unwrap().clone();
        let ids = |items: &[Value]| -> Vec<Value> {
            items.iter().filter_map(|item| item.get("call_id").cloned()).collect()
        };
        let body = json!({"model": "r", "input": items}).to_string();
        let request = Responses.read(body.as_bytes().into()).unwrap();
        let traits = StepTraits::default();
        let target = Target { traits: &traits, replays_reasoning: false, kept: &[] };
        let chat = crate::dialect::translate::request(&Responses, &Chat, &request, &target).unwrap();
        let chat: Value = serde_json::from_str(&chat.body).unwrap();
        let sent: Vec<Value> = chat["messages"].as_array().unwrap().iter()
            .filter_map(|message| message.get("tool_calls"))
            .flat_map(|calls| calls.as_array().unwrap().iter().map(|call| call["id"].clone()))
            .collect();
        prop_assert_eq!(sent, ids(&items));
    }
}
