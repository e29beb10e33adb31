//! Answers as lines, whole ones and those that break.

use super::*;

fn a_turn() -> Vec<Delta<'static>> {
    vec![
        Delta::Begin(Begin::default()),
        Delta::Reasoning {
            text: "hm",
            member: ReasoningMember::Content,
        },
        Delta::Text("Par"),
        Delta::Text(r"is \ud83d"),
        Delta::Text(r"\ude00"),
        Delta::Call(CallFragment {
            index: Some(0),
            id: Some("x"),
            name: Some("f"),
            arguments: "",
        }),
        Delta::Call(CallFragment {
            index: Some(0),
            arguments: r#"{\"a\":1,\n\"b\":\"\\n\"}"#,
            ..CallFragment::default()
        }),
        Delta::Call(CallFragment {
            index: Some(1),
            id: None,
            name: Some("g"),
            arguments: "",
        }),
        Delta::End(End::ToolCalls),
        Delta::Usage(TokenCounts {
            input: Some(5),
            output: Some(6),
            ..TokenCounts::default()
        }),
    ]
}

#[test]
fn an_answer_is_lines_of_which_each_has_what_clients_validate() {
    let out = answered(&Chat, BODY, &a_turn(), FrameForm::Lines).unwrap();
    let lines = lines(&out.text);
    let (last, others) = lines.split_last().unwrap();
    for line in &lines {
        assert_eq!(line["model"], "home:latest");
        assert!(line["created_at"].as_str().unwrap().ends_with('Z'));
        assert_eq!(line["message"]["role"], "assistant");
        assert!(line["message"]["content"].is_string());
    }
    assert!(others.iter().all(|line| line["done"] == false));
    assert_eq!(others[0]["message"]["thinking"], "hm");
    assert_eq!(others[0]["routing_summary"], json!({"route_name": "r"}));
    assert_eq!(others[1].get("routing_summary"), None);
    let content: String = lines
        .iter()
        .map(|line| line["message"]["content"].as_str().unwrap())
        .collect();
    assert_eq!(content, "Paris \u{1f600}");
    let calls: Vec<&Value> = others
        .iter()
        .filter_map(|line| line["message"].get("tool_calls"))
        .collect();
    assert_eq!(
        calls,
        [
            &json!([{"id": "x", "function": {"index": 0, "name": "f", "arguments": {"a": 1, "b": "\n"}}}]),
            &json!([{"id": "call_00000000000000071", "function": {"index": 1, "name": "g", "arguments": {}}}]),
        ]
    );
    assert_eq!(
        (&last["done"], &last["done_reason"]),
        (&json!(true), &json!("stop"))
    );
    assert_eq!(
        (&last["prompt_eval_count"], &last["eval_count"]),
        (&json!(5), &json!(6))
    );
    for duration in [
        "total_duration",
        "load_duration",
        "prompt_eval_duration",
        "eval_duration",
    ] {
        assert!(last[duration].as_u64().unwrap() >= 1, "{duration}");
    }
}

#[test]
fn a_provider_that_counts_nothing_is_estimated_and_an_answer_that_was_cut_says_so() {
    let deltas = [
        Delta::Begin(Begin::default()),
        Delta::Text("12345678"),
        Delta::End(End::Length),
    ];
    let body = r#"{"model":"m","prompt":"hi","think":false}"#;
    let out = answered(&Generate, body, &deltas, FrameForm::Lines).unwrap();
    let lines = lines(&out.text);
    assert_eq!(lines[0]["response"], "12345678");
    assert_eq!(lines[1]["response"], "");
    assert_eq!(lines[1]["done_reason"], "length");
    assert_eq!(lines[1]["eval_count"], 2);
    assert!(lines[1]["prompt_eval_count"].as_u64().unwrap() > 0);
    assert!(lines.iter().all(|line| line.get("message").is_none()));
}

#[test]
fn thoughts_are_hidden_where_none_are_wanted() {
    let body = r#"{"model":"m","think":false,"messages":[{"role":"user","content":"hi"}]}"#;
    let out = answered(&Chat, body, &a_turn(), FrameForm::Lines).unwrap();
    assert!(!out.text.contains("thinking"));
}

#[test]
fn arguments_that_are_no_object_are_no_answer() {
    for arguments in [r"[1]", r#"\"a\""#, r#"{\"a\":"#, "x", "{a}"] {
        let call = CallFragment {
            name: Some("f"),
            arguments,
            ..CallFragment::default()
        };
        let deltas = [
            Delta::Begin(Begin::default()),
            Delta::Call(call),
            Delta::End(End::ToolCalls),
        ];
        assert!(
            answered(&Chat, BODY, &deltas, FrameForm::Lines).is_err(),
            "{arguments}"
        );
    }
}

#[test]
fn a_whole_answer_is_the_last_line_with_the_whole_message() {
    let whole = |client: &dyn Dialect, body: &str| {
        let frames = answered(client, body, &a_turn(), FrameForm::Data).unwrap();
        let mut assembler = Box::new(Assembler::default());
        frames
            .data
            .iter()
            .for_each(|data| assembler.push(data).unwrap());
        serde_json::from_str::<Value>(&assembler.finish()).unwrap()
    };
    let chat = whole(&Chat, BODY);
    assert_eq!(chat["message"]["content"], "Paris \u{1f600}");
    assert_eq!(chat["message"]["thinking"], "hm");
    assert_eq!(chat["message"]["tool_calls"].as_array().unwrap().len(), 2);
    assert_eq!(chat["done"], true);
    assert_eq!(chat["routing_summary"], json!({"route_name": "r"}));
    assert_eq!(chat["eval_count"], 6);
    let generate = whole(&Generate, r#"{"model":"m","prompt":"hi"}"#);
    assert_eq!(generate["response"], "Paris \u{1f600}");
    assert_eq!(generate["thinking"], "hm");
    assert_eq!(generate["done_reason"], "stop");
}

#[test]
fn a_break_is_a_line_with_a_text() {
    let request = Chat.read(BODY.as_bytes().into()).unwrap();
    let mut writer = Chat.client_side().unwrap().write_answer(Answering {
        request: &request,
        target: target(KEPT),
        names: Names::default(),
        model: None,
        seed: 0,
        now: UNIX_EPOCH,
    });
    let mut out = Frames::new(FrameForm::Lines);
    writer.ping(&mut out);
    assert_eq!(out.text, "");
    writer.break_off(
        &ErrorBody::new(Code::RouteExecutionFailed, "it \"broke\""),
        &mut out,
    );
    assert_eq!(out.text, "{\"error\":\"it \\\"broke\\\"\"}\n");
}
