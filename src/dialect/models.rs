//! The answers of `/v1/models`: routes in the shape of OpenAI's model objects, or of Anthropic's.

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
    /// The name that clients send.
    pub id: &'a str,
    /// The name for people to read.
    pub name: &'a str,
    /// The context length that the route advertises (tokens).
    pub context_length: Option<u64>,
    /// The kinds of input that some step takes; empty where that is not known.
    pub input: &'a [&'static str],
    /// Whether some step takes tools.
    pub takes_tools: bool,
}

/// The form of a model list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListForm {
    OpenAi,
    /// Anthropic's, which clients ask for by the header `anthropic-version`.
    Anthropic,
}

/// A part of a list in Anthropic's form. OpenAI's has no parts.
#[derive(Clone, Debug, Default)]
pub struct ListPart {
    /// The most entries, 20 where the query says nothing (1 to 1,000).
    pub limit: Option<usize>,
    pub after_id: Option<String>,
    pub before_id: Option<String>,
}

/// The largest and the usual number of entries of a page.
const MOST: usize = 1000;
const USUAL: usize = 20;

/// The list in the order of `models`, in OpenAI's form. `created` is in Unix seconds.
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

/// A page of the list in Anthropic's form.
pub fn page(models: &[Model<'_>], page: &ListPart) -> Vec<u8> {
    let limit = page.limit.unwrap_or(USUAL).clamp(1, MOST);
    let place = |id: &str| models.iter().position(|model| model.id == id);
    let from = page
        .after_id
        .as_deref()
        .and_then(place)
        .map_or(0, |place| place.saturating_add(1));
    let to = page
        .before_id
        .as_deref()
        .and_then(place)
        .unwrap_or(models.len());
    let between = models.get(from..to.max(from)).unwrap_or_default();
    // Backwards, the entries right before the named one are asked for.
    let skipped = if page.before_id.is_some() {
        between.len().saturating_sub(limit)
    } else {
        0
    };
    let shown = between.get(skipped..).unwrap_or_default();
    let shown = shown.get(..limit.min(shown.len())).unwrap_or_default();
    let mut out = String::from("{\"data\":[");
    for (place, model) in shown.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        push_anthropic(&mut out, *model);
    }
    let has_more = shown.len() < between.len();
    let _ = write!(out, "],\"has_more\":{has_more}");
    for (key, model) in [("first_id", shown.first()), ("last_id", shown.last())] {
        let _ = write!(out, ",\"{key}\":");
        match model {
            Some(model) => raw::push_quoted(&mut out, model.id),
            None => out.push_str("null"),
        }
    }
    out.push('}');
    out.into_bytes()
}

/// An entry of the list by itself.
pub fn model(model: Model<'_>, form: ListForm, created: u64) -> Vec<u8> {
    let mut out = String::new();
    match form {
        ListForm::OpenAi => push_model(&mut out, model, created),
        ListForm::Anthropic => push_anthropic(&mut out, model),
    }
    out.into_bytes()
}

fn push_anthropic(out: &mut String, model: Model<'_>) {
    out.push_str("{\"type\":\"model\",\"id\":");
    raw::push_quoted(out, model.id);
    out.push_str(",\"display_name\":");
    raw::push_quoted(out, model.name);
    out.push_str(",\"created_at\":\"2025-01-01T00:00:00Z\"}");
}

/// Besides OpenAI's own members those that clients look for: `name` (Open WebUI, LibreChat), `context_length` and
/// `architecture` (readers of OpenRouter's list: Cline, Kilo, Aider), `max_model_len` (of vLLM's), `capabilities` (of
/// Mistral's).
fn push_model(out: &mut String, model: Model<'_>, created: u64) {
    out.push_str("{\"id\":");
    raw::push_quoted(out, model.id);
    // A String takes whatever is written.
    let _ = write!(
        out,
        r#","object":"model","created":{created},"owned_by":"ai-gateway","name":"#
    );
    raw::push_quoted(out, model.name);
    if let Some(length) = model.context_length {
        let _ = write!(
            out,
            r#","context_length":{length},"max_model_len":{length}"#
        );
    }
    let tools = model.takes_tools;
    let _ = write!(out, r#","capabilities":{{"function_calling":{tools}"#);
    if model.input.is_empty() {
        out.push('}');
    } else {
        let vision = model.input.contains(&"image");
        let _ = write!(out, r#","vision":{vision}}}"#);
        out.push_str(r#","architecture":{"input_modalities":["#);
        for (place, kind) in model.input.iter().enumerate() {
            let comma = if place > 0 { "," } else { "" };
            let _ = write!(out, "{comma}\"{kind}\"");
        }
        out.push_str(r#"],"output_modalities":["text"]}"#);
    }
    out.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;

    const N8N: Model<'_> = Model {
        id: "dynamic/n8n",
        name: "dynamic/n8n",
        context_length: None,
        input: &[],
        takes_tools: true,
    };

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_model_picker_finds_the_members_it_needs() {
        let one = r#"{"id":"dynamic/n8n","object":"model","created":7,"owned_by":"ai-gateway","name":"dynamic/n8n","capabilities":{"function_calling":true}}"#;
        assert_eq!(text(model(N8N, ListForm::OpenAi, 7)), one);
        let list = format!(r#"{{"object":"list","data":[{one},{one}]}}"#);
        assert_eq!(text(models([N8N; 2], 7)), list);
        assert_eq!(text(models([], 7)), r#"{"object":"list","data":[]}"#);
        let known = Model {
            context_length: Some(8192),
            input: &["text", "image"],
            takes_tools: false,
            ..N8N
        };
        assert_eq!(
            text(model(known, ListForm::OpenAi, 7)),
            r#"{"id":"dynamic/n8n","object":"model","created":7,"owned_by":"ai-gateway","name":"dynamic/n8n","context_length":8192,"max_model_len":8192,"capabilities":{"function_calling":false,"vision":true},"architecture":{"input_modalities":["text","image"],"output_modalities":["text"]}}"#
        );
    }

    /// Anthropic's SDKs page through the list until `has_more` is false: a wrong edge is an endless loop, or a gap.
    #[test]
    fn pages_follow_each_other_without_a_gap() {
        let names = ["a", "b", "c", "d", "e"];
        let all = names.map(|id| Model { id, ..N8N });
        let ids = |query: &ListPart| {
            let body = text(page(&all, query));
            let read: serde_json::Value = serde_json::from_str(&body).unwrap();
            let ids = read["data"].as_array().unwrap().iter();
            let ids: String = ids.map(|model| model["id"].as_str().unwrap()).collect();
            let first = ids.get(..1).map(str::to_owned);
            assert_eq!(
                read["first_id"].as_str().map(str::to_owned),
                first,
                "{body}"
            );
            (ids, read["has_more"].as_bool().unwrap())
        };
        let limit = Some(2);
        let id = |id: &str| Some(id.to_owned());
        for (query, expected, more) in [
            (ListPart::default(), "abcde", false),
            (
                ListPart {
                    limit,
                    ..ListPart::default()
                },
                "ab",
                true,
            ),
            (
                ListPart {
                    limit,
                    after_id: id("b"),
                    ..ListPart::default()
                },
                "cd",
                true,
            ),
            (
                ListPart {
                    limit,
                    after_id: id("d"),
                    ..ListPart::default()
                },
                "e",
                false,
            ),
            (
                ListPart {
                    limit,
                    after_id: id("e"),
                    ..ListPart::default()
                },
                "",
                false,
            ),
            (
                ListPart {
                    limit,
                    before_id: id("e"),
                    ..ListPart::default()
                },
                "cd",
                true,
            ),
            (
                ListPart {
                    limit,
                    before_id: id("b"),
                    ..ListPart::default()
                },
                "a",
                false,
            ),
            (
                ListPart {
                    limit: Some(0),
                    ..ListPart::default()
                },
                "a",
                true,
            ),
            (
                ListPart {
                    after_id: id("nobody"),
                    ..ListPart::default()
                },
                "abcde",
                false,
            ),
        ] {
            assert_eq!(ids(&query), (expected.to_owned(), more), "{query:?}");
        }
        assert_eq!(
            text(model(N8N, ListForm::Anthropic, 7)),
            r#"{"type":"model","id":"dynamic/n8n","display_name":"dynamic/n8n","created_at":"2025-01-01T00:00:00Z"}"#
        );
    }
}
