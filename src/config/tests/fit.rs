//! `profile`, `heal`, `edits`, `keep` and what a step can carry.

use super::{accept, refuse};
use crate::config::{Config, HeaderEdit, Modality, ProfileChoice, SchemaFallback};

fn text(provider: &str, step: &str) -> String {
    format!(
        "api_key: k\nproviders:\n  - name: p\n    base_url: https://p.example/v1\n{provider}routes:\n  - name: r\n    \
         steps:\n      - provider: p\n        model: m\n{step}"
    )
}

fn with_edits(edits: &str) -> String {
    text(&format!("    edits:\n      {edits}\n"), "")
}

fn accepted(provider: &str, step: &str) -> Config {
    accept(&text(provider, step))
}

#[test]
fn the_defaults_edit_nothing_and_heal() {
    let config = accepted("", "");
    let provider = &config.providers[0];
    assert_eq!(provider.fit.profile, ProfileChoice::ByHost);
    assert!(provider.fit.heal);
    assert_eq!(provider.fit.edits, Default::default());
    let step = &config.routes[0].steps[0];
    assert!(step.fit.keep.is_empty() && step.fit.modalities.is_none() && !step.fit.refuses_tools);
}

#[test]
fn edits_are_read_and_numbers_keep_their_spelling() {
    let config = accepted(
        "    profile: mistral\n    heal: false\n    schema_fallback: object\n    edits:\n      \
         drop: [user, \"messages[*].name\", \"tools[*].function.strict\"]\n      \
         rename: {max_completion_tokens: max_tokens, \"a[*].b\": \"a[*].c\"}\n      \
         default: {temperature: 0.70, stop: null, x: {a: [1e-7, true, \"1\", yes, ${NUMBER}]}}\n      \
         override: {safe_prompt: true}\n      \
         headers: {X-Title: home, X-Old: null, anthropic-beta: \"-one, -two\"}\n",
        "        keep: [seed]\n        edits: {override: {temperature: 0}}\n        context_length: 8192\n        \
         modalities: [text, image]\n        tools: false\n        reasoning_replay: true\n",
    );
    let fit = &config.providers[0].fit;
    assert_eq!(fit.profile, ProfileChoice::Named("mistral"));
    assert!(!fit.heal);
    assert_eq!(fit.schema_fallback, Some(SchemaFallback::Object));
    let edits = &fit.edits;
    assert_eq!(
        edits.drop,
        ["user", "messages[*].name", "tools[*].function.strict"]
    );
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(
        edits.rename,
        [
            pair("max_completion_tokens", "max_tokens"),
            pair("a[*].b", "c")
        ]
    );
    assert_eq!(
        edits.default,
        [
            pair("temperature", "0.70"),
            pair("stop", "null"),
            pair("x", r#"{"a":[1e-7,true,"1","yes","42"]}"#)
        ]
    );
    assert_eq!(edits.overrides, [pair("safe_prompt", "true")]);
    let names: Vec<&str> = edits.headers.iter().map(HeaderEdit::name).collect();
    assert_eq!(names, ["X-Title", "X-Old", "anthropic-beta"]);
    let taken = HeaderEdit::Unlist(
        "anthropic-beta".to_owned(),
        vec!["one".into(), "two".into()],
    );
    assert_eq!(edits.headers[2], taken);
    let fit = &config.routes[0].steps[0].fit;
    assert_eq!(fit.keep, ["seed"]);
    assert_eq!(fit.edits.overrides, [pair("temperature", "0")]);
    assert_eq!(fit.context_length, Some(8192));
    assert_eq!(
        fit.modalities.as_deref(),
        Some(&[Modality::Text, Modality::Image][..])
    );
    assert!(fit.refuses_tools && fit.reasoning_replay);
}

#[test]
fn what_can_never_work_is_refused_with_a_hint() {
    for (edits, words) in [
        ("drop: [model]", "`model` cannot be edited"),
        ("drop: [messages]", "such as `messages[*].name`"),
        ("override: {stream: true}", "it has settings of its own"),
        ("rename: {stream: x}", "`stream` cannot be edited"),
        ("rename: {x: model}", "`model` cannot be edited"),
        ("rename: {a.b: c.d}", "same parent"),
        (
            "drop: [\"messages[0].name\"]",
            "did you mean \"messages[*].name\"?",
        ),
        ("drop: [\"a[*]\"]", "is no path"),
        ("default: {x: .5}", "JSON cannot spell"),
        ("default: {x: 0x1f}", "JSON cannot spell"),
        ("drops: [a]", "did you mean \"drop\"?"),
        ("headers: {Authorization: x}", "`api_key`"),
        ("headers: {Connection: x}", "the gateway writes itself"),
        (
            "headers: {content-length: null}",
            "the gateway writes itself",
        ),
        ("headers: {\"a b\": x}", "is no header name"),
    ] {
        let message = refuse(&with_edits(edits));
        assert!(message.contains(words), "{edits}: {message}");
        assert_eq!(message.lines().count(), 1, "{edits}: {message}");
    }
    for (provider, step, words) in [
        ("    profile: mistrall\n", "", "did you mean \"mistral\"?"),
        (
            "    schema_fallback: objekt\n",
            "",
            "did you mean \"object\"?",
        ),
        (
            "    edits: {drop: [seed]}\n",
            "        keep: [seed]\n",
            "keep or drop",
        ),
        (
            "",
            "        keep: [seed]\n        edits: {drop: [seed]}\n",
            "keep or drop",
        ),
        (
            "",
            "        keep: [\"a[1].b\"]\n",
            "did you mean \"a[*].b\"?",
        ),
        ("", "        modalities: [video]\n", "is not text or image"),
        ("", "        context_length: 0\n", "is not between"),
    ] {
        let message = refuse(&text(provider, step));
        assert!(message.contains(words), "{provider}{step}: {message}");
    }
    accepted("", "        keep: [never_heard_of]\n");
}
