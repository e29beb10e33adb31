//! `strict_json_schema`: providers such as Cerebras refuse a `json_schema` response format unless it is strict and
//! every object in it says `"additionalProperties": false` and requires all its properties. OpenAI's strict mode asks
//! the same (Structured outputs guide, "Supported schemas"). Clients write their schemas for laxer providers.
//!
//! Tools are left alone: a function's parameters are held to these rules only if the client itself marks the function
//! `strict`, and then it has written them so, or OpenAI would refuse them as well.

use crate::dialect::vocabulary::FormatMember;
use crate::json::{Object, raw};

use super::format;

/// The deepest level that is made strict; below it schemas stay as they are. OpenAI allows 10 levels; the bound keeps
/// the recursion within a worker's small stack.
const MAX_DEPTH: usize = 64;

/// The largest schema that is made strict (bytes); larger ones stay as they are. OpenAI allows 120,000 characters of
/// names; the bound keeps the work of reading every level anew small.
const MAX_SCHEMA: usize = 1024 * 1024;

/// Makes the schema of a `json_schema` response format strict. Key order, numbers and unknown keywords stay.
pub fn enforce(body: &mut Object<'_>, place: FormatMember) {
    let strict = format::format_of(body, place).and_then(|format| strict_format(format, place));
    if let Some(strict) = strict {
        format::replace(body, place, strict);
    }
}

fn strict_format(format: &str, place: FormatMember) -> Option<String> {
    let mut format = Object::parse_lenient(format).ok()?;
    if format.text("type").as_deref() != Some("json_schema") {
        return None;
    }
    if place == FormatMember::TextFormat {
        return strict_json_schema(&format.to_json());
    }
    let json_schema = strict_json_schema(format.get("json_schema")?)?;
    format.set("json_schema", json_schema);
    Some(format.to_json())
}

fn strict_json_schema(json_schema: &str) -> Option<String> {
    let mut json_schema = Object::parse_lenient(json_schema).ok()?;
    let schema = json_schema.get("schema")?;
    if schema.len() > MAX_SCHEMA {
        return None;
    }
    let schema = strict_schema(schema, MAX_DEPTH)?;
    json_schema.set("strict", "true".to_owned());
    json_schema.set("schema", schema);
    Some(json_schema.to_json())
}

/// A schema made strict; `None` for one that is no object, such as `true` and `false`, or that lies too deep.
fn strict_schema(schema: &str, depth: usize) -> Option<String> {
    let below = depth.checked_sub(1)?;
    let inner = raw::map_members(schema, &mut |key, value| {
        strict_keyword(raw::inside(key)?, value, below)
    })
    .ok()?;
    Some(closed(&inner).unwrap_or(inner))
}

/// The value of a keyword that holds schemas, with these made strict.
fn strict_keyword(keyword: &str, value: &str, depth: usize) -> Option<String> {
    let schemas_by_name = || raw::map_members(value, &mut |_, schema| strict_schema(schema, depth));
    let schemas = || raw::map_items(value, &mut |schema| strict_schema(schema, depth));
    match keyword {
        "properties" | "$defs" | "definitions" => schemas_by_name().ok(),
        "oneOf" | "anyOf" | "allOf" | "prefixItems" => schemas().ok(),
        // Before draft 2020-12 `items` could be an array.
        "items" if raw::is_array(value) => schemas().ok(),
        "items" | "not" => strict_schema(value, depth),
        _ => None,
    }
}

/// An object schema without room for other properties, all of its own required.
fn closed(schema: &str) -> Option<String> {
    let mut schema = Object::parse_lenient(schema).ok()?;
    if !describes_objects(&schema) {
        return None;
    }
    let mut names = Vec::new();
    let properties = schema.get("properties").map(str::to_owned);
    if let Some(properties) = &properties {
        raw::each_member(properties, &mut |name, _| names.push(name)).ok()?;
        schema.set("required", format!("[{}]", names.join(",")));
    }
    schema.set("additionalProperties", "false".to_owned());
    Some(schema.to_json())
}

fn describes_objects(schema: &Object<'_>) -> bool {
    match schema.get("type") {
        Some(types) if raw::is_array(types) => {
            let mut found = false;
            let _ = raw::each_item(types, &mut |item| found |= item == r#""object""#);
            found
        }
        Some(one) => one == r#""object""#,
        None => schema.get("properties").is_some(),
    }
}
