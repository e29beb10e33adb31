//! Schemas as OpenAPI 3.0 has them, which is all that Google's tools take: `Unknown name "exclusiveMinimum" at
//! 'tools[0].function_declarations[6]...': Cannot find field.`

use crate::adapt::meaning::items;
use crate::adapt::members;
use crate::json::{Object, raw};

/// The deepest chain of references that is followed; a schema that refers to itself ends there, open.
const MOST_REFERENCES: usize = 8;

/// The deepest level that is looked at. OpenAI allows 10; the bound keeps the recursion within a small stack.
const MAX_DEPTH: usize = 48;

/// The most that the references of one schema may add up to (bytes); a schema of more stays as it is.
const MAX_WORK: usize = 1024 * 1024;

/// Keywords that OpenAPI 3.0 does not have, or that say nothing to a provider.
const DROPPED: [&str; 9] = [
    "$schema",
    "$id",
    "$comment",
    "$defs",
    "definitions",
    "additionalProperties",
    "examples",
    "default",
    "$ref",
];

/// Cuts the schemas of tools and of the response format down.
pub(super) fn edit(body: &mut Object<'_>) {
    for place in [
        "tools[*].function.parameters",
        "response_format.json_schema.schema",
    ] {
        members::edit(body, place, &mut |object, name| {
            if let Some(schema) = object.get(name).and_then(plain) {
                object.set(name, schema);
            }
        });
    }
}

/// A schema without what OpenAPI 3.0 does not know; `None` where nothing changes or too much would.
fn plain(schema: &str) -> Option<String> {
    let mut cut = Cut {
        root: schema,
        work: 0,
    };
    cut.schema(schema, MAX_DEPTH, MOST_REFERENCES)
        .filter(|cut| cut != schema)
}

struct Cut<'s> {
    root: &'s str,
    /// The bytes read so far.
    work: usize,
}

impl Cut<'_> {
    /// `None` for what is no object, lies too deep, or has cost too much.
    fn schema(&mut self, schema: &str, depth: usize, references: usize) -> Option<String> {
        let depth = depth.checked_sub(1)?;
        self.work += schema.len();
        if self.work > MAX_WORK || !raw::is_object(schema) {
            return None;
        }
        if let Some(target) = raw::member(schema, "$ref").and_then(raw::text) {
            let Some(left) = references.checked_sub(1) else {
                return Some("{}".to_owned());
            };
            let referred = self.referred(&target)?;
            return self.schema(&referred, depth, left);
        }
        let mut cut = Object::parse_lenient(schema).ok()?;
        for keyword in DROPPED {
            cut.remove(keyword);
        }
        nullable(&mut cut);
        bound(&mut cut, "exclusiveMinimum", "minimum", 1);
        bound(&mut cut, "exclusiveMaximum", "maximum", -1);
        if let Some(value) = cut.get("const").map(|value| format!("[{value}]")) {
            cut.remove("const");
            cut.set("enum", value);
        }
        for keyword in [
            "properties",
            "items",
            "anyOf",
            "oneOf",
            "allOf",
            "prefixItems",
            "not",
        ] {
            let Some(value) = cut.get(keyword).map(str::to_owned) else {
                continue;
            };
            let inner = match keyword {
                "properties" => raw::map_members(&value, &mut |_, schema| {
                    self.schema(schema, depth, references)
                })
                .ok(),
                _ if raw::is_array(&value) => {
                    raw::map_items(&value, &mut |schema| self.schema(schema, depth, references))
                        .ok()
                }
                _ => self.schema(&value, depth, references),
            };
            if let Some(inner) = inner.filter(|inner| *inner != value) {
                cut.set(keyword, inner);
            }
        }
        (self.work <= MAX_WORK).then(|| cut.to_json())
    }

    /// The schema behind `#/$defs/Name`, or `#`, the whole.
    fn referred(&self, target: &str) -> Option<String> {
        let mut found = self.root;
        let names = target.strip_prefix('#')?.split('/');
        for name in names.filter(|name| !name.is_empty()) {
            let name = name.replace("~1", "/").replace("~0", "~");
            found = raw::member(found, &name)?;
        }
        Some(found.to_owned())
    }
}

/// `exclusiveMinimum: n` as `minimum: n`, of integers n + 1.
fn bound(schema: &mut Object<'_>, exclusive: &str, inclusive: &str, step: i64) {
    let Some(value) = schema.get(exclusive).map(str::to_owned) else {
        return;
    };
    schema.remove(exclusive);
    // In draft 4 the keyword is a flag beside the bound.
    let is_number = value.parse::<f64>().is_ok();
    if is_number && schema.get(inclusive).is_none() {
        let is_integer = schema.text("type").as_deref() == Some("integer");
        let next = value.parse::<i64>().ok().and_then(|n| n.checked_add(step));
        let next = next.filter(|_| is_integer).map(|n| n.to_string());
        schema.set(inclusive, next.unwrap_or(value));
    }
}

/// `type: [a, null]` as `type: a` that may be null.
fn nullable(schema: &mut Object<'_>) {
    let Some(types) = schema.get("type").filter(|types| raw::is_array(types)) else {
        return;
    };
    let all: Vec<&str> = items(types).collect();
    let named: Vec<String> = all
        .iter()
        .filter(|kind| **kind != r#""null""#)
        .map(|kind| (*kind).to_owned())
        .collect();
    let has_null = named.len() < all.len();
    match named.as_slice() {
        [] => return,
        [one] => schema.set("type", one.clone()),
        several => {
            let kinds = several.iter().map(|kind| format!(r#"{{"type":{kind}}}"#));
            let kinds: Vec<String> = kinds.collect();
            schema.remove("type");
            if schema.get("anyOf").is_none() {
                schema.set("anyOf", format!("[{}]", kinds.join(",")));
            }
        }
    }
    if has_null {
        schema.set("nullable", "true".to_owned());
    }
}
