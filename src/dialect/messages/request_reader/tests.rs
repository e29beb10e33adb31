use super::*;
use crate::dialect::canonical::ReasoningMember;
use crate::dialect::chat::Chat;
use crate::dialect::messages::Messages;
use crate::dialect::step_traits::PLAIN;
use crate::dialect::translate::{self, Translated};

fn target(replays_reasoning: bool) -> Target<'static> {
    Target {
        traits: &PLAIN,
        replays_reasoning,
        kept: &[],
    }
}

/// The request as a step that speaks chat gets it.
fn translated(members: &str, replays: bool) -> Result<Translated, Unfit> {
    let body = format!(r#"{{"model":"r","max_tokens":9,{members}}}"#);
    let request = super::super::request::read(body.as_bytes()).unwrap();
    let translated = translate::request(&Messages, &Chat, &request, &target(replays))?;
    serde_json::from_str::<serde::de::IgnoredAny>(&translated.body).unwrap();
    Ok(translated)
}

fn member(members: &str, key: &str) -> String {
    let body = translated(members, false).unwrap().body;
    raw::member(&body, key).unwrap_or_default().to_owned()
}

fn messages(messages: &str) -> String {
    member(&format!("\"messages\":[{messages}]"), "messages")
}

const HI: &str = r#""messages":[{"role":"user","content":"hi"}]"#;

/// An assistant message with calls of these ids.
fn calls(ids: &[&str]) -> String {
    let block =
        |id: &&str| format!(r#"{{"type":"tool_use","id":"{id}","name":"f","input":{{"a": "b"}}}}"#);
    let blocks: Vec<_> = ids.iter().map(block).collect();
    format!(r#"{{"role":"assistant","content":[{}]}}"#, blocks.join(","))
}

fn chat_calls(ids: &[&str]) -> String {
    let call = |id: &&str| {
        format!(
            r#"{{"id":"{id}","type":"function","function":{{"name":"f","arguments":"{{\"a\": \"b\"}}"}}}}"#
        )
    };
    let calls: Vec<_> = ids.iter().map(call).collect();
    format!(
        r#"{{"role":"assistant","content":null,"tool_calls":[{}]}}"#,
        calls.join(",")
    )
}

fn user(blocks: &str) -> String {
    format!(r#"{{"role":"user","content":[{blocks}]}}"#)
}

fn result(id: &str, rest: &str) -> String {
    format!(r#"{{"type":"tool_result","tool_use_id":"{id}"{rest}}}"#)
}

fn tool(id: &str, text: &str) -> String {
    format!(r#"{{"role":"tool","tool_call_id":"{id}","content":"{text}"}}"#)
}

#[test]
fn instructions_are_one_message_without_what_changes_each_time() {
    for (system, expected) in [
        (r#""be\nbrief""#, r#"be\nbrief"#),
        (
            r#"[{"type":"text","text":"x-anthropic-billing-header: cc=1"},{"type":"text","text":"a","cache_control":{}},{"type":"text","text":"b"}]"#,
            r"a\n\nb",
        ),
    ] {
        let found = member(&format!("\"system\":{system},{HI}"), "messages");
        let expected = format!(
            r#"[{{"role":"system","content":"{expected}"}},{{"role":"user","content":"hi"}}]"#
        );
        assert_eq!(found, expected);
    }
}

#[test]
fn a_system_message_is_a_reminder_where_it_stands() {
    let system = r#"{"role":"system","content":[{"type":"text","text":"be brief"}]}"#;
    let reminder = r"<system-reminder>\nbe brief\n</system-reminder>";
    assert_eq!(
        messages(&format!(r#"{{"role":"user","content":"hi"}},{system}"#)),
        format!(r#"[{{"role":"user","content":"hi\n\n{reminder}"}}]"#)
    );
    let run = format!(
        "{},{},{},{system}",
        r#"{"role":"user","content":"hi"}"#,
        calls(&["1"]),
        user(&result("1", r#","content":"ok""#))
    );
    assert_eq!(
        messages(&run),
        format!(
            r#"[{{"role":"user","content":"hi"}},{},{},{{"role":"user","content":"{reminder}"}}]"#,
            chat_calls(&["1"]),
            tool("1", "ok")
        )
    );
    let unfit = translated(r#""messages":[{"role":"tool","content":"x"}]"#, false);
    let unfit = unfit.unwrap_err();
    assert_eq!(unfit.param.as_deref(), Some("messages[0].role"));
    assert!(unfit.reason.starts_with("messages.0.role: "));
}

#[test]
fn blocks_of_a_users_message_have_their_parts() {
    for (blocks, expected) in [
        (r#"{"type":"text","text":"a"}"#, r#""a""#),
        (
            r#"{"type":"text","text":"a"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA"}}"#,
            r#"[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA"}}]"#,
        ),
        (
            r#"{"type":"image","source":{"type":"url","url":"https://i"}}"#,
            r#"[{"type":"image_url","image_url":{"url":"https://i"}}]"#,
        ),
        (
            r#"{"type":"document","source":{"type":"text","media_type":"text/plain","data":"x"},"title":"t","context":"c"}"#,
            r#""t\nc\nx""#,
        ),
        (
            r#"{"type":"document","source":{"type":"content","content":[{"type":"text","text":"x"}]},"title":"t"}"#,
            r#""t\n\nx""#,
        ),
        (
            r#"{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"JV"},"title":"t.pdf"}"#,
            r#"[{"type":"file","file":{"filename":"t.pdf","file_data":"data:application/pdf;base64,JV"}}]"#,
        ),
        (
            r#"{"type":"search_result","title":"t","source":"https://s","content":[{"type":"text","text":"x"}]}"#,
            r#""t\nhttps://s\nx""#,
        ),
    ] {
        assert_eq!(
            messages(&user(blocks)),
            format!(r#"[{{"role":"user","content":{expected}}}]"#),
            "{blocks}"
        );
    }
}

/// Nothing is lost silently: the step is passed over, and the block is named.
#[test]
fn what_has_no_equivalent_makes_the_step_unfit() {
    for (block, kind) in [
        (
            r#"{"type":"image","source":{"type":"file","file_id":"f"}}"#,
            "image",
        ),
        (
            r#"{"type":"document","source":{"type":"url","url":"https://d"}}"#,
            "document",
        ),
        (
            r#"{"type":"document","source":{"type":"file","file_id":"f"}}"#,
            "document",
        ),
        (
            r#"{"type":"container_upload","file_id":"f"}"#,
            "container_upload",
        ),
    ] {
        let inside = result("1", &format!(r#","content":[{block}]"#));
        for (blocks, place) in [
            (
                format!(r#"{{"type":"text","text":"a"}},{block}"#),
                "messages.0.content.1: ",
            ),
            (inside, "messages.0.content.0.content.0: "),
        ] {
            let members = format!("\"messages\":[{}]", user(&blocks));
            let unfit = translated(&members, false).unwrap_err();
            assert!(unfit.reason.starts_with(place), "{}", unfit.reason);
            assert!(unfit.reason.contains(kind), "{}", unfit.reason);
        }
    }
}

/// Claude Code's Read of a picture: dropped, or made a text, it left models blind (CLIProxyAPI issue 5707).
#[test]
fn results_are_texts_right_behind_their_calls_and_images_follow_the_run() {
    let image =
        r#"{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA"}}"#;
    let blocks = [
        r#"{"type":"text","text":"go"}"#.to_owned(),
        result(
            "1",
            &format!(
                r#","content":[{{"type":"text","text":"x"}},{{"type":"text","text":"y"}},{image}]"#
            ),
        ),
        result("2", r#","content":"no","is_error":true"#),
        result("3", r#","content":"<tool_use_error>no","is_error":true"#),
        result("4", ""),
    ];
    let found = messages(&format!(
        "{},{}",
        calls(&["1", "2", "3", "4"]),
        user(&blocks.join(","))
    ));
    let expected = [
        chat_calls(&["1", "2", "3", "4"]),
        tool("1", r"x\ny"),
        tool("2", "Error: no"),
        tool("3", "<tool_use_error>no"),
        tool("4", "(no content)"),
        r#"{"role":"user","content":[{"type":"text","text":"Image from tool result 1:"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA"}},{"type":"text","text":"go"}]}"#.to_owned(),
    ];
    assert_eq!(found, format!("[{}]", expected.join(",")));
}

#[test]
fn every_call_has_a_result_and_every_result_a_call() {
    let hi = r#"{"role":"user","content":"hi"}"#;
    for (sent, expected) in [
        // The turn was interrupted.
        (
            format!("{},{hi}", calls(&["1", "2"])),
            vec![
                chat_calls(&["1", "2"]),
                tool("1", "(no result)"),
                tool("2", "(no result)"),
                hi.to_owned(),
            ],
        ),
        (
            calls(&["1"]),
            vec![chat_calls(&["1"]), tool("1", "(no result)")],
        ),
        // The history was made shorter.
        (
            user(&result("9", r#","content":"x""#)),
            vec![r#"{"role":"user","content":"Tool result 9: x"}"#.to_owned()],
        ),
        // Results in two messages.
        (
            format!(
                "{},{},{}",
                calls(&["1", "2"]),
                user(&format!(
                    r#"{},{{"type":"text","text":"a"}}"#,
                    result("2", r#","content":"y""#)
                )),
                user(&result("1", r#","content":"x""#))
            ),
            vec![
                chat_calls(&["1", "2"]),
                tool("2", "y"),
                tool("1", "x"),
                r#"{"role":"user","content":"a"}"#.to_owned(),
            ],
        ),
        // The same id again, a turn later.
        (
            format!(
                "{c},{r},{c},{r}",
                c = calls(&["0"]),
                r = user(&result("0", r#","content":"x""#))
            ),
            vec![
                chat_calls(&["0"]),
                tool("0", "x"),
                chat_calls(&["0"]),
                tool("0", "x"),
            ],
        ),
    ] {
        assert_eq!(
            messages(&sent),
            format!("[{}]", expected.join(",")),
            "{sent}"
        );
    }
}

#[test]
fn an_assistants_message_keeps_what_it_said() {
    for (blocks, expected) in [
        (
            r#"{"type":"text","text":"a"},{"type":"text","text":"b"}"#,
            r"a\n\nb",
        ),
        (r#"{"type":"redacted_thinking","data":"x"}"#, "(no content)"),
        (
            r#"{"type":"server_tool_use","id":"s","name":"web_search","input":{}},{"type":"web_search_tool_result","content":[{"type":"web_search_result","url":"https://u","title":"t"}]}"#,
            "t: https://u",
        ),
        (
            r#"{"type":"web_fetch_tool_result","content":{"type":"web_fetch_result","url":"https://u","content":{"type":"document","title":"t"}}}"#,
            "t: https://u",
        ),
        (r#"{"type":"compaction","content":"so far"}"#, "so far"),
    ] {
        let found = messages(&format!(
            r#"{{"role":"user","content":"hi"}},{{"role":"assistant","content":[{blocks}]}}"#
        ));
        assert_eq!(
            found,
            format!(
                r#"[{{"role":"user","content":"hi"}},{{"role":"assistant","content":"{expected}"}}]"#
            )
        );
    }
}

/// Groq, Cerebras and Mistral refuse it, DeepSeek and Kimi demand it.
#[test]
fn thinking_goes_back_to_those_who_want_it() {
    let members = r#""messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"aigw:01"},{"type":"text","text":"a"}]}]"#;
    for (replays, expected) in [
        (false, r#"[{"role":"assistant","content":"a"}]"#),
        (
            true,
            r#"[{"role":"assistant","content":"a","reasoning_content":"hm"}]"#,
        ),
    ] {
        let body = translated(members, replays).unwrap().body;
        assert_eq!(raw::member(&body, "messages"), Some(expected));
    }
    let mut names = Names::default();
    let body = format!(r#"{{"model":"r","max_tokens":9,{members}}}"#);
    let request = super::super::request::read(body.as_bytes()).unwrap();
    let form = read(&request, &target(true), &mut names).unwrap();
    let thought = form.turns.iter().flat_map(|turn| &turn.parts).next();
    assert!(
        matches!(thought, Some(Part::Reasoning(thought)) if thought.member == ReasoningMember::Thinking)
    );
}

#[test]
fn tools_are_functions_and_those_of_a_provider_are_left_out() {
    let long = "x".repeat(70);
    let tools = format!(
        r#"[{{"name":"Bash","description":"d","input_schema":{{"$schema":"s","type":"object"}},"cache_control":{{}},"defer_loading":true}},{{"type":"custom","name":"{long}","strict":true}},{{"type":"web_search_20250305","name":"web_search"}}]"#
    );
    let translated = translated(&format!("{HI},\"tools\":{tools}"), false).unwrap();
    let names: Vec<&str> = vec!["Bash", &long];
    let sent = translated.names.clone();
    let cut = Names::default().sent(&long);
    assert_eq!(sent.restored(&cut), names[1]);
    assert_eq!(
        raw::member(&translated.body, "tools").unwrap(),
        format!(
            r#"[{{"type":"function","function":{{"name":"Bash","description":"d","parameters":{{"type":"object"}}}}}},{{"type":"function","function":{{"name":"{cut}","strict":true}}}}]"#
        )
    );
    assert_eq!(translated.dropped, ["tools.web_search"]);
    for (kind, param) in [
        ("bash_20250124", "tools[0]"),
        ("web_search_20250305", "tools"),
    ] {
        let tools = format!(r#"[{{"type":"{kind}","name":"t"}}]"#);
        let unfit = super::tests::translated(&format!("{HI},\"tools\":{tools}"), false);
        assert_eq!(unfit.unwrap_err().param.as_deref(), Some(param));
    }
}

#[test]
fn the_choice_among_tools_is_spelled_as_chat_does() {
    for (choice, expected, parallel) in [
        (r#"{"type":"auto"}"#, "", ""),
        (
            r#"{"type":"any","disable_parallel_tool_use":true}"#,
            r#""required""#,
            "false",
        ),
        (r#"{"type":"none"}"#, r#""none""#, ""),
        (
            r#"{"type":"tool","name":"f"}"#,
            r#"{"type":"function","function":{"name":"f"}}"#,
            "",
        ),
        (r#"{"type":"tool","name":"web_search"}"#, "", ""),
    ] {
        let members = format!(
            r#"{HI},"tools":[{{"name":"f","input_schema":{{}}}},{{"type":"web_search_20250305","name":"web_search"}}],"tool_choice":{choice}"#
        );
        assert_eq!(member(&members, "tool_choice"), expected, "{choice}");
        assert_eq!(
            member(&members, "parallel_tool_calls"),
            parallel,
            "{choice}"
        );
    }
    let without = format!(r#"{HI},"tool_choice":{{"type":"any"}}"#);
    assert_eq!(member(&without, "tool_choice"), "");
}

#[test]
fn settings_have_their_members_in_chat() {
    for (members, key, expected) in [
        (r#""temperature":1.0"#, "temperature", "1.0"),
        (r#""top_p":0.5"#, "top_p", "0.5"),
        (r#""top_k":5"#, "top_k", ""),
        (r#""x":1"#, "max_tokens", "9"),
        (
            r#""stop_sequences":["a","","b","c","d","e"]"#,
            "stop",
            r#"["a","b","c","d"]"#,
        ),
        (
            r#""output_config":{"effort":"max"}"#,
            "reasoning_effort",
            r#""high""#,
        ),
        (
            r#""output_config":{"effort":"low"},"thinking":{"type":"adaptive"}"#,
            "reasoning_effort",
            r#""low""#,
        ),
        (
            r#""output_config":{"effort":"low"},"thinking":{"type":"disabled"}"#,
            "reasoning_effort",
            "",
        ),
        (
            r#""output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}}"#,
            "response_format",
            r#"{"type":"json_schema","json_schema":{"name":"output","schema":{"type":"object"},"strict":true}}"#,
        ),
        (
            r#""stream":true"#,
            "stream_options",
            r#"{"include_usage":true}"#,
        ),
        (r#""metadata":{"user_id":"u"}"#, "user", ""),
        (r#""context_management":{}"#, "context_management", ""),
        (r#""service_tier":"auto""#, "service_tier", ""),
    ] {
        assert_eq!(
            member(&format!("{members},{HI}"), key),
            expected,
            "{members}"
        );
    }
}
