//! Requests of any shape: each is carried or refused.

use super::*;

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z_\"\\\\é😀 ]{0,8}".prop_map(Value::from),
        proptest::sample::select(vec![
            "message",
            "function_call",
            "function_call_output",
            "custom_tool_call",
            "reasoning",
            "item_reference",
            "user",
            "assistant",
            "system",
            "input_text",
            "input_image",
            "input_file",
            "function",
            "namespace",
            "custom",
            "web_search",
            "allowed_tools",
            "required",
            "agw1_0badc",
            "data:a;base64,b",
            "c",
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        let members = proptest::sample::select(vec![
            "type",
            "role",
            "content",
            "text",
            "name",
            "namespace",
            "arguments",
            "input",
            "call_id",
            "output",
            "tools",
            "summary",
            "encrypted_content",
            "id",
            "image_url",
            "file_data",
            "format",
            "schema",
            "mode",
            "effort",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(members.prop_map(str::to_owned), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    /// Whatever a client sends gets an answer: a chat request, or what is wrong with it.
    #[test]
    fn every_request_is_carried_or_refused(
        items in prop::collection::vec(prop::collection::btree_map(
            proptest::sample::select(vec!["type", "role", "content", "call_id", "name", "arguments", "output", "id"])
                .prop_map(str::to_owned),
            value(), 0..6), 1..6),
        tools in value(), choice in value(), text in value(), instructions in value(),
    ) {
        let body = json!({"model": "r", "input": items, "tools": tools, "tool_choice": choice, "text": text, "instructions": instructions});
        if let Ok(translated) = translated(&body) {
            let chat: Value = serde_json::from_str(&translated.body).unwrap();
            prop_assert!(chat["messages"].is_array());
        }
    }
}
