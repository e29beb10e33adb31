//! `schema_fallback`: what stands in for a `json_schema` response format where the provider has none.

use crate::config::{SchemaFallback, Step};
use crate::json::{Object, raw};

use super::lesson::Lesson;
use super::meaning::items;
use super::profile_rules::{lacks_schemas, profile_of};

/// The words in front of the schema. DeepSeek demands the word "json" in a prompt that asks for it.
const WORDS: &str = "Answer with JSON only, valid against this JSON schema: ";

/// Whether the request asks for an answer by a schema.
pub fn is_asked_for(body: &Object<'_>) -> bool {
    body.get("response_format")
        .and_then(|format| raw::member(format, "type"))
        .is_some_and(|kind| raw::text(kind).as_deref() == Some("json_schema"))
}

/// The substitute for schemas at a step; `None` where the step is not known to lack them. A setting says that it does,
/// the built-in table has `object` for the providers that it knows, and a refusal alone leads to `skip`.
pub fn fallback(step: &Step, lessons: &[Lesson]) -> Option<SchemaFallback> {
    let configured = step
        .fit
        .schema_fallback
        .or(step.provider.fit.schema_fallback);
    let known = || {
        let profile = profile_of(&step.provider)?;
        lacks_schemas(profile, &step.model).then_some(SchemaFallback::Object)
    };
    let learned = || {
        lessons
            .contains(&Lesson::NoSchemas)
            .then_some(SchemaFallback::Skip)
    };
    configured.or_else(known).or_else(learned)
}

/// Puts the substitute in the place of a schema.
pub fn edit(body: &mut Object<'_>, fallback: SchemaFallback) {
    if fallback == SchemaFallback::Skip || !is_asked_for(body) {
        return;
    }
    let format = body.get("response_format").unwrap_or_default();
    let schema = raw::member(format, "json_schema")
        .and_then(|schema| raw::member(schema, "schema"))
        .unwrap_or("{}");
    let line = format!("{WORDS}{schema}");
    let messages = with_line(body.get("messages").unwrap_or_default(), &line);
    body.set("messages", messages);
    match fallback {
        SchemaFallback::Object => {
            body.set("response_format", r#"{"type":"json_object"}"#.to_owned());
        }
        SchemaFallback::Prompt | SchemaFallback::Skip => {
            body.remove("response_format");
        }
    }
}

/// The messages with a line more for the system: in its message if the first one is that, else in one of its own.
fn with_line(messages: &str, line: &str) -> String {
    let mut all: Vec<String> = items(messages).map(str::to_owned).collect();
    let extended = all.first().and_then(|first| extended(first, line));
    match (extended, all.first_mut()) {
        (Some(extended), Some(first)) => *first = extended,
        _ => {
            let message = format!(r#"{{"role":"system","content":{}}}"#, raw::quoted(line));
            all.insert(0, message);
        }
    }
    format!("[{}]", all.join(","))
}

fn extended(message: &str, line: &str) -> Option<String> {
    let mut message = Object::parse_lenient(message).ok()?;
    if !matches!(
        message.text("role").as_deref(),
        Some("system" | "developer")
    ) {
        return None;
    }
    let content = message.get("content")?;
    let extended = match raw::inside(content) {
        Some(inside) => {
            let line = raw::quoted(line);
            format!("\"{inside}\\n\\n{}\"", raw::inside(&line)?)
        }
        None if raw::is_array(content) => {
            let part = format!(r#"{{"type":"text","text":{}}}"#, raw::quoted(line));
            let parts: Vec<&str> = items(content).chain([part.as_str()]).collect();
            format!("[{}]", parts.join(","))
        }
        None => return None,
    };
    message.set("content", extended);
    Some(message.to_json())
}
