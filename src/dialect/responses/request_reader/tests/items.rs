//! The items of a conversation, and the messages that they become.

use super::*;

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
