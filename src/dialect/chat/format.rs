//! JSON that was asked for: whether an answer is what `response_format` says.

use serde::de::IgnoredAny;

use crate::dialect::answer::Flaw;
use crate::dialect::finish::{Finish, finish_of};
use crate::json::raw;

/// Checks every choice that ends by itself with text: it has to be JSON. Tool calls, refusals and answers that ran out
/// of tokens are not checked.
///
/// # Errors
/// The reason why the first such text is no JSON.
pub fn check(answer: &str) -> Result<(), Flaw> {
    let mut checked = Ok(());
    let choices = raw::member(answer, "choices").unwrap_or_default();
    // A value that is no array has no items.
    let _ = raw::each_item(choices, &mut |choice| {
        if checked.is_ok() {
            checked = check_choice(choice);
        }
    });
    checked
}

fn check_choice(choice: &str) -> Result<(), Flaw> {
    let reason = raw::member(choice, "finish_reason").and_then(raw::text);
    if reason.as_deref().map(finish_of) != Some(Finish::Stop) {
        return Ok(());
    }
    let message = raw::member(choice, "message").unwrap_or_default();
    let has = |key| {
        let value = raw::member(message, key);
        !matches!(value, None | Some("null" | r#""""# | "[]"))
    };
    if has("tool_calls") || has("function_call") || has("refusal") {
        return Ok(());
    }
    let Some(text) = raw::member(message, "content").and_then(raw::text) else {
        return Ok(());
    };
    if text.is_empty() {
        return Ok(());
    }
    match serde_json::from_str::<IgnoredAny>(&text) {
        Ok(_) => Ok(()),
        Err(error) => Err(Flaw::WrongFormat(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_text_that_ends_by_itself_has_to_be_json() {
        let answer = |message: &str, reason: &str| {
            format!(r#"{{"choices":[{{"message":{message},"finish_reason":{reason}}}]}}"#)
        };
        for (message, reason, is_right) in [
            (r#"{"content":"{\"a\":1}"}"#, r#""stop""#, true),
            (r#"{"content":" [1] "}"#, r#""stop""#, true),
            (r#"{"content":"Sure! {}"}"#, r#""stop""#, false),
            (r#"{"content":"{\"a\":"}"#, r#""stop""#, false),
            (r#"{"content":"{\"a\":"}"#, r#""length""#, true),
            (r#"{"content":"no","refusal":"no"}"#, r#""stop""#, true),
            (
                r#"{"content":"so","tool_calls":[{"id":"c"}]}"#,
                r#""stop""#,
                true,
            ),
            (r#"{"content":"so","tool_calls":[]}"#, r#""stop""#, false),
            (r#"{"content":null}"#, r#""stop""#, true),
            (r#"{"content":"so"}"#, "null", true),
            (r#"{"content":"so"}"#, r#""content_filter""#, true),
        ] {
            let checked = check(&answer(message, reason));
            assert_eq!(checked.is_ok(), is_right, "{message} {reason}");
        }
    }
}
