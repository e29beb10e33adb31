//! The opening of a conversation: what all of its requests begin with, in the texts that do not change as it grows.

use crate::json::raw;
use crate::json::reader::{EntryCursor, Invalid, Reader};

/// The most messages before the first one of a user.
const MOST_BEFORE: usize = 16;

/// Members of a part that clients move from one request to the next.
const MOVED: [&str; 1] = ["cache_control"];

/// Takes the texts of an opening one by one.
pub type TakeText<'t> = &'t mut dyn FnMut(&str);

/// Tells the messages up to the first one of a user, of an array of messages or of Responses' items. Whether there were
/// any comes back.
pub fn of_messages(messages: &str, take: TakeText<'_>) -> bool {
    let mut has_any = false;
    // It was read as JSON before.
    let _ = tell_messages(messages, &mut |text| {
        has_any = true;
        take(text);
    });
    has_any
}

/// Tells what a user says, as a message with it is told.
pub fn of_user(content: &str, take: TakeText<'_>) {
    take("user");
    of_content(content, take);
}

/// Tells a content: a text, or parts. A part that is a text is told as the text is.
pub fn of_content(content: &str, take: TakeText<'_>) {
    let are_parts = raw::each_item(content, &mut |part| match raw::member(part, "text") {
        Some(text) => take(text),
        None => tell_part(part, take),
    });
    if are_parts.is_err() {
        take(content);
    }
}

fn tell_messages(messages: &str, take: TakeText<'_>) -> Result<(), Invalid> {
    let mut reader = Reader::new(messages);
    let mut array = EntryCursor::default();
    for _ in 0..=MOST_BEFORE {
        if !reader.item(&mut array)? {
            return Ok(());
        }
        let [role, content] = raw::said_members(reader.value()?, ["role", "content"]);
        let role = role.and_then(raw::text).unwrap_or_default();
        let content = content.unwrap_or_default();
        if role == "user" {
            of_user(content, take);
            return Ok(());
        }
        take(&role);
        of_content(content, take);
    }
    Ok(())
}

fn tell_part(part: &str, take: TakeText<'_>) {
    let is_object = raw::each_member(part, &mut |key, value| {
        if !MOVED.iter().any(|moved| raw::is_key(key, moved)) {
            take(value);
        }
    });
    if is_object.is_err() {
        take(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(messages: &str) -> Vec<String> {
        let mut told = Vec::new();
        of_messages(messages, &mut |text| told.push(text.to_owned()));
        told
    }

    #[test]
    fn a_conversation_that_grows_opens_as_it_did() {
        let opening = r#"{"role":"system","content":"be brief"},{"role":"user","content":"hi"}"#;
        let first = told(&format!("[{opening}]"));
        assert_eq!(first, ["system", "\"be brief\"", "user", "\"hi\""]);
        let grown = format!(
            r#"[{opening},{{"role":"assistant","content":"ho"}},{{"role":"user","content":"x"}}]"#
        );
        assert_eq!(told(&grown), first);
        let other =
            told(r#"[{"role":"system","content":"be brief"},{"role":"user","content":"ho"}]"#);
        assert_ne!(other, first);
    }

    #[test]
    fn what_clients_move_and_how_they_spell_a_text_does_not_change_it() {
        let plain = told(r#"[{"role":"user","content":"hi"}]"#);
        for same in [
            r#"[{"role":"user","content":[{"type":"text","text":"hi"}]}]"#,
            r#"[{"role":"user","content":[{"type":"text","text":"hi","cache_control":{"type":"ephemeral"}}]}]"#,
            r#"[{"type":"message","id":"msg_1","role":"user","content":[{"type":"input_text","text":"hi"}]}]"#,
        ] {
            assert_eq!(told(same), plain, "{same}");
        }
        let image = |moved: &str| {
            told(&format!(
                r#"[{{"role":"user","content":[{{"type":"image_url","image_url":"u"{moved}}}]}}]"#
            ))
        };
        assert_eq!(image(""), image(r#","cache_control":{"type":"ephemeral"}"#));
        let mut of_text = Vec::new();
        of_user("\"hi\"", &mut |text| of_text.push(text.to_owned()));
        assert_eq!(of_text, plain);
    }

    #[test]
    fn a_conversation_without_a_user_is_told_up_to_a_bound_and_an_empty_one_not_at_all() {
        let system = r#"{"role":"system","content":"x"}"#;
        let many = format!("[{}]", vec![system; 1000].join(","));
        assert_eq!(told(&many).len(), 2 * (MOST_BEFORE + 1));
        for empty in ["[]", "", "null", "{"] {
            assert_eq!(told(empty), [""; 0], "{empty}");
        }
    }
}
