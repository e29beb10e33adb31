//! The answers of `/v1/models`: route names in the shape of OpenAI's model objects.

use serde::Serialize;

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Model<'a>>,
}

#[derive(Serialize)]
struct Model<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    owned_by: &'static str,
}

/// `{"object":"list","data":[...]}` in the order of `names`. `created` is in Unix seconds.
pub fn models<'a>(names: impl IntoIterator<Item = &'a str>, created: u64) -> Vec<u8> {
    let list = List {
        object: "list",
        data: names.into_iter().map(|name| entry(name, created)).collect(),
    };
    // Strings and numbers always serialize; the empty object is for the type checker.
    serde_json::to_vec(&list).unwrap_or_else(|_| b"{}".to_vec())
}

/// One entry of the list by itself.
pub fn model(name: &str, created: u64) -> Vec<u8> {
    serde_json::to_vec(&entry(name, created)).unwrap_or_else(|_| b"{}".to_vec())
}

fn entry(name: &str, created: u64) -> Model<'_> {
    Model {
        id: name,
        object: "model",
        created,
        owned_by: "ai-gateway",
    }
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
        assert_eq!(models([], 7), br#"{"object":"list","data":[]}"#);
    }
}
