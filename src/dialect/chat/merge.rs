//! Adding up the deltas of a stream, member by member.

use crate::dialect::answer::Flaw;
use crate::json::raw;

/// The most members of one merged object. A delta has about ten; the bound keeps merging linear.
const MAX_FIELDS: usize = 256;

/// Texts that come in pieces, and so do those of reasoning. All other texts (`id`, `name`, `role`, `finish_reason`) come
/// whole, some of them again in every chunk.
const IN_PIECES: [&str; 6] = [
    "content",
    "refusal",
    "arguments",
    "input",
    "data",
    "transcript",
];

/// Objects whose members come in pieces; of all others the last one counts whole.
const NESTED: [&str; 5] = ["function", "custom", "function_call", "audio", "logprobs"];

/// An object under construction, its members in the order in which they first came.
#[derive(Debug, Default)]
pub struct MergedObject {
    entries: Vec<(String, MergedValue)>,
    /// Whether the object is the value of a member in [`NESTED`]. There is no second level: recursion is bounded.
    is_nested: bool,
}

#[derive(Debug)]
enum MergedValue {
    /// The inside of a JSON string. Insides are joined as they are, escapes included.
    Text(String),
    /// The inside of a JSON array.
    List(String),
    Nested(MergedObject),
    Raw(String),
}

impl MergedObject {
    /// Merges one member, given raw. Fails above [`MAX_FIELDS`].
    pub fn merge(&mut self, raw_key: &str, value: &str) -> Result<(), Flaw> {
        let key = raw::inside(raw_key).unwrap_or_default();
        let is_full = self.entries.len() >= MAX_FIELDS;
        match self.entries.iter_mut().find(|(name, _)| name == key) {
            Some((_, slot)) => slot.merge(key, value, self.is_nested),
            None if is_full => Err(Flaw::TooMany("members")),
            None => {
                let value = MergedValue::new(key, value, self.is_nested)?;
                self.entries.push((key.to_owned(), value));
                Ok(())
            }
        }
    }

    /// Merges every member of an object that `is_wanted` by its key. What is no object has none.
    pub fn merge_all(
        &mut self,
        object: &str,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Result<(), Flaw> {
        let mut merged = Ok(());
        let _ = raw::each_member(object, &mut |key, value| {
            if merged.is_ok() && raw::inside(key).is_some_and(&is_wanted) {
                merged = self.merge(key, value);
            }
        });
        merged
    }

    /// The inside of a text that has come so far.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.entries.iter().find(|(name, _)| name == key) {
            Some((_, MergedValue::Text(text))) => Some(text),
            _ => None,
        }
    }

    /// Adds a member that clients expect, unless it came.
    pub fn ensure(&mut self, key: &str, json: &str) {
        if !self.entries.iter().any(|(name, _)| name == key) {
            self.entries
                .push((key.to_owned(), MergedValue::Raw(json.to_owned())));
        }
    }

    /// Writes `"key":value,...` without braces, or nothing.
    pub fn write_members(&self, out: &mut String) {
        for (place, (key, value)) in self.entries.iter().enumerate() {
            if place > 0 {
                out.push(',');
            }
            out.push('"');
            out.push_str(key);
            out.push_str("\":");
            value.write(out);
        }
    }
}

impl MergedValue {
    fn new(key: &str, value: &str, is_nested: bool) -> Result<Self, Flaw> {
        if let Some(text) = raw::inside(value) {
            return Ok(Self::Text(text.to_owned()));
        }
        if let Some(items) = inside_array(value) {
            return Ok(Self::List(items.to_owned()));
        }
        if raw::is_object(value) && NESTED.contains(&key) && !is_nested {
            let mut fields = MergedObject {
                is_nested: true,
                ..MergedObject::default()
            };
            fields.merge_all(value, |_| true)?;
            return Ok(Self::Nested(fields));
        }
        Ok(Self::Raw(value.to_owned()))
    }

    fn merge(&mut self, key: &str, value: &str, is_nested: bool) -> Result<(), Flaw> {
        // An empty value says that nothing is added, not that something is taken back.
        if matches!(value, "null" | r#""""#) && !matches!(self, Self::Raw(_)) {
            return Ok(());
        }
        match (&mut *self, raw::inside(value), inside_array(value)) {
            (Self::Text(text), Some(piece), _) if comes_in_pieces(key) => text.push_str(piece),
            (Self::List(items), _, Some(more)) => push_items(items, more),
            (Self::Nested(fields), _, _) if raw::is_object(value) => {
                fields.merge_all(value, |_| true)?;
            }
            // Mistral's thinking models send parts first and plain text later.
            (Self::List(items), Some(piece), _) if key == "content" => {
                push_items(items, &text_part(piece));
            }
            (Self::Text(text), _, Some(more)) if key == "content" => {
                let mut items = if text.is_empty() {
                    String::new()
                } else {
                    text_part(text)
                };
                push_items(&mut items, more);
                *self = Self::List(items);
            }
            (Self::Raw(raw), _, _) if value == "null" && raw != "null" => {}
            _ => *self = Self::new(key, value, is_nested)?,
        }
        Ok(())
    }

    fn write(&self, out: &mut String) {
        let (open, inside, close) = match self {
            Self::Text(text) => ("\"", text, "\""),
            Self::List(items) => ("[", items, "]"),
            Self::Raw(raw) => ("", raw, ""),
            Self::Nested(fields) => {
                out.push('{');
                fields.write_members(out);
                out.push('}');
                return;
            }
        };
        out.push_str(open);
        out.push_str(inside);
        out.push_str(close);
    }
}

/// Whether a text comes in pieces. Of reasoning all but what describes it: its id, its kind, its state.
fn comes_in_pieces(key: &str) -> bool {
    let is_reasoning = key.starts_with("reasoning") || key.starts_with("thinking");
    let describes = ["_id", "_type", "_format", "_status", "_effort"];
    IN_PIECES.contains(&key) || (is_reasoning && !describes.iter().any(|end| key.ends_with(end)))
}

fn inside_array(value: &str) -> Option<&str> {
    let inside = value.strip_prefix('[')?.strip_suffix(']')?;
    Some(inside.trim_ascii())
}

fn push_items(items: &mut String, more: &str) {
    if !items.is_empty() && !more.is_empty() {
        items.push(',');
    }
    items.push_str(more);
}

fn text_part(inside: &str) -> String {
    format!(r#"{{"type":"text","text":"{inside}"}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(key: &str, values: &[&str]) -> String {
        let mut fields = MergedObject::default();
        for value in values {
            fields.merge(&raw::quoted(key), value).unwrap();
        }
        let mut out = String::new();
        fields.write_members(&mut out);
        out.strip_prefix(&format!("\"{key}\":")).unwrap().to_owned()
    }

    #[test]
    fn pieces_add_up_and_whole_values_replace() {
        for (key, values, expected) in [
            (
                "content",
                &[r#""a""#, "null", r#""""#, r#""b\n""#][..],
                r#""ab\n""#,
            ),
            ("content", &["null", r#""a""#, "null"], r#""a""#),
            ("content", &["null", "null"], "null"),
            // A surrogate pair split between two chunks is one character again.
            (
                "content",
                &[r#""\ud83d""#, r#""\ude00""#],
                r#""\ud83d\ude00""#,
            ),
            (
                "content",
                &[r#"[{"a":1}]"#, "[ ]", r#"[ {"b":2} ]"#],
                r#"[{"a":1},{"b":2}]"#,
            ),
            (
                "content",
                &["[1]", r#""x""#],
                r#"[1,{"type":"text","text":"x"}]"#,
            ),
            (
                "content",
                &[r#""x""#, "[1]"],
                r#"[{"type":"text","text":"x"},1]"#,
            ),
            ("content", &[r#""""#, "[1]"], "[1]"),
            ("reasoning_text", &[r#""a""#, r#""b""#], r#""ab""#),
            ("thinking", &[r#""a""#, "null", r#""b""#], r#""ab""#),
            ("reasoning_id", &[r#""a""#, r#""a""#], r#""a""#),
            ("name", &[r#""f""#, r#""f""#, r#""""#], r#""f""#),
            ("finish_reason", &["null", r#""stop""#, "null"], r#""stop""#),
            ("created", &["1", "2", "null"], "2"),
            ("usage", &["null", r#"{"a":1}"#, "null"], r#"{"a":1}"#),
            ("usage", &[r#"{"a":1}"#, r#"{"b":2}"#], r#"{"b":2}"#),
            (
                "function",
                &[r#"{"name":"f","arguments":"{"}"#, r#"{"arguments":"}"}"#],
                r#"{"name":"f","arguments":"{}"}"#,
            ),
            (
                "logprobs",
                &[
                    r#"{"content":[1]}"#,
                    "null",
                    r#"{"content":[2],"refusal":null}"#,
                ],
                r#"{"content":[1,2],"refusal":null}"#,
            ),
            (
                "audio",
                &[
                    r#"{"id":"a","transcript":"x"}"#,
                    r#"{"transcript":"y","data":"AA"}"#,
                ],
                r#"{"id":"a","transcript":"xy","data":"AA"}"#,
            ),
            (
                "reasoning_details",
                &[r#"[{"text":"x"}]"#, r#"[{"text":"y"}]"#],
                r#"[{"text":"x"},{"text":"y"}]"#,
            ),
        ] {
            assert_eq!(merged(key, values), expected, "{key} {values:?}");
        }
    }

    #[test]
    fn deep_nesting_does_not_overflow_the_stack() {
        let deep = r#"{"function":"#.repeat(100_000) + "{}" + &"}".repeat(100_000);
        assert_eq!(merged("function", &[&deep, &deep]), deep);
    }

    #[test]
    fn members_without_number_are_refused_rather_than_lost() {
        let mut fields = MergedObject::default();
        for n in 0..MAX_FIELDS {
            fields.merge(&format!("\"{n}\""), "1").unwrap();
        }
        assert_eq!(fields.merge("\"x\"", "1"), Err(Flaw::TooMany("members")));
        fields.merge("\"7\"", "2").unwrap();
    }
}
