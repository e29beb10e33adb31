//! The items of an answer: whether they say anything.

use crate::json::raw;

/// The substance of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Substance {
    Nothing,
    Reasoning,
    Content,
}

/// The substance of an item that is done.
pub fn substance(item: &str) -> Substance {
    match raw::kind_of(item).as_deref() {
        Some("reasoning") => Substance::Reasoning,
        Some("message") | None if !has_words(item) => Substance::Nothing,
        _ => Substance::Content,
    }
}

/// Whether a message has a part that says something.
fn has_words(message: &str) -> bool {
    let mut found = false;
    let content = raw::member(message, "content").unwrap_or_default();
    if content.starts_with('"') {
        return content != "\"\"";
    }
    // What is no array has no parts.
    let _ = raw::each_item(content, &mut |part| {
        let mut texts = ["text", "refusal"].into_iter();
        let text = texts.find_map(|member| raw::member(part, member));
        // A part of another kind says something by being there.
        found |= text.is_none_or(|text| !matches!(text, "null" | "\"\""));
    });
    found
}

/// The substance of an array of items: that of the one with the most.
pub fn substance_of_all(items: &str) -> Substance {
    let mut found = Substance::Nothing;
    // What is no array has no items.
    let _ = raw::each_item(items, &mut |item| {
        found = match (found, substance(item)) {
            (Substance::Content, _) | (_, Substance::Content) => Substance::Content,
            (Substance::Reasoning, _) | (_, Substance::Reasoning) => Substance::Reasoning,
            _ => Substance::Nothing,
        };
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_say_something_or_nothing() {
        for (items, said) in [
            ("[]", Substance::Nothing),
            ("null", Substance::Nothing),
            (r#"[{"type":"message","content":[]}]"#, Substance::Nothing),
            (
                r#"[{"type":"message","content":[{"type":"output_text","text":""}]}]"#,
                Substance::Nothing,
            ),
            (
                r#"[{"type":"reasoning","summary":[]}]"#,
                Substance::Reasoning,
            ),
            (
                r#"[{"type":"message","content":[{"type":"output_text","text":"x"}]},{"type":"reasoning"}]"#,
                Substance::Content,
            ),
            (
                r#"[{"type":"message","content":[{"type":"refusal","refusal":"no"}]}]"#,
                Substance::Content,
            ),
            (
                r#"[{"type":"function_call","name":"f"}]"#,
                Substance::Content,
            ),
            (r#"[{"type":"web_search_call"}]"#, Substance::Content),
        ] {
            assert_eq!(substance_of_all(items), said, "{items}");
        }
    }
}
