//! Streams and conversations of any shape.

use super::*;

proptest! {
    /// However a provider cuts its texts, each line is JSON and their sum is the same.
    #[test]
    fn the_content_is_the_same_for_every_split(
        text in "[a-z\u{1f600}\u{e9}\"\\\\\n]{0,24}",
        cuts in proptest::collection::vec(0_usize..24, 0..4),
    ) {
        let characters: Vec<char> = text.chars().collect();
        // Escapes as Python writes them: all beyond ASCII, and so in two halves.
        let pieces: Vec<String> = characters.iter().flat_map(|character| {
            let mut units = [0; 2];
            let units = character.encode_utf16(&mut units);
            units.iter().map(|unit| format!("\\u{unit:04x}")).collect::<Vec<_>>()
        }).collect();
        let mut bounds: Vec<usize> = cuts.into_iter().map(|cut| cut.min(pieces.len())).collect();
        bounds.extend([0, pieces.len()]);
        bounds.sort_unstable();
        let parts: Vec<String> = bounds.windows(2).map(|range| pieces[range[0]..range[1]].concat()).collect();
        let mut deltas = vec![Delta::Begin(Begin::default())];
        deltas.extend(parts.iter().map(|part| Delta::Text(part)));
        deltas.push(Delta::End(End::Stop));
        let out = answered(&Chat, BODY, &deltas, FrameForm::Lines).unwrap();
        let lines = lines(&out.text);
        let content: String = lines.iter().map(|line| line["message"]["content"].as_str().unwrap()).collect();
        prop_assert_eq!(content, text);
        let done = lines.iter().filter(|line| line["done"] == true).count();
        prop_assert_eq!(done, 1);
    }

    /// Each message of a tool is for exactly one call before it, as long as there is one.
    #[test]
    fn pairing_is_total(
        turns in proptest::collection::vec((0_usize..4, proptest::bool::ANY), 1..5),
    ) {
        let mut messages = vec![json!({"role": "user", "content": "go"})];
        let mut calls = 0;
        for (count, named) in turns {
            let names = (0..count).map(|index| format!("f{index}"));
            let of_turn: Vec<Value> = names.clone().map(|name| json!({"function": {"name": name, "arguments": {}}})).collect();
            messages.push(json!({"role": "assistant", "content": "c", "tool_calls": of_turn}));
            messages.extend(names.rev().map(|name| match named {
                true => json!({"role": "tool", "content": "r", "tool_name": name}),
                false => json!({"role": "tool", "content": "r"}),
            }));
            calls += count;
        }
        let sent = asked(&Chat, &json!({"model": "m", "messages": messages}), KEPT);
        let messages = sent["messages"].as_array().unwrap();
        let ids: Vec<&str> = messages.iter().filter_map(|message| message["tool_call_id"].as_str()).collect();
        let unique: std::collections::BTreeSet<&str> = ids.iter().copied().collect();
        prop_assert_eq!((ids.len(), unique.len()), (calls, calls));
        // Strict providers want results right behind their calls, and no two assistants in a row.
        let mut open: Vec<&str> = Vec::new();
        for message in messages {
            if let Some(id) = message["tool_call_id"].as_str() {
                prop_assert!(open.contains(&id));
                open.retain(|other| *other != id);
            } else {
                prop_assert!(open.is_empty());
                let calls = message["tool_calls"].as_array().into_iter().flatten();
                open.extend(calls.map(|call| call["id"].as_str().unwrap()));
            }
        }
    }
}
