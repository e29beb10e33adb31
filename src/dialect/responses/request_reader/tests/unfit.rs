//! Members that are dropped by name, and those that a step is passed over for.

use super::*;

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
