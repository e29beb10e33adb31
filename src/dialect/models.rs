//! The answers of `/v1/models`: route names in the shape of OpenAI's model objects.

use std::fmt::Write as _;

use crate::json::raw;

/// `{"object":"list","data":[...]}` in the order of `names`. `created` is in Unix seconds.
pub fn models<'a>(names: impl IntoIterator<Item = &'a str>, created: u64) -> Vec<u8> {
    let mut out = String::from(r#"{"object":"list","data":["#);
    for (place, name) in names.into_iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        push_model(&mut out, name, created);
    }
    out.push_str("]}");
    out.into_bytes()
}

/// An entry of the list by itself.
pub fn model(name: &str, created: u64) -> Vec<u8> {
    let mut out = String::new();
    push_model(&mut out, name, created);
    out.into_bytes()
}

fn push_model(out: &mut String, name: &str, created: u64) {
    out.push_str("{\"id\":");
    raw::push_quoted(out, name);
    // A String takes whatever is written.
    let _ = write!(
        out,
        r#","object":"model","created":{created},"owned_by":"ai-gateway"}}"#
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_picker_finds_the_members_it_needs() {
        let one = r#"{"id":"dynamic/n8n","object":"model","created":7,"owned_by":"ai-gateway"}"#;
        assert_eq!(model("dynamic/n8n", 7), one.as_bytes());
        let list = format!(r#"{{"object":"list","data":[{one}]}}"#);
        assert_eq!(models(["dynamic/n8n"], 7), list.as_bytes());
        let list = format!(r#"{{"object":"list","data":[{one},{one}]}}"#);
        assert_eq!(models(["dynamic/n8n"; 2], 7), list.as_bytes());
        assert_eq!(models([], 7), br#"{"object":"list","data":[]}"#);
    }
}
