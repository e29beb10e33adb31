//! The JSON schema of the configuration, for editors: `ai-gateway schema`.
//!
//! `keys.txt` has a line for each key of each section: its name, its kind, and what it is for. A name ends in `!` if the key
//! is required, and in `?` if one of these is. The kinds are in [`push_kind`]. The tests hold the lines against the keys
//! that the sections ask for, and the kinds against the values that they take.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use super::fit::PROFILES;
use crate::dialect;
use crate::json::raw;

const KEYS: &str = include_str!("keys.txt");

/// A scalar that holds a reference, or nothing, may stand for anything.
const REFERENCE: &str = r"^$|\$\{";
const FLAG: &str = "^([Tt]rue|TRUE|[Ff]alse|FALSE|[Yy]es|YES|[Nn]o|NO|[Oo]n|ON|[Oo]ff|OFF|[YyNn])$";
const TIME: &str = r"^(0|\+?(([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$";
const SIZE: &str = "^[0-9]+ *([kKmMgG]?[iI]?[bB])?$";
const RATE: &str = r"^[0-9.]+ */ *(s|m|min|h|d|day|month|total|([0-9.]+(ms|s|m|h))+)$";
const DECIMAL: &str = r"^[0-9]+(\.[0-9]{1,6})?$";
const NUMBER: &str = "^[0-9]+$";

/// A line of `keys.txt`.
#[derive(Clone, Copy)]
struct Key {
    name: &'static str,
    need: Need,
    kind: &'static str,
    about: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Optional,
    Required,
    OneOfThese,
}

/// The schema, in the form of draft 7, which every editor reads.
pub fn schema() -> String {
    let mut out = String::from(
        "{\n\"$schema\": \"http://json-schema.org/draft-07/schema#\",\n\"title\": \"The configuration of ai-gateway\",\n",
    );
    // Anchors need a place to be written down at.
    out.push_str("\"patternProperties\": {\"^(x-|\\\\.)\": {}},\n");
    push_section(&mut out, "top", "\"object\"", 0);
    out.push_str("}\n");
    out
}

/// The keys of a section; none for a name that is no section's.
fn keys(section: &str) -> impl Iterator<Item = Key> {
    let mut blocks = KEYS.split("\n\n");
    let block = blocks.find(|block| block.lines().next() == Some(section));
    block
        .into_iter()
        .flat_map(|block| block.lines().skip(1))
        .filter_map(key)
}

fn key(line: &'static str) -> Option<Key> {
    let (head, about) = line.split_once('|')?;
    let (name, kind) = head.split_once(' ')?;
    let (name, need) = match (name.strip_suffix('!'), name.strip_suffix('?')) {
        (Some(name), _) => (name, Need::Required),
        (_, Some(name)) => (name, Need::OneOfThese),
        _ => (name, Need::Optional),
    };
    Some(Key {
        name,
        need,
        kind,
        about,
    })
}

/// Adds the members of a section's schema, each key in a line of its own.
fn push_section(out: &mut String, section: &str, types: &str, depth: usize) {
    let indent = " ".repeat(depth);
    // A String takes whatever is written, here and below.
    let _ = write!(
        out,
        "{indent}\"type\": {types}, \"additionalProperties\": false,"
    );
    let needed = |need| {
        let keys = keys(section).filter(move |key| key.need == need);
        keys.map(|key| raw::quoted(key.name)).collect::<Vec<_>>()
    };
    let required = needed(Need::Required);
    if !required.is_empty() {
        let _ = write!(out, " \"required\": [{}],", required.join(", "));
    }
    let alternatives: Vec<String> = needed(Need::OneOfThese)
        .iter()
        .map(|name| format!("{{\"required\": [{name}]}}"))
        .collect();
    if !alternatives.is_empty() {
        let _ = write!(out, " \"anyOf\": [{}],", alternatives.join(", "));
    }
    out.push_str(" \"properties\": {\n");
    for (index, key) in keys(section).enumerate() {
        let comma = if index > 0 { ",\n" } else { "" };
        let (name, about) = (raw::quoted(key.name), raw::quoted(key.about));
        let _ = write!(out, "{comma}{indent} {name}: {{\"description\": {about}, ");
        push_kind(out, key.kind, depth + 2);
        out.push('}');
    }
    out.push('}');
}

/// Adds the members of a kind's schema. An empty key (`key:`) is as good as none, so null is always allowed.
fn push_kind(out: &mut String, kind: &str, depth: usize) {
    if let Some(section) = kind
        .strip_prefix('[')
        .and_then(|kind| kind.strip_suffix(']'))
    {
        out.push('\n');
        return push_section(out, section, "[\"object\", \"null\"]", depth);
    }
    if let Some((one, other)) = kind.split_once('/') {
        out.push_str("\"anyOf\": [{");
        push_kind(out, one, depth);
        out.push_str("}, {");
        push_kind(out, other, depth);
        return out.push_str("}]");
    }
    for (prefix, form, entries) in [
        ("list:", "array", "items"),
        ("map:", "object", "additionalProperties"),
    ] {
        if let Some(kind) = kind.strip_prefix(prefix) {
            let _ = write!(out, "\"type\": [\"{form}\", \"null\"], \"{entries}\": {{");
            push_kind(out, kind, depth);
            return out.push('}');
        }
    }
    let pattern = |pattern| raw::quoted(&format!("{REFERENCE}|{pattern}"));
    let words = match kind {
        "any" => return,
        "text" => {
            return out.push_str("\"type\": [\"string\", \"number\", \"boolean\", \"null\"]");
        }
        "flag" => {
            let pattern = pattern(FLAG);
            let _ = write!(
                out,
                "\"type\": [\"boolean\", \"string\", \"null\"], \"pattern\": {pattern}"
            );
            return;
        }
        "time" => {
            let pattern = pattern(TIME);
            let _ = write!(
                out,
                "\"type\": [\"string\", \"integer\", \"null\"], \"pattern\": {pattern}, \"minimum\": 0, \"maximum\": 0"
            );
            return;
        }
        // Above zero, which has no spelling without a unit.
        "time+" | "brief" => {
            let pattern = pattern(TIME);
            let _ = write!(
                out,
                "\"type\": [\"string\", \"null\"], \"pattern\": {pattern}"
            );
            return;
        }
        "rate" => {
            let pattern = pattern(RATE);
            let _ = write!(
                out,
                "\"type\": [\"string\", \"null\"], \"pattern\": {pattern}"
            );
            return;
        }
        "number" => {
            let pattern = pattern(DECIMAL);
            let _ = write!(
                out,
                "\"type\": [\"number\", \"string\", \"null\"], \"pattern\": {pattern}, \"minimum\": 0, \"maximum\": 1000"
            );
            return;
        }
        "profile" => [&PROFILES[..], &["none"]].concat(),
        "endpoint" => dialect::NAMES.to_vec(),
        _ => kind.split(',').collect(),
    };
    match range(kind) {
        Some((least, most, is_size)) => {
            let pattern = pattern(if is_size { SIZE } else { NUMBER });
            let _ = write!(
                out,
                "\"type\": [\"integer\", \"string\", \"null\"], \"minimum\": {least}, \"maximum\": {most}, \"pattern\": {pattern}"
            );
        }
        None => {
            let words: Vec<String> = words.iter().map(|word| raw::quoted(word)).collect();
            let _ = write!(
                out,
                "\"anyOf\": [{{\"enum\": [{}]}}, {{\"type\": [\"string\", \"null\"], \"pattern\": {}}}]",
                words.join(", "),
                raw::quoted(REFERENCE)
            );
        }
    }
}

/// The bounds of a kind such as `1..10` or `256..1024 size`, and whether it is a size; `None` for other kinds.
fn range(kind: &str) -> Option<(usize, usize, bool)> {
    let (numbers, is_size) = match kind.strip_suffix(" size") {
        Some(numbers) => (numbers, true),
        None => (kind, false),
    };
    let (least, most) = numbers.split_once("..")?;
    Some((least.parse().ok()?, most.parse().ok()?, is_size))
}
