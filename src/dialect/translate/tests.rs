//! Requests between dialects: what is lost has a name that the client knows.

mod mutations;

use super::*;
use crate::dialect::chat::Chat;
use crate::dialect::messages::Messages;
use crate::dialect::ollama;
use crate::dialect::request::Incoming;
use crate::dialect::responses::Responses;
use crate::dialect::step_traits::PLAIN;

/// A client, a provider, members of a request, and those of them that are lost.
type Case<'c> = (&'c dyn Dialect, &'c dyn Dialect, &'c str, &'c [&'c str]);

/// The members of a request that are lost on its way to a provider.
fn dropped(client: &dyn Dialect, provider: &dyn Dialect, more: &str) -> Vec<String> {
    let body = [
        r#"{"model":"r","max_tokens":9,"input":"hi","messages":[{"role":"user","content":"hi"}],"#,
        more,
        "}",
    ]
    .concat();
    let read = client.read(Incoming::from(body.as_bytes())).unwrap();
    let target = Target {
        traits: &PLAIN,
        replays_reasoning: false,
        kept: &["min_p".to_owned()],
    };
    request(client, provider, &read, &target).unwrap().dropped
}

#[test]
fn a_member_that_is_lost_is_named_as_the_client_wrote_it() {
    let options = r#""options":{"repeat_penalty":1.1,"min_p":0.1,"top_k":5},"think":"high""#;
    let stops = r#"["a","b","c","d","e"]"#;
    let cases: [Case<'_>; 9] = [
        (
            &ollama::Chat,
            &Messages,
            options,
            &["options.min_p", "options.repeat_penalty", "think"],
        ),
        (
            &ollama::Chat,
            &Chat,
            options,
            &["options.top_k", "options.repeat_penalty"],
        ),
        (
            &Responses,
            &Messages,
            r#""reasoning":{"effort":"high"}"#,
            &["reasoning.effort"],
        ),
        (
            &Responses,
            &Messages,
            r#""text":{"verbosity":"low"},"temperature":1,"top_p":1"#,
            &["text.verbosity", "top_p"],
        ),
        (
            &Chat,
            &Messages,
            r#""reasoning_effort":"high","seed":1,"repetition_penalty":2,"logit_bias":{"1":1}"#,
            &[
                "logit_bias",
                "repetition_penalty",
                "seed",
                "reasoning_effort",
            ],
        ),
        (&Messages, &Chat, r#""top_k":5"#, &["top_k"]),
        (
            &Messages,
            &Chat,
            &format!(r#""stop_sequences":{stops}"#),
            &["stop_sequences"],
        ),
        (
            &ollama::Chat,
            &Chat,
            &format!(r#""options":{{"stop":{stops}}}"#),
            &["options.stop"],
        ),
        (&Messages, &Chat, r#""temperature":1"#, &[]),
    ];
    for (client, provider, more, expected) in cases {
        assert_eq!(
            dropped(client, provider, more),
            expected,
            "{} to {}: {more}",
            client.name(),
            provider.name()
        );
    }
}
