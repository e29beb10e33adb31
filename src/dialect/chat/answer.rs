//! A provider's whole answer: judging it, and reading it as deltas.

use super::envelope::Envelope;
use super::repair::Mender;
use crate::dialect::annotation::Annotation;
use crate::dialect::answer::{Flaw, JudgedWhole, Says};
use crate::dialect::chat::delta::{Delta, Member};
use crate::dialect::finish::Finish;
use crate::dialect::provider_error::error_of;
use crate::dialect::reading::Reading;
use crate::json::{ObjectError, raw};

/// Judges a body: where the gateway writes into it, the tokens that it took, and what was mended.
///
/// # Errors
/// The reason why no client can be given it.
pub fn judge(body: &str, reading: Reading) -> Result<JudgedWhole, Flaw> {
    let mut mender = Mender::new(reading);
    let mut envelope = read(body, &mut mender)?;
    let choices = envelope.choices.take().unwrap_or_default();
    if let Some(error) = envelope.error.or(choices.error) {
        return Err(Flaw::ErrorObject(error));
    }
    if choices.count == 0 {
        return Err(error_of(body).map_or(Flaw::NoChoices, Flaw::ErrorObject));
    }
    let mended = mender.mended(body, "message");
    let annotation = match &mended {
        None => envelope.annotation,
        Some(mended) => annotation_of(mended).unwrap_or(envelope.annotation),
    };
    Ok(JudgedWhole {
        annotation,
        usage: envelope.usage,
        mended,
        repairs: mender.repairs,
        says: match (choices.has_content, choices.has_reasoning) {
            (true, _) => Says::Content,
            (false, true) => Says::Reasoning(Finish::silence(choices.finish)),
            (false, false) => Says::Nothing(Finish::silence(choices.finish)),
        },
    })
}

fn read<'a>(body: &'a str, mender: &mut Mender) -> Result<Envelope<'a>, Flaw> {
    let envelope = if mender.is_idle() {
        Envelope::read(body, "message", &mut |_| ())
    } else {
        Envelope::read(body, "message", &mut |choice| mender.take_message(choice))
    };
    envelope.map_err(|error| match error {
        ObjectError::NotAnObject => error_of(body).map_or(Flaw::NotAnObject, Flaw::ErrorObject),
        other => Flaw::NotJson(other.to_string()),
    })
}

fn annotation_of(mended: &str) -> Option<Annotation> {
    let envelope = Envelope::read(mended, "message", &mut |_| ()).ok()?;
    Some(envelope.annotation)
}

/// Reads a body that was judged, as deltas: first the answer's own members, then choice by choice. A choice without an
/// index has that of its place.
///
/// # Errors
/// As `take`.
pub fn deltas<'a>(
    body: &'a str,
    take: &mut dyn FnMut(Delta<'a>) -> Result<(), Flaw>,
) -> Result<(), Flaw> {
    let mut taken = Ok(());
    let mut take = |delta| {
        if taken.is_ok() {
            taken = take(delta);
        }
    };
    // A value that is no object has no members, one that is no array has no items.
    let _ = raw::each_member(body, &mut |key, value| {
        if !raw::is_key(key, "choices") {
            take(Delta::Answer(Member { key, value }));
        }
    });
    let mut place = 0;
    let _ = raw::each_item(
        raw::member(body, "choices").unwrap_or_default(),
        &mut |choice| {
            let index = raw::member(choice, "index").and_then(raw::whole_number);
            choice_deltas(index.unwrap_or(place), choice, "message", &mut take);
            place += 1;
        },
    );
    taken
}

/// Reads one choice; `holder` is the member with its message.
pub(super) fn choice_deltas<'a>(
    choice: u64,
    text: &'a str,
    holder: &str,
    take: &mut dyn FnMut(Delta<'a>),
) {
    take(Delta::Choice(choice));
    let _ = raw::each_member(text, &mut |key, value| {
        if raw::is_key(key, holder) {
            message_deltas(choice, value, take);
        } else if !raw::is_key(key, "index") {
            take(Delta::OfChoice(choice, Member { key, value }));
        }
    });
}

fn message_deltas<'a>(choice: u64, message: &'a str, take: &mut dyn FnMut(Delta<'a>)) {
    let _ = raw::each_member(message, &mut |key, value| {
        let mut calls = 0;
        if raw::is_key(key, "tool_calls") {
            // A value that is no array has no items.
            let _ = raw::each_item(value, &mut |call| {
                take(Delta::ToolCall { choice, call });
                calls += 1;
            });
        }
        if calls == 0 {
            take(Delta::OfMessage(choice, Member { key, value }));
        }
    });
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::super::whole;
    use super::*;
    use crate::dialect::answer::Annotated;
    use crate::dialect::usage::Usage;

    fn inspect(body: &str) -> Result<Option<Usage>, Flaw> {
        whole(body.to_owned()).map(|answer| answer.usage)
    }

    fn with_message(message: &str) -> String {
        format!(r#"{{"choices":[{{"index":0,"message":{message},"finish_reason":"stop"}}]}}"#)
    }

    #[test]
    fn an_answer_with_anything_to_say_is_one() {
        for message in [
            r#"{"role":"assistant","content":"hi"}"#,
            r#"{"c\u006fntent":" "}"#,
            r#"{"content":[{"type":"text","text":"hi"}]}"#,
            r#"{"content":[{"type":"text","text":""},{"type":"image_url"}]}"#,
            r#"{"content":null,"tool_calls":[{"id":"c","function":{}}]}"#,
            r#"{"content":null,"function_call":{"name":"f"}}"#,
            r#"{"content":null,"refusal":"no"}"#,
            r#"{"content":"","reasoning_content":"hm"}"#,
            r#"{"content":"","reasoning":"hm"}"#,
            r#"{"content":null,"audio":{"id":"a"}}"#,
            r#"{"content":"","images":[{"type":"image_url"}]}"#,
        ] {
            let answer = inspect(&with_message(message));
            assert_eq!(answer, Ok(None), "{message}");
        }
        inspect(
            r#"{"error":null,"choices":[{"message":{"content":""}},{"message":{"content":"x"}}]}"#,
        )
        .unwrap();
        inspect(r#"{"choices":[],"choices":[{"message":{"content":"x"}}]}"#).unwrap();
    }

    #[test]
    fn an_empty_answer_does_not_pass_for_one() {
        for message in [
            "null",
            "{}",
            r#"{"role":"assistant"}"#,
            r#"{"content":""}"#,
            r#"{"content":null}"#,
            r#"{"content":[]}"#,
            r#"{"content":[{"type":"text","text":""}]}"#,
            r#"{"content":"","tool_calls":[],"refusal":null,"reasoning":"","audio":null,"function_call":{}}"#,
        ] {
            let answer = inspect(&with_message(message));
            assert_eq!(answer, Err(Flaw::EmptyContent), "{message}");
        }
        for body in [
            "{}",
            r#"{"choices":[]}"#,
            r#"{"choices":null}"#,
            r#"{"choices":{"a":1},"error":null}"#,
        ] {
            assert_eq!(inspect(body), Err(Flaw::NoChoices), "{body}");
        }
    }

    #[test]
    fn an_error_inside_a_200_is_an_error() {
        for body in [
            r#"{"error":{"code":429,"message":"slow down"}}"#,
            r#"{"error":{"code":429,"message":"slow down"},"choices":[{"message":{"content":"x"}}]}"#,
            r#"{"choices":[{"error":{"code":429,"message":"slow down"},"message":{"content":"x"},"finish_reason":"error"}]}"#,
            r#"[{"error":{"code":429,"message":"slow down"}}]"#,
            r#"{"object":"error","code":429,"message":"slow down"}"#,
        ] {
            match inspect(body) {
                Err(Flaw::ErrorObject(error)) => {
                    assert_eq!(error.message, "slow down", "{body}");
                    assert_eq!(error.status(), Some(429), "{body}");
                }
                other => panic!("{body}: {other:?}"),
            }
        }
        let broken_off = r#"{"choices":[{"message":{"content":"x"},"finish_reason":"error"}]}"#;
        assert!(matches!(inspect(broken_off), Err(Flaw::ErrorObject(_))));
    }

    #[test]
    fn what_is_no_json_object_is_told_apart() {
        assert_eq!(inspect("[]"), Err(Flaw::NotAnObject));
        for body in ["", "<html>", r#"{"choices":[{"message":{"content":"tru"#] {
            assert!(matches!(inspect(body), Err(Flaw::NotJson(_))), "{body}");
        }
    }

    #[test]
    fn tokens_are_counted_where_the_answer_says_so() {
        let body = |usage: &str| {
            format!(r#"{{"choices":[{{"message":{{"content":"x"}}}}],"usage":{usage}}}"#)
        };
        let usage = |text: &str| inspect(&body(text)).unwrap();
        let counted = Usage {
            audio: None,
            cached_tokens: None,
            prompt_tokens: Some(3),
            completion_tokens: None,
        };
        assert_eq!(
            usage(r#"{"prompt_tokens":3,"completion_tokens":"?"}"#),
            Some(counted)
        );
        assert_eq!(usage("null"), None);
        assert_eq!(usage("7"), None);
    }

    #[test]
    fn rewriting_touches_two_members_only() {
        let marked = |body: &str, model: Option<&str>, summary: &str| {
            let answer = whole(body.to_owned()).unwrap();
            assert_eq!(answer.text(), body);
            match answer.annotated(model, Some(summary)) {
                Annotated::Copied(text) => text,
                Annotated::Spliced(_) => panic!("a small answer"),
            }
        };
        let body = "{ \"id\":\"1\" , \"model\" : \"up\", \"n\":9007199254740993,\"choices\":[{\"message\":{\"content\":1,\"refusal\":\"x\"}}]\n}\n";
        assert_eq!(
            marked(body, Some("dynamic/\"x\""), r#"{"a":1}"#),
            body.replace("\"up\"", "\"dynamic/\\\"x\\\"\"")
                .replace("\n}\n", ",\"routing_summary\":{\"a\":1}\n}\n")
        );
        let rest = r#""choices":[{"message":{"content":"x"}}],"routing_summary":"#;
        assert_eq!(
            marked(
                &format!(r#"{{"model":"a","model":"b",{rest}0}}"#),
                None,
                "1"
            ),
            format!(r#"{{"model":"a","model":"b",{rest}1}}"#)
        );
    }

    #[test]
    fn the_model_is_the_one_that_the_answer_names() {
        let model = |member: &str| {
            let choices = r#""choices":[{"message":{"content":"x"}}]"#;
            let answer = whole(format!("{{{member}{choices}}}")).unwrap();
            answer.model().map(Cow::into_owned)
        };
        assert_eq!(model(r#""model":"\u006d", "#), Some("m".to_owned()));
        assert_eq!(model(r#""model":"a","model":"b","#), Some("b".to_owned()));
        assert_eq!(model(r#""model":7,"#), None);
        assert_eq!(model(""), None);
    }
}
