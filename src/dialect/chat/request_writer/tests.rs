//! Requests to strict providers, part by part.

use serde_json::{Value, json};

use super::*;
use crate::dialect::canonical::Reasoning;
use crate::dialect::step_traits::{StepTraits, TranslationTraits};

fn text(text: &str) -> Part<'static> {
    Part::Text(Escaped::text(text))
}

fn result(text: &str, is_error: bool) -> ToolResult<'static> {
    ToolResult {
        id: Escaped::plain("c"),
        text: Escaped::text(text),
        attachments: Vec::new(),
        label: Escaped::plain("attached"),
        stand_in: "(no content)",
        is_error,
    }
}

fn call() -> Part<'static> {
    Part::Call(Call {
        id: Escaped::plain("c"),
        name: Escaped::plain("f"),
        arguments: Escaped::default(),
    })
}

fn thought(member: ReasoningMember) -> Part<'static> {
    Part::Reasoning(Reasoning {
        text: Escaped::plain("hm"),
        member,
        signature: None,
    })
}

fn written_for(request: &mut Request<'_>, traits: TranslationTraits, kept: &[&str]) -> Value {
    let kept: Vec<String> = kept.iter().map(|&member| member.to_owned()).collect();
    let target = Target {
        traits: &StepTraits {
            translation: traits,
            ..StepTraits::default()
        },
        replays_reasoning: false,
        kept: &kept,
    };
    serde_json::from_str(&write(request, &target).unwrap()).unwrap()
}

fn messages(turns: &[(Role, Vec<Part<'static>>)]) -> Value {
    let mut request = Request::default();
    for (role, parts) in turns {
        request.turns.push(Turn {
            role: *role,
            parts: parts.clone(),
        });
    }
    written_for(&mut request, TranslationTraits::default(), &[])["messages"].take()
}

/// Providers demand that results stand right behind their calls, and hold texts alone.
#[test]
fn results_come_first_and_what_is_attached_behind_the_whole_run() {
    let image = Part::Image(Image {
        media: Media::Url(Escaped::plain("http://i")),
        detail: None,
    });
    let mut with_image = result("", false);
    with_image.attachments.push(image);
    let turn = vec![
        Part::Result(with_image),
        Part::Result(result("two", false)),
        text("and?"),
    ];
    assert_eq!(
        messages(&[(Role::User, turn)]),
        json!([
            {"role": "tool", "tool_call_id": "c", "content": "(no content)"},
            {"role": "tool", "tool_call_id": "c", "content": "two"},
            {"role": "user", "content": [
                {"type": "text", "text": "attached"},
                {"type": "image_url", "image_url": {"url": "http://i"}},
                {"type": "text", "text": "and?"},
            ]},
        ])
    );
}

#[test]
fn a_failed_result_says_so_once() {
    for (said, expected) in [
        ("no such file", "Error: no such file"),
        ("Error: no", "Error: no"),
        (
            "<tool_use_error>no</tool_use_error>",
            "<tool_use_error>no</tool_use_error>",
        ),
    ] {
        let turn = vec![Part::Result(result(said, true))];
        assert_eq!(messages(&[(Role::User, turn)])[0]["content"], expected);
    }
}

/// Most providers refuse reasoning that comes back; it is in the form only where this step is to have it.
#[test]
fn reasoning_stands_in_the_member_that_it_came_in() {
    for (member, expected) in [
        (
            ReasoningMember::Content,
            json!({"role": "assistant", "content": "a", "reasoning_content": "hm"}),
        ),
        (
            ReasoningMember::Reasoning,
            json!({"role": "assistant", "content": "a", "reasoning": "hm"}),
        ),
        (
            ReasoningMember::Thinking,
            json!({"role": "assistant", "content": "a"}),
        ),
        (
            ReasoningMember::Details,
            json!({"role": "assistant", "content": "a"}),
        ),
    ] {
        let turn = vec![thought(member), text("a")];
        assert_eq!(messages(&[(Role::Assistant, turn)]), json!([expected]));
    }
    // Nothing else is an empty message, which providers refuse.
    let turn = vec![thought(ReasoningMember::Content)];
    assert_eq!(messages(&[(Role::Assistant, turn)]), json!([]));
}

#[test]
fn a_document_by_its_url_is_nothing_that_chat_can_say() {
    let mut request = Request::default();
    let media = Media::Url(Escaped::plain("http://d"));
    request.add(Role::User, Part::File { name: None, media });
    let target = Target {
        traits: &StepTraits::default(),
        replays_reasoning: false,
        kept: &[],
    };
    assert!(write(&mut request, &target).is_err());
}

/// Gemini 3 answers 400 to a call without a signature, Mistral 422 to a member that it does not know.
#[test]
fn steps_get_the_members_that_they_know() {
    let traits = TranslationTraits {
        output_limit: OutputLimit::MaxCompletionTokens,
        hides_usage: true,
        needs_signatures: true,
        ..TranslationTraits::default()
    };
    let mut request = Request {
        stream: true,
        max_tokens: Some("7"),
        ..Request::default()
    };
    request.sampling.top_k = Some("3");
    request.add(Role::Assistant, call());
    let written = written_for(&mut request, traits, &["top_k"]);
    assert_eq!(
        (&written["max_completion_tokens"], &written["top_k"]),
        (&json!(7), &json!(3))
    );
    assert!(written.get("stream_options").is_none() && written.get("max_tokens").is_none());
    let call = &written["messages"][0]["tool_calls"][0];
    let signature = &call["extra_content"]["google"]["thought_signature"];
    assert_eq!(signature, "skip_thought_signature_validator");
    assert_eq!(call["function"]["arguments"], "{}");
    let plain = written_for(&mut request, TranslationTraits::default(), &[]);
    assert_eq!(plain["stream_options"], json!({"include_usage": true}));
    assert!(plain.get("top_k").is_none() && plain["max_tokens"] == 7);
    let call = &plain["messages"][0]["tool_calls"][0];
    assert!(call.get("extra_content").is_none());
}

/// Providers refuse a word about tools where there are none.
#[test]
fn without_tools_nothing_is_said_of_them() {
    let mut request = Request {
        choice: Choice::Required,
        parallel_calls: Some(false),
        ..Request::default()
    };
    let written = written_for(&mut request, TranslationTraits::default(), &[]);
    assert_eq!(written, json!({"model": "-", "messages": []}));
}
