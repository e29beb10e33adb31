use super::*;
use crate::dialect::canonical::{
    Call, Image, Media, Reasoning, ReasoningMember, Role, Sampling, Schema, ToolResult, Turn,
};

fn write_for(mut request: Request<'_>, step: &TranslationTraits) -> (String, Vec<String>) {
    let body = write(&mut request, step).unwrap();
    serde_json::from_str::<serde::de::IgnoredAny>(&body).unwrap();
    (body, request.dropped)
}

fn written(request: Request<'_>) -> String {
    write_for(request, &TranslationTraits::default()).0
}

fn member(body: &str, key: &str) -> String {
    raw::member(body, key).unwrap_or_default().to_owned()
}

fn text(text: &str) -> Part<'_> {
    Part::Text(Escaped::plain(text))
}

fn user<'a>(parts: Vec<Part<'a>>) -> Turn<'a> {
    let role = Role::User;
    Turn { role, parts }
}

fn assistant<'a>(parts: Vec<Part<'a>>) -> Turn<'a> {
    let role = Role::Assistant;
    Turn { role, parts }
}

fn call<'a>(id: &'a str, arguments: &'a str) -> Part<'a> {
    Part::Call(Call {
        id: Escaped::plain(id),
        name: Escaped::plain("f"),
        arguments: Escaped::plain(arguments),
    })
}

fn result<'a>(id: &'a str, text: &'a str, attachments: Vec<Part<'a>>) -> Part<'a> {
    Part::Result(ToolResult {
        id: Escaped::plain(id),
        text: Escaped::plain(text),
        attachments,
        label: Escaped::default(),
        stand_in: "(no content)",
        is_error: false,
    })
}

fn base64<'a>(media_type: &'a str, data: &'a str) -> Media<'a> {
    Media::Base64 {
        media_type: Escaped::plain(media_type),
        data: Escaped::plain(data),
    }
}

fn image(media: Media<'_>) -> Part<'_> {
    Part::Image(Image {
        media,
        detail: None,
    })
}

fn thought<'a>(signature: Option<&'a str>) -> Part<'a> {
    Part::Reasoning(Reasoning {
        text: Escaped::plain("hm"),
        member: ReasoningMember::Thinking,
        signature: signature.map(Escaped::plain),
    })
}

fn asked(turns: Vec<Turn<'_>>) -> Request<'_> {
    Request {
        turns,
        ..Request::default()
    }
}

fn hi() -> Request<'static> {
    asked(vec![user(vec![text("hi")])])
}

#[test]
fn a_plain_question_has_a_bound_and_nothing_else() {
    assert_eq!(
        written(hi()),
        r#"{"model":"-","max_tokens":8192,"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]}"#
    );
}

/// Anthropic refuses turns of one side that follow each other, a beginning of the assistant's, blank texts, and white space
/// at the end of an answer that is to go on.
#[test]
fn turns_are_what_the_provider_takes() {
    for (turns, expected) in [
        (
            vec![
                user(vec![text("a")]),
                assistant(vec![text(r" \n")]),
                user(vec![text("b")]),
            ],
            r#"[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}]"#,
        ),
        (
            vec![assistant(vec![text("a ")]), user(vec![text("")])],
            r#"[{"role":"user","content":[{"type":"text","text":"(start)"}]},{"role":"assistant","content":[{"type":"text","text":"a"}]}]"#,
        ),
        (
            vec![user(vec![text("a")]), assistant(vec![text(r"{\n \u0020")])],
            r#"[{"role":"user","content":[{"type":"text","text":"a"}]},{"role":"assistant","content":[{"type":"text","text":"{"}]}]"#,
        ),
        (
            vec![],
            r#"[{"role":"user","content":[{"type":"text","text":"(start)"}]}]"#,
        ),
        (
            vec![
                user(vec![text("a")]),
                assistant(vec![
                    thought(None),
                    thought(Some("s")),
                    text("b"),
                    call("c.1", r#"{\"x\": 1}"#),
                    call("c:2", ""),
                    call("3", "no"),
                    call("4", "[1]"),
                ]),
                user(vec![
                    result("c.1", "one", vec![]),
                    result("c:2", "", vec![image(base64("image/png", "AAAA"))]),
                    result("3", "", vec![]),
                    text("go"),
                ]),
            ],
            r#"[{"role":"user","content":[{"type":"text","text":"a"}]},{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"b"},{"type":"tool_use","id":"c_1","name":"f","input":{"x": 1}},{"type":"tool_use","id":"c_2","name":"f","input":{}},{"type":"tool_use","id":"3","name":"f","input":{"arguments":"no"}},{"type":"tool_use","id":"4","name":"f","input":{"arguments":"[1]"}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c_1","content":"one"},{"type":"tool_result","tool_use_id":"c_2","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}}]},{"type":"tool_result","tool_use_id":"3","content":""},{"type":"text","text":"go"}]}]"#,
        ),
    ] {
        assert_eq!(member(&written(asked(turns)), "messages"), expected);
    }
}

#[test]
fn images_and_documents_have_sources() {
    let file = |media: Media<'static>| Part::File {
        name: Some(Escaped::plain("n")),
        media,
    };
    for (part, expected) in [
        (
            image(Media::Url(Escaped::plain("https://i"))),
            r#"{"type":"image","source":{"type":"url","url":"https://i"}}"#,
        ),
        (
            file(base64("application/pdf", "AAAA")),
            r#"{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"AAAA"},"title":"n"}"#,
        ),
        (
            file(base64("text/csv", "YSwiYiI=")),
            r#"{"type":"document","source":{"type":"text","media_type":"text/plain","data":"a,\"b\""},"title":"n"}"#,
        ),
        (
            file(Media::Url(Escaped::plain("https://d"))),
            r#"{"type":"document","source":{"type":"url","url":"https://d"},"title":"n"}"#,
        ),
    ] {
        let body = written(asked(vec![user(vec![part])]));
        assert_eq!(
            member(&body, "messages"),
            format!(r#"[{{"role":"user","content":[{expected}]}}]"#)
        );
    }
    for part in [
        Part::Audio("{}"),
        file(base64("application/zip", "AAAA")),
        result("1", "", vec![Part::Audio("{}")]),
    ] {
        let unfit = write(
            &mut asked(vec![user(vec![part])]),
            &TranslationTraits::default(),
        );
        assert!(unfit.unwrap_err().reason.contains("no equivalent"));
    }
}

#[test]
fn instructions_stand_apart_and_tell_of_a_format_that_has_no_word() {
    let system = |system: &[&'static str], format| {
        let body = written(Request {
            system: system.iter().map(|text| Escaped::plain(text)).collect(),
            format,
            ..hi()
        });
        member(&body, "system")
    };
    assert_eq!(system(&["", r"\n"], Format::Text), "");
    assert_eq!(
        system(&["a", "b"], Format::Text),
        r#"[{"type":"text","text":"a"},{"type":"text","text":"b"}]"#
    );
    assert!(system(&[], Format::Json).contains(JSON_ONLY));
    let schema = Schema {
        name: Escaped::plain("n"),
        description: None,
        schema: r#"{"type":"object"}"#,
        strict: Some(true),
    };
    let body = written(Request {
        format: Format::Schema(schema),
        ..hi()
    });
    assert_eq!(
        member(&body, "output_config"),
        r#"{"format":{"type":"json_schema","schema":{"type":"object"}}}"#
    );
}

#[test]
fn tools_have_schemas_and_a_choice_only_beside_tools() {
    let tool = |parameters: Option<&'static str>| Tool {
        name: Escaped::plain("f"),
        description: Some(Escaped::plain("d")),
        parameters: parameters.map(Into::into),
        strict: Some(true),
    };
    for (parameters, schema) in [
        (None, NO_PARAMETERS),
        (Some("{ }"), NO_PARAMETERS),
        (Some("null"), NO_PARAMETERS),
        (
            Some(r#"{"properties":{}}"#),
            r#"{"type":"object","properties":{}}"#,
        ),
        (Some(r#"{"type":"object"}"#), r#"{"type":"object"}"#),
    ] {
        let body = written(Request {
            tools: vec![tool(parameters)],
            ..hi()
        });
        assert_eq!(
            member(&body, "tools"),
            format!(r#"[{{"name":"f","description":"d","input_schema":{schema},"strict":true}}]"#)
        );
    }
    for (choice, parallel, expected) in [
        (Choice::Auto, None, ""),
        (Choice::Auto, Some(true), ""),
        (
            Choice::Auto,
            Some(false),
            r#"{"type":"auto","disable_parallel_tool_use":true}"#,
        ),
        (Choice::None, Some(false), r#"{"type":"none"}"#),
        (
            Choice::Required,
            Some(false),
            r#"{"type":"any","disable_parallel_tool_use":true}"#,
        ),
        (
            Choice::Tool(Escaped::plain("f")),
            None,
            r#"{"type":"tool","name":"f"}"#,
        ),
    ] {
        let request = |tools| Request {
            tools,
            choice: choice.clone(),
            parallel_calls: parallel,
            ..hi()
        };
        let body = written(request(vec![tool(None)]));
        assert_eq!(member(&body, "tool_choice"), expected);
        assert_eq!(member(&written(request(vec![])), "tool_choice"), "");
    }
}

#[test]
fn tokens_are_drawn_as_far_as_messages_has_words_for_it() {
    let drawn = |sampling| write_for(Request { sampling, ..hi() }, &TranslationTraits::default());
    for (temperature, top_p, expected, dropped) in [
        (Some("0.50"), None, ("0.50", ""), &[][..]),
        (Some("1.7"), None, ("1", ""), &[]),
        (None, Some("0.9"), ("", "0.9"), &[]),
        (Some("1"), Some("0.9"), ("1", ""), &["top_p"]),
    ] {
        let (body, lost) = drawn(Sampling {
            temperature,
            top_p,
            ..Sampling::default()
        });
        let found = (member(&body, "temperature"), member(&body, "top_p"));
        assert_eq!((&*found.0, &*found.1), expected);
        assert_eq!(lost, dropped);
    }
    let (body, lost) = drawn(Sampling {
        top_k: Some("5"),
        seed: Some("1"),
        presence_penalty: Some("1"),
        stop: ["X", r"\n", ""].map(Escaped::plain).to_vec(),
        ..Sampling::default()
    });
    assert_eq!(member(&body, "top_k"), "5");
    assert_eq!(member(&body, "stop_sequences"), r#"["X"]"#);
    assert_eq!(lost, ["presence_penalty", "seed"]);
    let probable = Sampling {
        logprobs: true,
        ..Sampling::default()
    };
    let unfit = write(
        &mut Request {
            sampling: probable,
            ..hi()
        },
        &TranslationTraits::default(),
    );
    assert_eq!(unfit.unwrap_err().param.as_deref(), Some("logprobs"));
}

#[test]
fn a_step_thinks_if_its_configuration_says_so_and_the_history_allows_it() {
    let asks = |turns| Request {
        effort: Some(Escaped::plain("high")),
        sampling: Sampling {
            temperature: Some("0"),
            ..Sampling::default()
        },
        ..asked(turns)
    };
    let plain = || vec![user(vec![text("hi")])];
    let called = || vec![user(vec![text("hi")]), assistant(vec![call("1", "{}")])];
    for (thinking, turns, max_tokens, expected) in [
        (ThinkingBudget::None, plain(), None, ("", "", "8192")),
        (
            ThinkingBudget::Adaptive,
            plain(),
            None,
            (r#"{"type":"adaptive"}"#, r#"{"effort":"high"}"#, "8192"),
        ),
        (
            ThinkingBudget::Tokens(2048),
            plain(),
            None,
            (r#"{"type":"enabled","budget_tokens":2048}"#, "", "10240"),
        ),
        (
            ThinkingBudget::Tokens(2048),
            plain(),
            Some("2048"),
            ("", "", "2048"),
        ),
        (ThinkingBudget::Adaptive, called(), None, ("", "", "8192")),
    ] {
        let step = TranslationTraits {
            thinking,
            ..TranslationTraits::default()
        };
        let request = Request {
            max_tokens,
            ..asks(turns)
        };
        let (body, dropped) = write_for(request, &step);
        let of = |key| member(&body, key);
        let found = (of("thinking"), of("output_config"), of("max_tokens"));
        assert_eq!((&*found.0, &*found.1, &*found.2), expected);
        let lost = if expected.0.is_empty() {
            "reasoning_effort"
        } else {
            "temperature"
        };
        assert_eq!(dropped, [lost]);
    }
}

#[test]
fn the_bound_the_user_and_the_stream_are_said() {
    let step = TranslationTraits {
        max_tokens: Some(77),
        ..TranslationTraits::default()
    };
    let request = Request {
        stream: true,
        user: Some(Escaped::plain("u")),
        ..hi()
    };
    let (body, _) = write_for(request, &step);
    assert_eq!(member(&body, "max_tokens"), "77");
    assert_eq!(member(&body, "metadata"), r#"{"user_id":"u"}"#);
    assert_eq!(member(&body, "stream"), "true");
}
