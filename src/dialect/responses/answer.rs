//! A whole answer: one `response` object.

use super::item::{Substance, substance_of_all};
use crate::dialect::annotation::Annotation;
use crate::dialect::answer::{Flaw, JudgedWhole, Says, Silence};
use crate::dialect::provider_error::{ProviderError, error_in, error_of};
use crate::dialect::repairs::Repairs;
use crate::dialect::usage::Usage;
use crate::json::{Object, ObjectError, raw};

/// Judges a body.
///
/// # Errors
/// The reason why no client can be given it.
pub fn judge(body: &str) -> Result<JudgedWhole, Flaw> {
    let response = Object::parse_lenient(body).map_err(|error| match error {
        ObjectError::NotAnObject => error_of(body).map_or(Flaw::NotAnObject, Flaw::ErrorObject),
        other => Flaw::NotJson(other.to_string()),
    })?;
    let output = response.get("output");
    if let Some(error) = response.get("error").and_then(error_in) {
        return Err(Flaw::ErrorObject(error));
    }
    let status = response.text("status");
    match status.as_deref() {
        Some(failed @ ("failed" | "cancelled")) => {
            let message = format!("the provider answered with status {failed:?}");
            return Err(Flaw::ErrorObject(ProviderError::saying(message)));
        }
        Some(unfinished @ ("queued" | "in_progress")) => {
            return Err(Flaw::NoAnswer(format!(
                "the answer is not finished: its status is {unfinished:?}"
            )));
        }
        _ => {}
    }
    let Some(output) = output.filter(|output| raw::is_array(output)) else {
        let reason = "the answer is no response: it has no output";
        return Err(error_of(body).map_or(Flaw::NoAnswer(reason.to_owned()), Flaw::ErrorObject));
    };
    let silence = silence_of(body);
    Ok(JudgedWhole {
        annotation: Annotation::of_body(body),
        usage: usage_of(body),
        says: match substance_of_all(output) {
            Substance::Content => Says::Content,
            Substance::Reasoning => Says::Reasoning(silence),
            Substance::Nothing => Says::Nothing(silence),
        },
        mended: None,
        repairs: Repairs::default(),
    })
}

/// The tokens that a `response` object tells.
pub fn usage_of(response: &str) -> Option<Usage> {
    raw::member(response, "usage").and_then(Usage::of)
}

/// The reason that a `response` object without a word gives for its end.
pub fn silence_of(response: &str) -> Silence {
    let details = raw::member(response, "incomplete_details").unwrap_or_default();
    match raw::member(details, "reason")
        .and_then(raw::text)
        .as_deref()
    {
        Some("max_output_tokens") => Silence::Length,
        _ => Silence::Unexplained,
    }
}

/// Checks that the texts of an answer that is complete are JSON.
///
/// # Errors
/// The reason why one is not.
pub fn check_json(response: &str) -> Result<(), Flaw> {
    let status = raw::member(response, "status").and_then(raw::text);
    if status.as_deref() == Some("incomplete") {
        return Ok(());
    }
    let mut checked = Ok(());
    let _ = raw::each_item(
        raw::member(response, "output").unwrap_or_default(),
        &mut |item| {
            let content = raw::member(item, "content").unwrap_or_default();
            let _ = raw::each_item(content, &mut |part| {
                let kind = raw::kind_of(part);
                let text = raw::member(part, "text").and_then(raw::text);
                if let (Some("output_text"), Some(text)) = (kind.as_deref(), text)
                    && checked.is_ok()
                    && let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&text)
                {
                    checked = Err(Flaw::WrongFormat(error.to_string()));
                }
            });
        },
    );
    checked
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"[{"type":"message","content":[{"type":"output_text","text":"hi"}]}]"#;

    #[test]
    fn answers_are_told_from_failures() {
        let says = |members: &str| judge(&format!("{{{members}}}")).map(|judged| judged.says);
        let silent = Says::Nothing;
        for (members, expected) in [
            (format!(r#""status":"completed","output":{TEXT}"#), Says::Content),
            (format!(r#""output":{TEXT},"error":null"#), Says::Content),
            (format!(r#""status":"incomplete","output":{TEXT}"#), Says::Content),
            (r#""status":"completed","output":[]"#.to_owned(), silent(Silence::Unexplained)),
            (
                r#""status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[]"#.to_owned(),
                silent(Silence::Length),
            ),
            (
                r#""status":"completed","output":[{"type":"reasoning","summary":[]}]"#.to_owned(),
                Says::Reasoning(Silence::Unexplained),
            ),
        ] {
            assert_eq!(says(&members), Ok(expected), "{members}");
        }
        for (members, words) in [
            (
                r#""status":"failed","error":{"code":"rate_limit_exceeded","message":"slow down"},"output":[]"#,
                "slow down",
            ),
            (r#""status":"cancelled","output":[]"#, "cancelled"),
            (r#""status":"queued","output":[]"#, "not finished"),
            (r#""status":"in_progress","output":[]"#, "not finished"),
            (r#""choices":[{"message":{"content":"hi"}}]"#, "no response"),
            (r#""error":{"message":"m"}"#, "m"),
            (r#""detail":"Not Found""#, "Not Found"),
        ] {
            let flaw = says(members).unwrap_err();
            assert!(flaw.to_string().contains(words), "{members}: {flaw}");
        }
    }

    #[test]
    fn tokens_are_read_in_the_dialects_own_spelling() {
        let judged =
            judge(r#"{"output":[],"usage":{"input_tokens":3,"output_tokens":5}}"#).unwrap();
        let usage = Usage {
            audio: None,
            cached_tokens: None,
            prompt_tokens: Some(3),
            completion_tokens: Some(5),
        };
        assert_eq!(judged.usage, Some(usage));
        assert_eq!(judge(r#"{"output":[],"usage":null}"#).unwrap().usage, None);
    }

    #[test]
    fn only_what_is_complete_has_to_be_json() {
        let of = |status: &str, text: &str| {
            let part = serde_json::json!({"type": "output_text", "text": text});
            check_json(&format!(
                r#"{{"status":"{status}","output":[{{"type":"message","content":[{part}]}}]}}"#
            ))
        };
        assert_eq!(of("completed", "{\"a\":1}"), Ok(()));
        assert_eq!(of("incomplete", "{\"a\":"), Ok(()));
        assert!(of("completed", "Sure: {}").is_err());
    }
}
