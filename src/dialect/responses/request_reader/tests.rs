//! Requests as a provider of chat gets them: the rows of the table in docs, one by one.

use serde_json::{Value, json};

use crate::dialect::chat::Chat;
use crate::dialect::request::Unfit;
use crate::dialect::responses::Responses;
use crate::dialect::step_traits::StepTraits;
use crate::dialect::translate::{self, Target, Translated};
use crate::dialect::{Dialect as _, canonical::ToolName};

const TAG: u16 = 0x0bad;

fn translated_for(traits: &StepTraits, body: &Value) -> Result<Translated, Unfit> {
    let body = body.to_string();
    let request = Responses.read(body.as_bytes().into()).unwrap();
    let target = Target {
        traits,
        replays_reasoning: false,
        kept: &[],
    };
    translate::request(&Responses, &Chat, &request, &target)
}

fn translated(body: &Value) -> Result<Translated, Unfit> {
    let mut traits = StepTraits::default();
    traits.translation.tag = TAG;
    translated_for(&traits, body)
}

/// The request with some members.
fn request(members: Value) -> Value {
    let mut body = json!({"model": "r", "input": "hi"});
    let Value::Object(members) = members else {
        panic!("no members: {members}")
    };
    body.as_object_mut().unwrap().extend(members);
    body
}

/// The chat members that some members make, besides `model` and the usual message.
fn made(members: Value) -> Value {
    let body = translated(&request(members)).unwrap().body;
    let mut chat: Value = serde_json::from_str(&body).unwrap();
    let object = chat.as_object_mut().unwrap();
    object.remove("model");
    if object["messages"] == json!([{"role": "user", "content": "hi"}]) {
        object.remove("messages");
    }
    chat
}

/// The messages that items make.
fn messages(items: Value) -> Value {
    made(json!({ "input": items }))["messages"].take()
}

/// The member at fault, and the words for the client.
fn refused(members: Value) -> (String, String) {
    let unfit = translated(&request(members.clone())).expect_err(&members.to_string());
    (unfit.param.unwrap(), unfit.reason)
}

#[test]
fn members_become_what_chat_has_for_them() {
    for (sent, expected) in [
        (json!({}), json!({})),
        (
            json!({"instructions": "Be brief."}),
            json!({"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}]}),
        ),
        (json!({"instructions": null}), json!({})),
        (json!({"instructions": ""}), json!({})),
        (
            json!({"instructions": [{"role": "developer", "content": "a"}, {"role": "system", "content": [{"type": "input_text", "text": "b"}]}]}),
            json!({"messages": [{"role": "system", "content": "a\n\nb"}, {"role": "user", "content": "hi"}]}),
        ),
        (
            json!({"stream": true, "stream_options": {"include_obfuscation": false}}),
            json!({"stream": true, "stream_options": {"include_usage": true}}),
        ),
        (
            json!({"max_output_tokens": 9, "temperature": 0.5, "top_p": null}),
            json!({"max_tokens": 9, "temperature": 0.5}),
        ),
        (json!({"top_logprobs": 0}), json!({})),
        (
            json!({"top_logprobs": 3}),
            json!({"logprobs": true, "top_logprobs": 3}),
        ),
        (
            json!({"include": ["reasoning.encrypted_content", "message.output_text.logprobs"]}),
            json!({"logprobs": true}),
        ),
        (
            json!({"text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": true}}}),
            json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": true}}}),
        ),
        (
            json!({"text": {"format": {"type": "json_schema", "schema": {}}}}),
            json!({"response_format": {"type": "json_schema", "json_schema": {"name": "response", "schema": {}}}}),
        ),
        (
            json!({"text": {"format": {"type": "json_object"}}}),
            json!({"response_format": {"type": "json_object"}}),
        ),
        (json!({"text": {"format": {"type": "text"}}}), json!({})),
        (json!({"text": {"format": {}}}), json!({})),
        (
            json!({"reasoning": {"effort": "low", "summary": "auto"}}),
            json!({"reasoning_effort": "low"}),
        ),
        (json!({"reasoning": {"summary": "auto"}}), json!({})),
        // What Codex, Home Assistant and n8n send beside: one leaked member breaks a strict provider for good.
        (
            json!({"store": false, "include": [], "prompt_cache_key": "k", "prompt_cache_retention": "24h", "user": "u",
                "client_metadata": {}, "metadata": {"a": "b"}, "service_tier": "auto", "safety_identifier": "s",
                "max_tool_calls": 3, "background": false, "prompt_cache_options": {}, "access_programs": [], "unknown": 1,
                "parallel_tool_calls": true, "tool_choice": "auto", "tools": [], "truncation": "disabled",
                "previous_response_id": null, "conversation": null, "prompt": null, "moderation": null}),
            json!({}),
        ),
        (json!({"parallel_tool_calls": false}), json!({})),
    ] {
        assert_eq!(made(sent.clone()), expected, "{sent}");
    }
}

#[test]
fn what_might_have_changed_the_answer_is_named() {
    for (sent, dropped) in [
        (json!({"text": {"verbosity": "low"}}), "text.verbosity"),
        (json!({"truncation": "auto"}), "truncation"),
        (json!({"context_management": []}), "context_management"),
        (
            json!({"tools": [{"type": "web_search"}]}),
            "tools.web_search",
        ),
        (
            json!({"tools": [{"type": "web_search_preview_2025_03_11"}, {"type": "web_search_preview_2025_03_11"}]}),
            "tools.web_search_preview_2025_03_11",
        ),
        (
            json!({"tools": [{"type": "local_shell"}]}),
            "tools.local_shell",
        ),
        (
            json!({"tools": [{"type": "tool_search"}]}),
            "tools.tool_search",
        ),
    ] {
        let said = translated(&request(sent.clone())).unwrap().dropped;
        assert_eq!(said, [dropped], "{sent}");
    }
}

#[test]
fn what_must_not_vanish_makes_the_step_unfit() {
    for (sent, param, words) in [
        (
            json!({"previous_response_id": "resp_1"}),
            "previous_response_id",
            "whole conversation",
        ),
        (
            json!({"conversation": "conv_1"}),
            "conversation",
            "whole conversation",
        ),
        (
            json!({"prompt": {"id": "p"}}),
            "prompt",
            "whole conversation",
        ),
        (
            json!({"moderation": {"model": "m"}}),
            "moderation",
            "filter",
        ),
        (
            json!({"text": {"format": {"type": "grammar"}}}),
            "text.format",
            "type",
        ),
        (
            json!({"text": {"format": {"type": "json_schema"}}}),
            "text.format.schema",
            "no schema",
        ),
        (
            json!({"input": [{"type": "item_reference", "id": "msg_1"}]}),
            "input[0]",
            "store: false",
        ),
        (
            json!({"input": [{"role": "user", "content": "a"}, {"type": "compaction"}]}),
            "input[1]",
            "item",
        ),
        (
            json!({"input": [{"type": "computer_call"}]}),
            "input[0]",
            "item",
        ),
        (
            json!({"input": [{"type": "mcp_approval_request"}]}),
            "input[0]",
            "item",
        ),
        (
            json!({"input": [{"type": "function_call", "call_id": "c"}]}),
            "input[0]",
            "no name",
        ),
        (
            json!({"input": [{"role": "tool", "content": "a"}]}),
            "input[0]",
            "role",
        ),
        (
            json!({"input": [{"role": "user", "content": 7}]}),
            "input[0].content",
            "neither",
        ),
        (
            json!({"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]}),
            "input[0].content[0]",
            "another provider",
        ),
        (
            json!({"input": [{"role": "user", "content": [{"type": "input_text", "text": "a"}, {"type": "input_file", "file_url": "u"}]}]}),
            "input[0].content[1]",
            "another provider",
        ),
        (
            json!({"input": [{"role": "user", "content": [{"type": "input_video"}]}]}),
            "input[0].content[0]",
            "a part",
        ),
        (
            json!({"input": [{"type": "function_call_output", "call_id": "c", "output": [{"type": "input_image", "file_id": "f"}]}]}),
            "input[0].output[0]",
            "another provider",
        ),
        (
            json!({"tools": [{"type": "file_search"}]}),
            "tools[0]",
            "invented",
        ),
        (
            json!({"tools": [{"type": "mcp", "server_label": "x"}]}),
            "tools[0]",
            "invented",
        ),
        (
            json!({"tools": [{"type": "computer_use_preview"}]}),
            "tools[0]",
            "invented",
        ),
        (
            json!({"tools": [{"type": "function"}]}),
            "tools[0]",
            "no name",
        ),
        (
            json!({"tools": [{"type": "namespace", "name": "n", "tools": [{"type": "mcp"}]}]}),
            "tools[0].tools[0]",
            "invented",
        ),
        (
            json!({"tools": [
                {"type": "function", "name": "b"}, {"type": "function", "name": "a__b"},
                {"type": "namespace", "name": "a", "tools": [{"type": "function", "name": "b"}]}]}),
            "tools",
            "'a__b' and 'b' of 'a'",
        ),
        (
            json!({"tool_choice": "required"}),
            "tool_choice",
            "none is left",
        ),
        (
            json!({"tool_choice": "required", "tools": [{"type": "web_search"}]}),
            "tool_choice",
            "none is left",
        ),
        (
            json!({"tool_choice": {"type": "web_search"}}),
            "tool_choice",
            "only a provider",
        ),
        (
            json!({"tool_choice": {"type": "function", "name": "f"}}),
            "tool_choice",
            "not in 'tools'",
        ),
        (
            json!({"tools": [{"type": "function", "name": "f"}],
                "tool_choice": {"type": "allowed_tools", "mode": "required", "tools": [{"type": "web_search"}]}}),
            "tool_choice",
            "none is left",
        ),
        (json!({"tool_choice": "any"}), "tool_choice", "none of"),
    ] {
        let (said, reason) = refused(sent.clone());
        assert_eq!(said, param, "{sent}");
        assert!(reason.contains(words), "{sent}: {reason}");
    }
}

#[test]
fn tools_of_a_providers_own_are_refused_where_the_configuration_says_so() {
    let mut traits = StepTraits::default();
    traits.translation.refuses_builtin_tools = true;
    let body = request(json!({"tools": [{"type": "web_search"}]}));
    let unfit = translated_for(&traits, &body).unwrap_err();
    assert_eq!(unfit.param.as_deref(), Some("tools[0]"));
}

#[test]
fn items_become_messages_that_strict_providers_take() {
    let call = |id: &str| json!({"type": "function_call", "id": "fc_1", "call_id": id, "name": "f", "arguments": "{\"a\":1}", "status": "completed"});
    let output = |id: &str, output: Value| json!({"type": "function_call_output", "call_id": id, "output": output});
    let user = |content: Value| json!({"role": "user", "content": content});
    let asked = |calls: &[&str]| {
        let calls = calls.iter().map(|id| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}}));
        json!({"role": "assistant", "content": null, "tool_calls": calls.collect::<Vec<_>>()})
    };
    let tool = |id: &str, text: &str| json!({"role": "tool", "tool_call_id": id, "content": text});
    for (items, expected) in [
        // Codex begins with developer messages, and adds more later.
        (
            json!([{"role": "developer", "content": "a"}, user(json!("q")), {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "b"}]}]),
            json!([{"role": "system", "content": "a\n\nb"}, user(json!("q"))]),
        ),
        (
            json!([user(
                json!([{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}])
            )]),
            json!([user(json!("a\n\nb"))]),
        ),
        (
            json!([user(
                json!([{"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": "https://x/y.png", "detail": "original"}])
            )]),
            json!([user(
                json!([{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "high"}}])
            )]),
        ),
        (
            json!([user(
                json!([{"type": "input_image", "image_url": "data:image/png;base64,aGk=", "detail": "auto"}])
            )]),
            json!([user(
                json!([{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}])
            )]),
        ),
        (
            json!([user(
                json!([{"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,aGk="}])
            )]),
            json!([user(
                json!([{"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,aGk="}}])
            )]),
        ),
        (
            json!([user(
                json!([{"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}}])
            )]),
            json!([user(
                json!([{"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}}])
            )]),
        ),
        // Text and call of one turn are one message.
        (
            json!([user(json!("q")), {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "phase": "commentary",
                "content": [{"type": "output_text", "text": "I look.", "annotations": []}, {"type": "refusal", "refusal": "No."}]},
                call("c"), output("c", json!("r"))]),
            json!([user(json!("q")), {"role": "assistant", "content": "I look.\n\nNo.", "tool_calls": asked(&["c"])["tool_calls"]}, tool("c", "r")]),
        ),
        // Two texts in a row are one message.
        (
            json!([{"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"}, user(json!("q"))]),
            json!([{"role": "assistant", "content": "a\n\nb"}, user(json!("q"))]),
        ),
        // Ollama's answer put text between call and result.
        (
            json!([user(json!("q")), call("c"), call("d"), {"role": "developer", "content": "s"}, output("d", json!("2")), user(json!("w")), output("c", json!("1"))]),
            json!([{"role": "system", "content": "s"}, user(json!("q")), asked(&["c", "d"]), tool("d", "2"), tool("c", "1"), user(json!("w"))]),
        ),
        (
            json!([
                call("c"),
                output("c", json!("1")),
                call("d"),
                output("d", json!("2"))
            ]),
            json!([asked(&["c"]), tool("c", "1"), asked(&["d"]), tool("d", "2")]),
        ),
        // Nothing is invented.
        (
            json!([output("x", json!("1")), user(json!("q")), call("c")]),
            json!([tool("x", "1"), user(json!("q")), asked(&["c"])]),
        ),
        (
            json!([
                call("c"),
                output(
                    "c",
                    json!([{"type": "input_text", "text": "a"}, {"type": "output_text", "text": "b"}])
                )
            ]),
            json!([asked(&["c"]), tool("c", "a\n\nb")]),
        ),
        (
            json!([call("c"), output("c", json!({"a": [1]}))]),
            json!([asked(&["c"]), tool("c", "{\"a\":[1]}")]),
        ),
        (
            json!([call("c"), output("c", json!(""))]),
            json!([asked(&["c"]), tool("c", "")]),
        ),
        // Codex's view_image.
        (
            json!([
                call("c"),
                call("d"),
                output(
                    "c",
                    json!([{"type": "input_image", "image_url": "data:image/png;base64,aGk="}])
                ),
                output("d", json!("2"))
            ]),
            json!([
                asked(&["c", "d"]),
                tool("c", "(see the attachment below)"),
                tool("d", "2"),
                user(
                    json!([{"type": "text", "text": "Attached to the result of tool call c:"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}])
                )
            ]),
        ),
        (
            json!([{"type": "function_call", "call_id": "c", "name": "f", "arguments": ""}]),
            json!([{"role": "assistant", "content": null, "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}]),
        ),
        (
            json!([{"type": "custom_tool_call", "call_id": "c", "name": "patch", "input": "a\n\"b\""}, {"type": "custom_tool_call_output", "call_id": "c", "output": "ok"}]),
            json!([{"role": "assistant", "content": null, "tool_calls": [{"id": "c", "type": "function", "function": {"name": "patch", "arguments": "{\"input\":\"a\\n\\\"b\\\"\"}"}}]}, tool("c", "ok")]),
        ),
        (
            json!([{"type": "function_call", "call_id": "c", "namespace": "mcp__docs", "name": "lookup", "arguments": "{}"}]),
            json!([{"role": "assistant", "content": null, "tool_calls": [{"id": "c", "type": "function", "function": {"name": "mcp__docs__lookup", "arguments": "{}"}}]}]),
        ),
        // What a provider's own tools did is in the text behind it; reasoning is optional.
        (
            json!([user(json!("q")), {"type": "web_search_call", "id": "ws"}, {"type": "mcp_list_tools"}, {"type": "item_reference", "id": "rs_1"},
                {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "t"}]}, {"role": "assistant", "content": "a"}]),
            json!([user(json!("q")), {"role": "assistant", "content": "a"}]),
        ),
    ] {
        assert_eq!(messages(items.clone()), expected, "{items}");
    }
}

#[test]
fn only_the_step_that_said_it_gets_reasoning_back() {
    let random = "0123456789abcdef01234567";
    let reasoning = |id: &str, cipher: &str| json!({"type": "reasoning", "id": id, "encrypted_content": cipher, "summary": [{"type": "summary_text", "text": "t"}]});
    let call = json!({"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"});
    let user = json!({"role": "user", "content": "q"});
    let kept = |items: Value| {
        let messages = messages(items);
        let said = messages.as_array().unwrap().iter().find_map(|message| {
            let mut members = ["reasoning_content", "reasoning"].into_iter();
            members.find(|member| message.get(member) == Some(&json!("t")))
        });
        said.unwrap_or("none").to_owned()
    };
    for (id, cipher, expected) in [
        (format!("rs_agw{random}0badc_0"), "", "reasoning_content"),
        (format!("rs_agw{random}0badr_0"), "", "reasoning"),
        (String::new(), "agw1_0badc", "reasoning_content"),
        (format!("rs_agw{random}0bacc_0"), "", "none"),
        (String::new(), "agw1_0bacr", "none"),
        (format!("rs_agw{random}0badd_0"), "agw1_0badd", "none"),
        ("rs_1".to_owned(), "gAAA", "none"),
        // Thinking is no member of chat.
        (format!("rs_agw{random}0bada_0"), "agw1_0bada_sig", "none"),
    ] {
        let item = reasoning(&id, cipher);
        assert_eq!(kept(json!([user, item, call])), expected, "{id} {cipher}");
        assert_eq!(
            kept(json!([user, item, call, user])),
            "none",
            "{id} {cipher}"
        );
    }
    // Without anything that it precedes it is lost.
    assert_eq!(kept(json!([user, reasoning("", "agw1_0badc")])), "none");
}

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
