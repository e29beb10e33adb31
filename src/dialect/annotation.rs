//! Writing two members into a JSON text without touching the rest of it.

use crate::json::reader::{EntryCursor, Invalid, Reader};
use crate::json::{Object, ObjectError, position, raw, slice};

/// The places in a JSON object where the gateway writes: the value of `model`, and the end of the object.
///
/// The reader of a dialect notes them in the pass that judges the text, so that annotating costs no second one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Annotation {
    /// From the first to behind the last byte of the value of `model`.
    model: Option<(u32, u32)>,
    /// Behind the last member, or the opening brace.
    end: u32,
    is_empty: bool,
    /// A key stands there twice, or the provider has a `routing_summary` of its own.
    is_odd: bool,
    takes: Takes,
}

/// The members that a text takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Takes {
    #[default]
    Both,
    /// The answers of the dialect have no `model`.
    Summary,
    /// The text is no object.
    Nothing,
}

impl Annotation {
    /// The places in an object whose first byte inside its braces is at `begin`, as long as no member was read.
    pub fn of_empty(begin: usize) -> Self {
        Self {
            end: position(begin),
            is_empty: true,
            ..Self::default()
        }
    }

    /// No place at all, in a text that is no object.
    pub fn nowhere() -> Self {
        Self {
            takes: Takes::Nothing,
            ..Self::default()
        }
    }

    /// The places in an object, each of whose members is shown to `visit`: the key as text, and the raw value.
    ///
    /// # Errors
    /// The text is no JSON object.
    pub fn read<'a>(
        body: &'a str,
        visit: &mut dyn FnMut(&str, &'a str),
    ) -> Result<Self, ObjectError> {
        u32::try_from(body.len()).map_err(|_| ObjectError::TooLarge)?;
        let read = Self::read_members(&mut Reader::new(body), visit);
        read.map_err(|Invalid| ObjectError::of(body))
    }

    fn read_members<'a>(
        reader: &mut Reader<'a>,
        visit: &mut dyn FnMut(&str, &'a str),
    ) -> Result<Self, Invalid> {
        reader.peek();
        let mut places = Self::of_empty(reader.at() + 1);
        let mut object = EntryCursor::default();
        while let Some(key) = reader.key(&mut object)? {
            let key = key.text().ok_or(Invalid)?;
            let value = reader.value()?;
            match &*key {
                "model" => places.note_model(value, reader.at()),
                "routing_summary" => places.note_summary(),
                _ => {}
            }
            visit(&key, value);
            places.note_end(reader.at());
        }
        reader.end()?;
        Ok(places)
    }

    /// The same places but that of `model`, for answers that have none.
    #[must_use]
    pub fn without_model(self) -> Self {
        Self {
            takes: Takes::Summary,
            ..self
        }
    }

    /// Notes the value of a member `model` that was read; it ends at `end`.
    pub fn note_model(&mut self, value: &str, end: usize) {
        let place = (position(end.saturating_sub(value.len())), position(end));
        self.is_odd |= self.model.replace(place).is_some();
    }

    /// Notes a `routing_summary` of the provider's own.
    pub fn note_summary(&mut self) {
        self.is_odd = true;
    }

    /// Notes the end of a member's value.
    pub fn note_end(&mut self, end: usize) {
        self.end = position(end);
        self.is_empty = false;
    }

    /// Appends `body`, the text that was read, with its `model` replaced and `routing_summary`, raw JSON, set, where
    /// given; all else byte for byte.
    pub fn write(
        self,
        out: &mut String,
        body: &str,
        model: Option<&str>,
        routing_summary: Option<&str>,
    ) {
        let model = model.filter(|_| self.takes == Takes::Both);
        if self.takes == Takes::Nothing {
            return out.push_str(body);
        }
        if self.is_odd {
            return out.push_str(&edited(body, model, routing_summary));
        }
        let mut copied = 0;
        let mut comma = if self.is_empty { "" } else { "," };
        if let (Some(model), Some((from, to))) = (model, self.model) {
            out.push_str(slice(body, 0, from));
            raw::push_quoted(out, model);
            copied = to;
        }
        out.push_str(slice(body, copied, self.end));
        if let (Some(model), None) = (model, self.model) {
            out.push_str(comma);
            out.push_str("\"model\":");
            raw::push_quoted(out, model);
            comma = ",";
        }
        if let Some(summary) = routing_summary {
            out.push_str(comma);
            out.push_str("\"routing_summary\":");
            out.push_str(summary);
        }
        out.push_str(slice(body, self.end, position(body.len())));
    }

    /// The value of `model` in `body`, raw; none if it has no such member.
    pub fn model(self, body: &str) -> Option<&str> {
        self.model.map(|(from, to)| slice(body, from, to))
    }
}

/// Edits a body whose members have to be looked for one by one.
fn edited(body: &str, model: Option<&str>, routing_summary: Option<&str>) -> String {
    let Ok(mut object) = Object::parse_lenient(body) else {
        return body.to_owned();
    };
    if let Some(model) = model {
        object.set("model", raw::quoted(model));
    }
    if let Some(summary) = routing_summary {
        object.set("routing_summary", summary.to_owned());
    }
    object.to_json()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(body: &str, model: Option<&str>, summary: Option<&str>) -> String {
        let mut out = String::new();
        let annotation = crate::dialect::chat::annotation_of(body);
        annotation.write(&mut out, body, model, summary);
        out
    }

    #[test]
    fn members_are_written_where_they_stand_or_at_the_end() {
        for (body, expected) in [
            ("{}", r#"{"model":"r","routing_summary":1}"#),
            (" { } ", r#" {"model":"r","routing_summary":1 } "#),
            (r#"{"a":1 }"#, r#"{"a":1,"model":"r","routing_summary":1 }"#),
            (
                r#"{ "model" : "up" , "a":1}"#,
                r#"{ "model" : "r" , "a":1,"routing_summary":1}"#,
            ),
            (
                r#"{"mod\u0065l":{"a":[]}}"#,
                r#"{"mod\u0065l":"r","routing_summary":1}"#,
            ),
            (
                r#"{"model":1,"model":2}"#,
                r#"{"model":"r","routing_summary":1}"#,
            ),
            (
                r#"{"routing_summary":{},"model":2}"#,
                r#"{"routing_summary":1,"model":"r"}"#,
            ),
        ] {
            assert_eq!(written(body, Some("r"), Some("1")), expected);
            assert_eq!(written(body, None, None), body);
        }
        let data = r#"{"id":"\u0031","model":"up","choices":[ ]}"#;
        assert_eq!(
            written(data, Some("r"), None),
            data.replace("\"up\"", "\"r\"")
        );
        assert_eq!(
            written(r#"{"a":1}"#, Some("\"é\n"), None),
            r#"{"a":1,"model":"\"é\n"}"#
        );
    }

    proptest! {
        /// One pass writes what the edits of an object write.
        #[test]
        fn a_body_is_written_as_an_object_would_be(
            members in prop::collection::vec(("[ \n]{0,2}", "model|routing_summary|mode\\\\u006c|id|choices|usage", "[ \n]{0,2}", "[0-9]|\"[xyz,}é]*\"|\\[ \\]|\\{\"a\":1 \\}"), 0..5),
            model in prop::option::of("[a-z/\"\\\\]{1,4}"),
            summary in prop::option::of("[0-9]"),
        ) {
            let parts: Vec<String> = members
                .iter()
                .map(|(before, key, after, value)| format!("{before}\"{key}\"{after}:{value}{after}"))
                .collect();
            let body = format!(" {{{}}} ", parts.join(","));
            prop_assert_eq!(
                written(&body, model.as_deref(), summary.as_deref()),
                edited(&body, model.as_deref(), summary.as_deref())
            );
        }
    }
}
