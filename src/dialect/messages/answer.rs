//! A whole answer: one message.

use super::blocks::{Substance, substance_of_all};
use super::stop_reason::StopReason;
use crate::dialect::annotation::Annotation;
use crate::dialect::answer::{Flaw, JudgedWhole, Says};
use crate::dialect::provider_error::error_of;
use crate::dialect::repairs::Repairs;
use crate::dialect::usage::Usage;
use crate::json::{Object, ObjectError, raw};

/// Judges a body; `after_tool_result` allows one without a word.
///
/// # Errors
/// The reason why no client can be given it.
pub fn judge(body: &str, after_tool_result: bool) -> Result<JudgedWhole, Flaw> {
    let message = Object::parse_lenient(body).map_err(|error| match error {
        ObjectError::NotAnObject => error_of(body).map_or(Flaw::NotAnObject, Flaw::ErrorObject),
        other => Flaw::NotJson(other.to_string()),
    })?;
    let content = message
        .get("content")
        .filter(|content| raw::is_array(content));
    let is_message = message.text("type").as_deref() == Some("message");
    let (true, Some(content)) = (is_message, content) else {
        let reason = "the answer is no message: its type and content are not those of one";
        return Err(error_of(body).map_or(Flaw::NoAnswer(reason.to_owned()), Flaw::ErrorObject));
    };
    let stopped = StopReason::of(body);
    Ok(JudgedWhole {
        annotation: Annotation::of_body(body),
        usage: message.get("usage").and_then(Usage::of),
        says: match substance_of_all(content) {
            Substance::Content => Says::Content,
            _ if stopped.allows_silence(after_tool_result) => Says::Content,
            Substance::Reasoning => Says::Reasoning(stopped.silence()),
            Substance::Nothing => Says::Nothing(stopped.silence()),
        },
        mended: None,
        repairs: Repairs::default(),
    })
}

/// Checks that the texts of an answer that ended by itself are JSON.
///
/// # Errors
/// The reason why one is not.
pub fn check_json(message: &str) -> Result<(), Flaw> {
    if StopReason::of(message) != StopReason::of(r#"{"stop_reason":"end_turn"}"#) {
        return Ok(());
    }
    let mut checked = Ok(());
    let content = raw::member(message, "content").unwrap_or_default();
    let _ = raw::each_item(content, &mut |block| {
        let text = raw::member(block, "text").and_then(raw::text);
        if let (Some("text"), Some(text)) = (raw::kind_of(block).as_deref(), text)
            && checked.is_ok()
            && let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&text)
        {
            checked = Err(Flaw::WrongFormat(error.to_string()));
        }
    });
    checked
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::answer::Silence;

    fn says(members: &str, after_tool_result: bool) -> Result<Says, Flaw> {
        let body = format!(r#"{{"type":"message",{members}}}"#);
        judge(&body, after_tool_result).map(|judged| judged.says)
    }

    #[test]
    fn answers_are_told_from_failures() {
        for (members, after, expected) in [
            (
                r#""content":[{"type":"text","text":"hi"}]"#,
                false,
                Says::Content,
            ),
            (
                r#""content":[{"type":"tool_use","input":{}}]"#,
                false,
                Says::Content,
            ),
            (
                r#""content":[],"stop_reason":"refusal""#,
                false,
                Says::Content,
            ),
            (
                r#""content":[],"stop_reason":"stop_sequence""#,
                false,
                Says::Content,
            ),
            (
                r#""content":[],"stop_reason":"end_turn""#,
                true,
                Says::Content,
            ),
            (
                r#""content":[],"stop_reason":"end_turn""#,
                false,
                Says::Nothing(Silence::Unexplained),
            ),
            (
                r#""content":[{"type":"text","text":""}],"stop_reason":"max_tokens""#,
                true,
                Says::Nothing(Silence::Length),
            ),
            (
                r#""content":[{"type":"thinking","thinking":"x","signature":"s"}],"stop_reason":"max_tokens""#,
                false,
                Says::Reasoning(Silence::Length),
            ),
        ] {
            assert_eq!(says(members, after), Ok(expected), "{members}");
        }
        for (body, words) in [
            (
                r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#,
                "m",
            ),
            (r#"{"error":{"message":"m"}}"#, "m"),
            (r#"{"choices":[]}"#, "no message"),
            ("[]", "not a JSON object"),
            (r#"{"type":"mess"#, "not JSON"),
        ] {
            let flaw = judge(body, false).unwrap_err();
            assert!(flaw.to_string().contains(words), "{body}: {flaw}");
        }
    }
}
