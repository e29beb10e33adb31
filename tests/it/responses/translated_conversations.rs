//! Conversations of real clients on a provider of chat that takes nothing it does not know.

use super::translated::{chat_route, response_to, without_ids};
use super::*;
use crate::support::strict_chat;

/// The strict provider is strict: what it refuses here would break these clients for good.
#[test]
fn the_strict_provider_refuses_what_strict_providers_refuse() {
    let user = json!({"role": "user", "content": "q"});
    let call = json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let asked = json!({"role": "assistant", "content": null, "tool_calls": [call]});
    let result = json!({"role": "tool", "tool_call_id": "c", "content": "r"});
    let system = json!({"role": "system", "content": "s"});
    for (mut body, is_taken) in [
        (json!({"messages": [system, user, asked, result]}), true),
        (json!({"messages": [user], "store": false}), false),
        (json!({"messages": [user], "tool_choice": "auto"}), false),
        (
            json!({"messages": [{"role": "developer", "content": "s"}, user]}),
            false,
        ),
        (json!({"messages": [system, system, user]}), false),
        (json!({"messages": [user, system]}), false),
        (json!({"messages": [user, asked, user, result]}), false),
        (json!({"messages": [user, asked, user]}), false),
        (json!({"messages": [user, result]}), false),
        (
            json!({"messages": [asked, {"role": "assistant", "content": "a"}]}),
            false,
        ),
    ] {
        body["model"] = json!("m");
        assert_eq!(strict_chat::fault(&body).is_none(), is_taken, "{body}");
    }
}

/// As Codex 0.169 sends it, shortened.
fn codex(input: Value) -> Value {
    json!({
        "instructions": "You are Codex.", "input": input, "tool_choice": "auto", "parallel_tool_calls": true,
        "reasoning": {"summary": "auto"}, "store": false, "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "0199", "text": {"verbosity": "low"}, "client_metadata": {"x-codex-installation-id": "i"},
        "tools": [
            {"type": "function", "name": "exec_command", "description": "Runs.", "strict": false, "parameters": {"type": "object", "properties": {}}},
            {"type": "custom", "name": "apply_patch", "description": "Patches.", "format": {"type": "grammar", "syntax": "lark", "definition": "start: x"}},
            {"type": "namespace", "name": "mcp__docs", "description": "", "tools": [
                {"type": "function", "name": "lookup", "strict": false, "parameters": {"type": "object", "properties": {}}}]},
            {"type": "web_search", "external_web_access": false},
        ],
    })
}

fn developer(text: &str) -> Value {
    json!({"type": "message", "role": "developer", "content": [{"type": "input_text", "text": text}]})
}

fn user(text: &str) -> Value {
    json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]})
}

/// Answers the first request with these calls, and each that has results with a text.
fn agent(calls: Value) -> Upstream {
    strict_chat::upstream(move |request| {
        let body = request.json();
        let messages = body["messages"].as_array().unwrap();
        let has_results = messages.iter().any(|message| message["role"] == "tool");
        let (message, reason) = if has_results {
            (json!({"role": "assistant", "content": "All done."}), "stop")
        } else {
            let said = json!({"role": "assistant", "reasoning_content": "I think.", "content": "I look. ", "tool_calls": calls});
            (said, "tool_calls")
        };
        if request.asks_for_a_stream() {
            strict_chat::stream(&message, reason)
        } else {
            Script::json(200, &strict_chat::whole(&message, reason))
        }
    })
}

fn function(id: &str, name: &str, arguments: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
}

#[test]
fn an_agent_runs_its_tools_and_sends_everything_back() {
    let a = agent(json!([
        function("c1", "mcp__docs__lookup", "{\"q\": 1}"),
        function("c2", "apply_patch", "{\"input\": \"*** Begin\"}"),
        function("c3", "exec_command", ""),
    ]));
    let gateway = chat_route(&a);
    for stream in [false, true] {
        let mut input = vec![
            developer("You may."),
            developer("Be brief."),
            user("Look it up."),
        ];
        let (frame, response) = response_to(&gateway, codex(json!(input)), stream);
        let output = frame["output"].as_array().unwrap().clone();
        let cipher = output[0]["encrypted_content"].clone();
        assert_eq!(
            without_ids(&frame["output"]),
            json!([
                {"type": "reasoning", "status": "completed", "summary": [{"type": "summary_text", "text": "I think."}], "encrypted_content": cipher},
                {"type": "message", "role": "assistant", "status": "completed", "content": [{"type": "output_text", "text": "I look. ", "annotations": [], "logprobs": []}]},
                {"type": "function_call", "status": "completed", "call_id": "c1", "name": "lookup", "namespace": "mcp__docs", "arguments": "{\"q\": 1}"},
                {"type": "custom_tool_call", "status": "completed", "call_id": "c2", "name": "apply_patch", "input": "*** Begin"},
                {"type": "function_call", "status": "completed", "call_id": "c3", "name": "exec_command", "arguments": "{}"},
            ]),
            "{response}"
        );
        input.extend(output);
        input.extend([
            json!({"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "found"}]}),
            developer("Another word."),
            json!({"type": "custom_tool_call_output", "call_id": "c2", "output": "patched"}),
            json!({"type": "function_call_output", "call_id": "c3", "output": [
                {"type": "input_image", "image_url": "data:image/png;base64,aGk=", "detail": "original"}]}),
        ]);
        let (frame, _) = response_to(&gateway, codex(json!(input)), stream);
        assert_eq!(frame["output"][0]["content"][0]["text"], "All done.");
        let sent = a.requests().pop().unwrap().json();
        let messages = sent["messages"].as_array().unwrap();
        let roles: Vec<_> = messages
            .iter()
            .map(|message| message["role"].as_str().unwrap())
            .collect();
        assert_eq!(
            roles,
            [
                "system",
                "user",
                "assistant",
                "tool",
                "tool",
                "tool",
                "user"
            ]
        );
        assert_eq!(
            messages[0]["content"],
            "You are Codex.\n\nYou may.\n\nBe brief.\n\nAnother word."
        );
        assert_eq!(messages[2]["reasoning_content"], "I think.");
        assert_eq!(
            messages[2]["tool_calls"][0]["function"]["name"],
            "mcp__docs__lookup"
        );
        assert_eq!(messages[6]["content"][1]["image_url"]["detail"], "high");
    }
}

/// DeepSeek refuses a turn without its reasoning, Groq and Mistral one with that of another model.
#[test]
fn reasoning_goes_back_to_the_step_that_said_it_alone() {
    let a = agent(json!([function("c1", "exec_command", "{}")]));
    let b = agent(json!([]));
    let gateway = Config::new()
        .provider("a", &a)
        .provider("b", &b)
        .route("r", [("a", "model-a")])
        .route("other", [("b", "model-b")])
        .start();
    let mut input = vec![user("Do it.")];
    let (frame, _) = response_to(&gateway, codex(json!(input)), false);
    input.extend(frame["output"].as_array().unwrap().clone());
    input.push(json!({"type": "function_call_output", "call_id": "c1", "output": "ok"}));
    let mut body = codex(json!(input));
    body["model"] = json!("other");
    let response = post(&gateway, &body.to_string());
    assert_eq!(response.status, 200, "{response}");
    let sent = b.request().json();
    assert_eq!(sent["messages"][2].get("reasoning_content"), None, "{sent}");
    assert_eq!(sent["messages"][2]["tool_calls"][0]["id"], "c1");
}

/// As Home Assistant 2026.2 and n8n send it.
#[test]
fn what_home_assistant_and_n8n_send_is_taken() {
    let a = strict_chat::answering(json!({"role": "assistant", "content": "On."}), "stop");
    let gateway = chat_route(&a);
    for body in [
        json!({"input": [{"type": "message", "role": "developer", "content": "You are a voice assistant."},
                {"type": "message", "role": "user", "content": "Turn it on."}],
            "max_output_tokens": 3000, "user": "01J", "store": false, "top_p": 1.0, "temperature": 1.0,
            "prompt_cache_retention": "24h", "text": {"verbosity": "medium"},
            "tools": [{"type": "function", "name": "HassTurnOn", "description": "d", "strict": false,
                "parameters": {"type": "object", "properties": {}}}]}),
        json!({"input": [{"type": "message", "role": "system", "content": "You help."}, {"type": "message", "role": "user", "content": "hi"}],
            "top_logprobs": 0, "service_tier": "auto", "parallel_tool_calls": true, "text": {"format": {}}, "metadata": {}}),
    ] {
        for stream in [false, true] {
            let (frame, response) = response_to(&gateway, body.clone(), stream);
            assert_eq!(
                frame["output"][0]["content"][0]["text"], "On.",
                "{response}"
            );
        }
    }
    assert_eq!(a.requests()[0].json()["max_tokens"], 3000);
}

#[test]
fn a_format_is_asked_for_and_checked() {
    let a = strict_chat::upstream(|request| {
        let format = request.json()["response_format"]["json_schema"]["name"].clone();
        assert_eq!(format, "answer");
        request.answer(r#"{"a":1}"#)
    });
    let gateway = chat_route(&a);
    let schema = json!({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": false});
    let format = json!({"type": "json_schema", "name": "answer", "schema": schema, "strict": true});
    for stream in [false, true] {
        let body = json!({"input": "hi", "text": {"format": format}});
        let (frame, _) = response_to(&gateway, body, stream);
        assert_eq!(frame["output"][0]["content"][0]["text"], r#"{"a":1}"#);
        assert_eq!(frame["text"]["format"]["name"], "answer");
    }
}
