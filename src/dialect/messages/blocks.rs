//! The blocks of a message: whether they say anything.

use crate::json::raw;

/// The substance of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Substance {
    Nothing,
    Reasoning,
    Content,
}

/// The substance of a block, whole or as it begins.
pub fn substance(block: &str) -> Substance {
    let is_empty =
        |member: &str| matches!(raw::member(block, member), None | Some("null" | "\"\""));
    match raw::kind_of(block).as_deref() {
        Some("text") if is_empty("text") => Substance::Nothing,
        Some("thinking") if is_empty("thinking") && is_empty("signature") => Substance::Nothing,
        Some("thinking" | "redacted_thinking") => Substance::Reasoning,
        None => Substance::Nothing,
        Some(_) => Substance::Content,
    }
}

/// The substance of an array of blocks: that of the one with the most.
pub fn substance_of_all(blocks: &str) -> Substance {
    let mut found = Substance::Nothing;
    // What is no array has no blocks.
    let _ = raw::each_item(blocks, &mut |block| found = found.max(substance(block)));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_say_something_or_nothing() {
        for (blocks, said) in [
            ("[]", Substance::Nothing),
            (r#"[{"type":"text","text":""}]"#, Substance::Nothing),
            (
                r#"[{"type":"thinking","thinking":"","signature":""}]"#,
                Substance::Nothing,
            ),
            (
                r#"[{"type":"thinking","thinking":"","signature":"x"}]"#,
                Substance::Reasoning,
            ),
            (
                r#"[{"type":"redacted_thinking","data":"x"}]"#,
                Substance::Reasoning,
            ),
            (
                r#"[{"type":"thinking","thinking":"x"},{"type":"text","text":"x"}]"#,
                Substance::Content,
            ),
            (r#"[{"type":"tool_use","input":{}}]"#, Substance::Content),
        ] {
            assert_eq!(substance_of_all(blocks), said, "{blocks}");
        }
    }
}
