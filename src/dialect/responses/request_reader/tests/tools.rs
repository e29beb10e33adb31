//! Tools, the choice among them, and the names that an answer gets back.

use super::*;

#[test]
fn tools_become_functions() {
    let function = json!({"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}});
    let made_of = |tool: Value| made(json!({ "tools": [tool] }))["tools"][0]["function"].take();
    let plain = json!({"name": "f", "description": "d", "parameters": {"type": "object"}});
    for (members, expected) in [
        (json!({}), plain.clone()),
        (
            json!({"strict": null, "defer_loading": true, "async": false}),
            plain.clone(),
        ),
        (json!({"strict": false}), plain.clone()),
        (
            json!({"strict": true}),
            json!({"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": true}),
        ),
    ] {
        let mut tool = function.clone();
        tool.as_object_mut()
            .unwrap()
            .extend(members.as_object().unwrap().clone());
        assert_eq!(made_of(tool), expected, "{members}");
    }
    assert_eq!(
        made_of(json!({"type": "function", "function": plain})),
        plain
    );
    assert_eq!(
        made_of(json!({"type": "function", "name": "f"})),
        json!({"name": "f"})
    );
    let text = json!({"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"], "additionalProperties": false});
    assert_eq!(
        made_of(
            json!({"type": "custom", "name": "p", "description": "d", "format": {"type": "grammar", "syntax": "lark", "definition": "start: \"a\"\n"}})
        ),
        json!({"name": "p", "description": "d\n\nThe input has to follow this grammar (lark):\nstart: \"a\"\n", "parameters": text})
    );
    assert_eq!(
        made_of(json!({"type": "custom", "name": "p", "format": {"type": "text"}})),
        json!({"name": "p", "parameters": text})
    );
}

/// Codex answers "unsupported call" to a joined name.
#[test]
fn an_answers_call_gets_back_its_group_and_its_kind() {
    let long = "n".repeat(60);
    let body = request(json!({"tools": [
        {"type": "namespace", "name": "mcp__docs", "description": "d", "tools": [{"type": "function", "name": "lookup"}]},
        {"type": "namespace", "name": long, "tools": [{"type": "function", "name": "lookup"}]},
        {"type": "custom", "name": "patch"},
        {"type": "function", "name": "plain"},
    ]}));
    let translated = translated(&body).unwrap();
    let chat: Value = serde_json::from_str(&translated.body).unwrap();
    let names: Vec<_> = chat["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["function"]["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        [names[0], names[2], names[3]],
        ["mcp__docs__lookup", "patch", "plain"]
    );
    assert_eq!(names[1].len(), 64);
    let tool = |name: &str, namespace: Option<&str>, is_free_text| ToolName {
        name: name.to_owned(),
        namespace: namespace.map(str::to_owned),
        is_free_text,
    };
    for (name, expected) in [
        (names[0], Some(tool("lookup", Some("mcp__docs"), false))),
        (names[1], Some(tool("lookup", Some(&long), false))),
        (names[2], Some(tool("patch", None, true))),
        (names[3], None),
    ] {
        assert_eq!(translated.names.tool(name), expected.as_ref(), "{name}");
    }
}

#[test]
fn the_choice_is_one_among_the_tools_that_are_there() {
    let tools = json!([
        {"type": "function", "name": "f"}, {"type": "custom", "name": "p"}, {"type": "web_search"},
        {"type": "namespace", "name": "ns", "tools": [{"type": "function", "name": "g"}]},
    ]);
    let chosen = |name: &str| json!({"type": "function", "function": {"name": name}});
    for (choice, expected, count) in [
        (json!("auto"), Value::Null, 3),
        (json!(null), Value::Null, 3),
        (json!("none"), json!("none"), 3),
        (json!("required"), json!("required"), 3),
        (json!({"type": "function", "name": "f"}), chosen("f"), 3),
        (
            json!({"type": "function", "function": {"name": "f"}}),
            chosen("f"),
            3,
        ),
        (json!({"type": "custom", "name": "p"}), chosen("p"), 3),
        (
            json!({"type": "function", "namespace": "ns", "name": "g"}),
            chosen("ns__g"),
            3,
        ),
        (
            json!({"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}, {"type": "web_search"}]}),
            json!("required"),
            1,
        ),
        (
            json!({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "namespace", "name": "ns"}, {"type": "custom", "name": "p"}]}),
            Value::Null,
            2,
        ),
    ] {
        let made =
            made(json!({"tools": tools, "tool_choice": choice, "parallel_tool_calls": false}));
        assert_eq!(made["tool_choice"], expected, "{choice}");
        assert_eq!(made["tools"].as_array().unwrap().len(), count, "{choice}");
        assert_eq!(made["parallel_tool_calls"], json!(false), "{choice}");
    }
    // Codex sends both always.
    let none = made(
        json!({"tools": [{"type": "web_search"}], "tool_choice": "none", "parallel_tool_calls": false}),
    );
    assert_eq!(none, json!({}));
}

/// Groq, Mistral and Cerebras answer 400 or 422 to members that they do not know.
#[test]
fn nothing_that_chat_does_not_know_leaks() {
    let every = request(json!({
        "instructions": "i", "stream": true, "max_output_tokens": 1, "temperature": 1, "top_p": 1, "top_logprobs": 1,
        "parallel_tool_calls": false, "tools": [{"type": "function", "name": "f"}], "tool_choice": "required",
        "text": {"format": {"type": "json_object"}, "verbosity": "low"}, "reasoning": {"effort": "low"},
        "include": ["x"], "user": "u", "metadata": {}, "store": true, "service_tier": "flex", "foo": "bar",
    }));
    let chat: Value = serde_json::from_str(&translated(&every).unwrap().body).unwrap();
    let mut names: Vec<_> = chat
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "logprobs",
            "max_tokens",
            "messages",
            "model",
            "parallel_tool_calls",
            "reasoning_effort",
            "response_format",
            "stream",
            "stream_options",
            "temperature",
            "tool_choice",
            "tools",
            "top_logprobs",
            "top_p",
        ]
    );
}

/// Each tool is looked for among the others.
#[test]
fn tools_have_a_bound() {
    let tools = |count: usize| -> Vec<Value> {
        let names =
            (0..count).map(|number| json!({"type": "function", "name": format!("f{number}")}));
        names.collect()
    };
    assert!(translated(&request(json!({"tools": tools(1024)}))).is_ok());
    let group =
        json!({"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "f"}]});
    let mut many = tools(1024);
    many.push(group);
    for (members, param) in [
        (json!({"tools": tools(1025)}), "tools"),
        (json!({"tools": many}), "tools"),
        (
            json!({"tools": tools(1), "tool_choice": {"type": "allowed_tools", "tools": tools(1025)}}),
            "tool_choice",
        ),
    ] {
        assert_eq!(refused(members).0, param);
    }
}
