//! The answers of `/v1/models`: route names in the shape of OpenAI's model objects.

use std::fmt::Write as _;

use super::step_traits::{ProviderKind, StepTraits};
use crate::json::raw;

/// The path of a provider's own list, behind its base URL, and the fields that a call to it needs.
pub fn list_of(provider: &StepTraits) -> (&'static str, &'static [(&'static str, &'static str)]) {
    let path = match provider.kind {
        ProviderKind::Anthropic if !provider.base_has_version => "/v1/models",
        ProviderKind::OpenAi | ProviderKind::Anthropic => "/models",
    };
    let fields: &[_] = match provider.kind {
        ProviderKind::Anthropic => &[("Anthropic-Version", "2023-06-01")],
        ProviderKind::OpenAi => &[],
    };
    (path, fields)
}

/// A model of the list.
#[derive(Clone, Copy, Debug)]
pub struct Model<'a> {
    pub name: &'a str,
    /// The context length that the route advertises (tokens).
    pub context_length: Option<u64>,
}

/// `{"object":"list","data":[...]}` in the order of `models`. `created` is in Unix seconds.
pub fn models<'a>(models: impl IntoIterator<Item = Model<'a>>, created: u64) -> Vec<u8> {
    let mut out = String::from(r#"{"object":"list","data":["#);
    for (place, model) in models.into_iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        push_model(&mut out, model, created);
    }
    out.push_str("]}");
    out.into_bytes()
}

/// An entry of the list by itself.
pub fn model(model: Model<'_>, created: u64) -> Vec<u8> {
    let mut out = String::new();
    push_model(&mut out, model, created);
    out.into_bytes()
}

fn push_model(out: &mut String, model: Model<'_>, created: u64) {
    out.push_str("{\"id\":");
    raw::push_quoted(out, model.name);
    // A String takes whatever is written.
    let _ = write!(
        out,
        r#","object":"model","created":{created},"owned_by":"ai-gateway""#
    );
    if let Some(length) = model.context_length {
        let _ = write!(out, r#","context_length":{length}"#);
    }
    out.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_picker_finds_the_members_it_needs() {
        let one = r#"{"id":"dynamic/n8n","object":"model","created":7,"owned_by":"ai-gateway"}"#;
        let n8n = Model {
            name: "dynamic/n8n",
            context_length: None,
        };
        assert_eq!(model(n8n, 7), one.as_bytes());
        let list = format!(r#"{{"object":"list","data":[{one}]}}"#);
        assert_eq!(models([n8n], 7), list.as_bytes());
        let list = format!(r#"{{"object":"list","data":[{one},{one}]}}"#);
        assert_eq!(models([n8n; 2], 7), list.as_bytes());
        let known = Model {
            context_length: Some(8192),
            ..n8n
        };
        let known = String::from_utf8(model(known, 7)).unwrap();
        assert!(known.ends_with(r#","context_length":8192}"#), "{known}");
        assert_eq!(models([], 7), br#"{"object":"list","data":[]}"#);
    }
}
